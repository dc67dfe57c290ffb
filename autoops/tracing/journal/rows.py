"""A span as a row of the journal: what the worker makes of it, so that the caller need not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from opentelemetry.trace import SpanKind

from autoops.tracing import attributes as keys
from autoops.tracing.journal.schema import ENDED, OPEN
from autoops.tracing.serialize import MAX_PAYLOAD_BYTES, dump, text

if TYPE_CHECKING:
    from autoops.tracing.masking import Masker
    from autoops.tracing.span import Scope, Span
    from autoops.tracing.trace import Trace

EXCEPTION: Final = "exception"
MAX_NS: Final = 2**63 - 1
"""The latest moment a column holds: in the year 2262."""


class SpanRow(NamedTuple):
    """The columns of ``spans`` after ``seq``, in the table's order."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    type: str
    agent: str | None
    operation: str | None
    decision: str | None
    confidence: float | None
    level: str
    status_message: str | None
    start_ns: int
    end_ns: int | None
    state: int
    input: str | None
    output: str | None
    attributes: str
    events: str | None
    links: str | None
    scope: str
    resource_id: int


COLUMNS: Final = ", ".join(SpanRow._fields)

_NO_ATTRIBUTES: Final = "{}"
_scopes: dict[Scope, str] = {}


def span_row(span: Span, resource_id: int, masker: Masker, *, is_open: bool = False) -> SpanRow:
    """Make a row of a span; values under sensitive keys are masked here, before they are stored.

    A span taken while it was open stays so in its row, even if it ends meanwhile: its end comes with the next commit.
    What the SDK set as attributes on the span (session, user, tags …) is noted on its trace.
    """
    attributes, payload_in, payload_out = _take_apart(span)
    start_ns = nanoseconds(span.start_ns, 0)
    return SpanRow(
        f"{span.trace.trace_id:032x}",
        span.id,
        None if span.parent_span_id is None else f"{span.parent_span_id:016x}",
        text(span.name),
        span.type or "span",
        span.agent,
        span.operation,
        span.decision,
        span.confidence,
        span.level or ("ERROR" if span.is_error else "DEFAULT"),
        None if span.status_message is None else text(span.status_message),
        start_ns,
        None if is_open else nanoseconds(span.end_ns, start_ns),
        OPEN if is_open else ENDED,
        None if payload_in is None else masker.payload(payload_in).decode(),
        None if payload_out is None else masker.payload(payload_out).decode(),
        dump(masker.attributes(attributes)).decode() if attributes else _NO_ATTRIBUTES,
        _events(span, masker) if span.events else None,
        _links(span, masker) if span.links else None,
        _scope(span.scope),
        resource_id,
    )


def bare_row(span: Span, resource_id: int, fault: Exception, *, is_open: bool = False) -> SpanRow:
    """The row of a span whose data cannot be written: its ids, name and times, at WARNING with the reason."""
    start_ns = nanoseconds(span.start_ns, 0)
    return SpanRow(
        trace_id=f"{span.trace.trace_id:032x}",
        span_id=span.id,
        parent_span_id=None if span.parent_span_id is None else f"{span.parent_span_id:016x}",
        name=text(span.name),
        type="span",
        agent=None,
        operation=None,
        decision=None,
        confidence=None,
        level="WARNING",
        status_message=f"its data could not be written ({type(fault).__name__})",
        start_ns=start_ns,
        end_ns=None if is_open else nanoseconds(span.end_ns, start_ns),
        state=OPEN if is_open else ENDED,
        input=None,
        output=None,
        attributes=_NO_ATTRIBUTES,
        events=None,
        links=None,
        scope='{"name": "autoops", "version": null}',
        resource_id=resource_id,
    )


def nanoseconds(value: object, otherwise: int) -> int:
    """A time since the epoch that SQLite and OTLP can hold; ``otherwise`` for what is none at all."""
    if type(value) is int and 0 <= value <= MAX_NS:
        return value
    try:
        return min(max(int(value), 0), MAX_NS)  # type: ignore[call-overload,no-any-return]  # that is the question
    except (TypeError, ValueError, OverflowError):
        return otherwise


