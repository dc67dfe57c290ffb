"""The isolated tracer provider: makes spans and hands ended ones to the journal.

It implements OpenTelemetry's interfaces and never touches the application's global provider. The Langfuse SDK's client is
built on it, so that ``@observe`` and our spans land in the same traces, once.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import baggage, trace
from opentelemetry import context as context_api
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, use_span
from opentelemetry.util._decorator import _agnosticcontextmanager

from autoops.tracing import attributes as keys
from autoops.tracing.counts import Count
from autoops.tracing.ids import new_span_id, new_trace_id, parse_trace_id, root_span_id
from autoops.tracing.readable import readable
from autoops.tracing.sampling import head_rate, is_sampled, reason_for
from autoops.tracing.span import Scope, Span
from autoops.tracing.steps import Steps
from autoops.tracing.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.util.types import Attributes

    from autoops.tracing.config import LangfuseConfig

logger = logging.getLogger(__name__)


OURS = Scope(keys.SCOPE_NAME)
About = tuple[str, Scope, str | None, str | None, str | None, bytes | None]
"""What a span is told of itself: name, scope, type, agent, operation, input."""


class ParentById(SpanContext):
    """A parent of which the id alone is known: its flag is our own verdict, not that of who began the trace."""


class Recorder(Protocol):
    """Takes what the provider has finished: the journal's writer."""

    def began(self, span: Span) -> None:
        """A span that should be seen while it is open has begun."""

    def ended(self, span: Span) -> None:
        """A span has ended."""


