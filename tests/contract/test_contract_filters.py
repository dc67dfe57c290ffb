"""``AUTOOPS_TRACED_AGENTS`` and ``AUTOOPS_TRACED_OPERATIONS``: what is filtered out, and where its children hang."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from kit import EVENT
from lineage import lineage

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

DEEP = 40
"""Blocks within blocks."""


@pytest.fixture
def service(server: LoopbackServer, start: Start) -> LangfuseIntegrationService:
    """A service that leaves out one agent and one operation."""
    return start(server, traced_agents=("!quiet",), traced_operations=("!noise",))


def descend(service: LangfuseIntegrationService, names: list[str]) -> None:
    """Blocks within each other, in the current context."""
    with ExitStack() as blocks:
        for name in names:
            blocks.enter_context(service.trace_operation(name))


def test_a_deep_chain_closes_over_what_is_left_out(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """However many filtered blocks lie between, a child hangs under the nearest one that is traced."""
    names = [f"a.{number}" if number % 4 == 0 else f"quiet.{number}" for number in range(DEEP)]
    with service.trace_operation("root") as root:
        descend(service, [*names, "quiet.noise", "a.noise", "last"])

    traced = ["root", *names[::4], "last"]
    chain = [f"{above} > {below}" for above, below in pairwise(traced)]
    assert lineage(service.client, server, root.trace_id) == sorted(["root", *chain])
    books = service.health_check()["process"]
    assert books["filtered"] == DEEP - DEEP // 4 + 2
    assert books["begun"] == books["ended"] + books["filtered"]


def test_a_filtered_block_that_fails_hides_no_error(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """The exception goes on and stands on the nearest traced block that it leaves."""
    with pytest.raises(ValueError, match="broken"), service.trace_operation("root") as root:  # noqa: SIM117
        with service.trace_operation("a.outer"), service.trace_operation("quiet.inner"):
            raise ValueError("broken")

    assert lineage(service.client, server, root.trace_id) == ["root", "root > a.outer"]
    assert {span.attributes["langfuse.observation.level"] for span in server.trace(root.trace_id)} == {
        "ERROR"
    }


def test_filtered_at_the_top_the_first_traced_one_is_a_root(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Without a traced ancestor there is none to hang under."""
    with service.trace_operation("quiet.top") as top, service.trace_operation("a.first") as first:
        descend(service, ["quiet.between", "a.second"])

    assert not top
    assert lineage(service.client, server, first.trace_id) == ["a.first", "a.first > a.second"]


def test_threads_and_tasks_carry_the_nearest_traced_one(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """A copied context has it, and so has a task that a filtered block starts."""

    async def tasks() -> None:
        async with service.trace_operation("quiet.group"), asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(step(f"a.task {number}"))

    async def step(name: str) -> None:
        async with service.trace_operation("quiet.step"):
            await asyncio.sleep(0)
            descend(service, ["quiet.inner", name])

    with service.trace_operation("root") as root:
        with service.trace_operation("quiet.pool"):
            context = contextvars.copy_context()
            thread = threading.Thread(target=context.run, args=(descend, service, ["quiet.work", "a.thread"]))
            thread.start()
            thread.join()
        with service.trace_operation("a.loop"):
            asyncio.run(tasks())

    assert lineage(service.client, server, root.trace_id) == [
        "a.loop > a.task 0",
        "a.loop > a.task 1",
        "a.loop > a.task 2",
        "root",
        "root > a.loop",
        "root > a.thread",
    ]


def test_a_filtered_generator_lets_its_own_children_through(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """What it does between two items hangs under the block that its consumer is in."""

    @service.trace_operation("quiet.stream")
    def stream() -> object:
        for number in range(2):
            descend(service, [f"a.item {number}"])
            yield number

    with service.trace_operation("root") as root, service.trace_operation("a.consumer"):
        assert list(stream()) == [0, 1]  # type: ignore[call-overload]

    assert lineage(service.client, server, root.trace_id) == [
        "a.consumer > a.item 0",
        "a.consumer > a.item 1",
        "root",
        "root > a.consumer",
    ]


def test_agents_steps_in_filtered_blocks(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Steps and decisions that are given the trace alone hang under the current traced span."""
    with (
        service.trace_operation("root") as root,
        service.trace_operation("a.block"),
        service.trace_operation("quiet.block"),
    ):
        assert service.start_agent_span("quiet", "work", root.trace_id) is None
        service.end_agent_span(service.start_agent_span("b", "work", root.trace_id))
        service.log_agent_decision("b", {"type": "reorder"}, trace_id=root.trace_id)
        assert service.log_agent_decision("quiet", {"type": "reorder"}, trace_id=root.trace_id) is None
        assert service.log_agent_decision("b", {"type": "noise"}, trace_id=root.trace_id) is None

    assert lineage(service.client, server, root.trace_id) == [
        "a.block > b.work",
        "root",
        "root > a.block",
        "root > b.reorder",
    ]


def test_explicit_parents(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Ids passed on by hand: a filtered step has none, and whoever passes on what it got itself keeps the chain."""
    trace_id = service.create_simulation_trace(EVENT)

    def step(agent: str, parent: str | None, depth: int) -> None:
        """Work, and hand down the id of the step, or the one that was handed to it."""
        span_id = service.start_agent_span(agent, str(depth), trace_id, parent_span_id=parent)
        if depth < 6:
            step("a" if depth % 3 == 2 else "quiet", span_id or parent, depth + 1)
        assert service.end_agent_span(span_id) is (span_id is not None)

    step("a", None, 0)
    # Handed down as it came, nothing: the trace's root is what is known.
    assert service.start_agent_span("quiet", "alone", trace_id) is None
    service.end_agent_span(service.start_agent_span("a", "under none", trace_id, parent_span_id=None))
    service.finalize_trace(trace_id)

    assert lineage(service.client, server, trace_id) == [
        "a.0 > a.3",
        "a.3 > a.6",
        "demand_spike",
        "demand_spike > a.0",
        "demand_spike > a.under none",
    ]


def test_collaborators_that_are_left_out(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """A filtered agent has no span in a collaboration; where only that span is filtered, its steps hang under the root."""
    assert service.reconfigure(traced_agents=("!quiet",), traced_operations=("!collaboration",))
    apart = service.track_collaboration("apart", ["a", "quiet"])
    service.end_agent_span(service.start_agent_span("a", "work", apart))
    service.finalize_trace(apart)
    assert service.reconfigure(traced_operations=())
    together = service.track_collaboration("together", ["a", "quiet"])
    service.end_agent_span(service.start_agent_span("a", "work", together))
    assert service.start_agent_span("quiet", "work", together) is None
    service.finalize_trace(together)

    assert lineage(service.client, server, apart) == ["apart", "apart > a.work"]
    assert lineage(service.client, server, together) == [
        "a.collaboration > a.work",
        "together",
        "together > a.collaboration",
    ]
