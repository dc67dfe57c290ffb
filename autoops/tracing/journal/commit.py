"""One commit: spans, their traces, scores and what becomes due, in one transaction."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from autoops.tracing.attributes import MAX_TRACE_TEXT
from autoops.tracing.journal.outbox import bump, destination
from autoops.tracing.journal.rows import SpanRow, bare_row, nanoseconds, span_row
from autoops.tracing.journal.schema import ENDED, OPEN, SCORE, SPAN
from autoops.tracing.journal.statements import as_list, insert_rows, rows_of
from autoops.tracing.journal.upsert import insert, journalled, update
from autoops.tracing.masking import Masker
from autoops.tracing.serialize import text
from autoops.tracing.span import COLLABORATION, NOT_ENDED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.scores import Score
    from autoops.tracing.span import Span
    from autoops.tracing.trace import Trace

logger = logging.getLogger(__name__)

_TRACE_COLUMNS: Final = (
    "trace_id, sampled, sample_rate, root_span_id, name, session_id, user_id, tags, version, public,"
    " start_ns, end_ns, span_count, error_count, warning_count"
)
_MERGE_TRACE: Final = (
    "ON CONFLICT (trace_id) DO UPDATE SET root_span_id = COALESCE(root_span_id, excluded.root_span_id), "
    + ", ".join(
        f"{name} = COALESCE(excluded.{name}, {name})"
        for name in ("name", "session_id", "user_id", "tags", "version", "public")
    )
    + ", start_ns = MIN(start_ns, excluded.start_ns), end_ns = MAX(COALESCE(end_ns, 0), excluded.end_ns), "
    + ", ".join(
        f"{name} = {name} + excluded.{name}" for name in ("span_count", "error_count", "warning_count")
    )
)


class Source(NamedTuple):
    """A configuration's row in ``resources``, and the masker it asks for."""

    config: LangfuseConfig
    resource_id: int
    destination_id: int | None
    masker: Masker


@dataclass
class Committed:
    """What a commit did, to be noted once it is durable."""

    new_seqs: list[tuple[Span, int]] = field(default_factory=list)
    due: int = 0
    ended: int = 0
    """Spans of this process that ended; those that it took over from another are not among them."""
    agents: list[tuple[str, bool]] = field(default_factory=list)
    """Agent spans that ended, and whether without an error."""


_enrolled: dict[str, tuple[int, float]] = {}
"""This process's row in each journal it has written to: its id and the start it bears."""


