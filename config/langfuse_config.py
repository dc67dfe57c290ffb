"""The configuration and the client, at their documented place."""

from __future__ import annotations

from autoops.tracing.client import LangfuseClient
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.process import get_langfuse_client, initialize_langfuse, shutdown_langfuse

__all__ = [
    "LangfuseClient",
    "LangfuseConfig",
    "get_langfuse_client",
    "initialize_langfuse",
    "shutdown_langfuse",
]
