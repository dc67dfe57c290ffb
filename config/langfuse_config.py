"""The configuration and the client, at their documented place."""

from __future__ import annotations

from autoops.tracing.client import (
    LangfuseClient,
    get_langfuse_client,
    initialize_langfuse,
    shutdown_langfuse,
)
from autoops.tracing.config import LangfuseConfig

__all__ = [
    "LangfuseClient",
    "LangfuseConfig",
    "get_langfuse_client",
    "initialize_langfuse",
    "shutdown_langfuse",
]
