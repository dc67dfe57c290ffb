"""Many rows in few statements."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.tracing.journal.statements import SIZES, as_list, insert_rows, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database with one table."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, word TEXT)")
        yield opened


@pytest.mark.parametrize("number", [0, 1, 3, 4, 5, SIZES[0], SIZES[0] + 1, 3 * SIZES[0] + 2 * SIZES[1] + 7])
def test_every_row_is_inserted_in_order(connection: sqlite3.Connection, number: int) -> None:
    """However many there are, and the count is right."""
    rows = [(each, f"word {each}") for each in range(number)]

    assert insert_rows(connection, "INSERT INTO kept", rows) == number
    assert connection.execute("SELECT * FROM kept ORDER BY rowid").fetchall() == rows


def test_ignored_rows_are_not_counted(connection: sqlite3.Connection) -> None:
    """Only what changed counts."""
    insert_rows(connection, "INSERT INTO kept", [(1, "a"), (2, "b")])

    assert insert_rows(connection, "INSERT OR IGNORE INTO kept", [(1, "x"), (2, "x"), (3, "c")]) == 1


def test_rows_may_take_the_place_of_others(connection: sqlite3.Connection) -> None:
    """A clause behind the values decides what a conflict does."""
    insert_rows(connection, "INSERT INTO kept", [(1, "a"), (2, "b")])
    insert_rows(
        connection,
        "INSERT INTO kept (id, word)",
        [(2, "new"), (3, "c")],
        "ON CONFLICT DO UPDATE SET word = excluded.word",
    )

    assert connection.execute("SELECT word FROM kept").fetchall() == [("a",), ("new",), ("c",)]


def test_few_statements_for_many_rows(connection: sqlite3.Connection) -> None:
    """A thousand rows take a dozen statements, for each gives up the interpreter's lock."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    insert_rows(connection, "INSERT INTO kept", [(each, "x") for each in range(1000)])

    assert len(statements) < 20


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_back_as_they_were(words: list[str]) -> None:
    """Through a list as an argument, and through rows read in one step."""
    with closing(sqlite3.connect(":memory:")) as connection:
        found = rows_of(connection, "key, value", "FROM json_each(?)", as_list(words))

    # SQLite's text functions end a text at its first NUL.
    assert [word.split("\0")[0] for _, word in found] == [word.split("\0")[0] for word in words]