class SpanProcessor(Protocol):
    """What OpenTelemetry's span processors can do."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """A span has begun."""

    def on_end(self, span: Any) -> None:
        """A span has ended."""


class TracerProvider(trace.TracerProvider):
    """Makes our tracers; knows the open traces of this process."""

    def __init__(self, config: LangfuseConfig, recorder: Recorder) -> None:
        self.config = config
        self.recorder = recorder
        self.generation = 0
        """Changes in a forked child: spans that the parent began are the parent's to end."""
        self.throttle = 1.0
        """Share of what the head rate would send that is sent, 0..1; lowered under load."""
        self.traces: dict[int, Trace] = {}
        self.spans: dict[str, Span] = {}
        """Open spans by id, 16 hex digits."""
        self.idle: set[int] = set()
        """Open spans that were let go of: the journal has them."""
        self.adopted: set[int] = set()
        """Open spans of other providers that our span processor will record."""
        self.begun = Count()
        """Spans begun, the filtered ones not among them."""
        self.filtered = Count()
        """Spans that the settings left out."""
        self._processors: tuple[SpanProcessor, ...] = ()
        self.steps = Steps(config)
        self._guard = threading.Lock()

    # OpenTelemetry's interface

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        """A tracer for a scope; one that records nothing if the scope is blocked or tracing is off."""
        name = instrumenting_module_name or ""
        if name in self.config.blocked_instrumentation_scopes:
            return trace.NoOpTracer()
        return Tracer(self, Scope(name, instrumenting_library_version, schema_url, attributes))

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Have a processor see each span, over a read-only view once it has ended.

        The Langfuse SDK's own processor is not taken: it would send every span a second time.
        """
        if type(span_processor).__name__ == "LangfuseSpanProcessor":
            _silence(span_processor)
            return
        with self._guard:
            self._processors = (*self._processors, span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have users' processors flush; ours has nothing to: ended spans are with the journal already."""
        return all(
            _tell(processor, "force_flush", timeout_millis) is not False for processor in self._processors
        )

    def shutdown(self) -> None:
        """Shut the users' processors down."""
        for processor in self._processors:
            try:
                processor.shutdown()  # type: ignore[attr-defined]
            except Exception:
                logger.warning("a span processor failed at shutdown", exc_info=True)

    # Making spans

    def begin(
        self,
        name: str,
        *,
        parent: trace.Span | SpanContext | None,
        scope: Scope = OURS,
        start_ns: int | None = None,
        context: Mapping[str, object] | None = None,
        type: str | None = None,  # noqa: A002 - Langfuse's own word for it
        agent: str | None = None,
        operation: str | None = None,
        input: bytes | None = None,  # noqa: A002 - Langfuse's own word for it
    ) -> Span:
        """Begin a span under ``parent``; without one, a new trace.

        Args:
            name: The span's name.
            parent: A span of ours, or another's context.
            scope: Who makes it.
            start_ns: When it began, if not now.
            context: OpenTelemetry's context, for what the SDK propagates in it.
            type: Langfuse's observation type.
            agent: Whose step it is.
            operation: On what.
            input: What goes in, as JSON.
        """
        about = (name, scope, type, agent, operation, input)
        if parent is None:
            span = self._begin_root(about, start_ns)
        elif parent.__class__ is Span and parent.provider is self and parent.generation == self.generation:
            group = parent.trace
            if not group.open:
                # Its last span has ended and it was let go of: a late child takes it up again.
                group = self.traces.setdefault(group.trace_id, group)
            span = Span(self, group, new_span_id(), parent.span_id, *about, start_ns)
        else:
            span = self._begin_under(parent, about, start_ns)
        span.trace.open[span.span_id] = span
        self.spans[span.id] = span
        self.begun.up()
        if context:
            passed_on = keys.propagated(context, baggage.get_all(context))  # type: ignore[arg-type]
            if passed_on:
                span.attributes.update(passed_on)
        if parent is None or type == "agent":
            self.recorder.began(span)
        for processor in self._processors:
            _tell(processor, "on_start", span, context)
        return span

    def _begin_root(self, about: About, start_ns: int | None) -> Span:
        name = about[0]
        config = self.config
        trace_id = new_trace_id()
        span_id = root_span_id(trace_id)
        head = head_rate(config, name)
        rate = head * self.throttle
        sampled = is_sampled(trace_id, rate)
        began = time.time_ns() if start_ns is None else start_ns
        group = Trace(
            trace_id,
            config,
            root_span_id=span_id,
            sampled=sampled,
            sample_rate=rate,
            sampling_reason=reason_for(config, trace_id, head, sampled=sampled),
            start_ns=began,
        )
        group.name = name
        self.traces[trace_id] = group
        if self.config is not config:
            self._record_under(self.config, group)
        return Span(self, group, span_id, None, *about, began)

    def _begin_under(self, parent: trace.Span | SpanContext, about: About, start_ns: int | None) -> Span:
        """A span whose parent is another provider's, another process's, or one that a fork left behind."""
        remote = parent.get_span_context() if isinstance(parent, trace.Span) else parent
        sampled = None if type(remote) is ParentById else remote.trace_flags.sampled
        group = self.trace_of(remote.trace_id, sampled=sampled)
        span = Span(self, group, new_span_id(), remote.span_id, *about, start_ns)
        span.parent_context = remote
        is_foreign = isinstance(parent, trace.Span) and type(parent) is not Span
        is_observed = remote.span_id in group.open or remote.span_id in self.adopted
        if is_foreign and not remote.is_remote and not is_observed:
            # A local span of another provider is no observation: for Langfuse, ours is the topmost.
            span.attributes[keys.IS_APP_ROOT] = True
        return span

    def trace_of(self, trace_id: int, *, sampled: bool | None = None) -> Trace:
        """The trace with this id: the one in memory, else one that another process began."""
        group = self.traces.get(trace_id)
        if group is None:
            config = self.config
            # Whoever passed a verdict on did not pass its rate on.
            rate = config.sample_rate if sampled is None else 0.0
            verdict = is_sampled(trace_id, rate) if sampled is None else sampled
            group = Trace(
                trace_id,
                config,
                root_span_id=None,
                sampled=verdict,
                sample_rate=rate,
                sampling_reason=reason_for(config, trace_id, rate, sampled=verdict),
                start_ns=time.time_ns(),
            )
            group = self.traces.setdefault(trace_id, group)
        return group

    def config_for(self, trace_id: str) -> LangfuseConfig:
        """The settings that a trace is recorded under: those it began with while it is open here, else the current ones."""
        group = self.traces.get(parse_trace_id(trace_id) or 0)
        return self.config if group is None else group.config

    def remote(self, trace_id: int, span_id: int) -> SpanContext:
        """The context of a span that is not in this process, as a parent for one that is."""
        group = self.trace_of(trace_id)
        if not group.open:
            self.traces.pop(trace_id, None)
        flags = TraceFlags(TraceFlags.SAMPLED if group.sampled else TraceFlags.DEFAULT)
        return ParentById(trace_id, span_id, is_remote=True, trace_flags=flags)

    def on_end(self, span: Span) -> None:
        """Take a span that has just ended; called by the span itself."""
        if span.generation != self.generation:
            return
        self.forget(span)
        self.recorder.ended(span)
        if self._processors:
            view = readable(span)
            for processor in self._processors:
                _tell(processor, "on_end", view)

    def forget(self, span: Span) -> None:
        """Drop a span from memory; its trace too, once nothing of it is open."""
        self.spans.pop(span.id, None)
        group = span.trace
        group.open.pop(span.span_id, None)
        if not group.open:
            self.traces.pop(group.trace_id, None)

    def forget_idle(self, idle_s: float) -> None:
        """Let spans that began long ago leave memory once they stand in the journal as open, where they may be ended."""
        before = time.perf_counter_ns() - int(idle_s * 1e9)
        for span in list(self.spans.values()):
            if span.started < before:
                if span.seq is None:
                    self.recorder.began(span)
                else:
                    self.idle.add(span.span_id)
                    self.forget(span)

    def configure(self, config: LangfuseConfig) -> None:
        """Use other settings from the next span on; a trace that is open stays with the project that it began for."""
        # First: a trace that is begun meanwhile looks at them once it can be found here.
        self.config = config
        self.steps = Steps(config)
        for group in list(self.traces.values()):
            self._record_under(config, group)

    def _record_under(self, config: LangfuseConfig, group: Trace) -> None:
        """Let changed settings, such as masks, hold for an open trace too: not the project, nor what it is worth."""
        if config.destination == group.config.destination:
            group.config = config

    def after_fork(self) -> None:
        """In a forked child: no inherited span is ours."""
        self.generation += 1
        self.traces = {}
        self.spans = {}
        self.idle = set()
        self.adopted = set()
        self.begun = Count()
        self.filtered = Count()
        self._guard = threading.Lock()


