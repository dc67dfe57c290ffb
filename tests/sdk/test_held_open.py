"""Langfuse's own observations and generators that are held open: in each other, interleaved, closed early or late.

Runs on the majors 3, 4 and 5 of the SDK: only what all of them offer is used.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from langfuse import get_client, observe
from lineage import lineage
from opentelemetry.trace import get_current_span

from config.langfuse_config import get_langfuse_client
from config.langfuse_integration import initialize_langfuse_integration

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from kit import ConfigFor
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

pytestmark = pytest.mark.sdk


@pytest.fixture
def service(server: LoopbackServer, config_for: ConfigFor) -> LangfuseIntegrationService:
    """The process's service, with the SDK's client made."""
    service = initialize_langfuse_integration(config_for(server))
    assert get_langfuse_client().langfuse is not None
    return service


def test_an_observation_begun_in_our_generator_is_its_child(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Held open over the items, it is not current for the consumer, and not for another such generator."""

    @service.trace_operation("batch")
    def batch() -> Generator[int, None, None]:
        with get_client().start_as_current_observation(name="transaction", as_type="span"):
            yield 1
            yield 2

    with service.trace_operation("outer") as outer:
        for _ in zip(batch(), batch(), strict=True):
            with service.trace_operation("used"):
                pass
        with service.trace_operation("after"):
            pass

    assert lineage(service.client, server, outer.trace_id) == [
        "batch > transaction",
        "batch > transaction",
        "outer",
        "outer > after",
        "outer > batch",
        "outer > batch",
        "outer > used",
        "outer > used",
    ]


def test_what_comes_after_the_item_is_inside_the_observation(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """The generator goes on where it was: our block and an observed call hang below the observation it holds open."""

    @observe(name="observed")
    def observed() -> None:
        pass

    @service.trace_operation("batch")
    def batch() -> Generator[int, None, None]:
        with get_client().start_as_current_observation(name="transaction", as_type="span"):
            yield 1
            observed()
            with service.trace_operation("write"):
                pass

    with service.trace_operation("outer") as outer:
        assert list(batch()) == [1]

    assert lineage(service.client, server, outer.trace_id) == [
        "batch > transaction",
        "outer",
        "outer > batch",
        "transaction > observed",
        "transaction > write",
    ]


async def test_an_asynchronous_one_closed_early_ends_both(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """The observation with the generator, at once; nothing stays current."""

    @service.trace_operation("batch")
    async def batch() -> AsyncGenerator[int, None]:
        with get_client().start_as_current_observation(name="generation", as_type="generation"):
            yield 1
            await asyncio.sleep(0)
            yield 2

    async with service.trace_operation("outer") as outer:
        items = batch()
        await anext(items)
        await items.aclose()
        assert f"{get_current_span().get_span_context().span_id:016x}" == outer.span_id

    assert lineage(service.client, server, outer.trace_id) == [
        "batch > generation",
        "outer",
        "outer > batch",
    ]
    assert {span.name: span.type for span in server.spans}["generation"] == "generation"


def test_ours_in_an_observed_generator(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Two interleaved ``@observe`` generators: each has its own steps, the consumer has its own."""

    @observe(name="words")
    def words(name: str) -> Generator[str, None, None]:
        for number in range(2):
            with service.trace_operation(f"{name} step {number}"):
                pass
            yield name

    with service.trace_operation("outer") as outer:
        for pair in zip(words("a"), words("b"), strict=True):
            with service.trace_operation("used"):
                assert pair == ("a", "b")

    told = lineage(service.client, server, outer.trace_id)
    assert told == [
        "outer",
        "outer > used",
        "outer > used",
        "outer > words",
        "outer > words",
        "words > a step 0",
        "words > a step 1",
        "words > b step 0",
        "words > b step 1",
    ]
    steps = {span.name: span.parent_span_id for span in server.spans if "step" in span.name}
    assert steps["a step 0"] == steps["a step 1"] != steps["b step 0"] == steps["b step 1"]


def test_an_observation_held_by_hand_may_outlive_its_block(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """``start_observation`` and ``end``: it arrives when it is ended, under what was current at its start."""
    with service.trace_operation("outer") as outer:
        held = get_client().start_observation(name="held", as_type="tool")
        with service.trace_operation("beside"):
            pass
    assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > beside"]

    held.update(output="late")
    held.end()
    assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > beside", "outer > held"]
    assert {span.name: span.output for span in server.spans}["held"] == "late"
