"""Rows of the journal as OTLP, the way Langfuse reads it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from autoops.tracing import attributes as keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoops.tracing.journal.outbox import DueSpan, Resource

MAX_EXACT_INT: Final = 2**53
"""Larger integers arrive rounded (Langfuse reads JavaScript numbers), so they are sent as text."""

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
    attributes: dict[str, Any] = orjson.loads(span.attributes) if span.attributes != "{}" else {}
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
    message.kind = Span.SPAN_KIND_INTERNAL
    message.start_time_unix_nano = max(0, span.start_ns)
    message.end_time_unix_nano = max(0, span.end_ns or span.start_ns)
    message.attributes.extend(_key_values(observation_attributes(due)))
    if span.level == "ERROR":
        message.status.code = Status.STATUS_CODE_ERROR
        message.status.message = span.status_message or ""
    for event in orjson.loads(span.events) if span.events else ():
        message.events.add(
            name=event["name"],
            time_unix_nano=event["timestamp_ns"],
            attributes=_key_values(event["attributes"]),
        )
    for link in orjson.loads(span.links) if span.links else ():
        message.links.add(
            trace_id=bytes.fromhex(link["trace_id"]),
            span_id=bytes.fromhex(link["span_id"]),
            attributes=_key_values(link["attributes"]),
        )


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
