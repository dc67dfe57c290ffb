"""One commit: spans, their traces, scores and what becomes due, in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from autoops.tracing.journal import trace_rows, upgrade
from autoops.tracing.journal.outbox import bump
from autoops.tracing.journal.rows import SpanRow, bare_row, span_row
from autoops.tracing.journal.schema import ENDED, OPEN, SCORE, SPAN
from autoops.tracing.journal.statements import insert_rows
from autoops.tracing.journal.upsert import insert, journalled, update
from autoops.tracing.journal.worth import WARNING, value_of
from autoops.tracing.sampling import NONE, THROTTLE, Verdict, joined
from autoops.tracing.span import COLLABORATION, NOT_ENDED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.book import Book, Source
    from autoops.tracing.scores import Score
    from autoops.tracing.span import Span
    from autoops.tracing.trace import Trace

logger = logging.getLogger(__name__)


@dataclass
class Committed:
    """What a commit did, to be noted once it is durable."""

    new_seqs: list[tuple[Span, int]] = field(default_factory=list)
    due: int = 0
    ended: int = 0
    """Spans of this process that ended; those that it took over from another are not among them."""
    agents: list[tuple[str, bool]] = field(default_factory=list)
    """Agent spans that ended, and whether without an error."""
    lost_of_unknown: dict[str, int] = field(default_factory=dict)
    """Spans that were dropped of traces that the journal does not have, by trace."""


class Made(NamedTuple):
    """A span and the row made of it."""

    span: Span
    row: SpanRow
    source: Source
    destination_id: int | None
    """Where the row is to be sent: a span that another process began goes where that one recorded it for."""


def write(
    connection: sqlite3.Connection,
    book: Book,
    opened: Sequence[Span],
    ended: Sequence[Span],
    scores: Sequence[Score],
    lost: Mapping[str, int] | None = None,
) -> Committed:
    """Write everything; the caller commits.

    Args:
        connection: Within a write transaction.
        book: What the process remembers.
        opened: Spans that began, of which those that are still open are written as such.
        ended: Spans that ended.
        scores: Scores that were given.
        lost: Spans that were dropped on the way here, by trace.
    """
    return _Commit(connection, book).write(opened, ended, scores, lost or {})


class _Commit:
    """The steps of one commit, and what they share."""

    def __init__(self, connection: sqlite3.Connection, book: Book) -> None:
        self.connection = connection
        self.book = book
        self.changes: Counter[str] = Counter()
        self.committed = Committed()
        self.verdicts: dict[str, Verdict] = {}
        """On each trace that this commit touches: the one that its row bears."""

    def write(
        self,
        opened: Sequence[Span],
        ended: Sequence[Span],
        scores: Sequence[Score],
        lost: Mapping[str, int],
    ) -> Committed:
        connection = self.connection
        made = [self._made(span, is_open=True) for span in opened if span.end_ns is None and span.seq is None]
        made += [self._made(span) for span in ended]
        before = journalled(
            connection, [(each.span.seq, each.row) for each in made if each.span.seq is not None]
        )
        replaced = {seq: row.level for seq, row in before.items() if row.state > OPEN}
        base = _last_seq(connection, "spans")
        inserts: list[tuple[int, SpanRow]] = []
        updates: list[tuple[int, SpanRow]] = []
        finished: list[tuple[int, Made]] = []
        for each in made:
            seq = each.span.seq
            if seq is not None and seq in before:
                updates.append((seq, each.row))
            else:
                base += 1
                inserts.append((base, each.row))
                self.committed.new_seqs.append((each.span, base))
                seq = base
            if each.row.state == ENDED:
                finished.append((seq, each))
                self._note(each)
        self._traces(made, inserts, updates, replaced)
        self._note_lost(lost)
        update(connection, updates)
        moved = insert(connection, inserts)
        self.changes["spans"] += len(inserts) - len(moved)
        self._dispatch([(moved.get(seq, seq), each) for seq, each in finished], replaced)
        for span in ended:
            if span.closes_trace:
                self._close_trace(span)
        self._scores(scores)
        bump(connection, self.changes)
        return self.committed

    def _made(self, span: Span, *, is_open: bool = False) -> Made:
        """A span's row; one whose data cannot be written is kept without it, for it must not hold up the others."""
        source = self.book.source(self.connection, span.trace.config)
        resource_id, destination_id = span.resource_id, source.destination_id
        if resource_id is None:
            resource_id = source.resource_id
        else:
            found = self.connection.execute(
                "SELECT destination_id FROM resources WHERE id = ?", (resource_id,)
            ).fetchone()
            destination_id = found[0] if found else None
        try:
            row = span_row(span, resource_id, source.masker, is_open=is_open)
        except Exception as fault:
            logger.warning("the data of span %s could not be written and is left out", span.id, exc_info=True)
            self.book.rows_without_data += 1
            row = bare_row(span, resource_id, fault, is_open=is_open)
        return Made(span, row, source, destination_id)

    def _note(self, ended: Made) -> None:
        self.committed.ended += is_own(ended.span)
        row = ended.row
        if row.type == "agent" and row.agent is not None:
            self.committed.agents.append((row.agent, row.level != "ERROR"))

    def _traces(
        self,
        made: Sequence[Made],
        inserts: Sequence[tuple[int, SpanRow]],
        updates: Sequence[tuple[int, SpanRow]],
        replaced: Mapping[int, str],
    ) -> None:
        """Bring the spans' traces up to date, and learn the verdict on each: the one that its row bears."""
        pieces: dict[int, tuple[str, Trace]] = {
            id(each.span.trace): (each.row.trace_id, each.span.trace) for each in made
        }
        touched = {trace_id for trace_id, _ in pieces.values()}
        known = trace_rows.verdicts(self.connection, touched)
        self.changes["traces"] += len(touched) - len(known)
        self.verdicts = known.copy()
        for trace_id, trace in pieces.values():
            self.verdicts[trace_id] = joined(self.verdicts.get(trace_id), trace.verdict())
        trace_rows.merge(self.connection, pieces.values(), inserts, updates, replaced)
        for trace_id, before in known.items():
            if self.verdicts[trace_id].sampled and not before.sampled:
                self.committed.due += upgrade.send_ended(
                    self.connection, trace_id, before.reason, self.changes
                )
        self._send_after_all(self._worth(made))

    def _worth(self, made: Sequence[Made]) -> dict[str, str]:
        """Traces that are to be sent whatever chance said, and why."""
        reasons: dict[str, str] = {}
        durations = self.book.durations
        for span, row, _, _ in made:
            if row.state != ENDED:
                continue
            config = span.trace.judged_by
            if row.trace_id not in reasons and _may_be_worth(self.verdicts[row.trace_id], config):
                reason = value_of(span, row, config, durations)
                if reason is not None:
                    reasons[row.trace_id] = reason
            if row.parent_span_id is None:
                durations.add(row.name, (row.end_ns or 0) - row.start_ns)
        return reasons

    def _send_after_all(self, reasons: Mapping[str, str]) -> None:
        if reasons:
            self.committed.due += upgrade.send_after_all(self.connection, reasons, self.changes)
            for trace_id in reasons:
                self.verdicts[trace_id] = self.verdicts[trace_id]._replace(sampled=True)

    def _note_lost(self, lost: Mapping[str, int]) -> None:
        """Have roots say how many spans their traces lack."""
        for trace_id, number in lost.items():
            noted = self.connection.execute(
                "UPDATE traces SET spans_lost = spans_lost + ? WHERE trace_id = ?", (number, trace_id)
            ).rowcount
            if not noted:
                self.committed.lost_of_unknown[trace_id] = number
        self.committed.due += upgrade.send_roots_again(self.connection, lost, self.changes)

    def _dispatch(self, ended: Sequence[tuple[int, Made]], replaced: Mapping[int, str]) -> None:
        """Put what is to be sent into the outbox; count the rest by where it stays.

        An end that replaces an earlier one is counted only if it is sent once more.
        """
        changes = self.changes
        outgoing = []
        for seq, each in ended:
            if each.destination_id is not None and self.verdicts[each.row.trace_id].sampled:
                outgoing.append((each.destination_id, SPAN, seq, self.book.process_id))
            elif seq not in replaced:
                changes["ended"] += 1
                self._count_unsent(each.destination_id, self.verdicts[each.row.trace_id].reason)
        added = self._to_outbox(outgoing)
        changes["pending"] += added
        changes["ended"] += added
        for destination_id, kind, seq, _ in outgoing if replaced else ():
            refused = self.connection.execute(
                "DELETE FROM rejected WHERE destination_id = ? AND kind = ? AND seq = ?",
                (destination_id, kind, seq),
            ).rowcount
            changes["rejected"] -= refused
            changes["ended"] -= refused

    def _count_unsent(self, destination_id: int | None, sampling_reason: str) -> None:
        if destination_id is None:
            self.changes["local"] += 1
        else:
            self.changes["sampled_out"] += 1
            self.changes["throttled"] += sampling_reason == THROTTLE

    def _close_trace(self, root: Span) -> None:
        """End what other processes, or this one before a restart, left open under a trace that is finalized."""
        rows = self.connection.execute(
            "UPDATE spans SET state = ?, end_ns = MAX(start_ns, ?),"
            " level = CASE operation WHEN ? THEN level ELSE 'WARNING' END,"
            " status_message = CASE operation WHEN ? THEN status_message ELSE ? END"
            " WHERE trace_id = ? AND state = ? AND state < 2 AND span_id <> ?"
            " RETURNING seq, (SELECT destination_id FROM resources r WHERE r.id = resource_id), level = 'WARNING'",
            (ENDED, root.end_ns, COLLABORATION, COLLABORATION, NOT_ENDED, root.trace_id, OPEN, root.id),
        ).fetchall()
        if not rows:
            return
        warnings = sum(is_warning for _, _, is_warning in rows)
        self.connection.execute(
            "UPDATE traces SET warning_count = warning_count + ? WHERE trace_id = ?",
            (warnings, root.trace_id),
        )
        self.changes["ended"] += len(rows)
        verdict = self.verdicts[root.trace_id]
        outgoing = []
        for seq, destination_id, _ in rows:
            if destination_id is not None and verdict.sampled:
                outgoing.append((destination_id, SPAN, seq, self.book.process_id))
            else:
                self._count_unsent(destination_id, verdict.reason)
        added = self._to_outbox(outgoing)
        self.changes["pending"] += added
        if warnings and _may_be_worth(verdict, root.trace.judged_by):
            self._send_after_all({root.trace_id: WARNING})

    def _scores(self, scores: Sequence[Score]) -> None:
        if not scores:
            return
        connection = self.connection
        seq = _last_seq(connection, "scores")
        outgoing = []
        verdicts = trace_rows.verdicts(connection, {score.trace_id for score in scores})
        for score in scores:
            source = self.book.source(connection, score.config)
            if score.extra is not None:
                score = score._replace(extra=source.masker.payload(score.extra.encode()).decode())  # noqa: PLW2901
            known = connection.execute(
                "UPDATE scores SET value = ?, data_type = ?, comment = ?, extra = ? WHERE score_id = ? RETURNING seq",
                (score.value, score.data_type, score.comment, score.extra, score.score_id),
            ).fetchone()
            if known is None:
                seq += 1
                connection.execute(
                    "INSERT INTO scores (seq, score_id, trace_id, span_id, name, value, data_type, comment, extra,"
                    " timestamp_ns, resource_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (seq, *score[:9], source.resource_id),
                )
                self.changes["scores"] += 1
            # A score on a trace that this journal does not know is sent.
            if source.destination_id is not None and (
                score.trace_id not in verdicts or verdicts[score.trace_id].sampled
            ):
                outgoing.append(
                    (source.destination_id, SCORE, known[0] if known else seq, self.book.process_id)
                )
        self.changes["scores_pending"] += self._to_outbox(outgoing)

    def _to_outbox(self, rows: Sequence[tuple[Any, ...]]) -> int:
        added = insert_rows(
            self.connection, "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id)", rows
        )
        self.committed.due += added
        return added


def is_own(span: Span) -> bool:
    """Whether this process began a span; one that it had let go of is taken up again here."""
    idle = span.provider.idle
    was_idle = span.span_id in idle
    idle.discard(span.span_id)
    return was_idle or span.resource_id is None


def _may_be_worth(verdict: Verdict, config: LangfuseConfig) -> bool:
    """Whether the value of a trace matters: chance decides about it, and the settings let value overrule chance.

    The verdict is the one of its row: whoever adds to a trace may know nothing of how it was decided.
    """
    by_chance = not verdict.sampled or verdict.rate < 1.0
    is_allowed = verdict.reason != NONE and config.enable_sampling and config.sample_rate > 0.0
    return by_chance and is_allowed


def _last_seq(connection: sqlite3.Connection, table: str) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0
