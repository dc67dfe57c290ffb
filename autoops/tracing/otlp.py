"""Rows of the journal as OTLP, the way Langfuse reads it, and no span larger than a request may be."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from autoops.tracing import attributes as keys
from autoops.tracing.serialize import CUT, MAX_PAYLOAD_BYTES, dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoops.tracing.journal.outbox import DueSpan, Resource
    from autoops.tracing.journal.rows import SpanRow

MAX_EXACT_INT: Final = 2**53
"""Larger integers arrive rounded (Langfuse reads JavaScript numbers), so they are sent as text."""

MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one request before compression: Langfuse's advice, and what proxies in front of it let through."""
MAX_SPAN_BYTES: Final = MAX_REQUEST_BYTES - 256 * 1024
"""Bytes of one span; the rest of its request is left for resource and scope."""
SHORTEST: Final = 256
"""Bytes that are left of a value in any case."""

_KINDS: Final = {
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}

EMPTY_EXPORT: Final = ExportTraceServiceRequest().SerializeToString()
"""An export of nothing: what a probe sends."""


def encode(spans: Iterable[DueSpan]) -> bytes:
    """One OTLP export request, grouped by resource and scope."""
    request = ExportTraceServiceRequest()
    groups: dict[tuple[int, str], ScopeSpans] = {}
    resources: dict[int, ResourceSpans] = {}
    for due in spans:
        group = groups.get((due.resource.id, due.span.scope))
        if group is None:
            resource = resources.get(due.resource.id)
            if resource is None:
                resource = resources[due.resource.id] = _resource(request, due.resource)
            group = resource.scope_spans.add()
            group.scope.CopyFrom(_scope(due.span.scope))
            groups[due.resource.id, due.span.scope] = group
        _fill(group.spans.add(), due)
    return request.SerializeToString()


def observation_attributes(due: DueSpan) -> dict[str, Any]:
    """All attributes of one span as sent: its own, and what it shares with its trace, for every span stands alone."""
    span, trace, resource = due.span, due.trace, due.resource
    attributes = _own_attributes(span.attributes)
    attributes[keys.TYPE] = span.type
    attributes[keys.LEVEL] = span.level
    attributes.setdefault(keys.ENVIRONMENT, resource.environment)
    attributes.setdefault(keys.RELEASE, resource.release)
    shared = (
        (keys.INPUT, span.input),
        (keys.OUTPUT, span.output),
        (keys.STATUS_MESSAGE, span.status_message),
        (keys.metadata_key("agent"), span.agent),
        (keys.metadata_key("operation"), span.operation),
        (keys.metadata_key("decision"), span.decision),
        (keys.metadata_key("confidence"), span.confidence),
        (keys.TRACE_NAME, trace.name),
        (keys.SESSION_ID, trace.session_id),
        (keys.USER_ID, trace.user_id),
        (keys.VERSION, trace.version),
        (keys.TRACE_PUBLIC, None if trace.public is None else bool(trace.public)),
        (keys.TRACE_TAGS, None if trace.tags is None else orjson.loads(trace.tags)),
    )
    attributes.update((key, value) for key, value in shared if value is not None)
    if span.parent_span_id is None:
        # Servers that still keep a row for each trace take these from the root.
        attributes[keys.AS_ROOT] = True
        attributes[keys.SAMPLING_REASON] = trace.sampling_value or trace.sampling_reason
        attributes[keys.SAMPLING_PROBABILITY] = 1.0 if trace.sampling_value else trace.sample_rate
        if trace.spans_lost:
            attributes[keys.SPANS_LOST] = trace.spans_lost
        if span.input is not None:
            attributes[keys.TRACE_INPUT] = span.input
        if span.output is not None:
            attributes[keys.TRACE_OUTPUT] = span.output
    return attributes


def _fill(message: Span, due: DueSpan) -> None:
    span = due.span
    message.trace_id = bytes.fromhex(span.trace_id)
    message.span_id = bytes.fromhex(span.span_id)
    if span.parent_span_id is not None:
        message.parent_span_id = bytes.fromhex(span.parent_span_id)
    message.name = span.name
    message.start_time_unix_nano = max(0, span.start_ns)
    message.end_time_unix_nano = max(0, span.end_ns or span.start_ns)
    attributes = observation_attributes(due)
    message.kind = _KINDS.get(str(attributes.get(keys.SPAN_KIND)), Span.SPAN_KIND_INTERNAL)
    message.attributes.extend(_key_values(attributes))
    if span.level == "ERROR":
        message.status.code = Status.STATUS_CODE_ERROR
        message.status.message = span.status_message or ""
    for event in _list(span.events):
        message.events.add(
            name=event["name"],
            time_unix_nano=event["timestamp_ns"],
            attributes=_key_values(event["attributes"]),
        )
    for link in _list(span.links):
        message.links.add(
            trace_id=bytes.fromhex(link["trace_id"]),
            span_id=bytes.fromhex(link["span_id"]),
            attributes=_key_values(link["attributes"]),
        )
    if _may_be_too_large(span):
        _cut(message)


