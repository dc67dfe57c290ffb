"""AutoOps on, with the agent that does the work filtered out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peers import autoops_service
from peers.autoops_service import IMPORT, REQUIRES, VERSION_OF, Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "AutoOps, agent filtered out"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Trace another agent only."""
    return {**autoops_service.environment(url, is_on=is_on), "AUTOOPS_TRACED_AGENTS": "pricing_agent"}


def build(url: str, *, is_on: bool) -> Recorder:
    """Start a service from its variables."""
    del url, is_on
    return Recorder()
