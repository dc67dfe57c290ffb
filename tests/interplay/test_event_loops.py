"""asyncio's task groups, and uvloop: the same spans on either loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lineage import lineage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService


def _on_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(
        _on_uvloop,
        id="uvloop",
        marks=pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop for Windows"),
    ),
]


class Loop:
    """Runs coroutines on one kind of loop."""

    def __init__(self, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._factory = factory

    def run(self, work: Coroutine[Any, Any, str | None]) -> str | None:
        """Run to the end on a new loop; what is open then is closed, as ``asyncio.run`` does."""
        with asyncio.Runner(loop_factory=self._factory) as runner:
            return runner.run(work)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> Loop:
    """Each kind of loop."""
    return Loop(request.param)


def test_a_groups_tasks_are_below_the_block_that_made_them(
    server: LoopbackServer, service: LangfuseIntegrationService, loop: Loop
) -> None:
    """They run interleaved; a group within a task is below that task's block."""
    turns = asyncio.Barrier(3)

    async def leaf(name: str) -> None:
        async with service.trace_operation(name):
            await turns.wait()
            async with service.trace_operation(f"{name} step"):
                await turns.wait()

    async def branch() -> None:
        async with service.trace_operation("branch"), asyncio.TaskGroup() as group:
            group.create_task(leaf("c"))

    async def main() -> str | None:
        async with service.trace_operation("outer") as outer:
            async with asyncio.TaskGroup() as group:
                group.create_task(leaf("a"))
                async with service.trace_operation("inner"):
                    group.create_task(leaf("b"))
                group.create_task(branch())
            async with service.trace_operation("after"):
                pass
        return outer.trace_id

    assert lineage(service.client, server, loop.run(main())) == [
        "a > a step",
        "b > b step",
        "branch > c",
        "c > c step",
        "inner > b",
        "outer",
        "outer > a",
        "outer > after",
        "outer > branch",
        "outer > inner",
    ]


def test_one_that_fails_cancels_the_others_and_all_end(
    server: LoopbackServer, service: LangfuseIntegrationService, loop: Loop
) -> None:
    """ERROR on the one that failed and on the block that the group's exception leaves, WARNING on the cancelled."""
    waiting = asyncio.Event()

    async def patient() -> None:
        async with service.trace_operation("patient"):
            waiting.set()
            await asyncio.Event().wait()

    async def failing() -> None:
        await waiting.wait()
        async with service.trace_operation("failing"):
            raise ValueError("no stock")

    async def main() -> str | None:
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - the block is what is left by it
            async with service.trace_operation("outer") as outer, asyncio.TaskGroup() as group:
                group.create_task(patient())
                group.create_task(failing())
        assert [str(each) for each in caught.value.exceptions] == ["no stock"]
        return outer.trace_id

    assert lineage(service.client, server, loop.run(main())) == [
        "outer",
        "outer > failing",
        "outer > patient",
    ]
    assert {span.name: span.level for span in server.spans} == {
        "outer": "ERROR",
        "failing": "ERROR",
        "patient": "WARNING",
    }


def test_steps_by_id_cross_tasks(
    server: LoopbackServer, service: LangfuseIntegrationService, loop: Loop
) -> None:
    """Begun in one task, ended in another, with a decision between: ids are all it takes."""

    async def main() -> str | None:
        trace_id = service.create_simulation_trace({"type": "event"})
        begun: asyncio.Queue[str | None] = asyncio.Queue()

        async def begin() -> None:
            await begun.put(service.start_agent_span("inventory", "forecast", parent_trace_id=trace_id))

        async def end() -> None:
            span_id = await begun.get()
            service.log_agent_decision("inventory", {"type": "order"}, trace_id=trace_id)
            assert service.end_agent_span(span_id)

        async with asyncio.TaskGroup() as group:
            group.create_task(end())
            group.create_task(begin())
        service.finalize_trace(trace_id)
        assert await service.aflush(10)
        return trace_id

    assert lineage(service.client, server, loop.run(main())) == [
        "event",
        "event > inventory.forecast",
        "inventory.forecast > inventory.order",
    ]


def test_threads_and_callbacks_of_the_loop(
    server: LoopbackServer, service: LangfuseIntegrationService, loop: Loop
) -> None:
    """``to_thread`` and ``call_soon`` take the current span along, ``run_in_executor`` only in a copied context."""

    def work(name: str) -> str | None:
        with service.trace_operation(name) as made:
            return made.trace_id

    alone: list[str | None] = []

    async def main() -> str | None:
        running = asyncio.get_running_loop()
        called = asyncio.Event()
        async with service.trace_operation("outer") as outer:
            await asyncio.to_thread(work, "to thread")
            running.call_soon(work, "called soon")
            running.call_later(0, called.set)
            await called.wait()
            await running.run_in_executor(None, contextvars.copy_context().run, work, "in a copy")
            alone.append(await running.run_in_executor(None, work, "bare"))
        return outer.trace_id

    assert lineage(service.client, server, loop.run(main())) == [
        "outer",
        "outer > called soon",
        "outer > in a copy",
        "outer > to thread",
    ]
    assert lineage(service.client, server, alone[0]) == ["bare"]


def test_a_stream_shared_by_a_group(
    server: LoopbackServer, service: LangfuseIntegrationService, loop: Loop
) -> None:
    """A decorated generator that tasks take from in turns: its steps are its own, whoever waits for them."""

    @service.trace_operation("feed")
    async def feed() -> AsyncGenerator[int, None]:
        for number in range(2):
            async with service.trace_operation(f"fetch {number}"):
                await asyncio.sleep(0)
            yield number

    async def main() -> str | None:
        async with service.trace_operation("outer") as outer:
            items = feed()
            turn = asyncio.Lock()

            async def take(name: str) -> None:
                async with service.trace_operation(name), turn:
                    await anext(items)

            async with asyncio.TaskGroup() as group:
                group.create_task(take("a"))
                group.create_task(take("b"))
            await items.aclose()
        return outer.trace_id

    told = lineage(service.client, server, loop.run(main()))
    feeder = next(each for each in told if each.endswith("> feed"))
    assert feeder in {"a > feed", "b > feed"}  # who comes first begins it
    assert [each for each in told if each != feeder] == [
        "feed > fetch 0",
        "feed > fetch 1",
        "outer",
        "outer > a",
        "outer > b",
    ]
