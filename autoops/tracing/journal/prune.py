"""Taking traces out of the journal, in slices that hold no writer up for long.

A trace is doomed first: from then on no list shows it. Its rows go slice by slice, its row in ``traces`` last. What comes
in for it meanwhile survives, and the trace is then shown again with what it has left.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalLocked
from autoops.tracing.journal import slices
from autoops.tracing.journal.lock import CARETAKER, lock_file
from autoops.tracing.journal.outbox import bump
from autoops.tracing.journal.schema import OPEN, SCORE, SPAN
from autoops.tracing.journal.slices import Pace, work_through
from autoops.tracing.sampling import THROTTLE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

REWRITTEN_BYTES: Final = 64 * 1000 * 1000
"""Size up to which a file is written anew after a deletion by hand: that takes half a second, in which writers wait."""
DOOMED_AT_ONCE: Final = 500
"""Traces doomed in one transaction."""
EMPTY_LOG: Final = "empty_log"
"""Key in ``meta`` by which another process asks for the log to be emptied."""

AGE: Final = "age"
"""Older than ``AUTOOPS_RETENTION_DAYS``."""
SIZE: Final = "size"
"""The journal is larger than ``AUTOOPS_JOURNAL_MAX_MB``."""
FULL: Final = "full"
"""It is so with nothing but undelivered traces in it: what is still to be sent goes too."""
HAND: Final = "hand"
"""Somebody asked for it, whatever is still to be sent."""
REASONS: Final = (AGE, SIZE, FULL, HAND)
SPARING: Final = frozenset({AGE, SIZE})
"""Reasons for which no span goes that Langfuse has not got."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A trace to be removed with its rows up to ``last_seq``."""

    trace_id: str
    last_seq: int


@dataclass
class Removed:
    """What a removal took away. ``undelivered`` of the spans went for want of space before Langfuse had got them."""

    traces: int = 0
    spans: int = 0
    undelivered: int = 0


def select(
    store: Store, *, trace_id: str | None = None, session_id: str | None = None, user_id: str | None = None
) -> list[str]:
    """Ids of the traces that bear all the given marks; an unambiguous beginning of ``trace_id`` is enough."""
    conditions, arguments = [], []
    if trace_id is not None:
        conditions.append("trace_id >= ? AND trace_id < ?")
        arguments += [trace_id, trace_id + "g"]
    for column, value in (("session_id", session_id), ("user_id", user_id)):
        if value is not None:
            conditions.append(f"{column} = ?")
            arguments.append(value)
    if not conditions:
        return []
    with store.reading() as connection:
        rows = connection.execute(f"SELECT trace_id FROM traces WHERE {' AND '.join(conditions)}", arguments)
        return [row[0] for row in rows]


def delete(store: Store, trace_ids: Sequence[str]) -> int:
    """Delete whole traces with their scores, delivered or not. What was not delivered is counted as pruned.

    Returns:
        How many spans were deleted.
    """
    removed = Removed()
    last_seq = _last_seq(store)
    doom(store, [Doomed(trace_id, last_seq) for trace_id in trace_ids], HAND)
    work_through(remove_doomed(store, removed))
    if removed.traces:
        _scrub(store)
        empty_log(store)
    return removed.spans


def _scrub(store: Store) -> None:
    """Leave nothing readable of what was deleted in the file's pages, where the file is small enough to be written anew.

    SQLite overwrites what it deletes, but not the copies that a page's gaps keep from when it was split.
    """
    with store.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * page_size <= REWRITTEN_BYTES:
        try:
            store.rewrite()
        except JournalLocked as error:
            logger.debug("the journal could not be written anew: %s", error)
        else:
            return
    work_through(give_back_space(store))


def doom(store: Store, traces: Sequence[Doomed], reason: str) -> None:
    """Hide traces and have them removed by ``remove_doomed``, here or in whichever process comes to it."""
    for start in range(0, len(traces), DOOMED_AT_ONCE):
        with store.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO doomed (trace_id, last_seq, reason)"
                " SELECT trace_id, ?, ? FROM traces WHERE trace_id = ?",
                [(each.last_seq, reason, each.trace_id) for each in traces[start : start + DOOMED_AT_ONCE]],
            )


def has_doomed(store: Store) -> bool:
    """Whether a removal was begun and not ended, perhaps by a process that is gone."""
    with store.reading() as connection:
        return connection.execute("SELECT 1 FROM doomed LIMIT 1").fetchone() is not None


