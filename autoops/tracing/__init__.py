"""Recording, keeping and delivering traces: the Langfuse foundation.

Everything a user may rely on is named here; `config/` has the same names at their documented places.
"""

from __future__ import annotations

from autoops.tracing.client import (
    LangfuseClient,
    Mode,
    get_langfuse_client,
    initialize_langfuse,
    shutdown_langfuse,
)
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.connection import ConnectionTest
from autoops.tracing.handles import Handle
from autoops.tracing.service import (
    LangfuseIntegrationService,
    get_langfuse_integration,
    initialize_langfuse_integration,
    shutdown_langfuse_integration,
)

__all__ = [
    "ConnectionTest",
    "Handle",
    "LangfuseClient",
    "LangfuseConfig",
    "LangfuseIntegrationService",
    "Mode",
    "get_langfuse_client",
    "get_langfuse_integration",
    "initialize_langfuse",
    "initialize_langfuse_integration",
    "shutdown_langfuse",
    "shutdown_langfuse_integration",
]
