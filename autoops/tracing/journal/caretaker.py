"""Care for a journal by the one process that holds ``CARETAKER``: the log's size, spans of dead processes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from autoops.tracing.counts import Counts, Drop
from autoops.tracing.journal.outbox import bump
from autoops.tracing.journal.prune import EMPTY_LOG, FULL
from autoops.tracing.journal.schema import INTERRUPTED, OPEN, SPAN
from autoops.tracing.journal.upgrade import send_after_all
from autoops.tracing.journal.worth import WARNING
from autoops.tracing.sampling import NONE, THROTTLE

if TYPE_CHECKING:
    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

DEAD_AFTER_S: Final = 60.0
"""Age of a heartbeat at which its process is taken for dead."""
LOG_BYTES: Final = 4 * 1024 * 1024
"""Size of the write-ahead log at which its pages are moved into the file."""
LOG_BYTES_TRUNCATE: Final = 64 * 1024 * 1024
"""Size at which the log's own space is given back too."""
MEMORY_BYTES: Final = 256 * 1024 * 1024
"""Size of a journal in memory at which its oldest traces make room."""


def end_interrupted(store: Store, process_id: int, *, send_warnings: bool = True) -> int:
    """End the open spans of dead processes at their last heartbeat; a real end that comes later replaces this one.

    Args:
        store: The journal.
        process_id: This process's row.
        send_warnings: Send traces whatever chance said, for they hold a warning now.

    Returns:
        How many spans became due by it.
    """
    with store.reading() as connection:
        found = connection.execute(
            "SELECT s.seq, s.trace_id, r.destination_id, t.sampled, t.sample_rate, t.sampling_reason, p.heartbeat_at"
            " FROM spans s JOIN resources r ON r.id = s.resource_id JOIN processes p ON p.id = r.process_id"
            " JOIN traces t ON t.trace_id = s.trace_id"
            " WHERE s.state < 2 AND s.state = ? AND p.heartbeat_at < ? AND p.id <> ?",
            (OPEN, time.time() - DEAD_AFTER_S, process_id),
        ).fetchall()
    if not found:
        return 0
    changes: Counter[str] = Counter()
    warned: dict[str, str] = {}
    with store.transaction() as connection:
        for seq, trace_id, destination_id, sampled, rate, reason, heartbeat_at in found:
            cursor = connection.execute(
                "UPDATE spans SET state = ?, level = 'WARNING', status_message = 'interrupted',"
                " end_ns = MAX(start_ns, ?) WHERE seq = ? AND state = ?",
                (INTERRUPTED, int(heartbeat_at * 1e9), seq, OPEN),
            )
            if not cursor.rowcount:
                continue
            connection.execute(
                "UPDATE traces SET warning_count = warning_count + 1 WHERE trace_id = ?", (trace_id,)
            )
            changes["ended"] += 1
            if destination_id is None:
                changes["local"] += 1
            elif not sampled:
                changes["sampled_out"] += 1
                changes["throttled"] += reason == THROTTLE
            else:
                changes["pending"] += connection.execute(
                    "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id) VALUES (?, ?, ?, ?)",
                    (destination_id, SPAN, seq, process_id),
                ).rowcount
            if send_warnings and destination_id is not None and rate < 1.0 and reason != NONE:
                warned[trace_id] = WARNING
        send_after_all(connection, warned, changes)
        bump(connection, changes)
    logger.info("%d spans of processes that died were ended as interrupted", changes["ended"])
    return changes["pending"]


def bound_log(store: Store) -> None:
    """Checkpoint when the write-ahead log has grown, or holds what was deleted."""
    path = store.location.path
    if path is None:
        return
    size = log_bytes(store)
    with store.reading() as connection:
        asked = connection.execute("SELECT 1 FROM meta WHERE key = ?", (EMPTY_LOG,)).fetchone()
    if asked or size >= LOG_BYTES_TRUNCATE:
        store.checkpoint("TRUNCATE")
    elif size >= LOG_BYTES:
        store.checkpoint("PASSIVE")
    # With a reader in the way it is not emptied: then the wish stands until the next look.
    if asked and not log_bytes(store):
        with store.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (EMPTY_LOG,))


def log_bytes(store: Store) -> int:
    """Size of the write-ahead log, in bytes."""
    path = store.location.path
    try:
        return 0 if path is None else path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return 0


def bound_memory(store: Store, dropped: Counts) -> None:
    """Let the oldest fifth of a journal in memory go when it is full; what was still to be sent is counted as dropped."""
    with store.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        if (pages - free) * page_size < MEMORY_BYTES:
            return
        (low, high) = connection.execute("SELECT MIN(seq), MAX(seq) FROM spans").fetchone()
    limit = low + (high - low) // 5
    with store.transaction() as connection:
        undelivered = connection.execute(
            "DELETE FROM outbox WHERE kind = ? AND seq <= ?", (SPAN, limit)
        ).rowcount
        gone = connection.execute("DELETE FROM spans WHERE seq <= ?", (limit,)).rowcount
        traces = connection.execute(
            "DELETE FROM traces WHERE NOT EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = traces.trace_id)"
        ).rowcount
        changes = {"spans": -gone, "traces": -traces, "pending": -undelivered}
        changes |= dict.fromkeys(("pruned", f"pruned_by_{FULL}", f"lost_by_{FULL}"), undelivered)
        bump(connection, changes)
    if undelivered:
        dropped.add(Drop.MEMORY_FULL, undelivered)
