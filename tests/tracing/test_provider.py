"""The isolated provider: tracers, contexts, users' own processors and exporters, blocked scopes."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from autoops.tracing import attributes as keys
from autoops.tracing.journal.opening import open_store
from autoops.tracing.span import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context

ELSEWHERE = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(1))


def a_desk(**config: Any) -> Desk:
    """A provider whose spans are kept for the test."""
    return Desk(open_store("off"), **config)


def parents(desk: Desk) -> dict[str, str | None]:
    """The parent's name of each ended span."""
    by_id = {span.span_id: span.name for span in desk.pile.finished}
    return {
        span.name: None if span.parent_span_id is None else by_id.get(span.parent_span_id, "elsewhere")
        for span in desk.pile.finished
    }


class TestTracer:
    """Starting spans."""

    def test_blocks_nest(self) -> None:
        """The current span is the parent; outside there is none."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("library", "1.2")
        with tracer.start_as_current_span("outer"):
            with tracer.start_as_current_span("inner"):
                tracer.start_span("leaf").end()
            tracer.start_span("sibling").end()
        tracer.start_span("alone").end()

        assert parents(desk) == {
            "outer": None,
            "inner": "outer",
            "leaf": "inner",
            "sibling": "outer",
            "alone": None,
        }
        assert {span.scope.name for span in desk.pile.finished} == {"library"}

    def test_a_span_is_given_what_is_asked(self) -> None:
        """Kind, attributes, links and start; invalid links are left out."""
        span = (
            a_desk()
            .provider.get_tracer("x")
            .start_span(
                "x",
                kind=SpanKind.CLIENT,
                attributes={"a": 1},
                links=[Link(ELSEWHERE), Link(trace.INVALID_SPAN_CONTEXT)],
                start_time=123,
            )
        )

        assert isinstance(span, Span)
        assert (span.kind, span.attributes, span.start_ns) == (SpanKind.CLIENT, {"a": 1}, 123)
        assert [link.context for link in span.links] == [ELSEWHERE]

    def test_a_context_of_ones_own_is_followed(self) -> None:
        """What is given counts, not what is current; an empty context begins a trace."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("x")
        parent = desk.begin("given")
        with tracer.start_as_current_span("current"):
            tracer.start_span("child", context=trace.set_span_in_context(parent)).end()
            tracer.start_span("fresh", context=context_api.Context()).end()
        parent.end()

        assert parents(desk)["child"] == "given"
        assert parents(desk)["fresh"] is None

    def test_an_exception_is_recorded_and_goes_on(self) -> None:
        """By the context manager, as OpenTelemetry's; once, though it leaves two blocks."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("x")

        def fail() -> None:
            with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
                raise ValueError("no supplier")

        with pytest.raises(ValueError, match="no supplier"):
            fail()

        inner, outer = desk.pile.finished
        assert (inner.name, outer.name) == ("inner", "outer")
        for span in (inner, outer):
            assert span.status.status_code is StatusCode.ERROR
            assert span.status.description == "ValueError: no supplier"
        assert [len(span.events or ()) for span in (inner, outer)] == [1, 1]

    def test_an_exception_may_be_left_alone(self) -> None:
        """When the caller asks for that."""
        desk = a_desk()

        def fail() -> None:
            with desk.provider.get_tracer("x").start_as_current_span(
                "x", record_exception=False, set_status_on_exception=False
            ):
                raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - its type is all there is
            fail()
        (span,) = desk.pile.finished
        assert span.events is None
        assert span.status.status_code is StatusCode.UNSET

    @pytest.mark.parametrize("recorded", [True, False])
    def test_a_spans_own_block_records_what_leaves_it(self, recorded: bool) -> None:  # noqa: FBT001 - a parameter
        """``with tracer.start_span(...)`` is as OpenTelemetry has it: exception and status, if they are asked for."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("scope")

        with (
            pytest.raises(ValueError, match="broken"),
            tracer.start_span("x", record_exception=recorded, set_status_on_exception=recorded),
        ):
            raise ValueError("broken")

        (span,) = desk.pile.finished
        assert bool(span.events) is recorded
        assert span.is_error is recorded

    def test_a_start_that_is_no_time_is_now(self) -> None:
        """A wrong argument harms neither the beginning nor the end."""
        desk = a_desk()

        desk.provider.get_tracer("scope").start_span("x", start_time="yesterday").end()  # type: ignore[arg-type]

        (span,) = desk.pile.finished
        assert span.end_ns is not None
        assert span.end_ns >= span.start_ns > 1_700_000_000 * 10**9

    def test_a_block_may_leave_its_span_open(self) -> None:
        """`end_on_exit=False`."""
        desk = a_desk()
        with desk.provider.get_tracer("x").start_as_current_span("x", end_on_exit=False) as span:
            pass

        assert span.is_recording()

    def test_it_decorates(self) -> None:
        """`start_as_current_span` is a decorator too, of coroutines as well."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("x")

        @tracer.start_as_current_span("plain")
        def plain() -> int:
            return 1

        @tracer.start_as_current_span("coroutine")
        async def coroutine() -> int:
            return plain()

        assert asyncio.run(coroutine()) == 1
        assert parents(desk) == {"coroutine": None, "plain": "coroutine"}

    @pytest.mark.parametrize("off", [{"enabled": False}, {"tracing_enabled": False}])
    def test_switched_off_it_records_nothing_and_passes_the_context_on(self, off: dict[str, bool]) -> None:
        """A trace that comes from elsewhere goes through."""
        desk = a_desk(**off)
        context = trace.set_span_in_context(trace.NonRecordingSpan(ELSEWHERE))

        span = desk.provider.get_tracer("x").start_span("x", context=context)
        span.end()

        assert not span.is_recording()
        assert span.get_span_context() == ELSEWHERE
        assert desk.pile.finished == []


class TestContexts:
    """Where the current span is current."""

    def test_tasks_have_their_own(self) -> None:
        """Interleaved tasks nest each in their own parent."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("x")

        async def work(name: str, turn: asyncio.Event, other: asyncio.Event) -> None:
            with tracer.start_as_current_span(name):
                other.set()
                await turn.wait()
                tracer.start_span(f"in {name}").end()

        async def both() -> None:
            one, two = asyncio.Event(), asyncio.Event()
            with tracer.start_as_current_span("all"):
                await asyncio.gather(work("a", one, two), work("b", two, one))

        asyncio.run(both())

        assert parents(desk) == {"all": None, "a": "all", "b": "all", "in a": "a", "in b": "b"}

    def test_a_thread_has_none_unless_it_is_given_one(self) -> None:
        """`contextvars.copy_context` takes the current span along."""
        desk = a_desk()
        tracer = desk.provider.get_tracer("x")

        def work(name: str) -> None:
            tracer.start_span(name).end()

        with tracer.start_as_current_span("outer"):
            bare = threading.Thread(target=work, args=("bare",))
            given = threading.Thread(target=contextvars.copy_context().run, args=(work, "given"))
            for thread in (bare, given):
                thread.start()
                thread.join()

        assert parents(desk) == {"bare": None, "given": "outer", "outer": None}

    def test_a_parent_elsewhere_is_followed(self) -> None:
        """Its trace id, its verdict, and the child is a child."""
        desk = a_desk()
        off = SpanContext(0x123, 0x456, is_remote=True, trace_flags=TraceFlags(0))
        for context in (ELSEWHERE, off):
            span = desk.begin("child", context)
            assert span.trace.trace_id == context.trace_id
            assert span.parent_span_id == context.span_id
            assert span.trace.sampled is context.trace_flags.sampled
            assert keys.IS_APP_ROOT not in span.attributes


