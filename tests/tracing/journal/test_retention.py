"""Retention: which traces go, in what order, what stays whatever happens, and that the books hold after every slice."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.flag import Flag
from autoops.tracing.journal import choice, figures, outbox, prune, reader, retention, slices
from autoops.tracing.journal.lock import CARETAKER, lock_file
from autoops.tracing.journal.opening import is_sound
from autoops.tracing.journal.retention import DAY_S, Limits, Retention
from autoops.tracing.journal.schema import SCORE, SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autoops.tracing.journal.store import Store
    from autoops.tracing.span import Span

A_MONTH = Limits(days=30)
SECOND = 1_000_000_000
"""In nanoseconds."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def desk(path: Path) -> Desk:
    """A desk whose spans are to be delivered."""
    return Desk(path, **KEYS)


def event(desk: Desk, name: str, *, days_ago: float, spans: int = 3, kilobytes: int = 0) -> Span:
    """Record and commit a trace, dated so long ago."""
    start = time.time_ns() - int(days_ago * DAY_S * SECOND)
    payload = b'"' + b"x" * 1000 * kilobytes + b'"'
    root = desk.provider.begin(name, parent=None, start_ns=start, type="span", input=payload)
    for number in range(spans - 1):
        child = desk.provider.begin(f"{number}", parent=root, start_ns=start, type="span", input=payload)
        child.end(start + SECOND)
    root.end(start + 2 * SECOND)
    desk.commit()
    return root


def deliver(desk: Desk) -> None:
    """Let all that waits arrive."""
    due = outbox.due_spans(desk.store, 1, 10_000, 1 << 30, newest_first=False)
    outbox.spans_delivered(desk.store, 1, due)


def names(desk: Desk) -> set[str | None]:
    """The traces that a list shows."""
    return {trace.name for trace in reader.list_traces(desk.store, limit=1000).traces}


def balance(desk: Desk) -> figures.Figures:
    """The books hold, and say what is in the tables."""
    held = figures.read(desk.store)
    assert held.ended == sum(
        (held.delivered, held.pending, held.local, held.sampled_out, held.rejected, held.pruned)
    )
    assert held.pruned == sum(held.pruned_by.values())
    counted = desk.rows(
        "SELECT (SELECT COUNT(*) FROM spans), (SELECT COUNT(*) FROM traces),"
        " (SELECT COUNT(*) FROM outbox WHERE kind = 0), (SELECT COUNT(*) FROM rejected WHERE kind = 0)"
    )
    assert counted == [(held.spans, held.traces, held.pending, held.rejected)]
    return held


def recorded_long_ago(desk: Desk, days: float) -> None:
    """Have everything recorded so long ago, by our clock; spans' own clocks stay as they are."""
    desk.execute("DELETE FROM recorded")
    retention.note_recorded(desk.store)
    desk.execute("UPDATE recorded SET at = at - ?", days * DAY_S)


