"""Recording, keeping and delivering traces: the Langfuse foundation.

Everything a user may rely on is named here; `config/` has the same names at their documented places. Each is looked up
when it is first used, so that who reads only the journal or the settings imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from autoops.settings import LangfuseSettings, get_settings
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
    from autoops.tracing.span_processor import AutoOpsSpanProcessor

__all__ = [
    "AutoOpsSpanProcessor",
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

_PLACES: Final = {
    "AutoOpsSpanProcessor": "autoops.tracing.span_processor",
    "ConnectionTest": "autoops.tracing.connection",
    "Handle": "autoops.tracing.handles",
    "LangfuseClient": "autoops.tracing.client",
    "LangfuseConfig": "autoops.tracing.config",
    "LangfuseIntegrationService": "autoops.tracing.service",
    "LangfuseSettings": "autoops.settings",
    "Mode": "autoops.tracing.client",
    "get_settings": "autoops.settings",
}
"""Where a name is defined; all others are the process's one client and service."""


def __getattr__(name: str) -> Any:
    """Look a public name up at its place."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES.get(name, "autoops.tracing.process")), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