class TestOtherProviders:
    """The application's own OpenTelemetry."""

    def test_the_global_provider_is_left_alone(self) -> None:
        """Making ours changes nothing for anybody else, and theirs records nothing of ours."""
        before = trace.get_tracer_provider()
        exporter = InMemorySpanExporter()
        theirs = SdkTracerProvider()
        theirs.add_span_processor(SimpleSpanProcessor(exporter))
        desk = a_desk()
        with theirs.get_tracer("app").start_as_current_span("theirs") as outer:
            span = desk.provider.get_tracer("x").start_span("ours")
            span.end()

        assert trace.get_tracer_provider() is before
        assert [each.name for each in exporter.get_finished_spans()] == ["theirs"]
        assert span.get_span_context().trace_id == outer.get_span_context().trace_id
        assert isinstance(span, Span)
        assert span.attributes == {keys.IS_APP_ROOT: True}  # the topmost that Langfuse will see

    def test_theirs_may_have_ours_as_parent(self) -> None:
        """And nothing of ours is ended or changed by it."""
        exporter = InMemorySpanExporter()
        theirs = SdkTracerProvider()
        theirs.add_span_processor(SimpleSpanProcessor(exporter))
        desk = a_desk()
        with desk.provider.get_tracer("x").start_as_current_span("ours") as outer:
            theirs.get_tracer("app").start_span("theirs").end()

        (span,) = exporter.get_finished_spans()
        assert span.parent is not None
        assert span.parent.span_id == outer.get_span_context().span_id
        assert [each.name for each in desk.pile.finished] == ["ours"]


