"""Commits: what is written, what becomes due, and that the books balance whatever happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from desk import KEYS, Desk
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autoops.tracing.journal import caretaker, figures, outbox, prune, reader
from autoops.tracing.journal.commit import write
from autoops.tracing.journal.opening import open_store
from autoops.tracing.journal.schema import SCORE, SPAN
from autoops.tracing.span import COLLABORATION, NOT_ENDED, Span

if TYPE_CHECKING:
    from pathlib import Path

HALF = {"sample_rate": 0.5}
SENT_TO = 1
"""The only destination of these journals."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk whose spans are to be delivered."""
    return Desk(tmp_path / "journal.db", **KEYS)


@pytest.fixture
def other(desk: Desk) -> Desk:
    """A second process on the same journal."""
    return Desk(desk.store, **KEYS)


def balance(desk: Desk) -> None:
    """Check that the counters are what is in the tables, and that they add up."""
    held = figures.read(desk.store)
    parts = held.delivered + held.pending + held.local + held.sampled_out + held.rejected + held.pruned
    assert held.ended == parts
    counted = dict(
        desk.rows("SELECT 'spans', COUNT(*) FROM spans UNION ALL SELECT 'traces', COUNT(*) FROM traces")
    )
    assert (held.spans, held.traces) == (counted["spans"], counted["traces"])
    for kind, pending, rejected in (
        (SPAN, "pending", "rejected"),
        (SCORE, "scores_pending", "scores_rejected"),
    ):
        with desk.store.reading() as connection:
            counters = outbox.counters(connection)
        for name, table in ((pending, "outbox"), (rejected, "rejected")):
            (found,) = desk.rows(f"SELECT COUNT(*) FROM {table} WHERE kind = ?", kind)  # noqa: S608 - a name of ours
            assert counters.get(name, 0) == found[0], name
    for trace_id, *counts in desk.rows("SELECT trace_id, span_count, error_count, warning_count FROM traces"):
        found = desk.rows(
            "SELECT COUNT(*), COUNT(*) FILTER (WHERE level = 'ERROR' AND state > 0),"
            " COUNT(*) FILTER (WHERE level = 'WARNING' AND state > 0) FROM spans WHERE trace_id = ?",
            trace_id,
        )
        assert tuple(counts) == found[0]


def deliver(desk: Desk, limit: int = 100) -> list[str]:
    """Take due spans as delivered; their names."""
    due = outbox.due_spans(desk.store, SENT_TO, limit, 1 << 20, newest_first=False)
    outbox.spans_delivered(desk.store, SENT_TO, due)
    return [each.span.name for each in due]


def interrupt(desk: Desk) -> int:
    """Let all processes but the last appear dead, and have their spans ended."""
    desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 100")
    return caretaker.end_interrupted(desk.store, 0)


class History:
    """Anything that can happen to spans, by three processes with different fates for their spans."""

    def __init__(self) -> None:
        self.store = open_store("off")
        self.desks = [Desk(self.store, **KEYS), Desk(self.store), Desk(self.store, **KEYS, **HALF)]
        self.open: list[tuple[Desk, Span]] = []
        self.desks[0].span("first")
        self.desks[0].commit()

    def begin(self, number: int) -> None:
        """Begin a span, perhaps under one that is open, perhaps an agent's."""
        desk = self.desks[number % 3]
        parents = [span for owner, span in self.open if owner is desk]
        kind = "agent" if number % 2 else "span"
        span = desk.begin("x", parents[-1] if number > 3 and parents else None, type=kind, agent="pricing")
        self.open.append((desk, span))

    def end(self, number: int) -> None:
        """End a span; a root may close its trace."""
        if self.open:
            desk, span = self.open.pop(number % len(self.open))
            span.level = (None, "WARNING", "ERROR")[number % 3]
            span.closes_trace = number % 2 == 0 and span.is_root
            desk.score(span)
            span.end()

    def commit(self, number: int) -> None:
        """Write what one process has."""
        self.desks[number % 3].commit()

    def die(self, _: int) -> None:
        """All heartbeats stop: what is open in the journal is interrupted; real ends may still come."""
        interrupt(self.desks[0])

    def deliver(self, number: int) -> None:
        """Some spans and scores arrive."""
        deliver(self.desks[0], 1 + number)
        due = outbox.due_scores(self.store, SENT_TO, 1 + number)
        outbox.delivered(self.store, SENT_TO, SCORE, [each.seq for each in due])

    def reject(self, _: int) -> None:
        """The server refuses a span and a score."""
        for span in outbox.due_spans(self.store, SENT_TO, 1, 1 << 20, newest_first=True):
            outbox.reject(self.store, SENT_TO, SPAN, span.seq, 400, "no")
        for score in outbox.due_scores(self.store, SENT_TO, 1):
            outbox.reject(self.store, SENT_TO, SCORE, score.seq, 400, "no")

    def retry_rejected(self, _: int) -> None:
        """What was refused is tried again."""
        outbox.retry_rejected(self.store)

    def delete(self, number: int) -> None:
        """A trace is deleted, whatever state it is in."""
        traces = [row[0] for row in self.desks[0].rows("SELECT trace_id FROM traces ORDER BY start_ns")]
        prune.delete(self.store, traces[number % len(traces) :][:1] if traces else [])


