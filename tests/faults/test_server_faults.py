"""Whatever the server does, a process ends in time, and the next one delivers what it left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from children import run_python, running_python
from desk import Desk
from serverfaults import FAULTS, Fault, Stage

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import outbox
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import open_at

if TYPE_CHECKING:
    from pathlib import Path

SPANS = 1_000
EXIT_S = 2.2
"""The longest that a process which is done may be held, by default."""
BATCHES_IN_FLIGHT = 2
"""Of one deliverer."""

RECORD = """
import sys, time
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
for number in range(int(sys.argv[1])):
    with service.trace_operation(f"span {number}"):
        pass
print(time.time())
"""

RECORD_HALVES = """
import sys, time
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
spans = int(sys.argv[1])
for number in range(spans):
    if number == spans // 2:
        print("true", flush=True)
        input()
    with service.trace_operation(f"span {number}"):
        pass
print(time.time(), flush=True)
"""

DELIVER = """
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
print("true", flush=True)
input()
"""


def record(spans: int, env: dict[str, str]) -> float:
    """Record spans in a process of its own; seconds from the end of its program to its exit."""
    return time.time() - float(run_python(RECORD, str(spans), env=env))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_nothing_is_lost(fault: Fault, tmp_path: Path) -> None:
    """The process is let go in time; when the server is well again, a second one delivers each span, once."""
    journal = tmp_path / "journal.db"
    with Stage(fault) as stage:
        exit_s = record(SPANS, stage.env | prompt(journal))
        deliver(stage, journal)
        repeated, batches = stage.repeated()
        assert batches <= (BATCHES_IN_FLIGHT if fault.takes else 0)
        assert bool(repeated) <= fault.takes
    assert exit_s <= EXIT_S


@pytest.mark.parametrize(
    "name",
    [
        "black hole",
        "frozen (goes on when it heals)",
        "slow (2 s an answer)",
        "dripping (a byte a second)",
        "reset mid-request",
        "truncated answer",
        "503",
    ],
)
def test_a_fault_that_strikes_in_the_midst(name: str, tmp_path: Path) -> None:
    """Batches are under way then: only they may arrive twice, if the server took them and its receipt never came."""
    journal = tmp_path / "journal.db"
    with Stage(FAULTS[name], later=True) as stage:
        assert stage.server is not None
        with running_python(RECORD_HALVES, str(SPANS), env=stage.env | prompt(journal)) as first:
            assert first.says() is True
            stage.server.wait_for_spans(1)
            stage.strike()
            first.go_on()
            ended = float(first.says())
            assert first.exit_code() == 0
            assert time.time() - ended <= EXIT_S
        deliver(stage, journal)
        repeated, batches = stage.repeated()
        assert batches <= BATCHES_IN_FLIGHT
        assert bool(repeated) <= stage.fault.takes


def prompt(journal: Path) -> dict[str, str]:
    """Variables of a process that delivers soon, and waits for the disk of a busy machine rather than drop a span."""
    return {
        "AUTOOPS_JOURNAL": str(journal),
        "LANGFUSE_FLUSH_INTERVAL": "0.05",
        "LANGFUSE_MAX_LATENCY_MS": "10000",
    }


def deliver(stage: Stage, journal: Path) -> None:
    """Heal the server and start a process that records nothing: everything arrives, and the books agree."""
    server = stage.heal()
    with running_python(DELIVER, env=stage.env | prompt(journal)) as second:
        assert second.says() is True
        server.wait_for_spans(SPANS, timeout=30)
        second.go_on()
        assert second.exit_code() == 0

    assert {span.name for span in server.spans} == {f"span {number}" for number in range(SPANS)}
    assert "/elsewhere" not in {request.path for request in server.requests}
    with open_at(Location(journal)).reading() as connection:
        counts = outbox.counters(connection)
    assert (counts["delivered"], counts["pending"], counts.get("rejected", 0)) == (SPANS, 0, 0)


def test_a_full_backlog_and_a_black_hole_hold_no_exit(tmp_path: Path) -> None:
    """With every setting at its default and 20,000 spans waiting already."""
    journal = tmp_path / "journal.db"
    with Stage(FAULTS["black hole"]) as stage:
        keys = LangfuseConfig(
            public_key=stage.public_key,
            secret_key=stage.env["LANGFUSE_SECRET_KEY"],
            host=stage.env["LANGFUSE_HOST"],
        )
        desk = Desk(journal)
        desk.provider.configure(keys)
        for number in range(20_000):
            desk.span(f"old {number}")
        desk.commit()
        desk.store.close()

        assert record(SPANS, stage.env | {"AUTOOPS_JOURNAL": str(journal)}) <= EXIT_S


def test_a_partial_success_is_a_count(tmp_path: Path) -> None:
    """A collector in between says that it left spans out: nothing is repeated for it, and health tells how many."""
    code = RECORD.replace(
        "print(time.time())",
        "service.flush(20); print(service.health_check()['delivery']['partial_success'])",
    )
    with Stage(Fault("partial", lambda server: server.leave_out(3))) as stage:
        env = stage.env | {"AUTOOPS_JOURNAL": str(tmp_path / "journal.db")}
        told = run_python(code, "20", env=env)

        assert stage.server is not None
        assert told == 20 - len(stage.server.arrivals)
        assert told >= 3
        assert stage.repeated() == (set(), 0)
