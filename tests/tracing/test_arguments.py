"""What calls are given: bounded, whatever it is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from oddnames import Incomparable, Unhashable

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.arguments import MOST_AGENTS, Arguments
from autoops.tracing.journal import reader
from autoops.tracing.serialize import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def service() -> Iterator[LangfuseIntegrationService]:
    """A service that keeps all in memory."""
    made = LangfuseIntegrationService(LangfuseConfig(journal="off"))
    yield made
    made.shutdown()


def spans(service: LangfuseIntegrationService, trace_id: str | None) -> Any:
    """The trace's spans, once all is committed."""
    assert trace_id is not None
    assert service.flush(10)
    assert service.client.writer is not None
    trace = reader.get_trace(service.client.writer.store(), trace_id)
    assert trace is not None
    return trace.spans


def test_agents_without_end_are_the_first_ones(service: LangfuseIntegrationService) -> None:
    """An endless iterable holds nobody up; that it was cut is counted."""
    trace_id = service.track_collaboration("w", itertools.cycle(["a", "b"]))

    assert service.arguments.counts["wrong_arguments"] == 1
    service.finalize_trace(trace_id)
    assert sorted(span.agent or "" for span in spans(service, trace_id)) == ["", "a", "b"]


def test_agents_up_to_the_bound_are_all_taken() -> None:
    """One more is one too many."""
    arguments = Arguments()
    names = [f"agent {number}" for number in range(MOST_AGENTS + 1)]

    assert arguments.agents(iter(names[:-1]), "call") == names[:-1]
    assert arguments.counts["wrong_arguments"] == 0
    assert arguments.agents(names, "call") == names[:-1]
    assert arguments.counts["wrong_arguments"] == 1


@pytest.mark.parametrize("character", ["n", "é"])
def test_names_are_cut_like_those_of_spans(service: LangfuseIntegrationService, character: str) -> None:
    """Of agents, operations and blocks alike."""
    long = character * 100_000
    with service.trace_operation(long) as block:
        service.end_agent_span(service.start_agent_span(long, long))

    kept = spans(service, block.trace_id)
    assert len(kept) == 2
    for span in kept:
        for name in (span.name, span.agent, span.operation):
            assert name is None or len(name) <= MAX_TEXT


@pytest.mark.parametrize("odd", [Unhashable("pricing"), Incomparable("pricing")])
def test_a_name_that_raises_is_recorded_under_its_text(service: LangfuseIntegrationService, odd: str) -> None:
    """Whatever it raises when it is hashed or compared, nothing is lost and nothing is a fault."""
    service.end_agent_span(service.start_agent_span("pricing", "pricing"))

    trace_id = service.create_simulation_trace({"type": odd})
    service.end_agent_span(service.start_agent_span(odd, odd, trace_id))
    service.log_agent_decision(odd, {"type": odd}, trace_id=trace_id)
    service.finalize_trace(trace_id)

    kept = {(span.name, span.agent, span.operation) for span in spans(service, trace_id)}
    assert kept == {("pricing", None, None), ("pricing.pricing", "pricing", "pricing")}
    assert service.arguments.counts["faults"] == 0


def test_ids_in_upper_case_name_the_same_spans(service: LangfuseIntegrationService) -> None:
    """Also of a span that has ended, whose trace is found by its id alone."""
    trace_id = service.create_simulation_trace({"type": "event"})
    span_id = service.start_agent_span("pricing", "propose", trace_id)
    assert trace_id is not None
    assert span_id is not None
    service.score(trace_id.upper(), "margin", 0.5, span_id=span_id.upper())
    service.end_agent_span(span_id)

    late = service.start_agent_span("pricing", "late", parent_span_id=span_id.upper())
    service.end_agent_span(late)
    service.finalize_trace(trace_id)

    assert {span.span_id: span.parent_span_id for span in spans(service, trace_id)}[late] == span_id
    assert service.client.writer is not None
    with service.client.writer.store().reading() as connection:
        assert connection.execute("SELECT trace_id, span_id FROM scores").fetchall() == [(trace_id, span_id)]


def test_a_parent_that_nobody_knows_is_counted(service: LangfuseIntegrationService) -> None:
    """The step is recorded all the same, as a trace of its own."""
    assert service.start_agent_span("pricing", "propose", parent_span_id="ab" * 8) is not None
    assert service.arguments.counts["unknown_ids"] == 1
