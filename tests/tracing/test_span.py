"""The span behind OpenTelemetry's interface: what may be set when, and what it shows."""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from desk import Desk
from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from autoops.tracing.journal.opening import open_store
from autoops.tracing.span import MAX_ATTRIBUTES, MAX_EVENTS, Span

if TYPE_CHECKING:
    from collections.abc import Callable

ELSEWHERE = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))


@pytest.fixture
def desk() -> Desk:
    """A provider whose spans nobody writes unless asked."""
    return Desk(open_store("off"))


@pytest.fixture
def span(desk: Desk) -> Span:
    """An open span."""
    return desk.begin("x")


def test_it_is_opentelemetrys(span: Span) -> None:
    """OpenTelemetry's functions take it for a span of theirs."""
    assert isinstance(span, trace.Span)
    with trace.use_span(span):
        assert trace.get_current_span() is span
    assert trace.get_current_span() is not span
    assert span.is_recording()


class TestContext:
    """Ids and flags."""

    def test_ids_are_valid_and_its_own(self, desk: Desk, span: Span) -> None:
        """A child has the trace's id, and a span id of its own."""
        child = desk.begin("child", span)
        context, of_child = span.get_span_context(), child.get_span_context()

        assert context.is_valid
        assert context.trace_id == of_child.trace_id
        assert context.span_id != of_child.span_id
        assert span.context is span.get_span_context()
        assert child.parent is not None
        assert child.parent.span_id == context.span_id
        assert span.parent is None

    @pytest.mark.parametrize(("rate", "flag"), [(1.0, True), (0.0, False)])
    def test_the_verdict_is_the_flag(self, rate: float, flag: bool) -> None:  # noqa: FBT001 - a parameter
        """What the head decided travels; recorded it is in either case."""
        span = Desk(open_store("off"), sample_rate=rate).begin("x")

        assert span.get_span_context().trace_flags.sampled is flag
        assert span.is_recording()

    def test_the_parent_of_another_process_is_shown(self, desk: Desk) -> None:
        """As it came, remote."""
        child = desk.begin("child", ELSEWHERE)

        assert child.parent == ELSEWHERE
        assert child.get_span_context().trace_id == ELSEWHERE.trace_id


class TestStatus:
    """OpenTelemetry's rules."""

    def test_unset_changes_nothing(self, span: Span) -> None:
        """An error stays one."""
        span.set_status(StatusCode.ERROR, "why")
        span.set_status(StatusCode.UNSET)

        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "why")

    def test_ok_is_final(self, span: Span) -> None:
        """Whoever says OK knows better than those who come after."""
        span.set_status(Status(StatusCode.OK))
        span.set_status(StatusCode.ERROR, "too late")

        assert span.status.status_code is StatusCode.OK
        assert not span.is_error

    def test_ok_overrides_an_error(self, span: Span) -> None:
        """An application may say that an error was none."""
        span.set_status(StatusCode.ERROR, "why")
        span.set_status(StatusCode.OK)

        assert span.status.status_code is StatusCode.OK

    def test_only_errors_have_a_description(self, span: Span) -> None:
        """As OpenTelemetry has it."""
        span.set_status(StatusCode.OK, "ignored")

        assert span.status.description is None

    def test_a_failure_says_type_and_message(self, span: Span) -> None:
        """What Langfuse shows."""
        span.fail(ValueError("no supplier"))

        assert span.level == "ERROR"
        assert span.status_message == "ValueError: no supplier"
        assert span.status.status_code is StatusCode.ERROR


class TestAttributes:
    """What is set, and how much."""

    def test_the_latest_value_counts(self, span: Span) -> None:
        """A key has one value."""
        span.set_attribute("a", 1)
        span.set_attributes({"a": 2, "b": [1, 2]})

        assert span.attributes == {"a": 2, "b": (1, 2)}

    def test_a_list_is_taken_as_it_is_now(self, span: Span) -> None:
        """What the caller does to it later is the caller's."""
        values = ["a"]
        span.set_attribute("list", values)
        values.append("b")

        assert span.attributes == {"list": ("a",)}

    def test_there_is_room_for_a_thousand(self, span: Span) -> None:
        """More are left out and counted; those that are there may still change."""
        for number in range(MAX_ATTRIBUTES + 5):
            span.set_attribute(f"key {number}", number)
        span.set_attribute("key 0", "changed")

        assert len(span.attributes) == MAX_ATTRIBUTES
        assert span.dropped_attributes == 5
        assert span.attributes["key 0"] == "changed"

    def test_any_value_is_kept_readably(self, span: Span) -> None:
        """What OpenTelemetry has no type for is JSON text."""
        given: Any = {"a": [1, None]}
        span.set_attribute("mapping", given)

        assert span.attributes == {"mapping": '{"a":[1,null]}'}


