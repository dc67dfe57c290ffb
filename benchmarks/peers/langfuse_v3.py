"""The Langfuse SDK, major 3, at the oldest version that AutoOps supports."""

from __future__ import annotations

from peers.langfuse_sdk import IMPORT, VERSION_OF, build, environment

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "Langfuse SDK 3.15"
REQUIRES = ("langfuse==3.15.0",)
