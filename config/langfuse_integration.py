"""The integration service, at its documented place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config import handing_on

if TYPE_CHECKING:
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

__getattr__ = handing_on(__name__, __all__)


def __dir__() -> list[str]:
    """Return the documented names."""
    return __all__
