"""The span: OpenTelemetry's interface over a few slots.

A span of the OpenTelemetry SDK costs its caller about 30 µs with attributes; this one keeps what Langfuse calls an
observation in slots of its own and leaves everything else (rows, protobuf, compression) to the worker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace import Span as SpanInterface

from autoops.tracing.attributes import metadata_key
from autoops.tracing.serialize import text
from autoops.tracing.values import items, kept_value, kept_values, message_of, size_of, stack_of

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.util.types import Attributes, AttributeValue

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.trace import Trace

logger = logging.getLogger(__name__)

MAX_ATTRIBUTES: Final = 1000
"""Attributes a span takes; more are left out and counted. OpenTelemetry's 128 would evict a payload (measured)."""
MAX_EVENTS: Final = 128
"""Events a span takes, as OpenTelemetry's default."""

COLLABORATION: Final = "collaboration"
"""Operation of the span that an agent has in a collaboration; it is ours to end."""
NOT_ENDED: Final = "not ended by its owner"
"""Status message of a span that was still open when its trace was finalized."""

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_UNSET: Final = Status(StatusCode.UNSET)


class Scope(NamedTuple):
    """Who makes spans: OpenTelemetry's instrumentation scope."""

    name: str
    version: str | None = None
    schema_url: str | None = None
    attributes: Mapping[str, Any] | None = None


_RECORDED = (True, True)
"""An exception that leaves a span's own block is recorded, and sets its status."""


class Owner(Protocol):
    """What a span asks of the provider that made it."""

    config: LangfuseConfig
    generation: int
    """Changes in a forked child: spans that the parent began are the parent's to end."""
    idle: set[int]
    """Open spans that were let go of."""

    def on_end(self, span: Span) -> None:
        """Take a span that has just ended."""


class Event(NamedTuple):
    """Something that happened at a moment within a span."""

    name: str
    timestamp_ns: int
    attributes: Mapping[str, Any]


