"""Recording, keeping and delivering traces: the Langfuse foundation.

Everything a user may rely on is named here; `config/` has the same names at their documented places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoops.tracing.client import LangfuseClient, Mode
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.connection import ConnectionTest
from autoops.tracing.handles import Handle
from autoops.tracing.process import (
    get_langfuse_client,
    get_langfuse_integration,
    initialize_langfuse,
    initialize_langfuse_integration,
    shutdown_langfuse,
    shutdown_langfuse_integration,
)
from autoops.tracing.service import LangfuseIntegrationService

if TYPE_CHECKING:
    from autoops.settings import LangfuseSettings, get_settings

__all__ = [
    "ConnectionTest",
    "Handle",
    "LangfuseClient",
    "LangfuseConfig",
    "LangfuseIntegrationService",
    "LangfuseSettings",
    "Mode",
    "get_langfuse_client",
    "get_langfuse_integration",
    "get_settings",
    "initialize_langfuse",
    "initialize_langfuse_integration",
    "shutdown_langfuse",
    "shutdown_langfuse_integration",
]


def __getattr__(name: str) -> Any:
    """Look the settings up when they are first used: pydantic costs 0.4 s of import."""
    if name in {"LangfuseSettings", "get_settings"}:
        from autoops import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
