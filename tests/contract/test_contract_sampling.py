"""Sampling: a trace is sent whole or not at all, by its id or for its worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from children import env_for, run_python
from kit import EVENT, delivered
from opentelemetry import context
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from patience import eventually

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

TRACES = 60


def one_trace(service: LangfuseIntegrationService, number: int) -> str:
    """Record a trace of four spans with a decision and its score; return its id."""
    trace_id = service.create_simulation_trace(EVENT | {"number": number})
    assert trace_id is not None
    span_id = service.start_agent_span("a", "work", parent_trace_id=trace_id)
    service.log_agent_decision("a", {"type": "t", "confidence": 0.9}, trace_id=trace_id)
    service.end_agent_span(span_id)
    other = service.start_agent_span("b", "work", parent_trace_id=trace_id)
    service.end_agent_span(other)
    service.finalize_trace(trace_id)
    return trace_id


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_verdict_is_opentelemetrys_for_whole_traces(
    server: LoopbackServer, start: Start, rate: float
) -> None:
    """What ``TraceIdRatioBased`` would keep is sent with every span and score; of the rest nothing is."""
    service = start(server, sample_rate=rate, enable_sampling=False)
    traces = [one_trace(service, number) for number in range(TRACES)]
    ratio = TraceIdRatioBased(rate)
    kept = {
        trace_id
        for trace_id in traces
        if ratio.should_sample(None, int(trace_id, 16), "x").decision is Decision.RECORD_AND_SAMPLE
    }

    assert service.flush(10) is True
    server.wait_for_scores(len(kept))
    assert {span.trace_id for span in server.spans} == kept
    assert {len(server.trace(trace_id)) for trace_id in kept} <= {4}
    assert {score.trace_id for score in server.scores} == kept
    health = service.health_check()
    assert sum(health["sampled_out"].values()) == (TRACES - len(kept)) * 4
    eventually(lambda: service.health_check()["journal"]["spans"] == TRACES * 4, "the journal to have all")


def test_a_rate_of_zero_sends_none_not_even_errors(server: LoopbackServer, start: Start) -> None:
    """Upgrades included: with value-aware sampling on, an error at rate 0 stays here."""
    service = start(server, sample_rate=0.0, enable_sampling=True)
    trace_id = service.create_simulation_trace(EVENT)
    service.finalize_trace(trace_id, error=ValueError("broken"))
    service.score(trace_id or "", "margin", 1.0)

    assert service.flush(10) is True
    service.shutdown()
    assert (server.spans, server.scores) == ([], [])


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"ordinary y", "failed x", "failed y"}),
        ({"enable_sampling": False}, {"ordinary y", "failed y"}),
        ({"sample_rate": 0.0, "sample_rules": (("x*", 1.0),)}, set()),
    ],
    ids=["of a rule", "of a rule, by chance alone", "of all"],
)
def test_what_a_rate_of_zero_leaves(
    server: LoopbackServer, start: Start, changes: dict[str, Any], sent: set[str]
) -> None:
    """``AUTOOPS_SAMPLE_RULES=x=0`` sends what is notable of x; ``LANGFUSE_SAMPLE_RATE=0`` nothing, as docs/settings.md says."""
    service = start(server, **({"sample_rules": (("*x", 0.0),)} | changes))
    for kind in ("ordinary x", "ordinary y", "failed x", "failed y"):
        trace_id = service.create_simulation_trace({"type": kind}) or ""
        fails = kind.startswith("failed")
        service.end_agent_span(
            service.start_agent_span("a", "work", trace_id), error="no price" if fails else None
        )
        service.finalize_trace(trace_id)

    assert service.flush(10)
    roots = {span.name: span for span in server.spans if not span.parent_span_id}
    assert set(roots) == sent
    assert len(server.spans) == 2 * len(sent)
    assert {root.metadata["sampling.probability"] for root in roots.values()} <= {1.0}
    if "failed x" in roots:
        assert roots["failed x"].metadata["sampling.reason"] == "error"


@pytest.mark.parametrize(("rate", "flag"), [(0.0, "00"), (1.0, "01")])
def test_the_verdict_travels_in_the_w3c_flag(
    server: LoopbackServer, start: Start, rate: float, flag: str
) -> None:
    """Whoever continues the trace learns whether it is sent."""
    service = start(server, sample_rate=rate, enable_sampling=False)
    carrier: dict[str, str] = {}
    with service.trace_operation("here"):
        service.inject(carrier)

    assert carrier["traceparent"].endswith(f"-{flag}")


def test_the_process_that_begins_a_trace_decides(server: LoopbackServer, start: Start) -> None:
    """A continued trace follows its flag, whatever this process's own rate is."""
    service = start(server, sample_rate=1.0, enable_sampling=False)
    dropped, kept = (f"00-{number:032x}-{number:016x}-{flag}" for number, flag in ((7, "00"), (8, "01")))
    for traceparent in (dropped, kept):
        token = context.attach(service.extract({"traceparent": traceparent}))
        with service.trace_operation("continued"):
            pass
        context.detach(token)

    assert service.flush(10) is True
    assert [span.trace_id for span in server.spans] == [f"{8:032x}"]


