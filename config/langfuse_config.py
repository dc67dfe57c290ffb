"""The configuration and the client, at their documented place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config import handing_on

if TYPE_CHECKING:
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

__getattr__ = handing_on(__name__, __all__)


def __dir__() -> list[str]:
    """Return the documented names."""
    return __all__
