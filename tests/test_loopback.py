"""The loopback server answers as Langfuse does: the other tests lean on it."""

from __future__ import annotations

import gzip
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from endpoint import Manner
from loopback import HEALTH, INGESTION, PEM, PROJECTS, SCORES, TRACES, LoopbackServer, unused_url
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def http(server: LoopbackServer) -> Iterator[httpx.Client]:
    """A client with the server's address and keys."""
    with httpx.Client(base_url=server.url, auth=(server.public_key, server.secret_key)) as client:
        yield client


def export(*spans: Span) -> bytes:
    """Encode spans as one OTLP request."""
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    scope_spans.scope.name = "by-hand"
    scope_spans.spans.extend(spans)
    return request.SerializeToString()


def span(number: int = 1, **changes: Any) -> Span:
    """Make a complete span; `number` sets its ids."""
    values: dict[str, Any] = {
        "trace_id": number.to_bytes(16),
        "span_id": number.to_bytes(8),
        "name": f"span {number}",
        "start_time_unix_nano": 1_000 + number,
        "end_time_unix_nano": 2_000 + number,
    }
    return Span(**(values | changes))


def attribute(key: str, **value: Any) -> KeyValue:
    """Make one OTLP attribute."""
    return KeyValue(key=key, value=AnyValue(**value))


def test_spans_are_decoded_from_plain_and_gzipped_protobuf(
    server: LoopbackServer, http: httpx.Client
) -> None:
    """Ids, times, attributes, status, scope and parent arrive as they were sent."""
    child = span(
        2,
        trace_id=(1).to_bytes(16),
        parent_span_id=(1).to_bytes(8),
        status=Status(code=Status.STATUS_CODE_ERROR, message="no stock"),
        attributes=[
            attribute("langfuse.observation.input", string_value='{"sku": 7}'),
            attribute("langfuse.observation.metadata.shelf", string_value="A3"),
            attribute("langfuse.trace.tags", array_value=ArrayValue(values=[AnyValue(string_value="night")])),
        ],
    )

    plain = http.post(TRACES, content=export(span(1)), headers=PROTOBUF)
    packed = http.post(
        TRACES, content=gzip.compress(export(child)), headers=PROTOBUF | {"content-encoding": "gzip"}
    )

    assert (plain.status_code, packed.status_code) == (200, 200)
    root, received = server.wait_for_spans(2)
    assert (root.parent_span_id, received.parent_span_id) == ("", root.span_id)
    assert received.trace_id == root.trace_id == f"{1:032x}"
    assert (received.start_ns, received.end_ns, received.name) == (1_002, 2_002, "span 2")
    assert (received.status, received.status_text, received.scope) == ("ERROR", "no stock", "by-hand")
    assert received.input == {"sku": 7}
    assert received.metadata == {"shelf": "A3"}
    assert received.attributes["langfuse.trace.tags"] == ("night",)


def test_an_empty_list_arrives_as_langfuse_would_show_it(server: LoopbackServer, http: httpx.Client) -> None:
    """Langfuse turns an empty array into text, so a sender that sends one is found out."""
    http.post(
        TRACES,
        content=export(span(attributes=[attribute("langfuse.trace.tags", array_value=ArrayValue())])),
        headers=PROTOBUF,
    )

    assert server.spans[0].attributes["langfuse.trace.tags"] == '{"arrayValue":{}}'


@pytest.mark.parametrize(
    "broken",
    [span(trace_id=b""), span(span_id=b"\0" * 8), span(trace_id=b"\1" * 8)],
    ids=["no trace id", "span id of zeros", "short trace id"],
)
def test_one_ill_formed_id_refuses_the_whole_batch(
    server: LoopbackServer, http: httpx.Client, broken: Span
) -> None:
    """400, and the healthy span beside it isn't kept either."""
    answer = http.post(TRACES, content=export(span(9), broken), headers=PROTOBUF)

    assert answer.status_code == 400
    assert server.spans == []


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"\xff\xff\xff", PROTOBUF),
        (export(span()), {"content-type": "text/plain"}),
        (export(span()), PROTOBUF | {"content-encoding": "deflate"}),
        (export(span()), PROTOBUF | {"content-encoding": "gzip"}),
        (export(span()), PROTOBUF | {"x-langfuse-ingestion-version": "5"}),
        (export(span()), PROTOBUF | {"x-langfuse-ingestion-version": "new"}),
    ],
    ids=["no protobuf", "content type", "deflate", "not gzip", "version 5", "version new"],
)
def test_unreadable_requests_are_refused(
    server: LoopbackServer, http: httpx.Client, content: bytes, headers: dict[str, str]
) -> None:
    """What Langfuse can't read is 400 and keeps nothing."""
    assert http.post(TRACES, content=content, headers=headers).status_code == 400
    assert server.spans == []