def _own_attributes(text: str) -> dict[str, Any]:
    """A row's attributes; of those that were too many to be kept, the ones that were."""
    if text == "{}":
        return {}
    attributes: dict[str, Any] = orjson.loads(text)
    beginning = attributes.get("beginning")
    if CUT in attributes and isinstance(beginning, dict):
        return {**beginning, keys.metadata_key(CUT): attributes[CUT]}
    return attributes


def _list(text: str | None) -> list[dict[str, Any]]:
    """A row's events or links; of those that were too many to be kept, the ones that were kept whole."""
    if not text:
        return []
    items = orjson.loads(text)
    if isinstance(items, dict):
        items = items.get("beginning", ())
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("attributes"), dict)]


def _may_be_too_large(span: SpanRow) -> bool:
    """Whether it is worth asking how large a message is, which costs as much as writing it."""
    texts = (span.input, span.output, span.attributes, span.events, span.links)
    return sum(len(text) for text in texts if text) > MAX_PAYLOAD_BYTES


def _cut(message: Span) -> None:
    """Bring a span down to what a request may hold, and mark it as cut."""
    whole = message.ByteSize()
    if whole <= MAX_SPAN_BYTES:
        return
    # Langfuse keeps neither.
    del message.events[:], message.links[:]
    room = MAX_SPAN_BYTES - SHORTEST - message.ByteSize()
    if room < 0:
        sizes = sorted((pair.value.ByteSize() for pair in message.attributes), reverse=True)
        limit = _limit(sizes, sum(sizes) + room)
        for pair in message.attributes:
            if pair.value.ByteSize() > limit:
                pair.value.CopyFrom(AnyValue(string_value=_shortened(pair.value, limit)))
    mark = orjson.dumps({"bytes": whole, "limit": MAX_SPAN_BYTES}).decode()
    message.attributes.add(key=keys.metadata_key(CUT), value=AnyValue(string_value=mark))


def _limit(sizes: list[int], room: int) -> int:
    """The longest that a value may be so that all fit: what is shorter stays whole, the others share what is left.

    Args:
        sizes: The values' sizes in bytes, the largest first.
        room: Bytes for all of them.
    """
    rest = sum(sizes)
    for number, size in enumerate(sizes, start=1):
        rest -= size
        share = (room - rest) // number
        if number == len(sizes) or share >= sizes[number]:
            return max(SHORTEST, share)
    return SHORTEST


def _shortened(value: AnyValue, limit: int) -> str:
    """The beginning of a value; what is JSON stays JSON."""
    limit = max(SHORTEST, limit - 16)  # the protobuf around the text is a few bytes
    if value.HasField("array_value"):
        kinds = [(item, item.WhichOneof("value")) for item in value.array_value.values]
        return dump([getattr(item, kind) for item, kind in kinds if kind], limit=limit).decode()
    plain: Any = value.string_value
    if plain[:1] in {"{", "["}:
        try:
            plain = orjson.loads(plain)
        except orjson.JSONDecodeError:
            return dump(plain, limit=limit).decode()
    size = len(value.string_value.encode())
    if isinstance(plain, dict) and CUT in plain and "beginning" in plain:
        # It was cut before: it is not cut twice, but cut shorter.
        plain, size = plain["beginning"], plain[CUT]["bytes"]
    shorter = orjson.loads(dump(plain, limit=limit))
    if isinstance(shorter, dict) and CUT in shorter:
        shorter[CUT]["bytes"] = size
    return orjson.dumps(shorter).decode()


def _resource(request: ExportTraceServiceRequest, resource: Resource) -> ResourceSpans:
    message = request.resource_spans.add()
    message.resource.attributes.extend(_key_values(orjson.loads(resource.attributes)))
    return message


@lru_cache(maxsize=256)
def _scope(text: str) -> InstrumentationScope:
    scope = orjson.loads(text)
    return InstrumentationScope(name=scope["name"], version=scope.get("version") or "")


def _key_values(attributes: Mapping[str, Any]) -> Iterable[KeyValue]:
    for key, value in attributes.items():
        if isinstance(value, list) and not value:
            continue  # an empty array arrives as the text of its protobuf
        if value is not None:
            yield KeyValue(key=key, value=_any_value(value))


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        if -MAX_EXACT_INT <= value <= MAX_EXACT_INT:
            return AnyValue(int_value=value)
        return AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list) and all(isinstance(each, str | bool | int | float) for each in value):
        return AnyValue(array_value=ArrayValue(values=[_any_value(each) for each in value]))
    return AnyValue(string_value=orjson.dumps(value).decode())
