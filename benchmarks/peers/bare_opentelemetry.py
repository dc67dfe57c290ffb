"""The OpenTelemetry SDK with its OTLP exporter and default batching, given JSON text that was made beforehand."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, INPUTS, NAME, OPERATION, OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "bare OpenTelemetry, ready-made JSON"
REQUIRES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
VERSION_OF = "opentelemetry-sdk"
IMPORT = "import opentelemetry.trace"

TYPE = "langfuse.observation.type"
INPUT_KEY = "langfuse.observation.input"
OUTPUT_KEY = "langfuse.observation.output"
METADATA = "langfuse.observation.metadata."


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Export to ``url``."""
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces",
        "OTEL_SDK_DISABLED": "false" if is_on else "true",
    }


def build(url: str, *, is_on: bool) -> Recorder:
    """Make a provider of its own."""
    del url, is_on
    return Recorder()


class Recorder:
    """A tracer, doing the common work."""

    def __init__(self) -> None:
        from opentelemetry.context import Context
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import set_span_in_context

        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("bare")
        self._nowhere = Context()
        self._within = set_span_in_context
        self._event = json.dumps(EVENT)
        self._inputs = cycle([json.dumps(each) for each in INPUTS])
        self._outcomes = cycle([json.dumps(each) for each in OUTCOMES])

    def open_trace(self) -> Any:
        """Begin a root; children are given its context."""
        span = self._tracer.start_span(EVENT["type"], self._nowhere)
        span.set_attribute(INPUT_KEY, self._event)
        return span, self._within(span, self._nowhere)

    def start(self, trace: Any) -> Any:
        """Begin a child with the same facts as ours."""
        span = self._tracer.start_span(NAME, trace[1])
        span.set_attribute(TYPE, "agent")
        span.set_attribute(METADATA + "agent", AGENT)
        span.set_attribute(METADATA + "operation", OPERATION)
        span.set_attribute(INPUT_KEY, next(self._inputs))
        return span

    def finish(self, span: Any) -> None:
        """End it with its outcome."""
        span.set_attribute(OUTPUT_KEY, next(self._outcomes))
        span.end()

    def close_trace(self, trace: Any) -> None:
        """End the root."""
        trace[0].end()

    def flush(self) -> None:
        """Have the batch processor export what it holds."""
        self._provider.force_flush(60_000)