def test_a_repeated_span_replaces_itself(server: LoopbackServer, http: httpx.Client) -> None:
    """Same id and start: one span, the newest; another start: a second one."""
    for body in (
        export(span(name="first")),
        export(span(name="second")),
        export(span(start_time_unix_nano=5)),
    ):
        http.post(TRACES, content=body, headers=PROTOBUF)

    assert [kept.name for kept in server.spans] == ["span 1", "second"]
    assert len(server.arrivals) == 3


def test_wrong_keys_are_refused_everywhere_but_on_health(server: LoopbackServer) -> None:
    """401 for what needs keys; health needs none."""
    with httpx.Client(base_url=server.url, auth=(server.public_key, "sk-lf-wrong")) as stranger:
        refused = [
            stranger.post(TRACES, content=export(span()), headers=PROTOBUF),
            stranger.post(INGESTION, json={"batch": []}),
            stranger.get(PROJECTS),
        ]
        health = stranger.get(HEALTH)

    assert [answer.status_code for answer in refused] == [401, 401, 401]
    assert health.status_code == 200
    assert server.spans == []


def test_projects_name_the_project_for_links(http: httpx.Client) -> None:
    """The authenticated project list has one entry; other paths are 404."""
    (project,) = http.get(PROJECTS).json()["data"]

    assert project["id"]
    assert http.get("/api/public/traces").status_code == 404


def test_scores_are_taken_singly_and_in_batches(server: LoopbackServer, http: httpx.Client) -> None:
    """207 lists what was taken and what was refused; the same id and name replaces itself."""
    score = {"id": "s1", "traceId": "t", "name": "confidence", "value": 0.9}
    events = [
        {"id": "e1", "type": "score-create", "timestamp": "2026-01-01T00:00:00Z", "body": score},
        {
            "id": "e2",
            "type": "score-create",
            "timestamp": "2026-01-01T00:00:00Z",
            "body": score | {"value": 1},
        },
        {
            "id": "e3",
            "type": "score-create",
            "timestamp": "2026-01-01T00:00:00Z",
            "body": score | {"name": ""},
        },
        {"id": "e4", "type": "trace-create", "timestamp": "2026-01-01T00:00:00Z", "body": {}},
    ]

    batch = http.post(INGESTION, json={"batch": events})
    single = http.post(
        SCORES, json={"traceId": "t", "name": "mood", "value": "good", "dataType": "CATEGORICAL"}
    )
    misfit = http.post(SCORES, json={"traceId": "t", "name": "mood", "value": "good", "dataType": "NUMERIC"})

    assert batch.status_code == 207
    assert [entry["id"] for entry in batch.json()["successes"]] == ["e1", "e2"]
    assert [entry["id"] for entry in batch.json()["errors"]] == ["e3", "e4"]
    assert (single.status_code, misfit.status_code) == (200, 400)
    assert [(kept.name, kept.value) for kept in server.wait_for_scores(2)] == [
        ("confidence", 1),
        ("mood", "good"),
    ]


def test_scores_are_taken_in_lists(server: LoopbackServer, http: httpx.Client) -> None:
    """202 for a list that is accepted whole, 207 with counts for one that isn't."""
    score = {"id": "s1", "traceId": "t", "name": "confidence", "value": 0.9}

    whole = http.post(SCORES, json=[score])
    partly = http.post(SCORES, json=[score | {"id": "s2"}, score | {"name": ""}])

    assert (whole.status_code, partly.status_code) == (202, 207)
    assert (partly.json()["accepted"], partly.json()["rejected"]) == (1, 1)
    assert [kept.id for kept in server.scores] == ["s1", "s2"]


def test_failures_last_until_healed_or_counted_out(server: LoopbackServer, http: httpx.Client) -> None:
    """`fail` sets status, headers and body, for a path and a number of times."""
    server.fail(429, {"Retry-After": "7"}, b"slow down", path=TRACES)
    slowed = http.post(TRACES, content=export(span(1)), headers=PROTOBUF)
    elsewhere = http.get(PROJECTS)
    server.fail(503, times=1)
    once, then = (http.post(TRACES, content=export(span(2)), headers=PROTOBUF) for _ in range(2))

    assert (slowed.status_code, slowed.headers["retry-after"], slowed.text) == (429, "7", "slow down")
    assert elsewhere.status_code == 200
    assert (once.status_code, then.status_code) == (503, 200)
    assert [kept.name for kept in server.spans] == ["span 2"]
    assert len(server.requests) == 4


