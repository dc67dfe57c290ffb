"""Generators that are held open: interleaved, abandoned, closed late, in another thread, by an event loop's end.

A generator under ``@service.trace_operation`` has a current span of its own; nobody else sees it.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from typing import TYPE_CHECKING

import pytest
from lineage import lineage
from opentelemetry import context as context_api
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

    Stream = Callable[[str], Generator[str, None, None]]
    AsyncStream = Callable[[str], AsyncGenerator[str, None]]


@pytest.fixture(autouse=True)
def nothing_stays_current(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After each test no span is current, and nobody complained."""
    before = context_api.get_current()
    yield
    assert context_api.get_current() == before
    assert not get_current_span().get_span_context().is_valid
    assert [record.message for record in caplog.records if "detach" in record.message] == []


@pytest.fixture
def stream(service: LangfuseIntegrationService) -> Stream:
    """A generator function that records a step before each of three items, and one when it is closed."""

    def steps(name: str) -> Generator[str, None, None]:
        try:
            for number in range(3):
                with service.trace_operation(f"{name} step {number}"):
                    pass
                yield f"{name}{number}"
        finally:
            with service.trace_operation(f"{name} closing"):
                pass

    def open_one(name: str) -> Generator[str, None, None]:
        return service.trace_operation(name)(steps)(name)

    return open_one


@pytest.fixture
def async_stream(service: LangfuseIntegrationService) -> AsyncStream:
    """The same, asynchronous."""

    async def steps(name: str) -> AsyncGenerator[str, None]:
        try:
            for number in range(3):
                async with service.trace_operation(f"{name} step {number}"):
                    await asyncio.sleep(0)
                yield f"{name}{number}"
        finally:
            async with service.trace_operation(f"{name} closing"):
                pass

    def open_one(name: str) -> AsyncGenerator[str, None]:
        return service.trace_operation(name)(steps)(name)

    return open_one


def whole(name: str, parent: str = "outer", steps: int = 3) -> list[str]:
    """The lineage of a stream that was closed after so many items."""
    return [
        f"{name} > {name} closing",
        *(f"{name} > {name} step {n}" for n in range(steps)),
        f"{parent} > {name}",
    ]


class TestInterleaved:
    """Several at once, in the same code."""

    def test_each_keeps_its_own_children(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """Taken in turns, closed in the order of their beginning: not that of a stack."""
        with service.trace_operation("outer") as outer:
            first, second = stream("a"), stream("b")
            for item in range(3):
                assert (next(first), next(second)) == (f"a{item}", f"b{item}")
                with service.trace_operation(f"between {item}"):
                    pass
            first.close()
            second.close()

        between = [f"outer > between {item}" for item in range(3)]
        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a"), *whole("b"), *between, "outer"]
        )

    def test_one_inside_another_is_its_child(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """Also when the outer one is resumed after the inner one is used up."""

        @service.trace_operation("merge")
        def merge() -> Generator[str, None, None]:
            yield from stream("a")
            with service.trace_operation("pause"):
                pass
            yield from stream("b")

        with service.trace_operation("outer") as outer:
            assert list(merge()) == ["a0", "a1", "a2", "b0", "b1", "b2"]

        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a", "merge"), *whole("b", "merge"), "merge > pause", "outer", "outer > merge"]
        )

    def test_those_of_two_traces_stay_apart(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """A stream begun in one block and drained in another belongs where it began."""
        with service.trace_operation("outer") as outer:
            left = stream("a")
            next(left)
        with service.trace_operation("later") as later:
            right = stream("b")
            next(right)
            assert list(left) == ["a1", "a2"]
            assert list(right) == ["b1", "b2"]

        assert lineage(service.client, server, outer.trace_id) == sorted([*whole("a"), "outer"])
        assert lineage(service.client, server, later.trace_id) == sorted([*whole("b", "later"), "later"])

    async def test_asynchronous_ones_in_one_task(
        self, server: LoopbackServer, service: LangfuseIntegrationService, async_stream: AsyncStream
    ) -> None:
        """As the plain ones."""
        async with service.trace_operation("outer") as outer:
            first, second = async_stream("a"), async_stream("b")
            for item in range(3):
                assert (await anext(first), await anext(second)) == (f"a{item}", f"b{item}")
                async with service.trace_operation(f"between {item}"):
                    pass
            await first.aclose()
            await second.aclose()

        between = [f"outer > between {item}" for item in range(3)]
        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a"), *whole("b"), *between, "outer"]
        )

    async def test_one_that_several_tasks_take_from(
        self, server: LoopbackServer, service: LangfuseIntegrationService, async_stream: AsyncStream
    ) -> None:
        """Each item in a task of its own, each under a block of its own: the stream's steps are the stream's."""

        async def take(number: int) -> str:
            async with service.trace_operation(f"consumer {number}"):
                return await anext(items)

        async with service.trace_operation("outer") as outer:
            items = async_stream("a")
            await anext(items)
            assert [await asyncio.create_task(take(number)) for number in range(2)] == ["a1", "a2"]
            await items.aclose()

        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a"), "outer", "outer > consumer 0", "outer > consumer 1"]
        )