class TestEvents:
    """What happened within a span."""

    def test_time_and_attributes(self, span: Span) -> None:
        """Now, or when the caller says."""
        span.add_event("first", {"a": 1}, 123)
        span.add_event("second")

        assert span.events is not None
        assert [(event.name, dict(event.attributes)) for event in span.events] == [
            ("first", {"a": 1}),
            ("second", {}),
        ]
        assert span.events[0].timestamp_ns == 123
        assert span.events[1].timestamp_ns >= span.start_ns

    def test_they_are_bounded(self, span: Span) -> None:
        """A loop that tells each turn fills no memory."""
        for number in range(MAX_EVENTS + 10):
            span.add_event(f"{number}")

        assert span.events is not None
        assert len(span.events) == MAX_EVENTS

    def test_an_exception_is_one(self, span: Span) -> None:
        """With type, message, stack, and what the caller adds."""
        try:
            raise ValueError("no supplier")
        except ValueError as error:
            span.record_exception(error, {"attempt": 2})

        assert span.events is not None
        (event,) = span.events
        assert event.name == "exception"
        assert event.attributes["exception.type"] == "ValueError"
        assert event.attributes["exception.message"] == "no supplier"
        assert "raise ValueError" in event.attributes["exception.stacktrace"]
        assert event.attributes["attempt"] == 2

    def test_the_same_exception_passing_twice_is_one(self, span: Span) -> None:
        """Two blocks that it leaves record it once."""
        error = ValueError("no supplier")
        span.record_exception(error)
        span.record_exception(error)

        assert span.events is not None
        assert len(span.events) == 1

    def test_an_exception_that_cannot_be_printed(self, span: Span) -> None:
        """Its type is told all the same."""

        class Unprintable(Exception):  # noqa: N818 - what it is
            def __str__(self) -> str:
                raise RuntimeError

        span.fail(Unprintable())

        assert "Unprintable" in str(span.status_message)


class TestLinks:
    """Spans elsewhere."""

    def test_they_are_added(self, span: Span) -> None:
        """With attributes; an invalid context is none."""
        span.add_link(ELSEWHERE, {"why": "caused by"})
        span.add_link(trace.INVALID_SPAN_CONTEXT)

        (link,) = span.links
        assert (link.context, dict(link.attributes or {})) == (ELSEWHERE, {"why": "caused by"})

    @pytest.mark.parametrize("odd", [None, 5, "link", trace.Link(trace.INVALID_SPAN_CONTEXT)])
    def test_what_is_none_is_left_out_at_the_start(self, desk: Desk, odd: Any) -> None:
        """The span begins all the same, with the links that are some."""
        tracer = desk.provider.get_tracer("app")
        span = tracer.start_span("x", links=[odd, trace.Link(ELSEWHERE)])
        other = tracer.start_span("y", links=odd)
        span.end()
        other.end()

        first, second = desk.pile.finished
        assert [link.context for link in first.links] == [ELSEWHERE]
        assert second.links == ()
        assert desk.provider.spans == {}


class Login(NamedTuple):
    """Data with names."""

    user: str
    password: str


class TestNamedTuples:
    """They have names, by which what is secret is known."""

    def test_their_names_are_kept(self, span: Span) -> None:
        """In attributes and in metadata: as JSON text, while a plain tuple stays one."""
        span.set_attribute("login", Login("bob", "hunter2"))
        span.set_metadata({"login": Login("bob", "hunter2"), "pair": ("bob", "amy")})

        (kept, as_metadata, pair) = span.attributes.values()
        assert json.loads(kept) == json.loads(as_metadata) == {"user": "bob", "password": "hunter2"}
        assert pair == ("bob", "amy")

    def test_what_is_secret_in_them_is_masked(self, desk: Desk) -> None:
        """In the journal nothing of it is found."""
        span = desk.begin("x")
        span.set_metadata({"login": Login("bob", "hunter2")})
        span.end()
        desk.commit()

        ((attributes,),) = desk.rows("SELECT attributes FROM spans")
        assert "bob" in attributes
        assert "hunter2" not in attributes


