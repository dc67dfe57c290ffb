"""`trace_operation`: a block, an asynchronous block, a decorator; and the handle it yields."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import reader
from autoops.tracing.service import LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from autoops.tracing.journal.reader import SpanRecord


@pytest.fixture
def service() -> Iterator[LangfuseIntegrationService]:
    """A service that keeps everything in memory."""
    made = LangfuseIntegrationService(LangfuseConfig(journal="off"))
    yield made
    made.shutdown()


def recorded(service: LangfuseIntegrationService) -> dict[str, SpanRecord]:
    """Every span of every trace, by name."""
    assert service.flush(10)
    writer = service.client.writer
    assert writer is not None
    found = {}
    for summary in reader.list_traces(writer.store(), limit=1000).traces:
        trace = reader.get_trace(writer.store(), summary.trace_id)
        assert trace is not None
        for span in trace.spans:
            assert span.name not in found
            found[span.name] = span
    return found


def parents(service: LangfuseIntegrationService) -> dict[str, str | None]:
    """The parent's name of each span."""
    spans = recorded(service)
    names = {span.span_id: name for name, span in spans.items()}
    return {
        name: None if span.parent_span_id is None else names[span.parent_span_id]
        for name, span in spans.items()
    }


class TestBlocks:
    """With `with` and `async with`."""

    def test_they_nest(self, service: LangfuseIntegrationService) -> None:
        """Plain and asynchronous blocks, in each other."""

        async def main() -> None:
            async with service.trace_operation("outer"):
                with service.trace_operation("inner"):
                    async with service.trace_operation("leaf"):
                        pass
            with service.trace_operation("alone"):
                pass

        asyncio.run(main())

        assert parents(service) == {"outer": None, "inner": "outer", "leaf": "inner", "alone": None}

    def test_one_operation_may_be_entered_again_and_again(self, service: LangfuseIntegrationService) -> None:
        """Each time is a span of its own, also while it is entered already."""
        operation = service.trace_operation("x")
        with operation as first, operation as second:
            pass
        with operation as third:
            pass

        assert len({first.span_id, second.span_id, third.span_id}) == 3
        assert service.health_check()["active_spans"] == 0
        assert service.health_check()["active_traces"] == 0

    def test_threads_may_share_one_operation(self, service: LangfuseIntegrationService) -> None:
        """The first to enter may be the first to leave: an exception marks the span of the thread that raised it."""
        operation = service.trace_operation("x")
        both_inside = threading.Barrier(2)
        first_has_left = threading.Event()
        ids: dict[str, str | None] = {}

        def first() -> None:
            with contextlib.suppress(ValueError), operation as handle:
                ids["first"] = handle.trace_id
                both_inside.wait(30)
                raise ValueError("broken")
            first_has_left.set()

        def second() -> None:
            with operation as handle:
                ids["second"] = handle.trace_id
                both_inside.wait(30)
                assert first_has_left.wait(30)

        threads = [threading.Thread(target=work) for work in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert service.flush(10)
        assert service.client.writer is not None
        traces = reader.list_traces(service.client.writer.store()).traces
        assert {trace.trace_id: trace.errors for trace in traces} == {ids["first"]: 1, ids["second"]: 0}

    def test_it_is_current_inside_and_not_outside(self, service: LangfuseIntegrationService) -> None:
        """An agent's step started inside joins it; one started outside does not."""
        with service.trace_operation("block") as handle:
            inside = service.start_agent_span("pricing", "inside")
        outside = service.start_agent_span("pricing", "outside")
        service.end_agent_span(inside)
        service.end_agent_span(outside)

        assert handle.trace_id is not None
        assert parents(service) == {"block": None, "pricing.inside": "block", "pricing.outside": None}

    def test_a_base_exception_is_no_error(self, service: LangfuseIntegrationService) -> None:
        """Whoever interrupts has a reason: WARNING, and it goes on."""

        def interrupt() -> None:
            with service.trace_operation("x"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt()

        assert recorded(service)["x"].level == "WARNING"


class TestHandle:
    """What its owner may add."""

    def test_what_is_left_out_stays(self, service: LangfuseIntegrationService) -> None:
        """Each call sets what it is given; the latest counts."""
        with service.trace_operation("x", input_data={"a": 1}, metadata={"m": 1}) as handle:
            assert handle.update(output="first", level="debug") is handle
            handle.update(output="second", metadata={"n": [1]}, status_message="why")

        span = recorded(service)["x"]
        assert (span.input, span.output) == ('{"a":1}', '"second"')
        assert (span.level, span.status_message) == ("DEBUG", "why")
        assert span.attributes["langfuse.observation.metadata.m"] == 1
        assert span.attributes["langfuse.observation.metadata.n"] == "[1]" or span.attributes[
            "langfuse.observation.metadata.n"
        ] == [1]

    def test_after_the_end_nothing_changes(self, service: LangfuseIntegrationService) -> None:
        """A handle that outlives its block does no harm; it still knows its ids."""
        with service.trace_operation("x") as handle:
            pass
        handle.update(output="late", level="ERROR")

        span = recorded(service)["x"]
        assert (span.output, span.level) == (None, "DEFAULT")
        assert (handle.trace_id, handle.span_id) == (span.trace_id, span.span_id)

    def test_when_off_it_is_false_and_has_the_same_methods(self) -> None:
        """Code need not ask whether tracing is on."""
        service = LangfuseIntegrationService(LangfuseConfig(enabled=False))
        with service.trace_operation("x") as handle:
            assert not handle
            assert (handle.trace_id, handle.span_id) == (None, None)
            assert handle.update(output=1) is handle
            assert handle.score("quality", 1.0) is None


def whole(a: int, /, b: str = "b", *args: int, key: bool = True, **more: Any) -> str:
    """Say something."""
    return f"{a}{b}{args}{key}{more}"


async def awaited(a: int) -> int:
    """Wait for something."""
    await asyncio.sleep(0)
    return a


def stepwise(a: int) -> Generator[int, str, str]:
    """Give some, take some."""
    got = yield a
    return f"got {got}"


async def flowing(a: int) -> AsyncIterator[int]:
    """Give some, in time."""
    for number in range(a):
        yield number


class TestDecorator:
    """Each call of a function is a span."""

    @pytest.mark.parametrize("function", [whole, awaited, stepwise, flowing])
    def test_it_looks_like_the_function(self, service: LangfuseIntegrationService, function: Any) -> None:
        """Name, documentation, module, signature: frameworks that look see no difference."""
        traced = service.trace_operation("x")(function)

        assert inspect.signature(traced) == inspect.signature(function)
        assert (traced.__name__, traced.__doc__, traced.__module__) == (
            function.__name__,
            function.__doc__,
            function.__module__,
        )

    def test_results_and_exceptions_are_the_functions(self, service: LangfuseIntegrationService) -> None:
        """Nothing is added and nothing is lost."""
        traced = service.trace_operation("x")(whole)
        assert traced(1, "c", 2, key=False, z=3) == whole(1, "c", 2, key=False, z=3)
        assert asyncio.run(service.trace_operation("y")(awaited)(7)) == 7
        with pytest.raises(TypeError):
            traced()  # type: ignore[call-arg]  # that is the case

    def test_methods(self, service: LangfuseIntegrationService) -> None:
        """Bound, of the class, static, and partial."""

        class Agent:
            @service.trace_operation("bound")
            def bound(self) -> str:
                return type(self).__name__

            @classmethod
            @service.trace_operation("of the class")
            def of_the_class(cls) -> str:
                return cls.__name__

            @staticmethod
            @service.trace_operation("static")
            def static() -> str:
                return "static"

        assert (Agent().bound(), Agent.of_the_class(), Agent.static()) == ("Agent", "Agent", "static")
        assert service.trace_operation("partial")(functools.partial(whole, 1))("c") == whole(1, "c")
        assert set(recorded(service)) == {"bound", "of the class", "static", "partial"}

    def test_recursion(self, service: LangfuseIntegrationService) -> None:
        """Each call is a span under the one that called."""

        @service.trace_operation("countdown")
        def countdown(number: int) -> int:
            return 0 if number == 0 else countdown(number - 1)

        countdown(3)
        assert service.flush(10)
        writer = service.client.writer
        assert writer is not None
        (summary,) = reader.list_traces(writer.store()).traces
        assert summary.spans == 4

    def test_what_it_decorates_while_off_is_traced_once_on(self) -> None:
        """The settings at the call count, not those at the definition."""
        service = LangfuseIntegrationService(LangfuseConfig(journal="off", tracing_enabled=False))
        traced = service.trace_operation("x")(whole)
        traced(1)
        assert service.reconfigure(tracing_enabled=True)
        traced(1)

        assert set(recorded(service)) == {"x"}
        service.shutdown()


class TestGenerators:
    """A generator's span lasts as long as it does, and is current in its own code only."""

    def test_values_go_both_ways(self, service: LangfuseIntegrationService) -> None:
        """What is sent arrives, what is returned is returned."""
        traced = service.trace_operation("x")(stepwise)(5)

        assert next(traced) == 5
        with pytest.raises(StopIteration) as stop:
            traced.send("this")
        assert stop.value.value == "got this"
        assert recorded(service)["x"].state == "ended"

    def test_exceptions_go_both_ways(self, service: LangfuseIntegrationService) -> None:
        """One that is thrown in may be caught inside; one that comes out is recorded."""

        @service.trace_operation("x")
        def tough() -> Generator[int, None, None]:
            try:
                yield 1
            except KeyError:
                yield 2
            raise ValueError("enough")

        traced = tough()
        assert next(traced) == 1
        assert traced.throw(KeyError()) == 2
        with pytest.raises(ValueError, match="enough"):
            next(traced)
        assert recorded(service)["x"].status_message == "ValueError: enough"

    def test_the_consumers_code_is_not_inside(self, service: LangfuseIntegrationService) -> None:
        """Between two items the consumer's own current span is current, also after the generator has ended."""

        @service.trace_operation("generator")
        def numbers() -> Generator[int, None, None]:
            for number in range(2):
                with service.trace_operation(f"in it {number}"):
                    pass
                yield number

        with service.trace_operation("consumer"):
            stream = numbers()
            for number in stream:
                with service.trace_operation(f"between {number}"):
                    pass
            with service.trace_operation("after"):
                pass

        assert parents(service) == {
            "consumer": None,
            "generator": "consumer",
            "in it 0": "generator",
            "in it 1": "generator",
            "between 0": "consumer",
            "between 1": "consumer",
            "after": "consumer",
        }

    async def test_the_same_holds_for_asynchronous_ones(self, service: LangfuseIntegrationService) -> None:
        """Items come, values are sent, and the consumer's span stays current."""

        @service.trace_operation("generator")
        async def numbers() -> Any:
            got = []
            for number in range(2):
                with service.trace_operation(f"in it {number}"):
                    await asyncio.sleep(0)
                got.append((yield number))
            yield got

        async with service.trace_operation("consumer"):
            stream = numbers()
            assert await stream.asend(None) == 0
            with service.trace_operation("between"):
                pass
            assert await stream.asend("a") == 1
            assert await stream.asend("b") == ["a", "b"]
            await stream.aclose()
            with service.trace_operation("after"):
                pass

        assert parents(service) == {
            "consumer": None,
            "generator": "consumer",
            "in it 0": "generator",
            "in it 1": "generator",
            "between": "consumer",
            "after": "consumer",
        }

    def test_closing_it_in_another_context_is_no_fault(
        self, service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A server may close a stream from another task: the span ends, nothing is logged, nothing is current."""
        traced = service.trace_operation("x")(stepwise)(5)
        contextvars.copy_context().run(next, traced)
        contextvars.copy_context().run(traced.close)
        with service.trace_operation("next"):
            pass

        assert parents(service) == {"x": None, "next": None}
        assert recorded(service)["x"].level == "DEFAULT"
        assert "Traceback" not in caplog.text
        assert "detach" not in caplog.text

    async def test_closing_an_asynchronous_one_early_runs_its_cleanup(
        self, service: LangfuseIntegrationService
    ) -> None:
        """The inner generator is closed with the outer one, at once."""
        closed = []

        @service.trace_operation("x")
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                closed.append(True)

        stream: Any = numbers()
        async for _ in stream:
            break
        await stream.aclose()

        assert closed == [True]
        assert recorded(service)["x"].state == "ended"

    def test_one_that_is_never_begun_leaves_no_span(self, service: LangfuseIntegrationService) -> None:
        """A generator's code runs from its first item on, and so does its span."""
        traced = service.trace_operation("x")(stepwise)(5)
        traced.close()

        assert recorded(service) == {}
