"""Rows of spans: whatever a span holds, it becomes a row, masked, that can be read and sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from desk import KEYS, Desk
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from autoops.tracing import attributes as keys
from autoops.tracing.journal import outbox, reader
from autoops.tracing.journal.opening import open_store
from autoops.tracing.otlp import encode
from autoops.tracing.serialize import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.journal.reader import SpanRecord
    from autoops.tracing.span import Span

LONE = "\ud800"
"""Half a character: valid in Python, in no encoding."""
SECRET = "hunter2"
ELSEWHERE = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))


@pytest.fixture
def desk() -> Desk:
    """A desk on a journal in memory, whose spans are to be delivered."""
    return Desk(open_store("off"), **KEYS)


def recorded(desk: Desk, span: Span) -> SpanRecord:
    """End and commit a span, check that it can be sent, and read it back."""
    span.end()
    desk.commit()
    assert encode(outbox.due_spans(desk.store, 1, 100, 1 << 22, newest_first=False))
    trace = reader.get_trace(desk.store, span.trace_id)
    assert trace is not None
    (found,) = [each for each in trace.spans if each.span_id == span.id]
    return found


def started(desk: Desk, name: Any = "x", scope: Any = "library", **more: Any) -> Any:
    """A span as another instrumentation starts it."""
    return desk.provider.get_tracer(scope).start_span(name, **more)


HOSTILE: dict[str, Callable[[Desk], Any]] = {
    "no name": lambda desk: started(desk, None),
    "a name that is a number": lambda desk: started(desk, 5),
    "half a character in the name": lambda desk: started(desk, LONE),
    "half a character in the scope": lambda desk: started(desk, scope=LONE),
    "a scope that is a number": lambda desk: started(desk, scope=5),
    "no scope": lambda desk: started(desk, scope=None),
    "a start in seconds": lambda desk: started(desk, start_time=1_790_000_000.5),
    "a start before the epoch": lambda desk: started(desk, start_time=-5),
    "a start beyond 64 bits": lambda desk: started(desk, start_time=2**70),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_way_to_start_a_span_stops_the_journal(desk: Desk, name: str) -> None:
    """A span that another library starts carelessly is recorded, and so is the next one."""
    span = HOSTILE[name](desk)

    recorded(desk, span)

    assert recorded(desk, desk.begin("the next")).name == "the next"


CHANGES: dict[str, Callable[[Any], Any]] = {
    "half a character in the status": lambda span: span.set_status(Status(StatusCode.ERROR, LONE)),
    "half a character in an attribute": lambda span: span.set_attribute(LONE, LONE),
    "a key that is a number": lambda span: span.set_attribute(5, 5),
    "a number beyond 64 bits": lambda span: span.set_attribute("big", 2**70),
    "no number": lambda span: span.set_attribute("nan", float("nan")),
    "bytes": lambda span: span.set_attribute("bytes", b"\xff\xfe"),
    "an object": lambda span: span.set_attribute("object", object()),
    "a list of lists": lambda span: span.set_attribute("nested", [[1], [LONE]]),
    "a renaming to a number": lambda span: span.update_name(5),
    "an event without a name": lambda span: span.add_event(None),
    "an event before the epoch": lambda span: span.add_event("e", timestamp=-5),
    "an event in seconds": lambda span: span.add_event("e", timestamp=1.5),
    "an event beyond 64 bits": lambda span: span.add_event("e", timestamp=2**70),
    "an event at no time": lambda span: span.add_event("e", timestamp="now"),
    "an event with anything": lambda span: span.add_event("e", {"k": object(), LONE: LONE}),
    "a link with anything": lambda span: span.add_link(ELSEWHERE, {"k": object(), LONE: LONE}),
    "an end in seconds": lambda span: span.end(1_790_000_000.5),
    "an end before the epoch": lambda span: span.end(-5),
    "an end beyond 64 bits": lambda span: span.end(2**70),
    "an end that is no number": lambda span: span.end("now"),
    "an exception that cannot be printed": lambda span: span.record_exception(Unprintable()),
    "a level of another type": lambda span: span.set_attribute(keys.LEVEL, 3),
    "a type that Langfuse does not know": lambda span: span.set_attribute(keys.TYPE, "workflow"),
    "tags of any type": lambda span: span.set_attribute(keys.TRACE_TAGS, [1, True, 0.5]),
    "a session that is a number": lambda span: span.set_attribute(keys.SESSION_ID, 17),
    "half a character in the input": lambda span: span.set_attribute(keys.INPUT, LONE),
}


class Unprintable(Exception):  # noqa: N818 - what it is
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        """Fail."""
        raise ValueError


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_done_to_a_span_stops_the_journal(desk: Desk, name: str) -> None:
    """Whatever is set on it, a span is recorded and can be sent, and so is the next one."""
    span = started(desk)
    CHANGES[name](span)

    recorded(desk, span)

    assert recorded(desk, desk.begin("the next")).name == "the next"


class TestTimes:
    """Nanoseconds since the epoch, as far as that makes sense."""

    def test_what_was_given_is_kept(self, desk: Desk) -> None:
        """Start and end of another clock are taken to the nanosecond."""
        span = started(desk, start_time=1_790_000_000_123_456_789)
        span.end(1_790_000_001_000_000_001)
        found = recorded(desk, span)

        assert (found.start_ns, found.end_ns) == (1_790_000_000_123_456_789, 1_790_000_001_000_000_001)


class TestMasking:
    """No value under a sensitive key reaches the file, wherever on a span it is."""

    PLACES: dict[str, Callable[[Any], Any]] = {  # noqa: RUF012 - a table of cases
        "an attribute": lambda span: span.set_attribute("db.password", SECRET),
        "JSON in an attribute": lambda span: span.set_attribute("config", f'{{"api_key": "{SECRET}"}}'),
        "metadata": lambda span: span.set_attribute(keys.metadata_key("token"), SECRET),
        "the input": lambda span: span.set_attribute(keys.INPUT, f'{{"password": "{SECRET}"}}'),
        "the output": lambda span: span.set_attribute(keys.OUTPUT, f'{{"a": [{{"secret": "{SECRET}"}}]}}'),
        "an event": lambda span: span.add_event("login", {"password": SECRET}),
        "a link": lambda span: span.add_link(ELSEWHERE, {"authorization": SECRET}),
    }

    @pytest.mark.parametrize("place", PLACES)
    def test_by_key(self, desk: Desk, place: str) -> None:
        """It is not in any column."""
        span = started(desk)
        self.PLACES[place](span)
        span.end()
        desk.commit()

        (row,) = desk.rows("SELECT * FROM spans")
        assert SECRET not in repr(row)
        assert "***" in repr(row)

    def test_a_mask_of_the_users(self) -> None:
        """The function given in code sees input, output and metadata, and its result is stored."""
        desk = Desk(open_store("off"), mask=lambda data: {"seen": True} if data == {"n": 1} else data)

        span = desk.span("x", given={"n": 1})
        desk.commit()

        assert desk.rows("SELECT input FROM spans WHERE span_id = ?", span.id) == [('{"seen":true}',)]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "span"),
        ({"gen_ai.operation.name": "chat"}, "generation"),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.request.model": "m"}, "tool"),
        ({"gen_ai.operation.name": "something new"}, "span"),
        ({"gen_ai.response.model": "m"}, "generation"),
        ({"openinference.span.kind": "LLM"}, "generation"),
        ({"openinference.span.kind": "RETRIEVER"}, "retriever"),
        ({"openinference.span.kind": "RERANKER"}, "span"),
        ({"openinference.span.kind": 3}, "span"),
        ({"langfuse.observation.type": "chain", "gen_ai.operation.name": "chat"}, "chain"),
    ],
)
def test_others_spans_are_what_their_instrumentation_says(
    desk: Desk, attributes: dict[str, Any], expected: str
) -> None:
    """Model calls, tools and agents that OpenInference or OpenTelemetry's conventions describe are shown as such."""
    desk.provider.get_tracer("theirs").start_span("call", attributes=attributes).end()
    desk.commit()

    assert desk.rows("SELECT type FROM spans") == [(expected,)]


