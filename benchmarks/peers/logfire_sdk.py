"""Logfire, exporting OTLP to another server than its own cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, NAME, OPERATION, inputs, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "Logfire"
REQUIRES = ("logfire",)
VERSION_OF = "logfire"
IMPORT = "import logfire"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Export to ``url``; off is what a program is that never configured it."""
    if not is_on:
        return {"LOGFIRE_IGNORE_NO_CONFIG": "1"}
    return {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces", "LOGFIRE_SEND_TO_LOGFIRE": "false"}


def build(url: str, *, is_on: bool) -> Recorder:
    """Configure it, if it is to be on."""
    del url
    return Recorder(is_on=is_on)


class Recorder:
    """Logfire, doing the common work."""

    def __init__(self, *, is_on: bool) -> None:
        import logfire

        self._inputs, self._outcomes = inputs(), outcomes()
        self._logfire = logfire
        if is_on:
            logfire.configure(
                send_to_logfire=False, console=False, metrics=False, inspect_arguments=False, scrubbing=False
            )

    def open_trace(self) -> Any:
        """Begin a root; Logfire's spans nest by being current."""
        return self._logfire.span(EVENT["type"], input=EVENT).__enter__()

    def start(self, trace: Any) -> Any:
        """Begin an agent's span."""
        del trace
        return self._logfire.span(
            NAME, agent=AGENT, operation=OPERATION, input=next(self._inputs)
        ).__enter__()

    def finish(self, span: Any) -> None:
        """End it with its outcome."""
        span.set_attribute("output", next(self._outcomes))
        span.__exit__(None, None, None)

    def close_trace(self, trace: Any) -> None:
        """End the root."""
        trace.__exit__(None, None, None)

    def flush(self) -> None:
        """Have Logfire export what it holds."""
        self._logfire.force_flush(60_000)
