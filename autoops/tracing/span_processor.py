"""Journal and delivery for an application that has an OpenTelemetry set-up of its own: one line adds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor

from autoops.tracing.client import EXIT_TIMEOUT_S, LangfuseClient
from autoops.tracing.sampling import head_rate, is_sampled, reason_for
from autoops.tracing.span import Scope, Span
from autoops.tracing.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.provider import TracerProvider

MOST_BEGUN: Final = 10_000
"""Open traces of which it is known how they were decided: spans that never end must not fill the memory."""


class AutoOpsSpanProcessor(SpanProcessor):
    """Keeps the spans of another tracer provider in the journal and delivers them.

        provider.add_span_processor(AutoOpsSpanProcessor())

    Spans are recorded as they end; one whose process dies before is not seen. Spans that our own provider makes are not
    this one's: they are in the journal already.

    Args:
        config: How to behave; None reads the settings.
        client: The client to record with, instead of one of its own; it is its owner's to shut down.
    """

    def __init__(self, config: LangfuseConfig | None = None, *, client: LangfuseClient | None = None) -> None:
        self.client = LangfuseClient(config) if client is None else client
        self._owns_client = client is None
        self._begun: dict[int, Trace] = {}
        """Traces whose topmost span here is open: the verdict is of that moment, and its children end before it."""

    def on_start(self, span: ReadableSpan, parent_context: Context | None = None) -> None:  # noqa: ARG002 - OpenTelemetry's
        """Decide about the trace that a span begins, here or after another service."""
        provider = self.client.recording
        if provider is None or span.context is None or _is_blocked(span, provider):
            return
        if len(provider.adopted) < MOST_BEGUN:
            # Ours below it are not the topmost of their trace.
            provider.adopted.add(span.context.span_id)
        if _is_topmost(span) and len(self._begun) < MOST_BEGUN:
            trace = _trace(span, provider)
            # There, for what is recorded through the client below this span: it is part of the trace.
            self._begun[trace.trace_id] = provider.traces.setdefault(trace.trace_id, trace)

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        provider = self.client.recording
        if span.context is None:
            return
        if self.client.provider is not None:
            self.client.provider.adopted.discard(span.context.span_id)
        trace_id = span.context.trace_id
        trace = self._begun.pop(trace_id, None) if _is_topmost(span) else self._begun.get(trace_id)
        if provider is None:
            return
        if trace is not None and _is_topmost(span) and not trace.open:
            provider.traces.pop(trace_id, None)
        if _is_blocked(span, provider):
            return
        trace = trace or provider.traces.get(trace_id) or _trace(span, provider)
        if span.parent is None:
            trace.name = span.name  # it may have been given another one
        provider.begun.up()
        provider.recorder.ended(_ours(span, provider, trace))

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all that has ended is in the journal and, with Langfuse, settled."""
        return self.client.flush(timeout_millis / 1e3)

    def shutdown(self) -> None:
        """Commit what waits, deliver what goes in a moment, and leave the rest in the journal."""
        if self._owns_client:
            self.client.shutdown(EXIT_TIMEOUT_S)
        else:
            self.client.flush(EXIT_TIMEOUT_S)


def _is_topmost(span: ReadableSpan) -> bool:
    """Whether a span is the first one of its trace in this process."""
    return span.parent is None or span.parent.is_remote


def _is_blocked(span: ReadableSpan, provider: TracerProvider) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name in provider.config.blocked_instrumentation_scopes


def _ours(span: ReadableSpan, provider: TracerProvider, trace: Trace) -> Span:
    """A span of the OpenTelemetry SDK as one of ours, ready for the journal."""
    context, parent, scope = span.context, span.parent, span.instrumentation_scope
    start_ns = span.start_time or 0
    made = Span(
        provider,
        trace,
        context.span_id,
        None if parent is None else parent.span_id,
        span.name,
        Scope("") if scope is None else Scope(scope.name, scope.version, scope.schema_url),
        start_ns=start_ns,
    )
    made.kind = span.kind
    made.set_attributes(span.attributes or {})
    for event in span.events:
        made.add_event(event.name, event.attributes, event.timestamp)
    made.links = tuple(span.links)
    made.set_status(span.status)
    made.end_ns = span.end_time or start_ns
    return made


def _trace(span: ReadableSpan, provider: TracerProvider) -> Trace:
    """What the span knows of its trace: the journal puts together what each of its spans knows."""
    trace_id, config = span.context.trace_id, provider.config
    parent = span.parent
    head = head_rate(config, span.name if parent is None else "")
    rate, sampled = head * provider.throttle, False
    if parent is not None and parent.is_remote:
        # Whoever began it has decided, and did not say at what rate.
        rate, sampled = 0.0, parent.trace_flags.sampled
    sampled = sampled or is_sampled(trace_id, rate)
    trace = Trace(
        trace_id,
        config,
        root_span_id=span.context.span_id if parent is None else None,
        sampled=sampled,
        sample_rate=rate,
        sampling_reason=reason_for(config, trace_id, head, sampled=sampled),
        start_ns=span.start_time or 0,
    )
    if parent is None:
        trace.name = span.name
    return trace