class TestAge:
    """Settled traces older than so many days go; nothing else does."""

    def test_what_is_settled_goes(self, desk: Desk) -> None:
        """Delivered, local, outside the sample: whole traces, and what was delivered stays counted so."""
        event(desk, "delivered", days_ago=31)
        deliver(desk)
        local, unsampled = Desk(desk.store), Desk(desk.store, **KEYS, sample_rate=0.0)
        event(local, "local", days_ago=31)
        event(unsampled, "unsampled", days_ago=31)
        event(desk, "young", days_ago=29)

        removed = retention.run(desk.store, A_MONTH)

        assert names(desk) == {"young"}
        assert (removed.traces, removed.spans, removed.undelivered) == (3, 9, 0)
        held = balance(desk)
        assert (held.delivered, held.local, held.sampled_out) == (3, 0, 0)
        assert (held.pruned, held.pruned_by, held.lost) == (6, {"age": 6}, 0)

    def test_what_langfuse_has_not_got_stays(self, desk: Desk) -> None:
        """Pending or refused, be it one span or one score of a trace; and what is still open."""
        for name in ("pending", "refused", "scored"):
            root = event(desk, name, days_ago=400)
            if name == "scored":
                desk.score(root)
                desk.commit()
        due = {
            each.span.name: each for each in outbox.due_spans(desk.store, 1, 99, 1 << 20, newest_first=False)
        }
        outbox.reject(desk.store, 1, SPAN, due["refused"].seq, 400, "no")
        settled = [each for name, each in due.items() if name not in {"refused", "pending"}]
        outbox.spans_delivered(desk.store, 1, settled)
        start = time.time_ns() - int(400 * DAY_S * SECOND)
        desk.provider.begin("open", parent=None, start_ns=start, type="span")
        desk.commit()

        retention.run(desk.store, A_MONTH)

        assert names(desk) == {"pending", "refused", "scored", "open"}
        assert balance(desk).pruned == 0
        (score,) = outbox.due_scores(desk.store, 1, 9)
        outbox.delivered(desk.store, 1, SCORE, [score.seq])
        retention.run(desk.store, A_MONTH)
        assert "scored" not in names(desk)

    def test_a_trace_goes_whole_or_not_at_all(self, desk: Desk) -> None:
        """One late span keeps it."""
        root = event(desk, "long", days_ago=31)
        desk.span("late", root)
        desk.commit()
        deliver(desk)

        retention.run(desk.store, A_MONTH)

        assert names(desk) == {"long"}
        assert balance(desk).spans == 4

    def test_a_row_dated_in_the_future_is_not_young_for_ever(self, desk: Desk) -> None:
        """It goes when it was recorded long ago, whatever its clock said."""
        event(desk, "from tomorrow", days_ago=-3650)
        deliver(desk)
        retention.run(desk.store, A_MONTH)
        assert names(desk) == {"from tomorrow"}

        recorded_long_ago(desk, 31)
        event(desk, "recorded since", days_ago=-3650)
        deliver(desk)
        retention.run(desk.store, A_MONTH)

        assert names(desk) == {"recorded since"}

    def test_a_clock_that_was_never_set_tells_no_age(self, desk: Desk) -> None:
        """A device that thinks it is 1970 loses nothing by it, until its rows are old by when they were recorded."""
        event(desk, "1970", days_ago=time.time() / DAY_S - 1)
        deliver(desk)

        retention.run(desk.store, A_MONTH)
        assert names(desk) == {"1970"}
        assert Limits(days=30).older_than(86_400.0) is None

        recorded_long_ago(desk, 31)
        retention.run(desk.store, A_MONTH)
        assert names(desk) == set()

    def test_what_was_recorded_when_is_noted_now_and_then(self, desk: Desk) -> None:
        """Once an hour, only if something is new; a note from the future is not believed."""
        desk.span()
        desk.commit()
        for _ in range(3):
            retention.note_recorded(desk.store)
        assert len(desk.rows("SELECT at FROM recorded")) == 1

        desk.execute("UPDATE recorded SET at = at - ?", 2 * retention.NOTE_EVERY_S)
        retention.note_recorded(desk.store)
        assert len(desk.rows("SELECT at FROM recorded")) == 1
        desk.span()
        desk.commit()
        retention.note_recorded(desk.store)
        assert [row[0] for row in desk.rows("SELECT span_seq FROM recorded ORDER BY at")] == [1, 2]

        desk.execute("UPDATE recorded SET at = at + ? WHERE span_seq = 2", 3650 * DAY_S)
        desk.span()
        desk.commit()
        retention.note_recorded(desk.store)
        assert [row[0] for row in desk.rows("SELECT span_seq FROM recorded ORDER BY at")] == [1, 3]

    def test_zero_keeps_all(self, desk: Desk) -> None:
        """Neither age nor size is a limit then."""
        event(desk, "ancient", days_ago=400, kilobytes=100)
        deliver(desk)

        assert retention.run(desk.store, Limits()).traces == 0
        assert names(desk) == {"ancient"}

    def test_scores_on_traces_of_elsewhere_go_too(self, desk: Desk) -> None:
        """Once they are settled and old by when they were recorded."""
        root = event(desk, "gone", days_ago=31)
        deliver(desk)
        retention.run(desk.store, A_MONTH)
        desk.score(root)
        desk.commit()
        recorded_long_ago(desk, 31)
        retention.run(desk.store, A_MONTH)
        assert desk.rows("SELECT COUNT(*) FROM scores") == [(1,)]

        (score,) = outbox.due_scores(desk.store, 1, 9)
        outbox.delivered(desk.store, 1, SCORE, [score.seq])
        retention.run(desk.store, A_MONTH)

        assert desk.rows("SELECT COUNT(*) FROM scores") == [(0,)]
        with desk.store.reading() as connection:
            assert outbox.counters(connection)["scores"] == 0

    def test_what_old_processes_told_is_let_go(self, desk: Desk) -> None:
        """Their rows stay, for spans may refer to them; their last health does not."""
        event(desk, "x", days_ago=1)
        desk.execute(
            "UPDATE processes SET health = '{\"mode\": 1}', heartbeat_at = heartbeat_at - ?", 31 * DAY_S
        )

        retention.run(desk.store, A_MONTH)

        assert [each.health for each in reader.processes(desk.store)] == [{}]


