"""Settings of the environment: `LangfuseSettings`, `get_settings()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config import handing_on

if TYPE_CHECKING:
    from autoops.settings import LangfuseSettings, get_settings

__all__ = ["LangfuseSettings", "get_settings"]

__getattr__ = handing_on(__name__, __all__)


def __dir__() -> list[str]:
    """Return the documented names."""
    return __all__
