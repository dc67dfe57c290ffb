"""Two threads that end the same span: one does, and the other is told that it did not."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.journal.reader import get_trace, list_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 300


@pytest.fixture
def service() -> Iterator[LangfuseIntegrationService]:
    """A service that keeps everything in memory, among threads that are switched all the time."""
    made = LangfuseIntegrationService(LangfuseConfig(journal="off"))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield made
    sys.setswitchinterval(interval)
    made.shutdown()


def together(*calls: Callable[[], bool]) -> list[bool]:
    """What the calls return when each thread makes its own at the same moment."""
    start = threading.Barrier(len(calls))
    results = [False] * len(calls)

    def run(number: int, call: Callable[[], bool]) -> None:
        start.wait()
        results[number] = call()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_two_owners_ends_it(service: LangfuseIntegrationService) -> None:
    """One True, one row, and the outcome is that of whoever was told True."""
    expected = {}
    for _ in range(ROUNDS):
        span_id = service.start_agent_span("pricing", "propose")
        first, second = together(
            lambda span_id=span_id: service.end_agent_span(span_id, "first"),  # type: ignore[misc]  # bound at once
            lambda span_id=span_id: service.end_agent_span(span_id, "second"),  # type: ignore[misc]  # bound at once
        )
        assert first != second
        expected[span_id] = '"first"' if first else '"second"'

    assert service.flush(10)
    assert service.client.writer is not None
    store = service.client.writer.store()
    traces = [get_trace(store, each.trace_id) for each in list_traces(store, limit=2 * ROUNDS).traces]
    assert {span.span_id: span.output for trace in traces if trace for span in trace.spans} == expected
    assert service.client.writer.buffer.accepted == ROUNDS


def test_a_trace_is_finalized_against_its_owners(service: LangfuseIntegrationService) -> None:
    """A step that its owner ended is none that was left open, and the other way round."""
    left_open = set()
    steps = set()
    for _ in range(ROUNDS):
        trace_id = service.create_simulation_trace({"type": "spike"})
        span_id = service.start_agent_span("pricing", "propose", trace_id)
        by_owner, finalized, again = together(
            lambda span_id=span_id: service.end_agent_span(span_id),  # type: ignore[misc]  # bound at once
            lambda trace_id=trace_id: service.finalize_trace(trace_id),  # type: ignore[misc]  # bound at once
            lambda trace_id=trace_id: service.finalize_trace(trace_id),  # type: ignore[misc]  # bound at once
        )
        assert finalized != again
        steps.add(span_id)
        if not by_owner:
            left_open.add(span_id)

    assert service.flush(10)
    assert service.client.writer is not None
    assert service.client.writer.buffer.accepted == 2 * ROUNDS
    store = service.client.writer.store()
    traces = [get_trace(store, each.trace_id) for each in list_traces(store, limit=2 * ROUNDS).traces]
    spans = [span for trace in traces if trace for span in trace.spans if span.span_id in steps]
    assert {span.span_id for span in spans if span.level == "WARNING"} == left_open
