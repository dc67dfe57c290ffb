"""The outbox's statements: what becomes due, what is taken for a batch, what leaves and why.

Counters change in the same transaction as the rows they count.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autoops.tracing.journal.rows import SpanRow
from autoops.tracing.journal.schema import SCORE, SPAN
from autoops.tracing.sampling import HEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from autoops.tracing.journal.store import Store

_SPAN_COLUMNS: Final = ", ".join(f"s.{name}" for name in SpanRow._fields)


class Resource(NamedTuple):
    """What is common to the spans of one configuration of one process."""

    id: int
    process_id: int
    destination_id: int | None
    environment: str
    release: str
    attributes: str


class TraceRow(NamedTuple):
    """What is common to the spans of a trace and goes on each when it is sent."""

    trace_id: str
    root_span_id: str | None
    name: str | None
    session_id: str | None
    user_id: str | None
    tags: str | None
    version: str | None
    public: int | None
    sample_rate: float = 1.0
    sampling_reason: str = HEAD
    sampling_value: str | None = None
    spans_lost: int = 0


_TRACE_COLUMNS: Final = ", ".join(f"t.{name}" for name in TraceRow._fields)


class DueSpan(NamedTuple):
    """A span in the outbox with what is joined to it."""

    seq: int
    span: SpanRow
    trace: TraceRow
    resource: Resource


class DueScore(NamedTuple):
    """A score in the outbox."""

    seq: int
    score_id: str
    trace_id: str
    span_id: str | None
    name: str
    value: str
    data_type: str
    comment: str | None
    extra: str | None
    timestamp_ns: int
    environment: str


def bump(connection: sqlite3.Connection, changes: Mapping[str, int]) -> None:
    """Change counters by the given amounts."""
    connection.executemany(
        "INSERT INTO counters (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(name, amount) for name, amount in changes.items() if amount],
    )


def counters(connection: sqlite3.Connection) -> dict[str, int]:
    """All counters."""
    return dict(connection.execute("SELECT name, value FROM counters"))


def due_spans(
    store: Store, destination_id: int, limit: int, max_bytes: int, *, newest_first: bool
) -> list[DueSpan]:
    """The next spans for a destination, from one end of the outbox.

    Args:
        store: The journal.
        destination_id: Where to.
        limit: Most spans.
        max_bytes: Most bytes of payloads and attributes; one span is always given.
        newest_first: Take from the live end rather than from the backlog's.
    """
    order = "DESC" if newest_first else "ASC"
    with store.reading() as connection:
        rows = connection.execute(
            f"SELECT s.seq, {_SPAN_COLUMNS},"
            f" {_TRACE_COLUMNS},"
            " r.id, r.process_id, r.destination_id, r.environment, r.release, r.attributes"
            " FROM outbox o JOIN spans s ON s.seq = o.seq"
            " JOIN traces t ON t.trace_id = s.trace_id JOIN resources r ON r.id = s.resource_id"
            f" WHERE o.destination_id = ? AND o.kind = ? ORDER BY o.seq {order} LIMIT ?",
            (destination_id, SPAN, limit),
        )
        return list(_within(rows, max_bytes))


def _within(rows: Iterable[Sequence[Any]], max_bytes: int) -> Iterable[DueSpan]:
    width = len(SpanRow._fields)
    held = 0
    for row in rows:
        due = DueSpan(
            row[0],
            SpanRow._make(row[1 : 1 + width]),
            TraceRow._make(row[1 + width : 1 + width + len(TraceRow._fields)]),
            Resource._make(row[1 + width + len(TraceRow._fields) :]),
        )
        size = _size(due.span)
        if held and held + size > max_bytes:
            return
        held += size
        yield due


def _size(span: SpanRow) -> int:
    """Bytes of a span as sent, rather too many than too few."""
    payloads = _bytes(span.input) + _bytes(span.output)
    if span.parent_span_id is None:
        payloads *= 2  # a root bears its trace's input and output too
    others = _bytes(span.attributes) + _bytes(span.events) + _bytes(span.links)
    # Keys and short values are longer in protobuf than in JSON; ids, names and what the trace adds come on top.
    return payloads + 2 * others + 2000


def _bytes(text: str | None) -> int:
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())


def due_scores(store: Store, destination_id: int, limit: int) -> list[DueScore]:
    """The oldest scores for a destination."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT s.seq, s.score_id, s.trace_id, s.span_id, s.name, s.value, s.data_type, s.comment,"
            " s.extra, s.timestamp_ns, r.environment"
            " FROM outbox o JOIN scores s ON s.seq = o.seq JOIN resources r ON r.id = s.resource_id"
            " WHERE o.destination_id = ? AND o.kind = ? ORDER BY o.seq LIMIT ?",
            (destination_id, SCORE, limit),
        ).fetchall()
    return [DueScore._make(row) for row in rows]


def has_due(store: Store, destination_id: int, at_least: int = 1, *, kind: int | None = None) -> bool:
    """Whether at least so many rows, or spans or scores alone, wait for a destination; cheap however many do."""
    of_kind, values = ("", ()) if kind is None else (" AND kind = ?", (kind,))
    with store.reading() as connection:
        row = connection.execute(
            f"SELECT 1 FROM outbox WHERE destination_id = ?{of_kind} LIMIT 1 OFFSET ?",
            (destination_id, *values, at_least - 1),
        ).fetchone()
    return row is not None


