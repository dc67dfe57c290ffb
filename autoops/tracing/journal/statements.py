"""Many rows in few statements.

SQLite's module gives up the interpreter's lock for each step of a statement, and a thread that computes may keep it for
5 ms before it is had again: a commit of a thousand one-row statements would take seconds beside a busy host.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

SIZES: Final = (128, 16, 4, 1)
"""Rows of one statement: few enough texts that all stay prepared."""


def insert_rows(
    connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], then: str = ""
) -> int:
    """Run ``INSERT into VALUES rows then``.

    Args:
        connection: Within a write transaction.
        into: What stands before ``VALUES``: ``INSERT INTO table (columns)``.
        rows: A value for each column.
        then: What stands behind them, such as ``ON CONFLICT …``.

    Returns:
        How many rows were inserted or changed.
    """
    before = connection.total_changes
    at = 0
    for size in SIZES:
        while len(rows) - at >= size:
            connection.execute(
                _insert(into, len(rows[0]), size, then), tuple(chain.from_iterable(rows[at : at + size]))
            )
            at += size
    return connection.total_changes - before


def as_list(values: Iterable[Any]) -> str:
    """Values as one argument, for ``IN (SELECT value FROM json_each(?))``."""
    return orjson.dumps(list(values)).decode()


def rows_of(connection: sqlite3.Connection, columns: str, rest: str, *arguments: Any) -> list[list[Any]]:
    """The rows of ``SELECT columns rest`` in a single step."""
    (found,) = connection.execute(
        f"SELECT json_group_array(json_array({columns})) {rest}", arguments
    ).fetchone()
    rows: list[list[Any]] = orjson.loads(found)
    return rows


@lru_cache(maxsize=64)
def _insert(into: str, width: int, size: int, then: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"{into} VALUES {', '.join([row] * size)} {then}"
