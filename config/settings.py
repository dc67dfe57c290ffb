"""Settings of the environment: `LangfuseSettings`, `get_settings()`.

Looked up when first used, because pydantic alone costs 0.4 s of import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoops.settings import LangfuseSettings, get_settings

__all__ = ["LangfuseSettings", "get_settings"]


def __getattr__(name: str) -> Any:
    """Return a documented name from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from autoops import settings

    return getattr(settings, name)


def __dir__() -> list[str]:
    """Return the documented names."""
    return __all__
