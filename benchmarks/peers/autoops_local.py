"""AutoOps without credentials: the journal on disk and no delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peers.autoops_service import IMPORT, REQUIRES, VERSION_OF, Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "AutoOps, local"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """No keys: everything stays in the journal."""
    del url
    return {"LANGFUSE_ENABLED": "true" if is_on else "false"}


def build(url: str, *, is_on: bool) -> Recorder:
    """Start a service from its variables."""
    del url, is_on
    return Recorder()
