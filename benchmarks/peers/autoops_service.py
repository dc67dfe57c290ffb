"""AutoOps: the documented calls, default settings, journal on disk, delivery on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, OPERATION, inputs, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "AutoOps"
REQUIRES: tuple[str, ...] = ()
VERSION_OF = "autoops"
IMPORT = "import config.langfuse_integration"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Deliver to ``url``; the journal lies in the worker's own folder."""
    return {
        "LANGFUSE_HOST": url,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-benchmark",
        "LANGFUSE_SECRET_KEY": "sk-lf-benchmark",
        "LANGFUSE_ENABLED": "true" if is_on else "false",
    }


def build(url: str, *, is_on: bool) -> Recorder:
    """Start a service from its variables."""
    del url, is_on  # both are in the variables
    return Recorder()


class Recorder:
    """The service, doing the common work."""

    def __init__(self) -> None:
        from autoops.tracing import LangfuseIntegrationService

        self._inputs, self._outcomes = inputs(), outcomes()
        self.service = LangfuseIntegrationService()

    def open_trace(self) -> Any:
        """Begin an event's trace."""
        return self.service.create_simulation_trace(EVENT)

    def start(self, trace: Any) -> Any:
        """Begin an agent's step."""
        return self.service.start_agent_span(AGENT, OPERATION, trace, next(self._inputs))

    def finish(self, span: Any) -> None:
        """End an agent's step."""
        self.service.end_agent_span(span, next(self._outcomes))

    def close_trace(self, trace: Any) -> None:
        """End the trace."""
        self.service.finalize_trace(trace, {"ok": True})

    def flush(self) -> None:
        """Wait until the server has everything."""
        self.service.flush(60.0)

    # What only our contender offers to the worker

    def hold_back(self, *, is_held: bool) -> None:
        """Stop delivering, or go on."""
        if is_held:
            self.service.client.enable_fallback_mode("a backlog is being made")
        else:
            self.service.client.disable_fallback_mode()

    def settle(self) -> None:
        """Wait until everything is committed, delivered or not."""
        writer = self.service.client.writer
        if writer is not None:
            writer.flush(time.monotonic() + 60.0)

    def counts(self) -> dict[str, Any]:
        """Spans that stand in the journal as ended, that never got there, and that sampling left out of delivery."""
        health = self.service.health_check()
        return {
            "kept": health["process"]["ended"],
            "dropped": sum(health["dropped"].values()),
            "sampled_out": sum(health["sampled_out"].values()),
        }