class Tracer(trace.Tracer):
    """Starts spans for one scope."""

    def __init__(self, provider: TracerProvider, scope: Scope) -> None:
        self._provider = provider
        self._scope = scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
    ) -> trace.Span:
        """Start a span under the span of ``context``, or of the current context."""
        provider = self._provider
        if context is None:
            context = context_api.get_current()
        current = trace.get_current_span(context)
        if not provider.config.is_recording:
            return trace.NonRecordingSpan(current.get_span_context())
        parent = current if type(current) is Span or current.get_span_context().is_valid else None
        start_ns = start_time if isinstance(start_time, int) else None
        span = provider.begin(name, parent=parent, scope=self._scope, start_ns=start_ns, context=context)
        span.kind = kind
        span.exceptions = (record_exception, set_status_on_exception)
        if attributes:
            span.set_attributes(attributes)
        if links:
            span.add_links(links)
        return span

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002
        end_on_exit: bool = True,  # noqa: FBT001, FBT002
    ) -> Iterator[trace.Span]:
        """Start a span and make it current for the block."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        ):
            yield span


def _tell(processor: SpanProcessor, method: str, *arguments: Any) -> Any:
    try:
        return getattr(processor, method)(*arguments)
    except Exception:
        logger.warning("span processor %s failed in %s", type(processor).__name__, method, exc_info=True)
        return False


def _silence(processor: Any) -> None:
    """Stop the SDK processor's exporting thread, which would only ever find an empty queue."""
    try:
        processor.shutdown()
    except Exception:
        logger.debug("the SDK's span processor could not be stopped", exc_info=True)