CONTINUE = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
for trace_id in sys.argv[1:]:
    service.end_agent_span(service.start_agent_span("b", "elsewhere", parent_trace_id=trace_id))
print(json.dumps(service.flush(10)))
"""


def test_another_process_follows_the_verdict(server: LoopbackServer, start: Start) -> None:
    """A process with a rate of its own adds to traces as they were decided: whole or not at all."""
    service = start(server, sample_rate=0.5, enable_sampling=False)
    traces = [one_trace(service, number) for number in range(20)]
    assert service.flush(10) is True

    run_python(
        CONTINUE, *traces, env=env_for(server, LANGFUSE_SAMPLE_RATE="1.0", LANGFUSE_ENABLE_SAMPLING="false")
    )

    kept = {span.trace_id for span in server.spans if span.name == "demand_spike"}
    server.wait_for(
        lambda: sum(span.name == "b.elsewhere" for span in server.spans) >= len(kept), "the continued spans"
    )
    assert 0 < len(kept) < 20
    assert {span.trace_id for span in server.spans if span.name == "b.elsewhere"} == kept


FAIL_LATE = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
service.end_agent_span(service.start_agent_span("b", "elsewhere", parent_trace_id=sys.argv[1]), error="no price")
print(json.dumps(service.flush(10)))
"""


def test_a_late_error_of_another_process_sends_what_a_rule_left_out(
    server: LoopbackServer, start: Start
) -> None:
    """That process's own rate would have sent the trace; the root that it sends says why it is."""
    service = start(server, sample_rules=(("demand_spike", 1e-12),))
    trace_id = one_trace(service, 1)
    assert service.flush(10)
    assert server.spans == []

    run_python(FAIL_LATE, trace_id, env=env_for(server))

    assert len(server.wait_for_spans(5)) == 5
    (root,) = [span for span in server.trace(trace_id) if not span.parent_span_id]
    assert (root.metadata["sampling.reason"], root.metadata["sampling.probability"]) == ("error", 1.0)


def test_what_matters_is_sent_whatever_chance_said(server: LoopbackServer, start: Start) -> None:
    """Whole, scores included; the root says why, and that it counts for itself alone."""
    service = start(server, sample_rate=1e-12, enable_sampling=True)
    for number in range(5):
        one_trace(service, number)
    trace_id = service.create_simulation_trace(EVENT) or ""
    service.end_agent_span(service.start_agent_span("a", "before", parent_trace_id=trace_id))
    assert service.flush(10)
    assert server.spans == []
    service.log_agent_decision("a", {"type": "reorder", "confidence": 0.1}, trace_id=trace_id)
    service.end_agent_span(service.start_agent_span("a", "after", parent_trace_id=trace_id))
    service.finalize_trace(trace_id)

    spans = delivered(service, server, trace_id)
    assert set(spans) == {"demand_spike", "a.before", "a.reorder", "a.after"}
    root = spans["demand_spike"].metadata
    assert (root["sampling.reason"], root["sampling.probability"]) == ("low_confidence", 1.0)
    server.wait_for_scores(1)
    assert {span.trace_id for span in server.spans} == {trace_id}
    assert service.health_check()["sampled_out"] == {"head": 20}


def test_what_chance_sent_says_at_what_rate(server: LoopbackServer, start: Start) -> None:
    """So that counts can be weighted back."""
    service = start(server, sample_rate=0.999999)
    trace_id = one_trace(service, 1)

    assert service.flush(10)
    (root,) = [span for span in server.trace(trace_id) if span.name == "demand_spike"]
    assert root.metadata["sampling.reason"] == "head"
    assert root.metadata["sampling.probability"] == 0.999999


def test_a_trace_that_lost_a_span_says_so(server: LoopbackServer, start: Start) -> None:
    """A span that found no room is counted, and its root tells who looks at the trace."""
    service = start(server, buffer_size=1, max_latency_ms=0)
    trace_id = service.create_simulation_trace(EVENT) or ""
    writer = service.client.writer
    assert writer is not None
    assert service.flush(10)
    with writer.store().transaction():  # nothing is committed meanwhile
        for _ in range(4):
            service.end_agent_span(service.start_agent_span("a", "work", parent_trace_id=trace_id))
    eventually(lambda: service.flush(10) and service.finalize_trace(trace_id), "room for the root")

    lost = sum(service.health_check()["dropped"].values())
    assert lost >= 2
    assert service.flush(10)
    (root,) = [span for span in server.trace(trace_id) if span.name == "demand_spike"]
    assert root.metadata["spans_lost"] == lost