class TestSize:
    """The oldest of a journal that is too large."""

    def test_the_oldest_settled_go_first(self, desk: Desk, path: Path) -> None:
        """In the order of recording; no more than needed, and the file is smaller than its limit then."""
        for number in range(40):
            event(desk, f"{number}", days_ago=-number, kilobytes=10)
        deliver(desk)
        for number in range(40, 60):
            event(desk, f"{number}", days_ago=100, kilobytes=10)
        limits = Limits(max_mb=1.2)

        removed = retention.run(desk.store, limits)

        desk.store.checkpoint("TRUNCATE")
        assert path.stat().st_size <= 1_200_000
        assert 15 <= removed.traces < 40
        assert names(desk) == {f"{number}" for number in range(removed.traces, 60)}
        held = balance(desk)
        assert (held.pending, held.pruned, held.lost) == (60, 0, 0)
        assert is_sound(path)

    def test_undelivered_go_last_and_are_counted(self, desk: Desk) -> None:
        """When nothing settled is left; an open trace never goes."""
        open_root = desk.begin("open", given="x" * 10_000)
        desk.commit()
        for number in range(40):
            event(desk, f"{number}", days_ago=0, kilobytes=10)
        deliver(desk)
        for number in range(40, 80):
            event(desk, f"{number}", days_ago=0, kilobytes=10)

        removed = retention.run(desk.store, Limits(max_mb=0.8))

        assert removed.traces > 40
        assert removed.undelivered == 3 * (removed.traces - 40)
        assert names(desk) == {"open"} | {f"{number}" for number in range(removed.traces, 80)}
        held = balance(desk)
        assert held.lost == removed.undelivered == held.pruned_by["full"] == held.pruned
        assert held.delivered == 120
        open_root.end()
        desk.commit()
        balance(desk)

    def test_free_pages_are_given_back_before_anything_goes(self, desk: Desk, path: Path) -> None:
        """A file that is large but empty loses no trace."""
        kept = event(desk, "kept", days_ago=0, kilobytes=10)
        gone = [event(desk, "gone", days_ago=0, kilobytes=100) for _ in range(10)]
        desk.execute(f"DELETE FROM spans WHERE trace_id <> '{kept.trace_id}'")  # noqa: S608 - an id of ours
        assert len(gone) == 10

        assert retention.run(desk.store, Limits(max_mb=1.0)).traces == 0

        desk.store.checkpoint("TRUNCATE")
        assert path.stat().st_size < 500_000

    def test_what_would_go_can_be_told_before(self, desk: Desk) -> None:
        """By age exactly, by size about; nothing is changed by telling it."""
        for number in range(10):
            event(desk, f"old {number}", days_ago=40, kilobytes=10)
        deliver(desk)
        for number in range(30):
            event(desk, f"new {number}", days_ago=1, kilobytes=10)
        before = balance(desk)

        by_age = retention.foresee(desk.store, A_MONTH)
        by_size = retention.foresee(desk.store, Limits(days=30, max_mb=0.6))

        assert balance(desk).spans == before.spans
        assert (by_age.traces, by_age.spans, by_age.undelivered) == (10, 30, 0)
        assert by_size.undelivered > 0
        done = retention.run(desk.store, Limits(days=30, max_mb=0.6))
        assert abs(done.traces - by_size.traces) <= 3


