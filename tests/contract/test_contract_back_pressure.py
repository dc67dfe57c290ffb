"""Back-pressure: what is dropped when the journal takes nothing for a while, and how a trace says that it lacks it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kit import EVENT
from patience import eventually

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

CAPACITY = 10
ORDINARY = 8
"""The last fifth is kept for errors and decisions."""


def test_errors_and_decisions_have_the_last_fifth_and_the_root_goes_again(
    server: LoopbackServer, start: Start
) -> None:
    """Ordinary spans leave them room; a root that had gone is sent again, whole, with the number that was lost."""
    service = start(server, buffer_size=CAPACITY, max_latency_ms=0)
    writer = service.client.writer
    assert writer is not None
    with service.trace_operation("root", input_data=EVENT, metadata={"shop": "north"}) as root:
        given = [service.start_agent_span("a", f"step {number}") for number in range(ORDINARY + 3)]
        failing = [service.start_agent_span("a", "failing") for _ in range(2)]
        root.update(output={"ok": True})
    server.wait_for_spans(1)
    assert service.flush(10)

    with writer.store().transaction():  # nothing is committed meanwhile
        for span_id in given:
            assert service.end_agent_span(span_id)
        assert service.end_agent_span(failing[0], error="no price")
        decision = {"type": "reorder", "outputs": {"units": 3}}
        assert service.log_agent_decision("a", decision, trace_id=root.trace_id)
        assert service.end_agent_span(failing[1], error="no room even for errors")
    server.wait_for(
        lambda: any("spans_lost" in span.metadata for span in server.arrivals), "the root to say what it lost"
    )
    assert service.flush(10)

    spans = server.trace(root.trace_id)
    ordinary = [span for span in spans if span.name.startswith("a.step")]
    assert len(ordinary) == ORDINARY
    assert sorted(span.name for span in spans if span not in ordinary) == ["a.failing", "a.reorder", "root"]
    first, *_, last = (span for span in server.arrivals if span.span_id == root.span_id)
    lost = {key for key in last.attributes if key not in first.attributes}
    assert last.metadata["spans_lost"] == len(given) - ORDINARY + 1
    assert first.attributes == {key: value for key, value in last.attributes.items() if key not in lost}
    assert [key for key in lost if not key.endswith("spans_lost")] == []
    assert (last.start_ns, last.end_ns, last.status) == (first.start_ns, first.end_ns, first.status)
    assert (last.input, last.output) == (EVENT, {"ok": True})
    health = service.health_check()
    assert health["dropped"] == {"buffer_full": last.metadata["spans_lost"]}
    books = health["process"]
    assert books["begun"] == sum(number for name, number in books.items() if name != "begun")


def test_a_root_that_waits_for_room_says_what_its_trace_lost_meanwhile(
    server: LoopbackServer, start: Start
) -> None:
    """Also when a commit learns of the loss before anything of the trace is in the journal."""
    service = start(server, buffer_size=5, max_latency_ms=0)
    writer = service.client.writer
    assert writer is not None
    with service.trace_operation("before"):
        pass
    assert service.flush(10)
    buffer = writer.buffer
    with writer.store().transaction():  # nothing is committed meanwhile
        with service.trace_operation("in the commit under way"):
            pass
        eventually(lambda: not buffer.filled.is_set(), "the commit to have begun")
        for number in range(4):
            with service.trace_operation(f"waiting {number}") as waiting:
                waiting.update(level="ERROR" if number == 3 else "DEFAULT")
        trace_id = service.create_simulation_trace(EVENT) or ""
        service.end_agent_span(service.start_agent_span("a", "lost", parent_trace_id=trace_id))
        assert service.reconfigure(max_latency_ms=60_000)
        buffer.half_full.clear()
        ending = threading.Thread(target=service.finalize_trace, args=(trace_id,), daemon=True)
        ending.start()
        eventually(buffer.half_full.is_set, "the root to wait for room")
    ending.join()

    assert service.flush(10)
    (root,) = server.trace(trace_id)
    assert (root.name, root.metadata["spans_lost"]) == ("demand_spike", 1)
    assert service.health_check()["dropped"] == {"buffer_full": 1}
