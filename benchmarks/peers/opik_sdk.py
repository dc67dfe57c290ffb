"""Opik over its REST interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, NAME, OPERATION, inputs, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "Opik"
REQUIRES = ("opik",)
VERSION_OF = "opik"
IMPORT = "import opik"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Export to ``url`` and tell nobody else."""
    return {
        "OPIK_URL_OVERRIDE": f"{url}/opik",
        "OPIK_WORKSPACE": "default",
        "OPIK_TRACK_DISABLE": "false" if is_on else "true",
        "OPIK_SENTRY_ENABLE": "false",
        "OPIK_ANALYTICS_ENABLE": "false",
        "OPIK_ENABLE_LITELLM_MODELS_MONITORING": "false",
        "OPIK_CONSOLE_LOGGING_LEVEL": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def build(url: str, *, is_on: bool) -> Recorder:
    """Make a client from its variables."""
    del url, is_on
    return Recorder()


class Recorder:
    """A client, doing the common work."""

    def __init__(self) -> None:
        import opik

        self._inputs, self._outcomes = inputs(), outcomes()
        self._client = opik.Opik(_show_misconfiguration_message=False)

    def open_trace(self) -> Any:
        """Begin a trace."""
        return self._client.trace(name=EVENT["type"], input=EVENT)

    def start(self, trace: Any) -> Any:
        """Begin a span in it; Opik knows no agents."""
        return trace.span(
            name=NAME,
            type="tool",
            input=next(self._inputs),
            metadata={"agent": AGENT, "operation": OPERATION},
        )

    def finish(self, span: Any) -> None:
        """End it with its outcome."""
        span.end(output=next(self._outcomes))

    def close_trace(self, trace: Any) -> None:
        """End the trace."""
        trace.end()

    def flush(self) -> None:
        """Have Opik send what it holds."""
        self._client.flush(timeout=60)