class TestBlockedScopes:
    """Spans of some libraries are not wanted."""

    def test_they_are_not_recorded_and_their_children_move_up(self) -> None:
        """What is recorded below a blocked span hangs where the blocked span would have hung."""
        desk = a_desk(blocked_instrumentation_scopes=("noisy",))
        ours, noisy = desk.provider.get_tracer("ours"), desk.provider.get_tracer("noisy")
        with ours.start_as_current_span("outer"):
            with noisy.start_as_current_span("blocked"):
                ours.start_span("inner").end()
            with trace.use_span(noisy.start_span("blocked too")):
                ours.start_span("inner too").end()

        assert parents(desk) == {"outer": None, "inner": "outer", "inner too": "outer"}

    def test_alone_they_leave_nothing(self) -> None:
        """No trace of a blocked span, and none of its own context."""
        desk = a_desk(blocked_instrumentation_scopes=("noisy",))
        with desk.provider.get_tracer("noisy").start_as_current_span("blocked") as span:
            assert not span.is_recording()

        assert desk.pile.finished == []


class Watching:
    """A processor of the user's."""

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.ended: list[Any] = []
        self.calls: list[str] = []

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Note the span, and set something on it as processors do."""
        self.started.append((span, parent_context))
        span.set_attribute("seen", True)

    def on_end(self, span: Any) -> None:
        """Note the view."""
        self.ended.append(span)

    def shutdown(self) -> None:
        """Note it."""
        self.calls.append("shutdown")

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Note it."""
        del timeout_millis
        self.calls.append("force_flush")
        return True


class Failing(Watching):
    """One that always raises."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Fail."""
        raise RuntimeError(span, parent_context)

    def on_end(self, span: Any) -> None:
        """Fail."""
        raise RuntimeError(span)

    def shutdown(self) -> None:
        """Fail."""
        raise RuntimeError


class TestProcessors:
    """Users' own span processors and exporters."""

    def full_span(self, desk: Desk) -> Span:
        """A span with everything on it."""
        span = desk.begin(
            "pricing.propose", given={"n": 1}, type="agent", agent="pricing", operation="propose"
        )
        span.trace.session_id, span.trace.tags = "run-1", ("a",)
        span.set_attribute("list", [1, 2])
        span.add_event("happened", {"k": "v"})
        span.add_link(ELSEWHERE, {"why": "cause"})
        span.fail(ValueError("no supplier"))
        span.output = b'"done"'
        span.end()
        return span

    def test_they_see_each_span_begin_and_end(self) -> None:
        """At the beginning the span itself, to be added to; at the end a view that cannot be changed."""
        desk, watching = a_desk(), Watching()
        desk.provider.add_span_processor(watching)
        context = context_api.Context({"k": "v"})

        span = desk.provider.get_tracer("x").start_span("x", context=context)
        span.end()

        assert watching.started == [(span, context)]
        (view,) = watching.ended
        assert isinstance(view, ReadableSpan)
        assert view.name == "x"
        assert view.attributes is not None
        assert view.attributes["seen"] is True

    def test_the_sdks_exporter_in_memory(self) -> None:
        """It gets everything under Langfuse's keys."""
        desk, exporter = a_desk(service_name="shop"), InMemorySpanExporter()
        desk.provider.add_span_processor(SimpleSpanProcessor(exporter))

        span = self.full_span(desk)

        (view,) = exporter.get_finished_spans()
        assert view.context == span.get_span_context()
        assert view.parent is None
        assert (view.start_time, view.end_time) == (span.start_ns, span.end_ns)
        assert view.status.status_code is StatusCode.ERROR
        assert [event.name for event in view.events] == ["happened", "exception"]
        assert [link.context for link in view.links] == [ELSEWHERE]
        assert view.resource.attributes["service.name"] == "shop"
        assert view.instrumentation_scope is not None
        assert view.instrumentation_scope.name == keys.SCOPE_NAME
        expected = {
            keys.TYPE: "agent",
            keys.INPUT: '{"n":1}',
            keys.OUTPUT: '"done"',
            keys.SESSION_ID: "run-1",
            keys.TRACE_TAGS: ("a",),
            keys.LEVEL: "ERROR",
            "list": (1, 2),
        }
        assert {key: (view.attributes or {}).get(key) for key in expected} == expected

    def test_the_sdks_exporter_to_the_console(self) -> None:
        """It prints JSON."""
        desk, out = a_desk(), io.StringIO()
        desk.provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=out)))

        span = self.full_span(desk)

        printed = json.loads(out.getvalue())
        assert printed["name"] == "pricing.propose"
        assert printed["context"]["span_id"] == f"0x{span.span_id:016x}"
        assert printed["status"]["status_code"] == "ERROR"

    def test_the_sdks_batches(self) -> None:
        """A processor that collects exports what it has when the provider is flushed, or shut down."""
        desk, exporter = a_desk(), InMemorySpanExporter()
        desk.provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=600_000))
        desk.span("first")

        desk.provider.shutdown()

        assert [view.name for view in exporter.get_finished_spans()] == ["first"]

    def test_one_that_fails_harms_nobody(self) -> None:
        """Neither the business nor the journal nor the other processors."""
        desk, watching = a_desk(), Watching()
        desk.provider.add_span_processor(Failing())
        desk.provider.add_span_processor(watching)

        desk.span("x")
        desk.provider.shutdown()

        assert len(desk.pile.finished) == len(watching.ended) == 1
        assert watching.calls == ["shutdown"]

    def test_an_exporter_that_fails_harms_nobody(self) -> None:
        """The SDK's processor passes its exception on; it ends with us."""

        class Broken(SpanExporter):
            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                raise RuntimeError(len(spans))

        desk = a_desk()
        desk.provider.add_span_processor(SimpleSpanProcessor(Broken()))

        desk.span("x")

        assert len(desk.pile.finished) == 1


