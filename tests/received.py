"""What the loopback server received: spans, scores and requests, as Langfuse would read them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

OBSERVATION = "langfuse.observation."


@dataclass(frozen=True)
class ReceivedSpan:
    """One span as decoded from OTLP; attribute values as Langfuse would read them."""

    trace_id: str
    span_id: str
    parent_span_id: str  # empty for a root
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    status: str  # UNSET, OK or ERROR
    status_text: str
    events: tuple[str, ...]  # names; Langfuse stores none of them
    links: tuple[tuple[str, str], ...]  # trace and span ids; Langfuse stores none of them either
    scope: str
    resource: Mapping[str, Any]
    kind: str = "INTERNAL"  # or SERVER, CLIENT, PRODUCER, CONSUMER

    def observation(self, key: str) -> Any:
        """Return the attribute ``langfuse.observation.<key>``, None when absent."""
        return self.attributes.get(OBSERVATION + key)

    @property
    def type(self) -> Any:
        """The observation's type: span, agent, generation and so on."""
        return self.observation("type")

    @property
    def level(self) -> Any:
        """The observation's level, None when it was not sent."""
        return self.observation("level")

    @property
    def input(self) -> Any:
        """The input, parsed from its JSON text; None when absent."""
        return _parsed(self.observation("input"))

    @property
    def output(self) -> Any:
        """The output, parsed from its JSON text; None when absent."""
        return _parsed(self.observation("output"))

    @property
    def metadata(self) -> dict[str, Any]:
        """What was sent under ``langfuse.observation.metadata``, keyed attributes winning."""
        whole = _parsed(self.observation("metadata"))
        merged: dict[str, Any] = dict(whole) if isinstance(whole, dict) else {}
        prefix = OBSERVATION + "metadata."
        keyed = {key.removeprefix(prefix): v for key, v in self.attributes.items() if key.startswith(prefix)}
        return merged | keyed


@dataclass(frozen=True)
class ReceivedScore:
    """One score, from either endpoint, with the whole body."""

    id: str
    trace_id: str | None
    observation_id: str | None
    name: str
    value: float | str
    timestamp: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class ReceivedRequest:
    """One HTTP request; header names in lower case; `size` is bytes on the wire, `body` decoded."""

    method: str
    path: str
    headers: Mapping[str, str]
    size: int
    body: bytes
    readable: bool  # False: a content encoding that Langfuse doesn't decode; `body` is then raw


class IllFormedError(Exception):
    """The server answers 400: the request as a whole can't be read."""


def decode_spans(body: bytes) -> list[ReceivedSpan]:
    """Decode an OTLP ``ExportTraceServiceRequest``.

    Raises:
        IllFormedError: The bytes are no such message, or a span's trace or span id is missing, empty
            or of the wrong length; Langfuse refuses the whole request then.
    """
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise IllFormedError(f"not an OTLP trace export: {error}") from error
    received = []
    for resource_spans in request.resource_spans:
        resource = _mapping(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            received += [_received(span, scope_spans.scope.name, resource) for span in scope_spans.spans]
    return received


def read_score(body: Mapping[str, Any], timestamp: str | None) -> ReceivedScore:
    """Read a score's body.

    Raises:
        IllFormedError: Langfuse would refuse it: no name, no trace, or a value that its type excludes.
    """
    if not body["name"]:
        raise IllFormedError("a score needs a name")
    if sum(body.get(key) is not None for key in ("traceId", "sessionId", "datasetRunId")) != 1:
        raise IllFormedError("a score belongs to exactly one of trace, session and dataset run")
    _check_score_value(body["value"], body.get("dataType"))
    return ReceivedScore(
        id=body.get("id") or str(uuid.uuid4()),
        trace_id=body.get("traceId"),
        observation_id=body.get("observationId"),
        name=body["name"],
        value=body["value"],
        timestamp=timestamp or body.get("timestamp"),
        body=body,
    )


def _received(span: Span, scope: str, resource: Mapping[str, Any]) -> ReceivedSpan:
    for what, identifier, length in (("trace", span.trace_id, 16), ("span", span.span_id, 8)):
        if len(identifier) != length or not any(identifier):
            raise IllFormedError(f"{what} id {identifier.hex()!r} of span {span.name!r} is ill-formed")
    return ReceivedSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_mapping(span.attributes),
        status=Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_"),
        status_text=span.status.message,
        events=tuple(event.name for event in span.events),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        scope=scope,
        resource=resource,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
    )


def _mapping(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    """Read a value as Langfuse does: lists stay lists, but an empty one, a map and bytes become text."""
    kind = value.WhichOneof("value")
    if kind == "array_value" and value.array_value.values:
        return tuple(_plain(item) for item in value.array_value.values)
    if kind in {"array_value", "kvlist_value", "bytes_value"}:
        return MessageToJson(value, indent=None).replace(" ", "")
    return getattr(value, kind) if kind else None


def _parsed(text: Any) -> Any:
    """Parse JSON text; other text stays as it is, as on Langfuse's screen."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_score_value(value: object, data_type: str | None) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        None: number or isinstance(value, str),
        "NUMERIC": number,
        "BOOLEAN": number and value in {0, 1},
        "CATEGORICAL": isinstance(value, str),
        "TEXT": isinstance(value, str) and 1 <= len(value) <= 500,
        "CORRECTION": isinstance(value, str),
    }
    if not fits.get(data_type, False):
        raise IllFormedError(f"value {value!r} does not fit data type {data_type}")
