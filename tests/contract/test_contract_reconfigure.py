"""``reconfigure`` under load, from several threads at once: no span is lost, and each trace is judged as it began."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from journals import ask, assert_sound
from kit import EVENT
from loopback import LoopbackServer
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kit import Start

    from config.langfuse_integration import LangfuseIntegrationService

TRACES = 100
"""Of each thread."""
CONFIDENCE, IMPACT = 0.4, 100.0
"""Of every decision."""
LONG_MS = 60_000.0
"""Longer than any commit takes: no caller gives up waiting for room."""


class Judge(NamedTuple):
    """Settings that say which traces are sent; told apart in the journal by the rate they lead to."""

    rate: float
    settings: dict[str, Any]
    worth: frozenset[str]
    """What of a decision and an error sends a trace whatever chance said."""


NOTHING: dict[str, Any] = {
    "sample_rules": (),
    "enable_sampling": True,
    "confidence_threshold": 0.2,
    "impact_threshold": None,
}
JUDGES = [
    Judge(0.25, {"sample_rate": 0.25}, frozenset({"error"})),
    Judge(
        0.35,
        {"sample_rate": 0.35, "confidence_threshold": 0.5},
        frozenset({"error", "low_confidence"}),
    ),
    Judge(
        0.45,
        {"sample_rate": 0.9, "sample_rules": (("shift*", 0.45),), "impact_threshold": 50.0},
        frozenset({"error", "high_impact"}),
    ),
    Judge(
        0.55,
        {"sample_rate": 0.55, "confidence_threshold": 0.5, "enable_sampling": False},
        frozenset(),
    ),
    Judge(0.0, {"sample_rate": 0.9, "sample_rules": (("shift*", 0.0),)}, frozenset({"error"})),
    Judge(0.0, {"sample_rate": 0.0, "confidence_threshold": 0.5}, frozenset()),
]
FILTERS: list[dict[str, Any]] = [
    {"traced_agents": (), "traced_operations": (), "blocked_instrumentation_scopes": ()},
    {"traced_agents": ("!b",), "traced_operations": ()},
    {"traced_agents": ("a*",), "traced_operations": ("!noise",)},
    {"blocked_instrumentation_scopes": ("scope",)},
]
ROOM: list[dict[str, Any]] = [
    {"buffer_size": 5, "max_latency_ms": LONG_MS, "flush_at": 1},
    {"buffer_size": 500, "max_latency_ms": 2 * LONG_MS, "flush_at": 100, "flush_interval": 0.01},
]


@pytest.fixture(autouse=True)
def threads_take_turns_often() -> Iterator[None]:
    """So that a change falls into the midst of the others' calls."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Worker(threading.Thread):
    """Records traces and, all the while, changes settings of its own: no other thread changes those."""

    def __init__(self, service: LangfuseIntegrationService, number: int) -> None:
        super().__init__(daemon=True)
        self.service, self.number, self.draw = service, number, random.Random(number)
        self.calls: Counter[str] = Counter()
        self.recorded: Counter[str] = Counter()
        """Spans by trace."""
        self.failed: set[str] = set()
        self.faults: list[str] = []

    def run(self) -> None:
        """Record."""
        for number in range(TRACES):
            self.trace(f"shift {self.number} {number}")

    def change(self) -> None:
        """Change settings; what was set holds, whatever the other threads set meanwhile."""
        if self.number == 0:
            changes = NOTHING | self.draw.choice(JUDGES).settings
        else:
            changes = self.draw.choice(FILTERS if self.number == 1 else ROOM)
        if not self.service.reconfigure(**changes):
            self.faults.append(f"refused: {changes}")
        now = self.service.client.config
        self.faults += [
            f"{name} was undone" for name, value in changes.items() if getattr(now, name) != value
        ]

    def trace(self, name: str) -> None:
        """Record one trace; settings change between its spans."""
        service = self.service
        trace_id = service.create_simulation_trace(EVENT, name=name)
        assert trace_id is not None
        self.recorded[trace_id] += 1
        fails = self.draw.random() < 0.2
        for agent, operation in (("a", "work"), ("b", "work"), ("a", "noise")):
            self.change()
            span_id = service.start_agent_span(agent, operation, trace_id)
            self.count(trace_id, is_recorded=span_id is not None)
            service.end_agent_span(
                span_id, error="no price" if fails and (agent, operation) == ("a", "work") else None
            )
        decision = {"type": "reorder", "confidence": CONFIDENCE, "impact": IMPACT}
        self.change()
        self.count(
            trace_id, is_recorded=service.log_agent_decision("a", decision, trace_id=trace_id) is not None
        )
        service.finalize_trace(trace_id)
        if fails:
            self.failed.add(trace_id)
        self.scoped()

    def count(self, trace_id: str, *, is_recorded: bool) -> None:
        """Note what became of a call."""
        self.calls["recorded" if is_recorded else "filtered"] += 1
        self.recorded[trace_id] += is_recorded

    def scoped(self) -> None:
        """A trace by OpenTelemetry's tracer, whose scope may be blocked."""
        provider = self.service.client.provider
        assert provider is not None
        with provider.get_tracer("scope").start_as_current_span(f"shift scope {self.number}"):
            context = get_current_span().get_span_context()
            if context.is_valid:
                self.recorded[f"{context.trace_id:032x}"] += 1