class TestMemory:
    """What stays of spans that have ended."""

    def test_nothing(self) -> None:
        """A provider forgets ended spans and their traces."""
        desk = a_desk()
        for _ in range(50):
            root = desk.begin("event")
            desk.span("step", root)
            root.end()
        assert desk.provider.spans == {}
        assert desk.provider.traces == {}

        del root
        desk.pile.opened.clear()
        desk.pile.finished.clear()
        gc.collect()
        assert not [
            each for each in gc.get_objects() if type(each) is Span and each.provider is desk.provider
        ]

    def test_a_child_that_begins_after_its_root_ended_takes_the_trace_up_again(self) -> None:
        """It is of the same trace, with what is known of it, and is forgotten like the others."""
        desk = a_desk()
        root = desk.begin("event")
        root.trace.session_id = "session"
        root.end()
        late = desk.begin("late", root)

        assert desk.provider.trace_of(late.trace.trace_id) is late.trace
        assert late.trace.session_id == "session"
        late.end()
        assert desk.provider.traces == {}

    def test_an_idle_span_leaves_once_it_is_in_the_journal(self) -> None:
        """Before that it stays, and is asked to be journalled; afterwards it can be ended by its id elsewhere."""
        desk = a_desk()
        root = desk.begin("event")
        step = desk.begin("step", root, type="tool")
        desk.commit()
        assert root.seq is not None
        assert step.seq is None  # tools are not journalled while open

        desk.provider.forget_idle(-1)
        assert list(desk.provider.spans.values()) == [step]
        assert desk.pile.opened == [step]
        desk.commit()
        desk.provider.forget_idle(-1)

        assert desk.provider.spans == {}
        assert desk.provider.traces == {}

    def test_a_busy_span_stays(self) -> None:
        """One that began a moment ago is not idle."""
        desk = a_desk()
        root = desk.begin("event")
        desk.commit()

        desk.provider.forget_idle(3600)

        assert list(desk.provider.spans.values()) == [root]


def test_a_forked_childs_inherited_spans_are_the_parents() -> None:
    """A child that ends one changes nothing; a span it starts under it joins the trace as a child."""
    desk = a_desk()
    inherited = desk.begin("of the parent")
    desk.pile.opened.clear()
    desk.provider.after_fork()

    child = desk.begin("of the child", inherited)
    inherited.end()
    child.end()

    assert desk.pile.finished == [child]
    assert child.trace.trace_id == inherited.trace.trace_id
    assert child.parent_span_id == inherited.span_id