class TestLate:
    """Closed by somebody else, later, elsewhere, or by nobody."""

    def test_an_abandoned_one_ends_when_it_is_collected(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """Its cleanup is its child; the code that happens to run then is not disturbed."""
        with service.trace_operation("outer") as outer:
            items = stream("a")
            next(items)
        with service.trace_operation("later") as later:
            del items
            gc.collect()
            with service.trace_operation("inside"):
                pass

        assert lineage(service.client, server, outer.trace_id) == sorted([*whole("a", steps=1), "outer"])
        assert lineage(service.client, server, later.trace_id) == ["later", "later > inside"]

    def test_an_abandoned_one_is_no_fault(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """To be closed early is a stream's right: its level stays."""
        items = stream("a")
        next(items)
        items.close()
        assert service.flush(10)

        assert {span.level for span in server.spans} == {"DEFAULT"}

    def test_one_still_open_is_in_the_journal_at_its_end_only(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """While it is held open its trace is delivered without it; its end is delivered later, under its parent."""
        with service.trace_operation("outer") as outer:
            items = stream("a")
            next(items)
        assert lineage(service.client, server, outer.trace_id) == ["outer", "… > a step 0"]

        items.close()
        assert lineage(service.client, server, outer.trace_id) == sorted([*whole("a", steps=1), "outer"])

    @pytest.mark.parametrize("begun", [True, False], ids=["begun here", "begun there"])
    def test_it_may_move_to_another_thread(
        self,
        server: LoopbackServer,
        service: LangfuseIntegrationService,
        stream: Stream,
        begun: bool,  # noqa: FBT001 - a parameter of the test
    ) -> None:
        """Drained on a thread with a current span of its own; one that was not begun yet belongs where it begins."""
        left: list[bool] = []

        def drain(items: Generator[str, None, None]) -> None:
            before = context_api.get_current()
            with service.trace_operation("drain"):
                for _ in items:
                    with service.trace_operation("used"):
                        pass
            left.append(context_api.get_current() != before)

        with service.trace_operation("outer") as outer:
            items = stream("a")
            if begun:
                next(items)
            thread = threading.Thread(target=contextvars.copy_context().run, args=(drain, items))
            thread.start()
            thread.join()

        used = ["drain > used"] * (2 if begun else 3)
        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a", "outer" if begun else "drain"), *used, "outer", "outer > drain"]
        )
        assert left == [False]

    def test_it_may_be_closed_in_another_thread(
        self, server: LoopbackServer, service: LangfuseIntegrationService, stream: Stream
    ) -> None:
        """A thread without any context: the cleanup is still the stream's."""
        with service.trace_operation("outer") as outer:
            items = stream("a")
            next(items)
            thread = threading.Thread(target=items.close)
            thread.start()
            thread.join()
            with service.trace_operation("after"):
                pass

        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a", steps=1), "outer", "outer > after"]
        )

    async def test_an_asynchronous_one_may_be_closed_by_another_task(
        self, server: LoopbackServer, service: LangfuseIntegrationService, async_stream: AsyncStream
    ) -> None:
        """As a server does when its client has gone."""
        async with service.trace_operation("outer") as outer:
            items = async_stream("a")
            await anext(items)
            await asyncio.create_task(items.aclose(), context=contextvars.Context())
            async with service.trace_operation("after"):
                pass

        assert lineage(service.client, server, outer.trace_id) == sorted(
            [*whole("a", steps=1), "outer", "outer > after"]
        )

    def test_abandoned_asynchronous_ones_end_with_their_loop(
        self, server: LoopbackServer, service: LangfuseIntegrationService, async_stream: AsyncStream
    ) -> None:
        """``asyncio.run`` closes what is open, in any order: each span ends, with its own cleanup below it."""
        names = [f"a{number}" for number in range(16)]
        kept = [async_stream(name) for name in names]

        async def main() -> str | None:
            async with service.trace_operation("outer") as outer:
                for items in kept:
                    await anext(items)
            return outer.trace_id

        trace_id = asyncio.run(main())
        closed = [each for name in names for each in whole(name, steps=1)]
        assert lineage(service.client, server, trace_id) == sorted([*closed, "outer"])

    async def test_a_cancelled_one_ends(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """In the middle of an item: WARNING, and the cancellation goes on."""
        waiting = asyncio.Event()

        @service.trace_operation("endless")
        async def endless() -> AsyncGenerator[int, None]:
            yield 0
            waiting.set()
            await asyncio.Event().wait()
            yield 1

        async def consume() -> None:
            async for _ in endless():
                pass

        async with service.trace_operation("outer") as outer:
            task = asyncio.create_task(consume())
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > endless"]
        assert {span.name: span.level for span in server.spans} == {"outer": "DEFAULT", "endless": "WARNING"}


class TestBlocksInside:
    """A block that a decorated generator holds open over its ``yield``."""

    def test_what_comes_after_the_item_is_still_inside(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The generator finds its current span again as it left it; the consumer never sees it."""

        @service.trace_operation("batch")
        def batch() -> Generator[int, None, None]:
            with service.trace_operation("transaction"):
                yield 1
                with service.trace_operation("write"):
                    pass
                yield 2
            with service.trace_operation("report"):
                pass

        with service.trace_operation("outer") as outer:
            for _ in batch():
                with service.trace_operation("used"):
                    pass

        assert lineage(service.client, server, outer.trace_id) == [
            "batch > report",
            "batch > transaction",
            "outer",
            "outer > batch",
            "outer > used",
            "outer > used",
            "transaction > write",
        ]

    async def test_in_an_asynchronous_one_too(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Also while another one of its kind is open."""

        @service.trace_operation("batch")
        async def batch() -> AsyncGenerator[int, None]:
            async with service.trace_operation("transaction"):
                yield 1
                async with service.trace_operation("write"):
                    await asyncio.sleep(0)
                yield 2

        async with service.trace_operation("outer") as outer:
            first, second = batch(), batch()
            for _ in range(2):
                await anext(first)
                await anext(second)
            await first.aclose()
            await second.aclose()

        assert lineage(service.client, server, outer.trace_id) == [
            "batch > transaction",
            "batch > transaction",
            "outer",
            "outer > batch",
            "outer > batch",
            "transaction > write",
            "transaction > write",
        ]

    def test_closed_on_another_thread_it_ends_all_the_same(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Block and generator; nothing of them stays current here or there."""
        left: list[bool] = []

        @service.trace_operation("batch")
        def batch() -> Generator[int, None, None]:
            try:
                with service.trace_operation("transaction"):
                    yield 1
            finally:
                with service.trace_operation("report"):
                    pass

        def close() -> None:
            items.close()
            left.append(get_current_span().get_span_context().is_valid)

        with service.trace_operation("outer") as outer:
            items = batch()
            next(items)
            thread = threading.Thread(target=close)
            thread.start()
            thread.join()
            with service.trace_operation("after"):
                pass

        assert left == [False]
        assert lineage(service.client, server, outer.trace_id) == [
            "batch > report",
            "batch > transaction",
            "outer",
            "outer > after",
            "outer > batch",
        ]


class TestUndecorated:
    """A block that a plain generator holds open: Python shows its current span to whoever takes the item."""

    def test_in_the_order_of_a_stack_all_is_well(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """As with any context variable; what the consumer does meanwhile is inside."""

        def numbers() -> Generator[int, None, None]:
            with service.trace_operation("numbers"):
                yield 1

        with service.trace_operation("outer") as outer:
            for _ in numbers():
                with service.trace_operation("used"):
                    pass
            with service.trace_operation("after"):
                pass

        assert lineage(service.client, server, outer.trace_id) == [
            "numbers > used",
            "outer",
            "outer > after",
            "outer > numbers",
        ]

    def test_blocks_left_in_the_wrong_order_leave_nothing_behind(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Whoever ends first: once all have ended, what was current before is current again."""

        def numbers(name: str) -> Generator[int, None, None]:
            with service.trace_operation(name):
                yield 1

        with service.trace_operation("outer") as outer:
            first, second = numbers("a"), numbers("b")
            next(first)
            next(second)
            first.close()
            second.close()
            with service.trace_operation("after"):
                pass

        assert "outer > after" in lineage(service.client, server, outer.trace_id)

    def test_with_ids_nothing_needs_to_be_current(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """An agent's step is open from its start to its end, wherever a generator is resumed or closed."""

        def steps(agent: str, trace_id: str | None) -> Generator[int, None, None]:
            span_id = service.start_agent_span(agent, "stream", parent_trace_id=trace_id)
            try:
                for number in range(2):
                    service.end_agent_span(
                        service.start_agent_span(
                            agent, f"item {number}", parent_trace_id=trace_id, parent_span_id=span_id
                        )
                    )
                    yield number
            finally:
                service.end_agent_span(span_id)

        trace_id = service.create_simulation_trace({"type": "outer"})
        for pair in zip(steps("a", trace_id), steps("b", trace_id), strict=True):
            assert len(set(pair)) == 1
        service.finalize_trace(trace_id)

        assert lineage(service.client, server, trace_id) == [
            "a.stream > a.item 0",
            "a.stream > a.item 1",
            "b.stream > b.item 0",
            "b.stream > b.item 1",
            "outer",
            "outer > a.stream",
            "outer > b.stream",
        ]