class Book:
    """Writes commits for one process; remembers what it need not ask the file again."""

    def __init__(self, journal: str) -> None:
        self.process_id: int | None = None
        self._journal = journal
        self._sources: dict[int, Source] = {}
        self._verdicts: dict[str, bool] = {}
        self.rows_without_data = 0

    @property
    def payloads_removed(self) -> int:
        """Payloads that were removed because masking or writing them failed."""
        return self.rows_without_data + sum(source.masker.failures for source in list(self._sources.values()))

    def known(self) -> int | None:
        """This process's row, if it has written to the file, also through another writer before."""
        if self.process_id is None and self._journal in _enrolled:
            return _enrolled[self._journal][0]
        return self.process_id

    def enroll(self, connection: sqlite3.Connection) -> int:
        """This process's row, made at its first commit to the file; a later writer of the process takes it up again."""
        if self.process_id is None:
            known = _enrolled.get(self._journal)
            if (
                known is not None
                and connection.execute(
                    "UPDATE processes SET ended_at = NULL WHERE id = ? AND started_at = ?", known
                ).rowcount
            ):
                self.process_id = known[0]
        if self.process_id is None:
            now = time.time()
            program = " ".join(sys.argv[:1]) or "python"
            cursor = connection.execute(
                "INSERT INTO processes (pid, program, started_at, heartbeat_at) VALUES (?, ?, ?, ?)",
                (os.getpid(), program, now, now),
            )
            self.process_id = int(cursor.lastrowid or 0)
            if self._journal != "off":
                _enrolled[self._journal] = (self.process_id, now)
        return self.process_id

    def source(self, connection: sqlite3.Connection, config: LangfuseConfig) -> Source:
        """The row of ``resources`` for a configuration."""
        source = self._sources.get(id(config))
        if source is None:
            process_id = self.enroll(connection)
            where = config.destination
            destination_id = None if where is None else destination(connection, *where)
            attributes = orjson.dumps(
                {"service.name": config.service_name, **config.resource_attributes}
            ).decode()
            cursor = connection.execute(
                "INSERT INTO resources (process_id, destination_id, environment, release, attributes)"
                " VALUES (?, ?, ?, ?, ?)",
                (process_id, destination_id, config.environment, config.release, attributes),
            )
            masker = Masker(config.mask_keys, config.mask)
            source = Source(config, int(cursor.lastrowid or 0), destination_id, masker)
            self._sources[id(config)] = source
        return source

    def write(
        self,
        connection: sqlite3.Connection,
        opened: Sequence[Span],
        ended: Sequence[Span],
        scores: Sequence[Score],
    ) -> Committed:
        """Write everything; the caller commits."""
        committed = Committed()
        changes: Counter[str] = Counter()
        still_open = [span for span in opened if span.end_ns is None and span.seq is None]
        made = [self._row(connection, span, is_open=True) for span in still_open]
        made += [self._row(connection, span) for span in ended]
        before = journalled(connection, [(span.seq, row) for span, row, _ in made if span.seq is not None])
        base = _last_seq(connection, "spans")
        inserts: list[tuple[int, SpanRow]] = []
        updates: list[tuple[int, SpanRow]] = []
        due: list[tuple[int, SpanRow, Source]] = []
        for span, row, source in made:
            seq = span.seq
            if seq is not None and seq in before:
                updates.append((seq, row))
            else:
                base += 1
                inserts.append((base, row))
                committed.new_seqs.append((span, base))
                seq = base
            if row.state == ENDED:
                due.append((seq, row, source))
                committed.ended += is_own(span)
                if row.type == "agent" and row.agent is not None:
                    committed.agents.append((row.agent, row.level != "ERROR"))
        replaced = {seq: row.level for seq, row in before.items() if row.state > OPEN}
        self._traces(connection, (*still_open, *ended), inserts, updates, replaced, changes)
        update(connection, updates)
        moved = insert(connection, inserts)
        changes["spans"] += len(inserts) - len(moved)
        due = [(moved.get(seq, seq), row, source) for seq, row, source in due]
        committed.due = self._dispatch(connection, due, replaced, changes)
        committed.due += self._close_traces(
            connection, [span for span in ended if span.closes_trace], changes
        )
        self._scores(connection, scores, committed, changes)
        bump(connection, changes)
        return committed

    def _row(
        self, connection: sqlite3.Connection, span: Span, *, is_open: bool = False
    ) -> tuple[Span, SpanRow, Source]:
        """A span's row; one whose data cannot be written is kept without it, for it must not hold up the others."""
        source = self.source(connection, span.trace.config)
        resource_id = span.resource_id or source.resource_id
        try:
            row = span_row(span, resource_id, source.masker, is_open=is_open)
        except Exception as fault:
            logger.warning("the data of span %s could not be written and is left out", span.id, exc_info=True)
            self.rows_without_data += 1
            row = bare_row(span, resource_id, fault, is_open=is_open)
        return span, row, source

    def _traces(
        self,
        connection: sqlite3.Connection,
        spans: Iterable[Span],
        inserts: Sequence[tuple[int, SpanRow]],
        updates: Sequence[tuple[int, SpanRow]],
        replaced: Mapping[int, str],
        changes: Counter[str],
    ) -> None:
        """Make or complete the rows of the spans' traces, and learn the verdict on each: the one that its row bears."""
        touched: dict[str, Trace] = {span.trace_id: span.trace for span in spans}
        known = verdicts(connection, touched)
        changes["traces"] += len(touched) - len(known)
        self._verdicts = {key: trace.sampled for key, trace in touched.items()} | known
        tally: dict[str, list[int]] = {key: [0, 0, 0, 0] for key in touched}
        for _, row in inserts:
            tally[row.trace_id][1] += 1
        for _, row in (*inserts, *updates):
            counts = tally[row.trace_id]
            counts[0] = max(counts[0], row.end_ns or 0)
            counts[2] += row.state == ENDED and row.level == "ERROR"
            counts[3] += row.state == ENDED and row.level == "WARNING"
        for seq, row in updates:
            tally[row.trace_id][2] -= replaced.get(seq) == "ERROR"
            tally[row.trace_id][3] -= replaced.get(seq) == "WARNING"
        insert_rows(
            connection,
            f"INSERT INTO traces ({_TRACE_COLUMNS})",
            [(*_trace_row(key, trace), *tally[key]) for key, trace in touched.items()],
            _MERGE_TRACE,
        )

    def _dispatch(
        self,
        connection: sqlite3.Connection,
        ended: Sequence[tuple[int, SpanRow, Source]],
        replaced: Mapping[int, str],
        changes: Counter[str],
    ) -> int:
        """Put what is to be sent into the outbox; count the rest by where it stays.

        An end that replaces an earlier one is counted only if it is sent once more.
        """
        outgoing = []
        for seq, row, source in ended:
            if source.destination_id is not None and self._verdicts[row.trace_id]:
                outgoing.append((source.destination_id, SPAN, seq, self.process_id))
            elif seq not in replaced:
                changes["ended"] += 1
                changes["local" if source.destination_id is None else "sampled_out"] += 1
        added = _to_outbox(connection, outgoing)
        changes["pending"] += added
        changes["ended"] += added
        for destination_id, kind, seq, _ in outgoing if replaced else ():
            refused = connection.execute(
                "DELETE FROM rejected WHERE destination_id = ? AND kind = ? AND seq = ?",
                (destination_id, kind, seq),
            ).rowcount
            changes["rejected"] -= refused
            changes["ended"] -= refused
        return added

    def _close_traces(
        self, connection: sqlite3.Connection, roots: Sequence[Span], changes: Counter[str]
    ) -> int:
        """End what other processes, or this one before a restart, left open under traces that are finalized."""
        due = 0
        for root in roots:
            rows = connection.execute(
                "UPDATE spans SET state = ?, end_ns = MAX(start_ns, ?),"
                " level = CASE operation WHEN ? THEN level ELSE 'WARNING' END,"
                " status_message = CASE operation WHEN ? THEN status_message ELSE ? END"
                " WHERE trace_id = ? AND state = ? AND state < 2 AND span_id <> ?"
                " RETURNING seq, (SELECT destination_id FROM resources r WHERE r.id = resource_id), level = 'WARNING'",
                (ENDED, root.end_ns, COLLABORATION, COLLABORATION, NOT_ENDED, root.trace_id, OPEN, root.id),
            ).fetchall()
            changes["ended"] += len(rows)
            changes["local"] += sum(1 for _, destination_id, _ in rows if destination_id is None)
            outgoing = [(where, SPAN, seq, self.process_id) for seq, where, _ in rows if where is not None]
            if self._verdicts[root.trace_id]:
                added = _to_outbox(connection, outgoing)
                changes["pending"] += added
                due += added
            else:
                changes["sampled_out"] += len(outgoing)
            connection.execute(
                "UPDATE traces SET warning_count = warning_count + ? WHERE trace_id = ?",
                (sum(is_warning for _, _, is_warning in rows), root.trace_id),
            )
        return due

    def _scores(
        self,
        connection: sqlite3.Connection,
        scores: Sequence[Score],
        committed: Committed,
        changes: Counter[str],
    ) -> None:
        if not scores:
            return
        seq = _last_seq(connection, "scores")
        outgoing = []
        sampled = self._verdicts | verdicts(connection, {score.trace_id for score in scores})
        for score in scores:
            source = self.source(connection, score.config)
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
                changes["scores"] += 1
            # A score on a trace that this journal does not know is sent.
            if source.destination_id is not None and sampled.get(score.trace_id, True):
                outgoing.append((source.destination_id, SCORE, known[0] if known else seq, self.process_id))
        added = _to_outbox(connection, outgoing)
        changes["scores_pending"] += added
        committed.due += added


