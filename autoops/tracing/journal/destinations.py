"""Where the journal's rows are to be sent, and sending them elsewhere because somebody asked for it.

A row is sent to the project it was recorded for and to no other. Moving rows gives them a row of ``resources`` that names
their new destination, so that whoever reads them later sees where they went; rows already delivered keep the old one.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.journal.lock import FIRST_DESTINATION, lock_file
from autoops.tracing.journal.outbox import bump
from autoops.tracing.journal.schema import OPEN, SCORE, SPAN
from autoops.tracing.journal.slices import Pace

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from autoops.tracing.journal.store import Store

KINDS: Final = ((SPAN, "spans"), (SCORE, "scores"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one destination, or stays local for want of one.

    ``destination_id``, ``host`` and ``public_key`` are None for what stays local. ``first_ns`` and ``last_ns`` are the
    earliest and latest beginnings of the spans, None without spans or if they were not asked for.
    """

    destination_id: int | None
    host: str | None
    public_key: str | None
    spans: int
    scores: int
    first_ns: int | None = None
    last_ns: int | None = None


def waiting(store: Store, *, with_dates: bool = False) -> list[Waiting]:
    """What waits in the outbox, by destination."""
    with store.reading() as connection:
        known = connection.execute("SELECT id, host, public_key FROM destinations ORDER BY id").fetchall()
        counts = {
            (where, kind): number
            for where, kind, number in connection.execute(
                "SELECT destination_id, kind, COUNT(*) FROM outbox GROUP BY destination_id, kind"
            )
        }
        dates = {}
        if with_dates:
            dates = {
                where: (first_ns, last_ns)
                for where, first_ns, last_ns in connection.execute(
                    "SELECT o.destination_id, MIN(s.start_ns), MAX(s.start_ns) FROM outbox o"
                    " JOIN spans s ON s.seq = o.seq WHERE o.kind = ? GROUP BY o.destination_id",
                    (SPAN,),
                )
            }
    found = [
        Waiting(
            where,
            host,
            public_key,
            counts.get((where, SPAN), 0),
            counts.get((where, SCORE), 0),
            *dates.get(where, (None, None)),
        )
        for where, host, public_key in known
    ]
    return [each for each in found if each.spans or each.scores]


def local(store: Store) -> Waiting:
    """What was recorded without keys and stays local: ended spans of sampled traces, and scores; counts them."""
    with store.reading() as connection:
        spans = connection.execute(
            "SELECT COUNT(*), MIN(s.start_ns), MAX(s.start_ns) FROM spans s"
            " JOIN resources r ON r.id = s.resource_id JOIN traces t ON t.trace_id = s.trace_id"
            " WHERE r.destination_id IS NULL AND s.state > ? AND t.sampled",
            (OPEN,),
        ).fetchone()
        (scores,) = connection.execute(
            "SELECT COUNT(*) FROM scores c JOIN resources r ON r.id = c.resource_id"
            " LEFT JOIN traces t ON t.trace_id = c.trace_id"
            " WHERE r.destination_id IS NULL AND COALESCE(t.sampled, 1)"
        ).fetchone()
    return Waiting(None, None, None, spans[0], scores, *spans[1:])


@contextmanager
def undisturbed(store: Store, destination_id: int) -> Iterator[None]:
    """Keep other processes from delivering to a destination while its rows are moved.

    Raises:
        JournalError: A process is delivering to it now.
    """
    path = store.location.path
    byte = FIRST_DESTINATION + destination_id
    lock = None if path is None else store.lock or lock_file(path.with_name(path.name + ".lock"))
    if lock is not None and not lock.acquire(byte):
        raise JournalError("a running process delivers to it: end that process first")
    try:
        yield
    finally:
        if lock is not None:
            lock.release(byte)


def is_delivered(store: Store, destination_id: int) -> bool:
    """Whether a running process delivers to a destination, or tries to."""
    try:
        with undisturbed(store, destination_id):
            return False
    except JournalError:
        return True
    except OSError:
        # Who may not write beside the journal cannot tell.
        return False