def test_a_batch_with_a_refused_span_is_refused_whole(server: LoopbackServer, http: httpx.Client) -> None:
    """`refuse` makes one span spoil its batch; without it the others are taken."""
    server.refuse(lambda received: received.name == "span 2")

    spoiled = http.post(TRACES, content=export(span(1), span(2)), headers=PROTOBUF)
    clean = http.post(TRACES, content=export(span(1)), headers=PROTOBUF)

    assert (spoiled.status_code, clean.status_code) == (400, 200)
    assert [kept.name for kept in server.spans] == ["span 1"]


def test_a_hanging_server_takes_requests_and_answers_on_release(
    server: LoopbackServer, http: httpx.Client
) -> None:
    """The request is seen while it hangs; its answer comes with `release`."""
    server.hang()
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(http.get, PROJECTS)
        server.wait_for_requests(1, PROJECTS)
        assert not pending.done()
        server.release()

        assert pending.result(timeout=10).status_code == 200


def test_waiting_ends_with_what_was_seen_instead(server: LoopbackServer) -> None:
    """A wait in vain says what it waited for and what came."""
    with pytest.raises(AssertionError, match=r"3 spans; kept 0 spans"):
        server.wait_for_spans(3, timeout=0.01)


def test_requests_record_headers_size_and_decoded_body(server: LoopbackServer, http: httpx.Client) -> None:
    """Size is what crossed the wire, the body what it meant."""
    body = export(*[span(number) for number in range(1, 50)])
    packed = gzip.compress(body)

    http.post(TRACES, content=packed, headers=PROTOBUF | {"content-encoding": "gzip", "X-Shop": "north"})

    (request,) = server.requests
    assert (request.method, request.path) == ("POST", TRACES)
    assert request.headers["x-shop"] == "north"
    assert (request.size, request.body) == (len(packed), body)
    assert server.wire() == body
    assert server.connections == 1


def test_nothing_listens_on_an_unused_url() -> None:
    """Connections to it are refused."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(unused_url())


def test_leaving_ends_hanging_requests_and_threads() -> None:
    """A server that is left while it hangs neither blocks nor keeps its thread."""
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        with LoopbackServer(on_batch=lines.append) as server:
            auth = (server.public_key, server.secret_key)
            httpx.post(server.url + TRACES, content=export(span()), headers=PROTOBUF, auth=auth)
            server.hang()
            pending = pool.submit(httpx.get, server.url + PROJECTS, auth=auth, timeout=10)
            server.wait_for_requests(1, PROJECTS)

        assert pending.exception(timeout=10) is None or isinstance(pending.exception(), httpx.TransportError)
    assert lines == [f"1 spans of 1 traces, {len(export(span()))} bytes"]
    assert "loopback" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("manner", [Manner.TRUNCATED, Manner.RESET])
def test_bad_manners_break_the_connection(server: LoopbackServer, http: httpx.Client, manner: Manner) -> None:
    """A truncated answer comes after the work is done, a reset before; both end with `heal`."""
    server.misbehave(manner)
    with pytest.raises(httpx.TransportError):
        http.post(TRACES, content=export(span()), headers=PROTOBUF)
    assert len(server.spans) == (manner is Manner.TRUNCATED)

    server.heal()
    assert http.post(TRACES, content=export(span()), headers=PROTOBUF).status_code == 200


@pytest.mark.parametrize("manner", [Manner.DRIPPING, Manner.SILENT])
def test_bad_manners_keep_a_client_waiting(
    server: LoopbackServer, http: httpx.Client, manner: Manner
) -> None:
    """One that drips has done the work; one that is silent never will. `heal` lets go of both."""
    server.misbehave(manner)
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(http.post, TRACES, content=export(span()), headers=PROTOBUF, timeout=60)
        server.wait_for_requests(1)
        if manner is Manner.DRIPPING:
            server.wait_for_spans(1)
        assert not pending.done()
        server.heal()

        assert isinstance(pending.exception(timeout=10), httpx.TransportError)
    assert len(server.spans) == (manner is Manner.DRIPPING)


def test_spans_are_left_out_and_it_is_said(server: LoopbackServer, http: httpx.Client) -> None:
    """OTLP's partial success: the others are kept."""
    server.leave_out(2)
    answer = http.post(TRACES, content=export(*(span(n) for n in range(1, 6))), headers=PROTOBUF)

    assert answer.json()["partialSuccess"]["rejectedSpans"] == 2
    assert len(server.spans) == 3


def test_tls_with_a_certificate_of_its_own() -> None:
    """It is refused by who does not know it, and trusted by who does."""
    with LoopbackServer(certificate=PEM) as server:
        with pytest.raises(httpx.ConnectError, match="self-signed"):
            httpx.get(server.url + HEALTH)
        trusting = ssl.create_default_context(cafile=str(PEM))

        assert httpx.get(server.url + HEALTH, verify=trusting).status_code == 200