EVENTS = [name for name in vars(History) if not name.startswith("_")]


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 6)), max_size=30))
@example([("reject", 0), ("delete", 0)])
@example([("begin", 0), ("commit", 0), ("die", 0), ("end", 0), ("commit", 0)])
@example([("begin", 0), ("commit", 0), ("die", 0), ("deliver", 6), ("end", 0), ("commit", 0), ("deliver", 6)])
@example([("begin", 0), ("commit", 0), ("die", 0), ("reject", 0), ("end", 0), ("commit", 0), ("reject", 0)])
@example([("begin", 1), ("commit", 1), ("die", 0), ("end", 1), ("commit", 1), ("die", 0)])
@settings(max_examples=120)
def test_the_books_balance_after_any_history(events: list[tuple[str, int]]) -> None:
    """Ended = delivered + pending + local + sampled out + rejected + pruned, and each is what the tables hold."""
    history = History()
    for name, number in events:
        getattr(history, name)(number)
        balance(history.desks[0])


class TestSpans:
    """Rows of spans, from open to ended."""

    def test_a_root_is_there_while_it_is_open(self, desk: Desk) -> None:
        """It is journalled open, and its row is replaced when it ends."""
        root = desk.begin("event", given={"type": "event"})
        desk.commit()
        (before,) = desk.rows("SELECT seq, state, end_ns, output FROM spans")
        assert before[1:] == (0, None, None)
        assert outbox.pending(desk.store, SENT_TO) == 0

        root.output = b'"done"'
        root.end()
        desk.commit()

        assert desk.rows("SELECT seq, state, end_ns, output FROM spans") == [
            (before[0], 2, root.end_ns, '"done"')
        ]
        assert outbox.pending(desk.store, SENT_TO) == 1
        balance(desk)

    def test_one_that_ends_within_a_commit_is_written_once(self, desk: Desk) -> None:
        """No open row for what began and ended between two commits."""
        desk.span("quick")

        desk.commit()

        assert desk.rows("SELECT name, state FROM spans") == [("quick", 2)]

    def test_one_that_ends_while_it_is_written_stays_open_until_the_next_commit(self, desk: Desk) -> None:
        """An end that comes too late for a commit is in the next one, and counted once."""
        root = desk.begin("event")
        desk.commit()
        root.end()
        assert desk.rows("SELECT state FROM spans") == [(0,)]

        desk.commit()

        assert desk.rows("SELECT state FROM spans") == [(2,)]
        assert figures.read(desk.store).ended == 1

    def test_what_belongs_to_the_trace_is_kept_once(self, desk: Desk) -> None:
        """Session, user, tags and name stand on the trace, also when they become known later."""
        root = desk.begin("event")
        desk.commit()
        root.trace.session_id, root.trace.user_id, root.trace.tags = "run-1", "store-17", ("a", "b")
        desk.span("step", root)
        desk.commit()

        (trace,) = reader.list_traces(desk.store).traces
        assert (trace.name, trace.session_id, trace.user_id) == ("event", "run-1", "store-17")
        assert trace.tags == ("a", "b")
        assert trace.spans == 2

    def test_the_first_verdict_holds(self, desk: Desk) -> None:
        """A process that joins a trace follows the verdict of the one that began it."""
        root = desk.begin("event")
        root.trace.sampled = False
        desk.commit()
        joined = Desk(desk.store, **KEYS)
        joined.span("step", joined.provider.remote(root.trace.trace_id, root.span_id))
        joined.commit()

        assert outbox.pending(desk.store, SENT_TO) == 0
        assert figures.read(desk.store).sampled_out == 1

    def test_a_deleted_trace_comes_back_with_its_end(self, desk: Desk) -> None:
        """A span that ends after its trace was deleted is recorded: it was not part of what was deleted."""
        root = desk.begin("event")
        desk.commit()
        prune.delete(desk.store, [root.trace_id])

        root.end()
        desk.commit()

        assert desk.rows("SELECT name, state FROM spans") == [("event", 2)]
        balance(desk)


