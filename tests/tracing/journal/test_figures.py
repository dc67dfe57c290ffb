"""The journal in figures, and how agents fare."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.tracing.journal import figures, outbox
from autoops.tracing.journal.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_journal(tmp_path: Path) -> None:
    """Everything is nought, and the place is told."""
    held = figures.read(Desk(tmp_path / "journal.db").store)

    assert held.path == str(tmp_path / "journal.db")
    assert (held.reason, held.moved_aside, held.error) == (None, None, None)
    assert (held.spans, held.traces, held.ended, held.pending, held.oldest_pending_s) == (0, 0, 0, 0, None)
    assert held.bytes > 0
    assert "read_at" not in held.as_dict()


def test_a_journal_in_memory() -> None:
    """It has no path, and says why."""
    held = figures.read(open_store("off"), "JournalError: full")

    assert held.path is None
    assert "off" in str(held.reason)
    assert held.error == "JournalError: full"


def test_the_oldest_that_waits() -> None:
    """Its age is counted from its end, over all destinations; None when nothing waits."""
    store = open_store("off")
    first, second = Desk(store, **KEYS), Desk(store, public_key="pk-lf-b", secret_key="sk-lf-b")
    now = time.time_ns()
    for desk, age_s in ((first, 100), (second, 1000), (first, 10)):
        span = desk.begin()
        span.end(now - age_s * 10**9)
        desk.commit()

    oldest = figures.read(store).oldest_pending_s
    assert oldest is not None
    assert 1000 <= oldest < 1100

    for where in (1, 2):
        outbox.spans_delivered(store, where, outbox.due_spans(store, where, 9, 1 << 20, newest_first=False))
    assert figures.read(store).oldest_pending_s is None
    assert figures.read(store).delivered == 3


class TestAgentOutcomes:
    """Which agents fail too often."""

    def test_only_those_below_the_bound(self) -> None:
        """The share of ends without an error, by agent."""
        outcomes = figures.AgentOutcomes()
        for agent, good, bad in (("pricing", 19, 1), ("inventory", 1, 3), ("promotion", 5, 0)):
            for _ in range(good):
                outcomes.add(agent, succeeded=True)
            for _ in range(bad):
                outcomes.add(agent, succeeded=False)

        assert outcomes.failing(60, 0.95) == {"inventory": 0.25}
        assert outcomes.failing(60, 0.96) == {"inventory": 0.25, "pricing": 0.95}

    def test_only_of_late(self) -> None:
        """What is older than the window is forgiven."""
        outcomes = figures.AgentOutcomes()
        outcomes.add("pricing", succeeded=False)

        assert outcomes.failing(-1, 0.95) == {}
        assert outcomes.failing(60, 0.95) == {"pricing": pytest.approx(0.0)}