class TestSize:
    """What the buffer's bound on bytes goes by."""

    LARGE = "x" * 1_000_000

    @pytest.mark.parametrize(
        "grow",
        [
            lambda span, large: span.update_name(large),
            lambda span, large: span.set_attribute("a", large),
            lambda span, large: span.set_attribute(large, 1),
            lambda span, large: span.set_attribute("a", ["short", large]),
            lambda span, large: span.add_event(large),
            lambda span, large: span.add_event("e", {"a": large}),
            lambda span, large: span.add_event("e", {"a": [large]}),
            lambda span, large: span.add_link(ELSEWHERE, {"a": large}),
            lambda span, large: span.record_exception(ValueError(large)),
            lambda span, large: span.set_status(StatusCode.ERROR, large),
        ],
    )
    def test_it_counts_whatever_is_large(self, span: Span, grow: Callable[[Span, str], None]) -> None:
        """Wherever it was put."""
        before = span.size
        grow(span, self.LARGE)

        assert before < 2_000
        assert span.size > len(self.LARGE)

    def test_it_counts_agent_and_operation(self, desk: Desk) -> None:
        """They are in the name once more."""
        agent, operation = self.LARGE, self.LARGE
        span = desk.begin(f"{agent}.{operation}", agent=agent, operation=operation)

        assert span.size > 4 * len(self.LARGE)

    def test_a_name_that_is_no_text_harms_nobody(self, desk: Desk) -> None:
        """OpenTelemetry's callers may give anything."""
        span = desk.provider.get_tracer("app").start_span(5)  # type: ignore[arg-type]  # that is the case

        assert isinstance(span, Span)
        span.add_event(6)  # type: ignore[arg-type]  # that too
        assert span.size < 2_000

    def test_other_threads_may_change_the_span_meanwhile(self, span: Span) -> None:
        """It is reckoned from a copy."""
        stop = threading.Event()

        def change() -> None:
            while not stop.is_set():
                for number in range(100):
                    span.attributes[f"k{number}"] = "v"
                span.attributes.clear()

        thread = threading.Thread(target=change)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        thread.start()
        try:
            assert all(span.size >= 512 for _ in range(5_000))
        finally:
            stop.set()
            thread.join()
            sys.setswitchinterval(interval)


class TestEnd:
    """After the end nothing changes."""

    def test_nothing_can_be_set_any_more(self, desk: Desk, span: Span) -> None:
        """Attributes, events, links, name and status of an ended span are as they were."""
        span.set_attribute("a", 1)
        span.end()
        end_ns = span.end_ns

        span.set_attribute("a", 2)
        span.set_attributes({"b": 3})
        span.add_event("late")
        span.add_link(ELSEWHERE)
        span.update_name("late")
        span.set_status(StatusCode.ERROR)
        span.record_exception(ValueError("late"))
        span.end()

        assert not span.is_recording()
        assert (span.name, span.attributes, span.events, span.links) == ("x", {"a": 1}, None, ())
        assert span.status.status_code is StatusCode.UNSET
        assert span.end_ns == end_ns
        assert desk.pile.finished == [span]

    def test_ending_twice_is_said_for_debugging_only(
        self, span: Span, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No warning: OpenTelemetry's own context managers do it."""
        caplog.set_level(logging.INFO, "autoops")
        span.end()
        span.end()

        assert caplog.records == []

    def test_an_end_of_ones_own(self, span: Span) -> None:
        """In nanoseconds since the epoch."""
        span.end(span.start_ns + 5)

        assert (span.end_time, span.start_time) == (span.start_ns + 5, span.start_ns)

    def test_a_clock_that_is_set_back_makes_no_negative_duration(
        self, span: Span, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The end is the start plus monotonic time."""
        monkeypatch.setattr("time.time_ns", lambda: 0)
        span.end()

        assert span.end_ns is not None
        assert span.end_ns >= span.start_ns

    def test_as_a_context_manager_it_ends(self, span: Span) -> None:
        """OpenTelemetry's spans can be entered."""
        with span as entered:
            assert entered is span

        assert not span.is_recording()

    def test_threads_end_it_once(self, desk: Desk) -> None:
        """Of many that end it at once, one does."""
        for _ in range(20):
            span = desk.begin("x")
            start = threading.Barrier(4)

            def end(span: Span = span, start: threading.Barrier = start) -> None:
                start.wait()
                span.end()

            threads = [threading.Thread(target=end) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert len(desk.pile.finished) == 20

    def test_one_of_many_is_told_that_it_ends_it(self, span: Span, desk: Desk) -> None:
        """Whoever has claimed it may still add to it; for all others it is ended already."""
        told: list[bool] = []
        start = threading.Barrier(8)

        def claim() -> None:
            start.wait()
            told.append(span.claim())

        threads = [threading.Thread(target=claim) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        span.end()

        assert sorted(told) == [False] * 7 + [True]
        assert desk.pile.finished == []
        span.finish()
        assert desk.pile.finished == [span]


def test_what_processors_of_the_sdk_read(span: Span) -> None:
    """The names that the OpenTelemetry SDK's spans have."""
    span.set_status(StatusCode.ERROR, "why")

    assert span.kind is SpanKind.INTERNAL
    assert span.status.is_ok is False
    assert span.instrumentation_scope.name == "langfuse-sdk.autoops"
    assert span.end_time is None
    assert span.is_root
