"""The integration service, at its documented place."""

from __future__ import annotations

from autoops.tracing.process import (
    get_langfuse_integration,
    initialize_langfuse_integration,
    shutdown_langfuse_integration,
)
from autoops.tracing.service import LangfuseIntegrationService

__all__ = [
    "LangfuseIntegrationService",
    "get_langfuse_integration",
    "initialize_langfuse_integration",
    "shutdown_langfuse_integration",
]