class Span(SpanInterface):
    """One observation while it is open; afterwards, what the worker makes a row of.

    Besides OpenTelemetry's interface it has what the OpenTelemetry SDK's spans show to processors: ``name``,
    ``attributes``, ``context``, ``parent``, ``status``, ``events``, ``links``, ``start_time``, ``end_time``.
    """

    __slots__ = (
        "_context",
        "_status",
        "_unclaimed",
        "agent",
        "attributes",
        "closes_trace",
        "confidence",
        "decision",
        "dropped_attributes",
        "end_ns",
        "events",
        "exceptions",
        "generation",
        "id",
        "input",
        "kind",
        "level",
        "links",
        "name",
        "operation",
        "output",
        "parent_context",
        "parent_span_id",
        "provider",
        "resource_id",
        "scope",
        "seq",
        "span_id",
        "start_ns",
        "started",
        "status_message",
        "trace",
        "type",
    )

    def __init__(
        self,
        provider: Owner,
        trace: Trace,
        span_id: int,
        parent_span_id: int | None,
        name: str,
        scope: Scope,
        type: str | None = None,  # noqa: A002 - Langfuse's own word for it
        agent: str | None = None,
        operation: str | None = None,
        input: bytes | None = None,  # noqa: A002 - Langfuse's own word for it
        start_ns: int | None = None,
    ) -> None:
        self.provider = provider
        self.generation = provider.generation
        self.trace = trace
        self.span_id = span_id
        self.id = f"{span_id:016x}"
        self.parent_span_id = parent_span_id
        self.parent_context: SpanContext | None = None
        self.name = name
        self.scope = scope
        self.type = type
        self.agent = agent
        self.operation = operation
        self.input = input
        self.output: bytes | None = None
        self.level: str | None = None
        self.status_message: str | None = None
        self.closes_trace = False
        self.exceptions = _RECORDED
        self.decision: str | None = None
        self.confidence: float | None = None
        self.attributes: dict[str, Any] = {}
        self.dropped_attributes = 0
        self.events: list[Event] | None = None
        self.links: tuple[Link, ...] = ()
        self.kind = SpanKind.INTERNAL
        self._status = _UNSET
        self._context: SpanContext | None = None
        self._unclaimed = True
        self.seq: int | None = None
        self.resource_id: int | None = None
        self.end_ns: int | None = None
        self.started = time.perf_counter_ns()
        self.start_ns = time.time_ns() if start_ns is None else start_ns

    # OpenTelemetry's interface

    def end(self, end_time: int | None = None) -> None:
        """End the span. The end is the start plus monotonic time, unless ``end_time`` (ns since the epoch) is given."""
        if self.claim():
            self.finish(end_time)

    def claim(self) -> bool:
        """Whether the span is the caller's to end: of all who ask, one is told so, and has to call ``finish``."""
        try:
            # Of several threads one finds the slot filled: emptying it is a single step, and cheaper than a lock.
            del self._unclaimed
        except AttributeError:
            logger.debug("span %s was ended twice", self.name)
            return False
        return True

    def finish(self, end_time: int | None = None) -> None:
        """End the span that the caller has claimed; ``end_time`` as for ``end``."""
        self.end_ns = self.start_ns + time.perf_counter_ns() - self.started if end_time is None else end_time
        self.provider.on_end(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        """Record the exception that left the block, as its tracer was asked to, and end the span."""
        if error is not None and self.end_ns is None:
            records, sets_status = self.exceptions
            if records:
                self.record_exception(error, escaped=True)
            if sets_status:
                self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {message_of(error)}")
        self.end()

    def get_span_context(self) -> SpanContext:
        """Ids and flags, as they travel to children and other processes."""
        context = self._context
        if context is None:
            flags = _SAMPLED if self.trace.sampled else _NOT_SAMPLED
            context = SpanContext(self.trace.trace_id, self.span_id, is_remote=False, trace_flags=flags)
            self._context = context
        return context

    def is_recording(self) -> bool:
        """True until the span ends: spans outside the sample are kept too, in the journal."""
        return self.end_ns is None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """Set one attribute; a value that OpenTelemetry has no type for is kept as JSON text."""
        if self.end_ns is not None:
            logger.debug("attribute %s was set on a span that has ended", key)
            return
        if value is None:
            return
        attributes = self.attributes
        if len(attributes) >= MAX_ATTRIBUTES and key not in attributes:
            self.dropped_attributes += 1
            return
        attributes[key if isinstance(key, str) else text(key)] = kept_value(value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Set several attributes."""
        for key, value in items(attributes):
            self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Note that something happened now, or at ``timestamp`` (ns since the epoch)."""
        if self.end_ns is not None:
            return
        if self.events is None:
            self.events = []
        if len(self.events) < MAX_EVENTS:
            when = time.time_ns() if timestamp is None else timestamp
            self.events.append(
                Event(name if isinstance(name, str) else text(name), when, kept_values(attributes))
            )

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Link to a span of this or another trace."""
        if self.end_ns is None and isinstance(context, SpanContext) and context.is_valid:
            self.links = (*self.links, Link(context, kept_values(attributes)))

    def add_links(self, links: Iterable[Link]) -> None:
        """Link to several spans; what is no link is left out."""
        for link in links if isinstance(links, Iterable) else ():
            if isinstance(link, Link):
                self.add_link(link.context, link.attributes)

    def update_name(self, name: str) -> None:
        """Rename the span."""
        if self.end_ns is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final and UNSET changes nothing, as OpenTelemetry has it."""
        if self.end_ns is not None:
            return
        if not isinstance(status, Status):
            status = Status(status, description if status is StatusCode.ERROR else None)
        if self._status.status_code is StatusCode.OK or status.status_code is StatusCode.UNSET:
            return
        self._status = status

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
    ) -> None:
        """Keep an exception as the event ``exception``, once: the same one passing twice is not repeated."""
        kind = type(exception)
        name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        message = message_of(exception)
        if any(
            event.name == "exception"
            and event.attributes.get("exception.message") == message
            and event.attributes.get("exception.type") == name
            for event in self.events or ()
        ):
            return
        described: dict[str, Any] = {
            "exception.type": name,
            "exception.message": message,
            "exception.stacktrace": stack_of(exception),
            "exception.escaped": str(escaped),
        }
        self.add_event("exception", {**described, **(attributes or {})}, timestamp)

    # What the OpenTelemetry SDK's spans show to processors

    @property
    def context(self) -> SpanContext:
        """The span's own context."""
        return self.get_span_context()

    @property
    def parent(self) -> SpanContext | None:
        """The parent's context; None for a root."""
        if self.parent_context is None and self.parent_span_id is not None:
            flags = _SAMPLED if self.trace.sampled else _NOT_SAMPLED
            return SpanContext(self.trace.trace_id, self.parent_span_id, is_remote=False, trace_flags=flags)
        return self.parent_context

    @property
    def status(self) -> Status:
        """The status set so far."""
        return self._status

    @property
    def start_time(self) -> int:
        """Nanoseconds since the epoch."""
        return self.start_ns

    @property
    def end_time(self) -> int | None:
        """Nanoseconds since the epoch; None while open."""
        return self.end_ns

    @property
    def instrumentation_scope(self) -> Scope:
        """Who made the span."""
        return self.scope

    # What the service asks

    @property
    def trace_id(self) -> str:
        """The trace id, 32 hex digits."""
        return f"{self.trace.trace_id:032x}"

    @property
    def is_root(self) -> bool:
        """Whether the span has no parent."""
        return self.parent_span_id is None

    @property
    def is_error(self) -> bool:
        """Whether the span will be shown at level ERROR."""
        return self.level == "ERROR" or (self.level is None and self._status.status_code is StatusCode.ERROR)

    def set_metadata(self, metadata: Mapping[str, object]) -> None:
        """Put each entry where Langfuse can filter by it: scalars as they are, the rest as JSON text."""
        for name, value in metadata.items():
            if value is not None:
                self.set_attribute(metadata_key(text(name)), value)  # type: ignore[arg-type]  # any value

    def fail(self, error: object) -> None:
        """Mark the span as failed: an exception with type and message, anything else by its text.

        The stack is kept once, on the innermost span that the exception left.
        """
        self.level = "ERROR"
        if isinstance(error, BaseException):
            message = message_of(error)
            mark = (id(error), message)
            if self.trace.raised != mark:
                self.record_exception(error)
            self.trace.raised = mark
            self.status_message = f"{type(error).__qualname__}: {message}"
        else:
            self.status_message = text(error)
        self.set_status(StatusCode.ERROR, self.status_message)

    @property
    def size(self) -> int:
        """Roughly the bytes that the span holds in memory."""
        name = self.name
        held = 512 + len(self.input or b"") + len(self.output or b"")
        # Twice: agent and operation, where there are such, are the name's two parts. OpenTelemetry's may be no text.
        held += 2 * len(name) if isinstance(name, str) else 32
        if self.status_message is not None:
            held += len(self.status_message)
        if self._status is not _UNSET:
            held += len(self._status.description or "")
        if self.attributes:
            held += size_of(self.attributes)
        if self.events:
            # A copy, as of all that another thread may add to meanwhile.
            held += sum(128 + len(event.name) + size_of(event.attributes) for event in list(self.events))
        if self.links:
            held += sum(128 + size_of(link.attributes or {}) for link in self.links)
        return held
