"""Thinning under load, through the service: what is sent, what stands on it, and when it is on and off.

The throttle's clock is the test's; it is looked at about once a second, which is what these tests take their time for.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk
from patience import eventually

from autoops.tracing.sampling import Throttle
from config.langfuse_config import LangfuseClient
from config.langfuse_integration import LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kit import ConfigFor
    from loopback import LoopbackServer

WINDOW_S = 30.0
TRACES = 4000
MOST_OFF = 4.0
"""Standard errors: which roots are slower than usual is the machine's to say, all else is fixed."""


class Clock:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0

    def __call__(self) -> float:
        """The time; the throttle asks each time that it looks at a healthy server's counts."""
        self.looks += 1
        return self.now

    def wait_for_looks(self, number: int = 2) -> None:
        """Wait until the throttle has looked again, at all that was so when this was called."""
        until = self.looks + number
        eventually(lambda: self.looks >= until, "the throttle to look")


@pytest.fixture
def clock() -> Clock:
    """The throttle's clock."""
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    """The service's throttle."""
    return Throttle(WINDOW_S, clock)


@pytest.fixture
def start(
    server: LoopbackServer, config_for: ConfigFor, throttle: Throttle
) -> Iterator[Callable[..., LangfuseIntegrationService]]:
    """Return a function that starts a service with that throttle; it is shut down after the test."""
    started = []

    def begin(**changes: object) -> LangfuseIntegrationService:
        client = LangfuseClient(config_for(server, **changes), throttle=throttle)
        started.append(client)
        eventually(lambda: client.is_available, "the server to be known as healthy")
        return LangfuseIntegrationService(client=client)

    yield begin
    for client in started:
        client.shutdown()


def committed(service: LangfuseIntegrationService) -> None:
    """Wait until all that has ended is in the journal."""
    total = service.health_check()["process"]["begun"]
    eventually(lambda: service.health_check()["journal"]["ended"] >= total, "the commit")


def wait_for_rate(service: LangfuseIntegrationService, rate: float) -> None:
    """Wait until the throttle lets so much through."""
    eventually(
        lambda: service.health_check()["throttle"] == rate, f"{rate:.0%} of ordinary traces to be sent"
    )


def record(service: LangfuseIntegrationService, name: str, *, fails: bool = False) -> str:
    """A trace of two spans."""
    trace_id = service.create_simulation_trace({"type": name}) or ""
    span_id = service.start_agent_span("a", "work", parent_trace_id=trace_id)
    service.end_agent_span(span_id, error="no price" if fails else None)
    service.finalize_trace(trace_id)
    return trace_id


def test_it_is_switched_on_by_a_server_that_falls_behind(
    server: LoopbackServer, start: Callable[..., LangfuseIntegrationService], clock: Clock
) -> None:
    """After a window of it; ordinary traces are left out then and counted as such, one with an error goes whole."""
    service = start(buffer_size=10_000, timeout=60.0)
    server.hang()
    for _ in range(600):
        record(service, "before")
    committed(service)
    clock.wait_for_looks(1)
    assert service.health_check()["throttle"] == 1.0

    ordinary = set()

    def more_comes() -> bool:
        ordinary.add(record(service, "ordinary"))
        clock.now += WINDOW_S + 1
        return bool(service.health_check()["throttle"] < 1.0)

    eventually(more_comes, "the throttle")
    sent_before = len(ordinary) - 1  # the last one may have been left out already
    ordinary |= {record(service, "ordinary") for _ in range(20)}
    failed = record(service, "failed", fails=True)
    server.release()

    assert service.flush(20)
    assert len(server.trace(failed)) == 2
    sent = ordinary & {span.trace_id for span in server.spans}
    health = service.health_check()
    assert health["sampled_out"] == {"throttle": 2 * (len(ordinary) - len(sent))}
    # One of a thousand is let through.
    assert sent_before <= len(sent) < sent_before + 5


