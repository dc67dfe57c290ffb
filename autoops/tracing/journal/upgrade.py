"""Traces that are sent after all, and roots that must say something more than they did.

A trace that the head verdict left out stays in the journal. Once a span of it is worth sending all of it becomes due,
what has ended and what is still to come: so no trace is half sent, and none is ever undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.tracing.journal.schema import OPEN, SCORE, SPAN
from autoops.tracing.journal.statements import as_list, rows_of
from autoops.tracing.sampling import THROTTLE

if TYPE_CHECKING:
    import sqlite3
    from collections import Counter
    from collections.abc import Iterable, Mapping


def send_after_all(connection: sqlite3.Connection, reasons: Mapping[str, str], changes: Counter[str]) -> int:
    """Send traces, whatever their head verdict was.

    Args:
        connection: Within a write transaction, before the rows that gave the reasons are dispatched.
        reasons: Why, by trace; traces that have a reason already keep it.
        changes: Changes of the counters, added to.

    Returns:
        How many rows became due by it.
    """
    before = rows_of(
        connection,
        "trace_id, sampled, sampling_reason, sampling_value",
        "FROM traces WHERE trace_id IN (SELECT value FROM json_each(?))",
        as_list(reasons),
    )
    due = 0
    sent_already = []
    for trace_id, sampled, head_reason, value in before:
        if value is not None:
            continue
        connection.execute(
            "UPDATE traces SET sampled = 1, sampling_value = ? WHERE trace_id = ?",
            (reasons[trace_id], trace_id),
        )
        if sampled:
            sent_already.append(trace_id)
            continue
        due += send_ended(connection, trace_id, head_reason, changes)
    return due + send_roots_again(connection, sent_already, changes)


def send_ended(connection: sqlite3.Connection, trace_id: str, head_reason: str, changes: Counter[str]) -> int:
    """Send what has ended of a trace that was left out for ``head_reason``, and its scores. Returns how many rows."""
    spans = _ended(connection, trace_id, SPAN)
    scores = _ended(connection, trace_id, SCORE)
    changes["sampled_out"] -= spans
    changes["throttled"] -= spans if head_reason == THROTTLE else 0
    changes["pending"] += spans
    changes["scores_pending"] += scores
    return spans + scores


def send_roots_again(connection: sqlite3.Connection, trace_ids: Iterable[str], changes: Counter[str]) -> int:
    """Send the roots of traces once more if they were sent already: what their traces' rows say has changed."""
    due = 0
    for trace_id in trace_ids:
        again = connection.execute(
            "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id)"
            " SELECT r.destination_id, ?, s.seq, r.process_id"
            " FROM traces t JOIN spans s ON s.trace_id = t.trace_id AND s.span_id = t.root_span_id"
            " JOIN resources r ON r.id = s.resource_id"
            " WHERE t.trace_id = ? AND t.sampled AND s.state > ? AND r.destination_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM rejected x WHERE x.destination_id = r.destination_id"
            " AND x.kind = ? AND x.seq = s.seq)",
            (SPAN, trace_id, OPEN, SPAN),
        ).rowcount
        # As with an end that replaces an earlier one: what is sent twice has ended twice in the books.
        changes["pending"] += again
        changes["ended"] += again
        due += again
    return due


def _ended(connection: sqlite3.Connection, trace_id: str, kind: int) -> int:
    """Put a trace's ended spans, or its scores, into the outbox. Returns how many."""
    table, condition = ("spans", f"x.state > {OPEN}") if kind == SPAN else ("scores", "1")
    return connection.execute(
        "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id)"
        f" SELECT r.destination_id, ?, x.seq, r.process_id FROM {table} x JOIN resources r ON r.id = x.resource_id"
        f" WHERE x.trace_id = ? AND r.destination_id IS NOT NULL AND {condition}",
        (kind, trace_id),
    ).rowcount