class TestLangfusesAttributes:
    """What the SDK sets as attributes has columns of its own."""

    def test_type_level_and_payloads(self, desk: Desk) -> None:
        """They leave the attributes."""
        span = started(desk)
        span.set_attributes(
            {
                keys.TYPE: "generation",
                keys.LEVEL: "warning",
                keys.STATUS_MESSAGE: "slow",
                keys.INPUT: '{"q":1}',
                keys.OUTPUT: "plain words",
                keys.MODEL: "ewma",
            }
        )
        found = recorded(desk, span)

        assert (found.type, found.level, found.status_message) == ("generation", "WARNING", "slow")
        assert (found.input, found.output) == ('{"q":1}', "plain words")
        assert found.attributes == {keys.MODEL: "ewma"}

    def test_what_belongs_to_the_trace(self, desk: Desk) -> None:
        """Session, user, tags, name, version and publicity stand on the trace."""
        span = started(desk)
        span.set_attributes(
            {
                keys.SESSION_ID: "run-1",
                keys.USER_ID: "store-17",
                keys.TRACE_TAGS: ["a", "b", "a"],
                keys.TRACE_NAME: "event",
                keys.VERSION: "7",
                keys.TRACE_PUBLIC: True,
            }
        )
        recorded(desk, span)

        assert desk.rows("SELECT session_id, user_id, tags, name, version, public FROM traces") == [
            ("run-1", "store-17", '["a","b"]', "event", "7", 1)
        ]

    def test_a_large_payload_is_cut(self, desk: Desk) -> None:
        """The SDK's payloads are bounded like ours, and stay JSON."""
        span = started(desk)
        span.set_attribute(keys.INPUT, orjson.dumps(["x" * 1000] * 2000).decode())
        found = recorded(desk, span)

        assert found.input is not None
        assert len(found.input.encode()) <= MAX_PAYLOAD_BYTES
        assert "autoops.cut" in orjson.loads(found.input)

    def test_the_last_exception_is_metadata(self, desk: Desk) -> None:
        """Langfuse keeps no events: type, message and stack are metadata."""
        span = started(desk)
        span.record_exception(ValueError("first"))
        span.record_exception(KeyError("second"))
        found = recorded(desk, span)

        prefix = keys.metadata_key("exception.")
        assert found.attributes[prefix + "type"] == "KeyError"
        assert "second" in found.attributes[prefix + "message"]
        assert "KeyError" in found.attributes[prefix + "stacktrace"]

    def test_attributes_left_out_are_counted(self, desk: Desk) -> None:
        """Beyond a thousand attributes, metadata says how many more there were."""
        span = started(desk)
        for number in range(1003):
            span.set_attribute(f"key {number}", number)
        found = recorded(desk, span)

        assert found.attributes[keys.metadata_key("dropped_attributes")] == 3
        assert len(found.attributes) == 1001
