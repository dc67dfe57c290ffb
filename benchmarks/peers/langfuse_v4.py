"""The Langfuse SDK, newest of major 4."""

from __future__ import annotations

from peers.langfuse_sdk import IMPORT, VERSION_OF, build, environment

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "Langfuse SDK 4"
REQUIRES = ("langfuse>=4,<5",)
