"""Rows of spans on their way into the table: new ones, ends of open ones, and those that take another's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autoops.tracing.journal.rows import COLUMNS, SpanRow
from autoops.tracing.journal.schema import OPEN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_INSERT_SPAN: Final = f"INSERT OR IGNORE INTO spans (seq, {COLUMNS}) VALUES (?{', ?' * len(SpanRow._fields)})"
_UPDATE_SPAN: Final = (
    f"UPDATE spans SET {', '.join(f'{name} = ?' for name in SpanRow._fields)} WHERE seq = ? AND span_id = ?"
)


def insert(connection: sqlite3.Connection, inserts: Sequence[tuple[int, SpanRow]]) -> dict[int, int]:
    """Insert rows; those whose span is there already replace it in place.

    Returns:
        For each replaced row, the ``seq`` it was given and the one it has.
    """
    before = connection.total_changes
    connection.executemany(_INSERT_SPAN, [(seq, *row) for seq, row in inserts])
    if connection.total_changes - before == len(inserts):
        return {}
    moved = {}
    for seq, row in inserts:
        (found,) = connection.execute(
            "SELECT seq FROM spans WHERE trace_id = ? AND span_id = ?", (row.trace_id, row.span_id)
        ).fetchone()
        if found != seq:
            moved[seq] = found
            connection.execute(_UPDATE_SPAN, (*row, found, row.span_id))
    return moved


def superseded(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, str]:
    """Levels of the rows that have ended already, by ``seq``: their process was taken for dead, or another ended them."""
    found: dict[int, str] = {}
    for start in range(0, len(seqs), 500):
        part = seqs[start : start + 500]
        found.update(
            connection.execute(
                f"SELECT seq, level FROM spans WHERE state > ? AND seq IN ({', '.join('?' * len(part))})",
                (OPEN, *part),
            )
        )
    return found


def update(connection: sqlite3.Connection, updates: list[tuple[int, SpanRow]]) -> list[tuple[int, SpanRow]]:
    """Replace rows of spans that were journalled while open.

    Returns:
        Those that are not in this file (it was replaced, or their trace was deleted); they leave ``updates``.
    """
    before = connection.total_changes
    connection.executemany(_UPDATE_SPAN, [(*row, seq, row.span_id) for seq, row in updates])
    if connection.total_changes - before == len(updates):
        return []
    lost = []
    for seq, row in updates:
        found = connection.execute(
            "SELECT 1 FROM spans WHERE seq = ? AND span_id = ?", (seq, row.span_id)
        ).fetchone()
        if found is None:
            lost.append((seq, row))
    for each in lost:
        updates.remove(each)
    return lost