def newest_due(store: Store, destination_id: int) -> int:
    """The ``seq`` of the latest span that waits for a destination; 0 if none does."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT MAX(seq) FROM outbox WHERE destination_id = ? AND kind = ?", (destination_id, SPAN)
        ).fetchone()
    return row[0] or 0


def pending(store: Store, destination_id: int, *, spans_only: bool = False) -> int:
    """Rows that wait for a destination, spans and scores; counts them."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT COUNT(*) FROM outbox WHERE destination_id = ? AND kind <= ?",
            (destination_id, SPAN if spans_only else SCORE),
        ).fetchone()
    return int(row[0])


def marks(store: Store) -> tuple[int, int]:
    """The latest ``seq`` of spans and of scores."""
    with store.reading() as connection:
        latest = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    return latest.get("spans", 0), latest.get("scores", 0)


def is_settled(store: Store, destination_id: int, process_id: int, span_mark: int, score_mark: int) -> bool:
    """Whether nothing that a process had committed for a destination up to the marks (``seq``) is still to be sent."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT 1 FROM outbox WHERE destination_id = ? AND process_id = ?"
            " AND ((kind = ? AND seq <= ?) OR (kind = ? AND seq <= ?)) LIMIT 1",
            (destination_id, process_id, SPAN, span_mark, SCORE, score_mark),
        ).fetchone()
    return row is None


def has_due_between(
    store: Store, destination_id: int, after: tuple[int, int], up_to: tuple[int, int]
) -> bool:
    """Whether rows wait that any process has committed between two ``marks``."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT 1 FROM outbox WHERE destination_id = ? AND kind = ? AND seq > ? AND seq <= ?"
            " UNION ALL SELECT 1 FROM outbox WHERE destination_id = ? AND kind = ? AND seq > ? AND seq <= ? LIMIT 1",
            (destination_id, SPAN, after[0], up_to[0], destination_id, SCORE, after[1], up_to[1]),
        ).fetchone()
    return row is not None


def spans_delivered(store: Store, destination_id: int, sent: Sequence[DueSpan]) -> None:
    """Take spans out of the outbox: the receipt for them, as they were when sent, is in hand.

    One that has really ended since it was sent as interrupted stays, and so does a root whose trace has more to say since:
    they are to be sent again.
    """
    with store.transaction() as connection:
        before = connection.total_changes
        connection.executemany(
            "DELETE FROM outbox WHERE destination_id = ? AND kind = ? AND seq = ?"
            " AND EXISTS (SELECT 1 FROM spans s WHERE s.seq = outbox.seq AND s.state = ? AND s.end_ns IS ?)"
            " AND NOT EXISTS (SELECT 1 FROM spans s JOIN traces t ON t.trace_id = s.trace_id WHERE s.seq = outbox.seq"
            " AND s.parent_span_id IS NULL AND (t.sampling_value IS NOT ? OR t.spans_lost <> ?))",
            [
                (
                    destination_id,
                    SPAN,
                    due.seq,
                    due.span.state,
                    due.span.end_ns,
                    due.trace.sampling_value,
                    due.trace.spans_lost,
                )
                for due in sent
            ],
        )
        gone = connection.total_changes - before
        bump(connection, {"pending": -gone, "delivered": gone})


def delivered(store: Store, destination_id: int, kind: int, seqs: Sequence[int]) -> None:
    """Take rows out of the outbox: their receipt is in hand."""
    with store.transaction() as connection:
        gone = _leave(connection, destination_id, kind, seqs)
        prefix = "" if kind == SPAN else "scores_"
        bump(connection, {f"{prefix}pending": -gone, f"{prefix}delivered": gone})


def reject(store: Store, destination_id: int, kind: int, seq: int, status: int, message: str) -> None:
    """Take one row out of the outbox and keep it as rejected, with the server's words."""
    with store.transaction() as connection:
        gone = _leave(connection, destination_id, kind, [seq])
        connection.execute(
            "INSERT OR REPLACE INTO rejected (destination_id, kind, seq, status, message, rejected_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (destination_id, kind, seq, status, message[:2000], time.time()),
        )
        prefix = "" if kind == SPAN else "scores_"
        bump(connection, {f"{prefix}pending": -gone, f"{prefix}rejected": gone})


def retry_rejected(store: Store) -> int:
    """Put every rejected row back into the outbox. Returns how many."""
    with store.transaction() as connection:
        rows = connection.execute("SELECT destination_id, kind, seq FROM rejected").fetchall()
        connection.executemany(
            "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id) VALUES (?, ?, ?, 0)", rows
        )
        connection.execute("DELETE FROM rejected")
        spans = sum(1 for row in rows if row[1] == SPAN)
        scores = len(rows) - spans
        bump(
            connection,
            {"pending": spans, "rejected": -spans, "scores_pending": scores, "scores_rejected": -scores},
        )
        return len(rows)


def destination(connection: sqlite3.Connection, host: str, public_key: str) -> int:
    """The id of a destination, made when it is first met. Call it in a write transaction."""
    connection.execute(
        "INSERT OR IGNORE INTO destinations (host, public_key) VALUES (?, ?)", (host, public_key)
    )
    row = connection.execute(
        "SELECT id FROM destinations WHERE host = ? AND public_key = ?", (host, public_key)
    )
    return int(row.fetchone()[0])


def _leave(connection: sqlite3.Connection, destination_id: int, kind: int, seqs: Sequence[int]) -> int:
    before = connection.total_changes
    connection.executemany(
        "DELETE FROM outbox WHERE destination_id = ? AND kind = ? AND seq = ?",
        [(destination_id, kind, seq) for seq in seqs],
    )
    return connection.total_changes - before