def test_no_span_is_lost_and_each_trace_is_judged_as_it_began(
    server: LoopbackServer, start: Start, tmp_path: Path
) -> None:
    """Rates, rules, thresholds, filters, scopes and the buffer change all the time, in three threads that record too."""
    journal = tmp_path / "journal.db"
    service = start(server, journal=str(journal), **ROOM[0], **(NOTHING | JUDGES[0].settings))
    workers = [Worker(service, number) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert service.flush(60)

    assert [fault for worker in workers for fault in worker.faults] == []
    recorded: Counter[str] = sum((worker.recorded for worker in workers), Counter())
    calls: Counter[str] = sum((worker.calls for worker in workers), Counter())
    health = service.health_check()
    ended = recorded.total()
    assert health["process"] == {
        "begun": ended + calls["filtered"],
        "ended": ended,
        "open": 0,
        "buffered": 0,
        "filtered": calls["filtered"],
        "dropped": 0,
    }
    assert health["faults"] == health["wrong_arguments"] == 0
    service.shutdown()
    assert_sound(journal)
    assert dict(ask(journal, "SELECT trace_id, COUNT(*) FROM spans GROUP BY trace_id")) == recorded
    failed = set.union(*(worker.failed for worker in workers))
    sent = judged(journal, failed)
    assert Counter(span.trace_id for span in server.spans) == {each: recorded[each] for each in sent}


def judged(journal: Path, failed: set[str]) -> set[str]:
    """Traces that were sent, each for a reason that the settings gave it under which it began."""
    sent = set()
    seen = Counter[str]()
    for trace_id, name, sampled, rate, reason, value in ask(
        journal, "SELECT trace_id, name, sampled, sample_rate, sampling_reason, sampling_value FROM traces"
    ):
        (judge,) = [each for each in JUDGES if each.rate == rate and is_of(each, reason)]
        kept = (int(trace_id, 16) & (1 << 64) - 1) < round(rate * (1 << 64))
        is_decided = "scope" not in name
        worth = {"low_confidence", "high_impact"} & judge.worth if is_decided else set()
        worth |= {"error"} & judge.worth if trace_id in failed else set()
        assert (value in worth) if worth else (value is None), (judge, value, worth)
        assert bool(sampled) is (kept or bool(worth)), judge
        seen[str(judge)] += 1
        if sampled:
            sent.add(trace_id)
    assert len(seen) == len(JUDGES)
    return sent


def is_of(judge: Judge, reason: str) -> bool:
    """Whether the reason is one that the settings give."""
    return (reason == "none") is (judge.settings["sample_rate"] == 0.0)


def test_switched_off_the_tracers_are_off_too(server: LoopbackServer, start: Start) -> None:
    """And what is changed along with it holds when it is on again."""
    service = start(server)
    assert service.client.provider is not None
    tracer = service.client.provider.get_tracer("scope")
    assert service.reconfigure(enabled=False, traced_agents=("!b",))
    with tracer.start_as_current_span("off"):
        pass
    assert service.reconfigure(enabled=True)
    with tracer.start_as_current_span("on"):
        pass
    assert service.start_agent_span("b", "work") is None

    assert service.flush(10)
    assert [span.name for span in server.spans] == ["on"]


def test_an_open_trace_stays_with_its_project_through_later_changes_too(
    server: LoopbackServer, start: Start
) -> None:
    """A second change, of something else, does not move it to the project that the first change named."""
    service = start(server)
    trace_id = service.create_simulation_trace({"type": "first"})
    with LoopbackServer() as other:
        assert service.reconfigure(host=other.url, public_key=other.public_key, secret_key=other.secret_key)
        assert service.reconfigure(mask_keys=("sku",))
        service.finalize_trace(trace_id)
        service.finalize_trace(service.create_simulation_trace({"type": "second"}))
        assert service.flush(10)
        assert [span.name for span in other.spans] == ["second"]
        assert service.reconfigure(
            host=server.url, public_key=server.public_key, secret_key=server.secret_key
        )
        assert [span.name for span in server.wait_for_spans(1)] == ["first"]
