"""Rows of spans on their way into the table: new ones, ends of open ones, and those that take another's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from autoops.tracing.journal.rows import COLUMNS, SpanRow
from autoops.tracing.journal.statements import as_list, insert_rows, rows_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_REPLACE: Final = ", ".join(f"{name} = excluded.{name}" for name in SpanRow._fields)


class Journalled(NamedTuple):
    """A row as it stands in the file."""

    state: int
    level: str


def insert(connection: sqlite3.Connection, inserts: Sequence[tuple[int, SpanRow]]) -> dict[int, int]:
    """Insert rows; those whose span is there already replace it in place.

    Returns:
        For each replaced row, the ``seq`` it was given and the one it has.
    """
    added = insert_rows(
        connection, f"INSERT OR IGNORE INTO spans (seq, {COLUMNS})", [(seq, *row) for seq, row in inserts]
    )
    if added == len(inserts):
        return {}
    moved = {}
    for seq, row in inserts:
        (found,) = connection.execute(
            "SELECT seq FROM spans WHERE trace_id = ? AND span_id = ?", (row.trace_id, row.span_id)
        ).fetchone()
        if found != seq:
            moved[seq] = found
            update(connection, [(found, row)])
    return moved


def journalled(
    connection: sqlite3.Connection, updates: Sequence[tuple[int, SpanRow]]
) -> dict[int, Journalled]:
    """How rows of spans that were journalled while open stand now, by ``seq``.

    Those that are not in this file (it was replaced, or their trace was deleted) are left out.
    """
    if not updates:
        return {}
    ours = {seq: row.span_id for seq, row in updates}
    found = rows_of(
        connection,
        "seq, span_id, state, level",
        "FROM spans WHERE seq IN (SELECT value FROM json_each(?))",
        as_list(ours),
    )
    return {seq: Journalled(state, level) for seq, span_id, state, level in found if ours[seq] == span_id}


def update(connection: sqlite3.Connection, updates: Sequence[tuple[int, SpanRow]]) -> None:
    """Replace rows that are in the file."""
    insert_rows(
        connection,
        f"INSERT INTO spans (seq, {COLUMNS})",
        [(seq, *row) for seq, row in updates],
        f"ON CONFLICT DO UPDATE SET {_REPLACE}",
    )
