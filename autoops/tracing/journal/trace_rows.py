"""Rows of traces: made by the first span of theirs that is committed, completed by the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from autoops.tracing.attributes import MAX_TRACE_TEXT
from autoops.tracing.journal.rows import SpanRow, nanoseconds
from autoops.tracing.journal.schema import ENDED
from autoops.tracing.journal.statements import as_list, insert_rows, rows_of
from autoops.tracing.sampling import Verdict
from autoops.tracing.serialize import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from autoops.tracing.trace import Trace

_COLUMNS: Final = (
    "trace_id, sampled, sample_rate, sampling_reason, root_span_id, name, session_id, user_id, tags, version, public,"
    " start_ns, end_ns, span_count, error_count, warning_count"
)
_ROOT_COMES_LATER: Final = "WHEN root_span_id IS NULL AND excluded.root_span_id IS NOT NULL"
_MERGE: Final = (
    "ON CONFLICT (trace_id) DO UPDATE SET root_span_id = COALESCE(root_span_id, excluded.root_span_id), "
    # As ``sampling.joined`` has it.
    f"sampled = CASE {_ROOT_COMES_LATER} THEN MAX(sampled, excluded.sampled) ELSE sampled END, "
    f"sample_rate = CASE {_ROOT_COMES_LATER} THEN MAX(sample_rate, excluded.sample_rate) ELSE sample_rate END, "
    f"sampling_reason = CASE {_ROOT_COMES_LATER} THEN excluded.sampling_reason ELSE sampling_reason END, "
    + ", ".join(
        f"{name} = COALESCE(excluded.{name}, {name})"
        for name in ("name", "session_id", "user_id", "tags", "version", "public")
    )
    + ", start_ns = MIN(start_ns, excluded.start_ns), end_ns = MAX(COALESCE(end_ns, 0), excluded.end_ns), "
    + ", ".join(
        f"{name} = {name} + excluded.{name}" for name in ("span_count", "error_count", "warning_count")
    )
)


def verdicts(connection: sqlite3.Connection, trace_ids: Iterable[str]) -> dict[str, Verdict]:
    """The verdict on each of the traces that the journal knows."""
    return {
        trace_id: Verdict(bool(sampled), rate, reason, bool(is_roots))
        for trace_id, sampled, rate, reason, is_roots in rows_of(
            connection,
            "trace_id, sampled, sample_rate, sampling_reason, root_span_id IS NOT NULL",
            "FROM traces WHERE trace_id IN (SELECT value FROM json_each(?))",
            as_list(trace_ids),
        )
    }


def merge(
    connection: sqlite3.Connection,
    traces: Iterable[tuple[str, Trace]],
    inserts: Sequence[tuple[int, SpanRow]],
    updates: Sequence[tuple[int, SpanRow]],
    replaced: Mapping[int, str],
) -> None:
    """Make or complete the rows of traces of which spans are about to be written.

    Args:
        connection: Within a write transaction.
        traces: The spans' traces and their ids: what is known of one trace may be in several pieces.
        inserts: New rows of spans, by ``seq``.
        updates: Rows that take another's place.
        replaced: Levels of those among them that had ended already.
    """
    pieces = list(traces)
    tally: dict[str, list[int]] = {key: [0, 0, 0, 0] for key, _ in pieces}
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
        f"INSERT INTO traces ({_COLUMNS})",
        # Counted once, with the first piece.
        [(*_row(key, trace), *tally.pop(key, (0, 0, 0, 0))) for key, trace in pieces],
        _MERGE,
    )


def _row(key: str, trace: Trace) -> tuple[Any, ...]:
    return (
        key,
        trace.sampled,
        trace.sample_rate,
        trace.sampling_reason,
        None if trace.root_span_id is None else f"{trace.root_span_id:016x}",
        None if trace.name is None else text(trace.name, limit=MAX_TRACE_TEXT),
        trace.session_id,
        trace.user_id,
        orjson.dumps(trace.tags).decode() if trace.tags else None,
        trace.version,
        trace.public,
        nanoseconds(trace.start_ns, 0),
    )
