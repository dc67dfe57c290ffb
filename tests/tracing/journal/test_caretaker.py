"""Care for a journal: spans of dead processes, the size of the log, memory that fills up."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.tracing.counts import Counts, Drop
from autoops.tracing.journal import caretaker, figures, outbox, reader
from autoops.tracing.journal.caretaker import DEAD_AFTER_S, bound_log, bound_memory, end_interrupted
from autoops.tracing.journal.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
"""In nanoseconds."""


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


class TestInterrupted:
    """A heartbeat a minute old means that the process is gone."""

    def died(self, age_s: float, **config: object) -> Desk:
        """A process that left an event and an agent's step open, and whose heartbeat is `age_s` old."""
        desk = Desk(open_store("off"), **config)
        started = time.time_ns() - int((age_s + 30) * SECOND)
        root = desk.provider.begin("event", parent=None, start_ns=started, type="span")
        desk.provider.begin("step", parent=root, start_ns=started + SECOND, type="agent", agent="pricing")
        desk.commit()
        desk.execute("UPDATE processes SET heartbeat_at = ?", time.time() - age_s)
        return desk

    def test_open_spans_end_at_the_last_heartbeat(self) -> None:
        """At WARNING "interrupted", and become due."""
        desk = self.died(DEAD_AFTER_S + 5, **KEYS)

        assert end_interrupted(desk.store, 0) == 2

        (heartbeat,) = desk.rows("SELECT heartbeat_at FROM processes")[0]
        rows = desk.rows("SELECT level, status_message, end_ns FROM spans ORDER BY seq")
        assert rows == [("WARNING", "interrupted", int(heartbeat * 1e9))] * 2
        (trace,) = reader.list_traces(desk.store).traces
        assert (trace.state, trace.warnings) == ("interrupted", 2)
        assert outbox.pending(desk.store, 1) == 2

    def test_a_process_that_was_heard_of_lately_lives(self) -> None:
        """Younger heartbeats are left alone, and so is the process that looks."""
        desk = self.died(DEAD_AFTER_S - 20, **KEYS)
        assert end_interrupted(desk.store, 0) == 0

        desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 1000")
        assert end_interrupted(desk.store, desk.book.process_id or 0) == 0
        assert desk.rows("SELECT DISTINCT state FROM spans") == [(0,)]

    def test_an_end_is_never_before_its_start(self) -> None:
        """A span that began after the last heartbeat ends when it began."""
        desk = self.died(DEAD_AFTER_S + 5)
        late = desk.begin("late")
        desk.commit()
        desk.execute("UPDATE processes SET heartbeat_at = ?", time.time() - 1000)

        end_interrupted(desk.store, 0)

        assert desk.rows("SELECT end_ns FROM spans WHERE span_id = ?", late.id) == [(late.start_ns,)]

    def test_it_happens_once(self) -> None:
        """A second look finds nothing more, and the books hold."""
        desk = self.died(DEAD_AFTER_S + 5)

        end_interrupted(desk.store, 0)
        end_interrupted(desk.store, 0)

        held = figures.read(desk.store)
        assert (held.ended, held.local, held.pending) == (2, 2, 0)

    def test_spans_outside_the_sample_are_ended_and_not_sent(self) -> None:
        """The verdict of their trace holds for them too."""
        desk = self.died(DEAD_AFTER_S + 5, **KEYS, sample_rate=0.0)

        assert end_interrupted(desk.store, 0) == 0

        held = figures.read(desk.store)
        assert (held.ended, held.sampled_out, held.pending) == (2, 2, 0)


class TestLog:
    """The write-ahead log is bounded."""

    def fill(self, desk: Desk, megabytes: int) -> None:
        """Commit so much."""
        for _ in range(megabytes):
            desk.span("x", given="x" * 900_000)
            desk.commit()

    def test_it_is_moved_into_the_file_when_it_has_grown(
        self, store_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Below its bound nothing happens; above it the pages move, and the next ones reuse the log's space."""
        monkeypatch.setattr(caretaker, "LOG_BYTES", 2_500_000)
        desk = Desk(store_path)
        log = store_path.with_name("journal.db-wal")
        self.fill(desk, 1)
        before = store_path.stat().st_size
        bound_log(desk.store)
        assert store_path.stat().st_size == before

        for _ in range(8):
            self.fill(desk, 1)
            bound_log(desk.store)

        assert store_path.stat().st_size > 4_000_000
        assert log.stat().st_size < 5_000_000

    def test_its_space_is_given_back_when_it_was_huge(
        self, store_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A log that grew during a long reader's look is cut to nothing afterwards."""
        monkeypatch.setattr(caretaker, "LOG_BYTES_TRUNCATE", 1_000_000)
        desk = Desk(store_path)
        self.fill(desk, 3)

        bound_log(desk.store)

        assert store_path.with_name("journal.db-wal").stat().st_size == 0
        assert desk.rows("SELECT COUNT(*) FROM spans") == [(3,)]

    def test_a_missing_log_is_no_fault(self, store_path: Path) -> None:
        """Nothing is written yet, or the journal is in memory: nothing to do."""
        desk = Desk(store_path)
        desk.store.close()
        for each in store_path.parent.glob("*-wal"):
            os.unlink(each)  # noqa: PTH108 - the name is enough
        bound_log(desk.store)
        bound_log(open_store("off"))


class TestMemory:
    """A journal in memory is bounded."""

    def test_the_oldest_make_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A fifth of the spans goes, oldest first; what was still to be sent is counted as dropped."""
        desk = Desk(open_store("off"), **KEYS)
        for number in range(50):
            desk.span(f"{number}", given="x" * 2000)
        desk.commit()
        dropped = Counts()
        monkeypatch.setattr(caretaker, "MEMORY_BYTES", 50_000)

        bound_memory(desk.store, dropped)

        left = desk.rows("SELECT COUNT(*), MIN(seq), MAX(seq) FROM spans")
        gone = 50 - left[0][0]
        assert 9 <= gone <= 11
        assert left == [(50 - gone, gone + 1, 50)]
        assert dropped.snapshot() == {Drop.MEMORY_FULL: gone}
        held = figures.read(desk.store)
        assert (held.spans, held.traces, held.pending, held.pruned) == (50 - gone, 50 - gone, 50 - gone, gone)
        assert held.ended == held.pending + held.pruned

    def test_below_the_bound_nothing_goes(self) -> None:
        """A small journal in memory keeps everything; an empty one is no fault."""
        desk = Desk(open_store("off"))
        dropped = Counts()
        bound_memory(desk.store, dropped)
        desk.span()
        desk.commit()

        bound_memory(desk.store, dropped)

        assert desk.rows("SELECT COUNT(*) FROM spans") == [(1,)]
        assert dropped.snapshot() == {}