def _take_apart(span: Span) -> tuple[dict[str, Any], bytes | None, bytes | None]:
    """Move what has a column of its own out of a span's attributes: into the span, its trace, or the two payloads."""
    attributes = span.attributes
    payload_in, payload_out = span.input, span.output
    if attributes:
        attributes = dict(attributes)
        take = attributes.pop
        span.type = (
            _known(take(keys.TYPE, None), keys.OBSERVATION_TYPES)
            or span.type
            or keys.type_of_others(attributes)
        )
        level = take(keys.LEVEL, None)
        span.level = _known(level.upper() if isinstance(level, str) else level, keys.LEVELS) or span.level
        message = take(keys.STATUS_MESSAGE, None)
        span.status_message = span.status_message if message is None else text(message)
        payload_in = _payload(take(keys.INPUT, None), payload_in)
        payload_out = _payload(take(keys.OUTPUT, None), payload_out)
        _note_trace(span.trace, attributes)
        for key, value in attributes.items():
            if isinstance(value, str) and len(value) > MAX_PAYLOAD_BYTES:
                attributes[key] = dump(value).decode()
    if span.status_message is None and span.status.description:
        span.status_message = span.status.description
    if span.kind is not SpanKind.INTERNAL and isinstance(span.kind, SpanKind):
        attributes = attributes | {keys.SPAN_KIND: span.kind.name.lower()}
    if span.events:
        attributes = attributes | _exception_metadata(span)
    if span.dropped_attributes:
        attributes = attributes | {keys.metadata_key("dropped_attributes"): span.dropped_attributes}
    return attributes, payload_in, payload_out


def _note_trace(trace: Trace, attributes: dict[str, Any]) -> None:
    """Keep on the trace what belongs to all of it."""
    take = attributes.pop
    for key, slot in (
        (keys.TRACE_NAME, "name"),
        (keys.SESSION_ID, "session_id"),
        (keys.USER_ID, "user_id"),
        (keys.VERSION, "version"),
    ):
        value = take(key, None)
        if value is not None:
            setattr(trace, slot, text(value, limit=keys.MAX_TRACE_TEXT))
    tags = take(keys.TRACE_TAGS, None)
    if isinstance(tags, list | tuple):
        trace.tags = tuple(
            dict.fromkeys((*trace.tags, *(text(tag, limit=keys.MAX_TRACE_TEXT) for tag in tags)))
        )
    public = take(keys.TRACE_PUBLIC, None)
    if public is not None:
        trace.public = bool(public)


def _payload(value: object, otherwise: bytes | None) -> bytes | None:
    """A payload that came as an attribute: JSON text, as the SDK writes it, or any other value."""
    if value is None:
        return otherwise
    if not isinstance(value, str):
        return dump(value)
    encoded = value.encode("utf-8", "replace")
    if len(encoded) <= MAX_PAYLOAD_BYTES:
        return encoded
    try:
        return dump(orjson.loads(encoded))
    except orjson.JSONDecodeError:
        return dump(value)


def _exception_metadata(span: Span) -> dict[str, Any]:
    """The last exception as metadata: Langfuse keeps no span events."""
    for event in reversed(span.events or []):
        if event.name == EXCEPTION:
            return {
                keys.metadata_key(key): value
                for key, value in event.attributes.items()
                if key != "exception.escaped"
            }
    return {}


def _known(value: object, allowed: Any) -> str | None:
    return value if isinstance(value, str) and value in allowed else None


def _events(span: Span, masker: Masker) -> str:
    return dump(
        [
            {
                "name": text(event.name),
                "timestamp_ns": nanoseconds(event.timestamp_ns, 0),
                "attributes": masker.attributes(event.attributes),
            }
            for event in span.events or ()
        ]
    ).decode()


def _links(span: Span, masker: Masker) -> str:
    return dump(
        [
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                "attributes": masker.attributes(link.attributes or {}),
            }
            for link in span.links
        ]
    ).decode()


def _scope(scope: Scope) -> str:
    try:
        return _scopes[scope]
    except (KeyError, TypeError):
        # A scope whose attributes are a dict has no hash.
        version = None if scope.version is None else text(scope.version)
        written = orjson.dumps({"name": text(scope.name), "version": version}).decode()
        if not scope.attributes:
            _scopes[scope] = written
        return written