def test_it_is_switched_off_when_the_load_is_over(
    start: Callable[..., LangfuseIntegrationService], clock: Clock, throttle: Throttle
) -> None:
    """A window later all is sent again."""
    throttle.rate = 0.7
    service = start()
    wait_for_rate(service, 0.7)

    clock.now += WINDOW_S + 1
    wait_for_rate(service, 1.0)
    record(service, "event")
    assert service.flush(10)
    assert service.health_check()["sampled_out"] == {}


def test_rows_for_another_server_are_no_load(
    start: Callable[..., LangfuseIntegrationService], clock: Clock, tmp_path: Path
) -> None:
    """A thousand that wait for a project of former times say nothing of the server of today."""
    path = tmp_path / "journal.db"
    former = Desk(path, **KEYS)
    for _ in range(Throttle.IGNORED + 100):
        former.span()
    former.commit()
    former.store.close()
    service = start(journal=str(path), flush_interval=3600.0, flush_at=10_000)
    last = clock.looks + 3

    def windows_pass() -> bool:
        record(service, "event")
        clock.now += WINDOW_S + 1
        return clock.looks >= last

    eventually(windows_pass, "the throttle to look")
    assert service.health_check()["journal"]["pending"] > Throttle.IGNORED + 100
    assert service.health_check()["throttle"] == 1.0


def test_switched_off_and_on_it_begins_anew(
    start: Callable[..., LangfuseIntegrationService], throttle: Throttle
) -> None:
    """Without value-aware sampling nothing is thinned, and afterwards only what load is seen then counts."""
    throttle.rate = 0.5
    service = start()
    wait_for_rate(service, 0.5)

    service.reconfigure(enable_sampling=False)
    wait_for_rate(service, 1.0)
    service.reconfigure(enable_sampling=True)
    record(service, "event")
    assert service.flush(10)
    assert service.health_check()["throttle"] == 1.0


def test_weighted_counts_of_what_arrived_estimate_the_truth(
    server: LoopbackServer,
    start: Callable[..., LangfuseIntegrationService],
    throttle: Throttle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rules, a throttle that changes, and errors, read off nothing but the roots that a server received."""
    draw = random.Random(5)
    # Ids come from the operating system: chance would keep others each time, and now and then too many of them.
    monkeypatch.setattr("autoops.tracing.provider.new_trace_id", lambda: draw.getrandbits(128) | 1)
    rates = {"event": 0.5, "rare": 0.2, "every": 1.0}
    service = start(sample_rate=0.5, sample_rules=(("rare", 0.2), ("every", 1.0)), buffer_size=20_000)
    truth: Counter[str] = Counter()
    failed: set[str] = set()
    for allowed in (1.0, 0.5, 0.2):
        throttle.rate = allowed
        wait_for_rate(service, allowed)
        for _ in range(TRACES // 3):
            name = draw.choice(list(rates))
            fails = draw.random() < 0.03
            trace_id = record(service, name, fails=fails)
            truth[name] += 1
            failed |= {trace_id} if fails else set()
    assert service.flush(30)

    chances: dict[str, list[float]] = defaultdict(list)
    of_trace: dict[str, float] = {}
    for span in server.spans:
        if not span.parent_span_id:
            of_trace[span.trace_id] = span.metadata["sampling.probability"]
            chances[span.name].append(of_trace[span.trace_id])
    assert {of_trace.get(trace_id) for trace_id in failed} == {1.0}
    for name, rate in rates.items():
        # The rule's rate times the throttle's; 1 where the trace was sent for its worth.
        assert set(chances[name]) == {1.0, *(rate * allowed for allowed in (1.0, 0.5, 0.2))}
        estimate = sum(1 / chance for chance in chances[name])
        standard_error = math.sqrt(sum((1 - chance) / chance**2 for chance in chances[name]))
        assert abs(estimate - truth[name]) <= MOST_OFF * standard_error
        assert len(chances[name]) < 0.7 * truth[name]
    health = service.health_check()
    assert sum(health["sampled_out"].values()) == health["journal"]["ended"] - health["journal"]["delivered"]
    assert set(health["sampled_out"]) == {"head", "throttle"}