def remove_doomed(store: Store, removed: Removed, pace: Pace | None = None) -> Iterator[float]:
    """Remove the rows of doomed traces, slice by slice.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    pace = pace or Pace()
    while True:
        with store.transaction() as connection:
            began = time.monotonic()
            found = connection.execute("SELECT reason FROM doomed LIMIT 1").fetchone()
            if found is None:
                return
            # What somebody deleted must not be readable in free pages of the file.
            connection.execute(f"PRAGMA secure_delete = {'ON' if found[0] == HAND else 'FAST'}").fetchall()
            _slice(connection, found[0], pace.rows, began + slices.HOLD_S, removed)
        held_s = time.monotonic() - began
        pace.took(held_s)
        yield held_s


def remove_lone_scores(store: Store, last_seq: int) -> Iterator[float]:
    """Remove scores up to ``last_seq`` on traces that the journal does not know, or no more, once they are settled.

    Yields:
        How long the slice held other writers up, in seconds; 0 if it only read.
    """
    after = 0
    while True:
        with store.reading() as connection:
            rows = connection.execute(
                "SELECT c.seq, NOT EXISTS (SELECT 1 FROM traces t WHERE t.trace_id = c.trace_id) FROM scores c"
                " WHERE c.seq > ? AND c.seq <= ? ORDER BY c.seq LIMIT ?",
                (after, last_seq, DOOMED_AT_ONCE),
            ).fetchall()
        if not rows:
            return
        after, held_s = rows[-1][0], 0.0
        lone = [(seq,) for seq, is_lone in rows if is_lone]
        if lone:
            with store.transaction() as connection:
                began = time.monotonic()
                before = connection.total_changes
                connection.executemany(_REMOVE_LONE_SCORE, lone)
                bump(connection, {"scores": before - connection.total_changes})
            held_s = time.monotonic() - began
        yield held_s


def give_back_space(store: Store) -> Iterator[float]:
    """Return the file's free pages to the disk, slice by slice.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    pace = Pace()
    free = 1
    while free:
        with store.transaction() as connection:
            began = time.monotonic()
            for number in range(pace.rows):
                # Python's sqlite3 takes a single step of this statement, and a step frees a single page.
                connection.execute("PRAGMA incremental_vacuum(1)")
                if not number % slices.AT_ONCE and time.monotonic() - began >= slices.HOLD_S:
                    break
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        held_s = time.monotonic() - began
        pace.took(held_s)
        yield held_s


def empty_log(store: Store) -> None:
    """Have the log emptied, for it still holds what was removed: by us, or by the process that cares for the file."""
    path = store.location.path
    if path is None:
        return
    lock = store.lock or lock_file(path.with_name(path.name + ".lock"))
    if lock.acquire(CARETAKER):
        try:
            store.checkpoint("TRUNCATE")
        finally:
            lock.release(CARETAKER)
    else:
        with store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '1')", (EMPTY_LOG,))


def _last_seq(store: Store) -> int:
    with store.reading() as connection:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'spans'").fetchone()
    return int(row[0]) if row else 0


_ROWS: Final = """
SELECT * FROM (
    SELECT x.seq, {open} AS is_open, r.destination_id IS NULL AS is_local,
        (SELECT o.destination_id FROM destinations d JOIN outbox o ON o.destination_id = d.id
            WHERE o.kind = {kind} AND o.seq = x.seq) AS waits_for,
        (SELECT j.destination_id FROM destinations d JOIN rejected j ON j.destination_id = d.id
            WHERE j.kind = {kind} AND j.seq = x.seq) AS refused_by
    FROM {table} x JOIN resources r ON r.id = x.resource_id
    WHERE x.trace_id = ? {upto}
) WHERE ? OR (waits_for IS NULL AND refused_by IS NULL)
LIMIT ?
"""
_REMOVE_LONE_SCORE: Final = f"""
DELETE FROM scores WHERE seq = ?
    AND NOT EXISTS (SELECT 1 FROM destinations d JOIN outbox o ON o.destination_id = d.id
        WHERE o.kind = {SCORE} AND o.seq = scores.seq)
    AND NOT EXISTS (SELECT 1 FROM destinations d JOIN rejected j ON j.destination_id = d.id
        WHERE j.kind = {SCORE} AND j.seq = scores.seq)
"""
_SPAN_ROWS: Final = _ROWS.format(table="spans", kind=SPAN, open=f"x.state = {OPEN}", upto="AND x.seq <= ?")
_SCORE_ROWS: Final = _ROWS.format(table="scores", kind=SCORE, open="0", upto="AND ? >= 0")