class TestInterrupted:
    """Spans of processes that seemed dead and were not."""

    @pytest.mark.parametrize("sent", [False, True])
    def test_a_real_end_replaces_the_interruption(self, desk: Desk, sent: bool) -> None:  # noqa: FBT001 - a parameter
        """The real end is what is sent, also when the interruption has been sent already."""
        root = desk.begin("event")
        desk.commit()
        assert interrupt(desk) == 1
        if sent:
            deliver(desk)

        root.end()
        desk.commit()

        assert desk.rows("SELECT state, level, status_message, end_ns FROM spans") == [
            (2, "DEFAULT", None, root.end_ns)
        ]
        assert deliver(desk) == ["event"]
        assert reader.list_traces(desk.store).traces[0].warnings == 0
        balance(desk)

    def test_a_real_end_during_the_request_is_sent_too(self, desk: Desk) -> None:
        """What was sent is the interruption: the receipt for it does not cover the end that came meanwhile."""
        root = desk.begin("event")
        desk.commit()
        interrupt(desk)
        under_way = outbox.due_spans(desk.store, SENT_TO, 10, 1 << 20, newest_first=False)

        root.end()
        desk.commit()
        outbox.spans_delivered(desk.store, SENT_TO, under_way)

        (due,) = outbox.due_spans(desk.store, SENT_TO, 10, 1 << 20, newest_first=False)
        assert due.span.end_ns == root.end_ns
        balance(desk)

    def test_a_real_end_supersedes_a_refusal(self, desk: Desk) -> None:
        """A refused interruption is forgotten when the span really ends."""
        root = desk.begin("event")
        desk.commit()
        interrupt(desk)
        (due,) = outbox.due_spans(desk.store, SENT_TO, 10, 1 << 20, newest_first=False)
        outbox.reject(desk.store, SENT_TO, SPAN, due.seq, 400, "no")

        root.end()
        desk.commit()

        assert reader.rejected(desk.store) == []
        assert outbox.pending(desk.store, SENT_TO) == 1
        balance(desk)


class TestFinalizing:
    """A root that closes its trace ends what other processes left open under it."""

    def test_open_spans_of_others_are_ended(self, desk: Desk, other: Desk) -> None:
        """At WARNING, with the reason, at the root's end; they become due."""
        root = desk.begin("event")
        desk.commit()
        theirs = other.begin("step", other.provider.remote(root.trace.trace_id, root.span_id), type="agent")
        other.commit()

        root.closes_trace = True
        root.end()
        committed = desk.commit()

        assert committed.due == 2
        assert desk.rows(
            "SELECT state, level, status_message, end_ns FROM spans WHERE span_id = ?", theirs.id
        ) == [(2, "WARNING", NOT_ENDED, root.end_ns)]
        balance(desk)

    def test_spans_of_a_collaboration_end_in_peace(self, desk: Desk, other: Desk) -> None:
        """They were ours to end: no warning, and none is counted."""
        root = desk.begin("workflow", operation=COLLABORATION)
        desk.commit()
        other.begin(
            f"pricing.{COLLABORATION}",
            other.provider.remote(root.trace.trace_id, root.span_id),
            type="agent",
            agent="pricing",
            operation=COLLABORATION,
        )
        other.commit()

        root.closes_trace = True
        root.end()
        desk.commit()

        assert desk.rows("SELECT DISTINCT state, level FROM spans") == [(2, "DEFAULT")]
        assert reader.list_traces(desk.store).traces[0].warnings == 0
        balance(desk)

    def test_interrupted_spans_stay_so(self, desk: Desk, other: Desk) -> None:
        """A span that ended with its process is not ended a second time, and counted once."""
        root = desk.begin("event")
        desk.commit()
        other.begin("step", other.provider.remote(root.trace.trace_id, root.span_id), type="agent")
        other.commit()
        desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 100")
        desk.execute("UPDATE processes SET heartbeat_at = ? WHERE id = ?", time.time(), desk.book.process_id)
        assert caretaker.end_interrupted(desk.store, desk.book.process_id or 0) == 1

        root.closes_trace = True
        root.end()
        desk.commit()

        assert desk.rows("SELECT status_message FROM spans WHERE name = 'step'") == [("interrupted",)]
        assert figures.read(desk.store).ended == 2
        balance(desk)