class TestHidden:
    """A trace is hidden first, and whatever comes in for it meanwhile survives."""

    def test_it_is_hidden_before_its_rows_go(self, desk: Desk) -> None:
        """Neither listed, nor counted, nor found by its id."""
        root = event(desk, "x", days_ago=31)
        deliver(desk)
        prune.doom(desk.store, [prune.Doomed(root.trace_id, 1 << 40)], prune.AGE)

        assert names(desk) == set()
        assert reader.count_traces(desk.store) == 0
        assert reader.get_trace(desk.store, root.trace_id) is None
        assert desk.rows("SELECT COUNT(*) FROM spans") == [(3,)]
        balance(desk)

    def test_late_spans_survive(self, desk: Desk) -> None:
        """One that comes between hiding and removal, or that is to be sent once more, stays with its trace."""
        root = event(desk, "x", days_ago=31)
        deliver(desk)
        (found,) = next(iter(choice.old_by_their_clock(desk.store, time.time() - 30 * DAY_S)))
        prune.doom(desk.store, [found], prune.AGE)
        desk.span("late", root)
        desk.commit()

        retention.run(desk.store, Limits())

        assert names(desk) == {"x"}
        trace = reader.get_trace(desk.store, root.trace_id)
        assert trace is not None
        assert [span.name for span in trace.spans] == ["late"]
        assert trace.summary.spans == 1
        assert [
            each.span.name for each in outbox.due_spans(desk.store, 1, 9, 1 << 20, newest_first=False)
        ] == ["late"]
        balance(desk)

    @pytest.mark.parametrize("reason", [prune.AGE, prune.SIZE])
    def test_what_became_due_meanwhile_is_spared(self, desk: Desk, reason: str) -> None:
        """A row that is in the outbox again since it was judged."""
        root = event(desk, "x", days_ago=31)
        prune.doom(desk.store, [prune.Doomed(root.trace_id, 1 << 40)], reason)

        retention.run(desk.store, Limits())

        assert names(desk) == {"x"}
        assert balance(desk).pending == 3

    def test_a_removal_that_was_cut_short_is_ended_by_the_next(self, desk: Desk) -> None:
        """By whichever process cares for the journal then."""
        for number in range(20):
            event(desk, f"{number}", days_ago=31)
        deliver(desk)
        work = retention.removal(desk.store, A_MONTH, prune.Removed())
        next(work)
        del work

        Retention().step(desk.store, Limits(), Flag(), budget_s=60)

        assert not prune.has_doomed(desk.store)
        balance(desk)

    def test_readers_of_older_files_know_of_none(self, desk: Desk) -> None:
        """A file that has no such table is listed whole."""
        event(desk, "x", days_ago=1)
        desk.execute("DROP TABLE doomed")

        assert names(desk) == {"x"}
        assert reader.count_traces(desk.store) == 1


class TestSlices:
    """A little at a time, for writers go first."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Slices of a few rows."""
        monkeypatch.setattr(slices, "HOLD_S", 0.0)

    def test_the_books_hold_after_every_slice(self, desk: Desk) -> None:
        """Whatever stood where: pending, refused, delivered, local, outside the sample."""
        others = [Desk(desk.store), Desk(desk.store, **KEYS, sample_rate=0.0)]
        for number in range(12):
            event((desk, *others)[number % 3], f"{number}", days_ago=31, kilobytes=5)
        due = outbox.due_spans(desk.store, 1, 6, 1 << 20, newest_first=False)
        outbox.reject(desk.store, 1, SPAN, due[0].seq, 400, "no")
        outbox.spans_delivered(desk.store, 1, due[1:])

        number = 0
        for _ in retention.removal(desk.store, Limits(days=30, max_mb=0.05), prune.Removed()):
            balance(desk)
            number += 1

        assert number > 40
        held = balance(desk)
        assert (held.spans, held.pruned, held.delivered) == (0, 31, 5)

    def test_a_busy_writer_stops_it_and_it_goes_on(self, desk: Desk) -> None:
        """At the next look, where it was."""
        for number in range(10):
            event(desk, f"{number}", days_ago=31)
        deliver(desk)
        keeper, busy = Retention(), Flag()
        busy.set()
        steps = 0
        while names(desk) or prune.has_doomed(desk.store):
            keeper.step(desk.store, A_MONTH, busy)
            balance(desk)
            steps += 1

        assert steps >= 10

    def test_a_replaced_journal_is_begun_anew(self, desk: Desk, tmp_path: Path) -> None:
        """What was under way belonged to the other file."""
        event(desk, "x", days_ago=31)
        deliver(desk)
        other = Desk(tmp_path / "other.db")
        event(other, "y", days_ago=31)
        keeper, busy = Retention(), Flag()
        busy.set()
        keeper.step(desk.store, A_MONTH, busy)
        busy.clear()

        keeper.step(other.store, A_MONTH, busy, budget_s=60)

        assert names(other) == set()