def _slice(connection: sqlite3.Connection, reason: str, most: int, deadline: float, removed: Removed) -> None:
    """Remove at most so many rows of traces doomed for one reason, until the time is up."""
    changes: Counter[str] = Counter()
    left = most
    doomed = connection.execute(
        "SELECT d.trace_id, d.last_seq, t.sampled, t.sampling_reason FROM doomed d JOIN traces t ON t.trace_id = d.trace_id"
        " WHERE d.reason = ? LIMIT ?",
        (reason, max(1, most)),
    ).fetchall()
    for trace_id, last_seq, sampled, head_reason in doomed:
        is_empty = False
        while left > 0 and not is_empty:
            rows = connection.execute(
                _SPAN_ROWS, (trace_id, last_seq, reason not in SPARING, slices.AT_ONCE)
            ).fetchall()
            out = changes["sampled_out"]
            _remove(connection, "spans", SPAN, rows, changes, reason, is_sampled=bool(sampled))
            changes["throttled"] += changes["sampled_out"] - out if head_reason == THROTTLE else 0
            left -= len(rows)
            is_empty = len(rows) < slices.AT_ONCE
            if time.monotonic() >= deadline:
                left = 0
        if is_empty:
            _finish(connection, trace_id, reason, changes)
        if left <= 0:
            break
    if not doomed:
        connection.execute("DELETE FROM doomed WHERE reason = ?", (reason,))
    bump(connection, changes)
    removed.spans -= changes["spans"]
    removed.traces -= changes["traces"]
    if reason == FULL:
        removed.undelivered -= changes["pending"] + changes["rejected"]


def _finish(connection: sqlite3.Connection, trace_id: str, reason: str, changes: Counter[str]) -> None:
    """A doomed trace has no more rows to remove: it goes with its scores, or stays with what came in meanwhile."""
    left = connection.execute(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE level = 'ERROR' AND state > 0),"
        " COUNT(*) FILTER (WHERE level = 'WARNING' AND state > 0) FROM spans WHERE trace_id = ?",
        (trace_id,),
    ).fetchone()
    if left[0]:
        connection.execute(
            "UPDATE traces SET span_count = ?, error_count = ?, warning_count = ? WHERE trace_id = ?",
            (*left, trace_id),
        )
    else:
        rows = connection.execute(_SCORE_ROWS, (trace_id, 0, reason not in SPARING, -1)).fetchall()
        _remove(connection, "scores", SCORE, rows, changes, reason, is_sampled=True)
        connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
        changes["traces"] -= 1
    connection.execute("DELETE FROM doomed WHERE trace_id = ?", (trace_id,))


def _remove(
    connection: sqlite3.Connection,
    table: str,
    kind: int,
    rows: Sequence[tuple[int, int, int, int | None, int | None]],
    changes: Counter[str],
    reason: str,
    *,
    is_sampled: bool,
) -> None:
    """Remove rows from wherever they stand; what was delivered stays counted as delivered."""
    for where, column in (("outbox", 3), ("rejected", 4)):
        gone = [(row[column], kind, row[0]) for row in rows if row[column] is not None]
        if gone:
            connection.executemany(
                f"DELETE FROM {where} WHERE destination_id = ? AND kind = ? AND seq = ?", gone
            )
    if rows:
        connection.executemany(f"DELETE FROM {table} WHERE seq = ?", [(row[0],) for row in rows])
    changes[table] -= len(rows)
    prefix = "" if kind == SPAN else "scores_"
    for _, is_open, is_local, waits_for, refused_by in rows:
        stood = (
            "pending"
            if waits_for is not None
            else "rejected"
            if refused_by is not None
            else None
            if is_open or kind == SCORE
            else "local"
            if is_local
            else None
            if is_sampled
            else "sampled_out"
        )
        if stood is not None:
            changes[prefix + stood] -= 1
            changes[f"{prefix}pruned"] += 1
            changes[f"{prefix}pruned_by_{reason}"] += 1
            if stood in {"pending", "rejected"}:
                changes[f"{prefix}lost_by_{reason}"] += 1
