"""The Langfuse SDK, newest of major 5."""

from __future__ import annotations

from peers.langfuse_sdk import IMPORT, VERSION_OF, build, environment

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "Langfuse SDK 5"
REQUIRES = ("langfuse>=5,<6",)