class TestKeeper:
    """The process that cares for the journal keeps it within its limits."""

    def test_limits_come_from_the_settings(self) -> None:
        """In days and megabytes."""
        config = LangfuseConfig(retention_days=7, journal_max_mb=100)

        limits = Limits.of(config)

        assert (limits.days, limits.max_bytes()) == (7, 100e6)
        assert Limits(days=0).older_than(time.time()) is None

    def test_the_loss_of_undelivered_spans_is_logged_once(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line for a removal, with how many."""
        for number in range(20):
            event(desk, f"{number}", days_ago=0, kilobytes=20)

        with caplog.at_level(logging.WARNING):
            Retention().step(desk.store, Limits(max_mb=0.5), Flag(), budget_s=60)

        (record,) = caplog.records
        assert f"{balance(desk).lost} spans that had not been delivered" in record.getMessage()

    def test_it_does_not_search_in_vain_again_and_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A journal that is too large for one open trace is left alone until it has grown."""
        searches: list[None] = []
        search = choice.in_order

        def noted(store: Store, last_seq: int | None) -> Iterator[list[str]]:
            searches.append(None)
            return search(store, last_seq)

        monkeypatch.setattr(choice, "in_order", noted)
        monkeypatch.setattr(retention, "LOOK_EVERY_S", 0.0)
        desk.begin("open", given="x" * 300_000)
        desk.commit()
        keeper, busy, limits = Retention(), Flag(), Limits(max_mb=0.2)
        keeper.step(desk.store, limits, busy, budget_s=60)
        before = len(searches)
        keeper.step(desk.store, limits, busy, budget_s=60)
        assert len(searches) == before > 0

        desk.begin("open", given="x" * 300_000)
        desk.commit()
        keeper.step(desk.store, limits, busy, budget_s=60)
        assert len(searches) > before

    def test_pruning_by_hand_leaves_the_log_to_whoever_cares_for_it(self, desk: Desk, path: Path) -> None:
        """Two never checkpoint at once: it is asked to."""
        event(desk, "x", days_ago=31)
        deliver(desk)
        lock = lock_file(path.with_name("journal.db.lock"))
        assert lock.acquire(CARETAKER)

        assert retention.run(desk.store, A_MONTH).traces == 1

        assert desk.rows("SELECT value FROM meta WHERE key = ?", prune.EMPTY_LOG) == [("1",)]
        lock.release(CARETAKER)


class TestAlert:
    """A journal near its size limit is told before anything is lost."""

    def test_undelivered_traces_near_the_limit(self, desk: Desk) -> None:
        """From 80 % on, with what to do; below it, or without a limit, not."""
        for number in range(10):
            event(desk, f"{number}", days_ago=0, kilobytes=10)
        held = figures.read(desk.store)
        limit = held.bytes / 1e6 / 0.81

        told = figures.size_alert(held, Limits(max_mb=limit)) or ""
        assert "81%" in told
        assert "30 undelivered spans" in told
        assert "AUTOOPS_JOURNAL_MAX_MB" in told
        assert figures.size_alert(held, Limits(max_mb=limit * 1.1)) is None
        assert figures.size_alert(held, Limits()) is None

    def test_what_is_delivered_may_fill_it(self, desk: Desk) -> None:
        """It goes when room is needed, and is no loss: no alarm for ever. Local traces are."""
        for number in range(10):
            event(desk, f"{number}", days_ago=0, kilobytes=10)
        deliver(desk)
        held = figures.read(desk.store)
        limits = Limits(max_mb=held.bytes / 1e6)
        assert figures.size_alert(held, limits) is None

        local = Desk(desk.store)
        event(local, "local", days_ago=0, spans=9)
        assert "export" in (figures.size_alert(figures.read(desk.store), limits) or "")