def is_own(span: Span) -> bool:
    """Whether this process began a span; one that it had let go of is taken up again here."""
    if span.resource_id is None:
        return True
    if span.span_id in span.provider.idle:
        span.provider.idle.discard(span.span_id)
        return True
    return False


def verdicts(connection: sqlite3.Connection, trace_ids: Iterable[str]) -> dict[str, bool]:
    """Whether each of the traces that the journal knows is in the sample."""
    return {
        trace_id: bool(sampled)
        for trace_id, sampled in rows_of(
            connection,
            "trace_id, sampled",
            "FROM traces WHERE trace_id IN (SELECT value FROM json_each(?))",
            as_list(trace_ids),
        )
    }


def destination_of(config: LangfuseConfig) -> tuple[str, str] | None:
    """Host and public key of the project that a configuration sends to; None for one that stays local."""
    return config.destination


def _last_seq(connection: sqlite3.Connection, table: str) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _to_outbox(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    return insert_rows(
        connection, "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id)", rows
    )


def _trace_row(key: str, trace: Trace) -> tuple[Any, ...]:
    return (
        key,
        trace.sampled,
        trace.sample_rate,
        None if trace.root_span_id is None else f"{trace.root_span_id:016x}",
        None if trace.name is None else text(trace.name, limit=MAX_TRACE_TEXT),
        trace.session_id,
        trace.user_id,
        orjson.dumps(trace.tags).decode() if trace.tags else None,
        trace.version,
        trace.public,
        nanoseconds(trace.start_ns, 0),
    )


if hasattr(os, "register_at_fork"):
    # A child is a process of its own.
    os.register_at_fork(after_in_child=_enrolled.clear)
