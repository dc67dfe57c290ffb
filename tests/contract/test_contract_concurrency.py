"""Threads, asyncio and other instrumentations of one process."""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from kit import EVENT, delivered
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService


def test_many_threads_lose_and_repeat_nothing(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """8 threads of 50 traces with a child each: every span once, under its own parent."""

    def work(worker: int) -> list[str]:
        traces = []
        for number in range(50):
            trace_id = service.create_simulation_trace({"type": "t", "worker": worker, "number": number})
            span_id = service.start_agent_span(f"w{worker}", "step", parent_trace_id=trace_id)
            service.end_agent_span(span_id, number)
            service.finalize_trace(trace_id, worker)
            traces.append(trace_id or "")
        return traces

    with ThreadPoolExecutor(8) as pool:
        traces = [trace_id for some in pool.map(work, range(8)) for trace_id in some]

    assert len(set(traces)) == 400
    assert service.flush(20) is True
    assert len(server.arrivals) == len(server.spans) == 800
    assert len({span.span_id for span in server.spans}) == 800
    roots = {span.trace_id: span.span_id for span in server.spans if not span.parent_span_id}
    assert set(roots) == set(traces)
    children = [span for span in server.spans if span.parent_span_id]
    assert all(span.parent_span_id == roots[span.trace_id] for span in children)
    health = service.health_check()
    assert (health["dropped"], health["active_traces"], health["active_spans"]) == ({}, 0, 0)


def test_a_thread_inherits_only_a_context_it_is_given(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """With ``contextvars.copy_context().run`` a thread's spans are children; without, a trace of their own."""

    def work(name: str) -> None:
        with service.trace_operation(name):
            pass

    with service.trace_operation("outer") as outer:
        copied = threading.Thread(target=contextvars.copy_context().run, args=(work, "inside"))
        bare = threading.Thread(target=contextvars.Context().run, args=(work, "alone"))
        for thread in (copied, bare):
            thread.start()
        for thread in (copied, bare):
            thread.join()

    spans = delivered(service, server, outer.trace_id)
    assert set(spans) == {"outer", "inside"}
    assert spans["inside"].parent_span_id == outer.span_id
    assert "alone" in {span.name for span in server.spans if not span.parent_span_id}


def test_a_span_may_end_on_another_thread(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Ids are all it takes."""
    trace_id = service.create_simulation_trace(EVENT)
    span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id)
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(service.end_agent_span, span_id, "there").result()
        finalized = pool.submit(service.finalize_trace, trace_id).result()

    assert (ended, finalized) == (True, True)
    assert delivered(service, server, trace_id)["a.b"].output == "there"


def test_one_span_ended_by_many_threads_ends_once(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """One of them is told True."""
    for _ in range(20):
        span_id = service.start_agent_span("a", "b")
        barrier = threading.Barrier(4)

        def end(number: int, span_id: str | None = span_id, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            return service.end_agent_span(span_id, number)

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(end, range(4))) == [False, False, False, True]
    service.flush(10)
    assert len(server.arrivals) == 20


async def test_interleaved_tasks_keep_their_own_parents(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Tasks of one loop inherit what was current when they began and never see each other's spans."""
    turn = asyncio.Barrier(3)

    async def work(name: str) -> None:
        async with service.trace_operation(name):
            await turn.wait()
            async with service.trace_operation(f"{name} inner"):
                await turn.wait()
            await turn.wait()

    async with service.trace_operation("outer") as outer, asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(work(name))

    assert await service.aflush(10)
    spans = {span.name: span for span in server.trace(outer.trace_id)}
    for name in "abc":
        assert spans[name].parent_span_id == outer.span_id
        assert spans[f"{name} inner"].parent_span_id == spans[name].span_id


async def test_a_cancelled_task_ends_its_span(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Cancellation passes through; the span is ended, not lost."""
    started = asyncio.Event()

    async def work() -> None:
        async with service.trace_operation("cancelled"):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)

    assert isinstance(result, asyncio.CancelledError)
    assert await service.aflush(10)
    assert [span.name for span in server.spans] == ["cancelled"]
    assert service.health_check()["active_traces"] == 0


async def test_the_event_loop_is_not_blocked_by_aflush(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """While the server hangs, other tasks run; the flush ends in time, unsettled."""
    server.hang()
    service.finalize_trace(service.create_simulation_trace(EVENT))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    assert await service.aflush(0.2) is False
    ticking.cancel()
    assert ticks > 10


def test_another_provider_keeps_its_spans(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """A span of the application's own provider is a parent like any other and isn't sent by us."""
    foreign = TracerProvider().get_tracer("the application")
    with foreign.start_as_current_span("request") as request, service.trace_operation("work") as work:
        pass

    context = request.get_span_context()
    assert work.trace_id == f"{context.trace_id:032x}"
    spans = delivered(service, server, work.trace_id)
    assert set(spans) == {"work"}
    assert spans["work"].parent_span_id == f"{context.span_id:016x}"


def test_the_global_provider_stays_the_applications(service: LangfuseIntegrationService) -> None:
    """We never install ourselves."""
    before = trace.get_tracer_provider()
    with service.trace_operation("work"):
        pass

    assert trace.get_tracer_provider() is before


def test_seeding_random_repeats_no_ids(service: LangfuseIntegrationService) -> None:
    """Ids come from the operating system's entropy, and the business's random numbers stay its own."""

    def ids() -> list[str | None]:
        random.seed(42)
        trace_id = service.create_simulation_trace(EVENT)
        made = [trace_id, service.start_agent_span("a", "b", parent_trace_id=trace_id)]
        with service.trace_operation("c") as handle:
            made += [handle.trace_id, handle.span_id]
        return made

    first, second = ids(), ids()
    drawn_after_tracing = random.random()
    random.seed(42)

    assert not set(first) & set(second)
    assert drawn_after_tracing == random.random()


def test_two_services_of_one_process_share_the_journal(server: LoopbackServer, start: Start) -> None:
    """Each delivers or is delivered for; nothing is sent twice."""
    services = [start(server), start(server)]
    for number in range(10):
        service = services[number % 2]
        service.finalize_trace(service.create_simulation_trace({"type": f"t{number}"}))

    assert [service.flush(10) for service in services] == [True, True]
    assert len(server.arrivals) == len(server.spans) == 10
