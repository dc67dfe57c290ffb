"""Taking traces out of the journal: by id, by user, by session."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from autoops.tracing.journal.caretaker import EMPTY_LOG
from autoops.tracing.journal.lock import CARETAKER, lock_file
from autoops.tracing.journal.outbox import bump
from autoops.tracing.journal.schema import SCORE, SPAN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from autoops.tracing.journal.store import Store

SLICE: Final = 200
"""Traces deleted in one transaction, so that writers never wait long."""
PAGES: Final = 2000
"""Pages given back in one transaction, for the same reason."""


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
    spans = 0
    for start in range(0, len(trace_ids), SLICE):
        with store.transaction() as connection:
            # What was deleted must not be readable in free pages of the file.
            connection.execute("PRAGMA secure_delete = ON")
            spans += sum(_delete_one(connection, trace_id) for trace_id in trace_ids[start : start + SLICE])
    if spans:
        _give_back_space(store)
        _empty_log(store)
    return spans


def _give_back_space(store: Store) -> None:
    free = 1
    while free:
        with store.transaction() as connection:
            # A step frees one page: all are taken only if all rows are asked for.
            connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()


def _empty_log(store: Store) -> None:
    """Have the log emptied, for it still holds what was deleted: by us, or by the process that cares for the file."""
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


def _delete_one(connection: sqlite3.Connection, trace_id: str) -> int:
    changes: Counter[str] = Counter()
    # What stayed here and is gone now was pruned; what was delivered stays counted so.
    for counter, condition in (("local", "r.destination_id IS NULL"), ("sampled_out", "NOT t.sampled")):
        (number,) = connection.execute(
            "SELECT COUNT(*) FROM spans s JOIN resources r ON r.id = s.resource_id"
            " JOIN traces t ON t.trace_id = s.trace_id WHERE s.trace_id = ? AND s.state > 0"
            f" AND {condition}" + (" AND r.destination_id IS NOT NULL" if counter == "sampled_out" else ""),
            (trace_id,),
        ).fetchone()
        changes[counter] -= number
        changes["pruned"] += number
    for table, kind, prefix in (("spans", SPAN, ""), ("scores", SCORE, "scores_")):
        seqs = f"SELECT seq FROM {table} WHERE trace_id = ?"
        for where, counter in (("outbox", "pending"), ("rejected", "rejected")):
            gone = connection.execute(
                f"DELETE FROM {where} WHERE kind = ? AND seq IN ({seqs})", (kind, trace_id)
            ).rowcount
            changes[f"{prefix}{counter}"] -= gone
            changes[f"{prefix}pruned"] += gone
        changes[table] -= connection.execute(f"DELETE FROM {table} WHERE trace_id = ?", (trace_id,)).rowcount
    changes["traces"] -= connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,)).rowcount
    bump(connection, changes)
    return -changes["spans"]