class TestScores:
    """Scores follow their trace."""

    def test_of_a_trace_that_stays(self, desk: Desk) -> None:
        """A score on a trace outside the sample is kept and not sent."""
        root = desk.begin("event")
        root.trace.sampled = False
        desk.score(root)
        desk.commit()

        assert desk.rows("SELECT COUNT(*) FROM scores") == [(1,)]
        assert outbox.due_scores(desk.store, SENT_TO, 10) == []

    def test_of_a_trace_that_nobody_knows(self, desk: Desk) -> None:
        """It is sent: the trace may have been recorded elsewhere."""
        span = desk.provider.begin("elsewhere", parent=None)
        desk.pile.opened.clear()
        desk.score(span)
        desk.commit()

        assert len(outbox.due_scores(desk.store, SENT_TO, 10)) == 1

    def test_the_same_id_replaces(self, desk: Desk) -> None:
        """As in Langfuse, the later value wins under the same id, name and time; it is sent again."""
        span = desk.span("event")
        first = desk.score(span, value="0.1", score_id="fixed")
        desk.commit()
        outbox.delivered(
            desk.store, SENT_TO, SCORE, [each.seq for each in outbox.due_scores(desk.store, SENT_TO, 9)]
        )
        desk.scores.append(first._replace(value="0.9", timestamp_ns=first.timestamp_ns + 5))
        desk.commit()

        (due,) = outbox.due_scores(desk.store, SENT_TO, 10)
        assert (due.value, due.timestamp_ns) == ("0.9", first.timestamp_ns)
        balance(desk)


class TestUndone:
    """A commit that did not come to pass leaves no trace in memory either."""

    def test_what_a_failed_commit_remembered_is_forgotten(self, desk: Desk) -> None:
        """A desk that goes on with a new book writes the rows that the failed one only thought it had."""
        span = desk.span("kept")
        with pytest.raises(ZeroDivisionError):
            self.fail(desk, span)

        desk.book = type(desk.book)("again")
        desk.commit()

        assert deliver(desk) == ["kept"]
        balance(desk)

    def fail(self, desk: Desk, span: Span) -> None:
        """Write a span in a transaction that is undone."""
        with desk.store.transaction() as connection:
            write(connection, desk.book, [], [span], [])
            raise ZeroDivisionError


def test_processes_have_a_row_each(desk: Desk, other: Desk) -> None:
    """Program and pid are told; the row is made once."""
    for _ in range(2):
        desk.span()
        other.span()
        desk.commit()
        other.commit()

    rows: list[Any] = desk.rows("SELECT pid, program FROM processes")
    assert len(rows) == 2
    assert len({row[0] for row in rows}) == 1


def test_a_changed_destination_takes_the_next_spans_only(desk: Desk) -> None:
    """Rows keep the destination that they were recorded for."""
    desk.span("first")
    desk.commit()
    desk.provider.configure(desk.provider.config.replace(public_key="pk-lf-other"))
    desk.span("second")
    desk.commit()

    names = [
        [each.span.name for each in outbox.due_spans(desk.store, where, 10, 1 << 20, newest_first=False)]
        for where in (1, 2)
    ]
    assert names == [["first"], ["second"]]