def redirect(store: Store, old: int, new: int) -> Iterator[float]:
    """Have all that waits for one destination sent to another, slice by slice.

    Args:
        store: The journal.
        old: The destination's id.
        new: The other one's.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    for kind, table in KINDS:
        pace = Pace()
        rows: list[tuple[int, int, int]] | None = None
        while rows is None or rows:
            with store.transaction() as connection:
                began = time.monotonic()
                rows = connection.execute(
                    f"SELECT x.seq, x.resource_id, o.process_id FROM outbox o JOIN {table} x ON x.seq = o.seq"
                    " WHERE o.destination_id = ? AND o.kind = ? LIMIT ?",
                    (old, kind, pace.rows),
                ).fetchall()
                connection.executemany(
                    "DELETE FROM outbox WHERE destination_id = ? AND kind = ? AND seq = ?",
                    [(old, kind, seq) for seq, _, _ in rows],
                )
                _move(connection, table, [row[:2] for row in rows], new)
                added = _wait(connection, new, kind, [(seq, process_id) for seq, _, process_id in rows])
                bump(connection, {_counter(kind, "pending"): added - len(rows)})
            held_s = time.monotonic() - began
            pace.took(held_s)
            yield held_s


def deliver_local(store: Store, new: int) -> Iterator[float]:
    """Have what was recorded without keys sent to a destination, slice by slice.

    Spans that are open are left to the process that ends them; traces outside the sample stay unsent.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    for kind, table in KINDS:
        ended = f"x.state > {OPEN}" if kind == SPAN else "TRUE"
        pace, after = Pace(), 0
        while True:
            with store.transaction() as connection:
                began = time.monotonic()
                rows = connection.execute(
                    f"SELECT x.seq, x.resource_id, r.process_id, r.destination_id IS NULL AND {ended},"
                    f" COALESCE(t.sampled, 1) FROM {table} x JOIN resources r ON r.id = x.resource_id"
                    " LEFT JOIN traces t ON t.trace_id = x.trace_id WHERE x.seq > ? ORDER BY x.seq LIMIT ?",
                    (after, pace.rows),
                ).fetchall()
                if not rows:
                    break
                after = rows[-1][0]
                _send_local(connection, kind, table, [row for row in rows if row[3]], new)
            held_s = time.monotonic() - began
            pace.took(held_s)
            yield held_s


def _send_local(
    connection: sqlite3.Connection, kind: int, table: str, rows: list[tuple[int, ...]], new: int
) -> None:
    _move(connection, table, [(seq, resource_id) for seq, resource_id, *_ in rows], new)
    sampled = [(seq, process_id) for seq, _, process_id, _, is_sampled in rows if is_sampled]
    added = _wait(connection, new, kind, sampled)
    if kind == SPAN:
        changes = {"local": -len(rows), "pending": added, "sampled_out": len(rows) - added}
    else:
        changes = {"scores_pending": added}
    bump(connection, changes)


def _wait(connection: sqlite3.Connection, destination_id: int, kind: int, rows: list[tuple[int, int]]) -> int:
    """Put rows (``seq``, process) into the outbox. Returns how many were not there."""
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id) VALUES (?, ?, ?, ?)",
        [(destination_id, kind, seq, process_id) for seq, process_id in rows],
    )
    return connection.total_changes - before


def _move(connection: sqlite3.Connection, table: str, rows: list[tuple[int, int]], new: int) -> None:
    """Give rows (``seq``, resource) a resource like their own that names the new destination."""
    twins = {resource_id: _twin(connection, resource_id, new) for _, resource_id in rows}
    connection.executemany(
        f"UPDATE {table} SET resource_id = ? WHERE seq = ?",
        [(twins[resource_id], seq) for seq, resource_id in rows],
    )


def _twin(connection: sqlite3.Connection, resource_id: int, destination_id: int) -> int:
    found = connection.execute(
        "SELECT twin.id FROM resources own JOIN resources twin ON twin.process_id = own.process_id"
        " AND twin.environment = own.environment AND twin.release = own.release AND twin.attributes = own.attributes"
        " WHERE own.id = ? AND twin.destination_id = ?",
        (resource_id, destination_id),
    ).fetchone()
    if found is not None:
        return int(found[0])
    cursor = connection.execute(
        "INSERT INTO resources (process_id, destination_id, environment, release, attributes)"
        " SELECT process_id, ?, environment, release, attributes FROM resources WHERE id = ?",
        (destination_id, resource_id),
    )
    return int(cursor.lastrowid or 0)


def _counter(kind: int, name: str) -> str:
    return name if kind == SPAN else f"scores_{name}"
