"""Journal files of every age: empty, ours, older, newer, and those of other programs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from autoops.errors import JournalError
from autoops.tracing.journal import outbox, reader, schema
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import open_at, open_store

V1 = Path(__file__).with_name("v1.sql")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies; nothing is there yet."""
    return tmp_path / "journal.db"


def change(path: Path, *statements: str) -> None:
    """Run SQL in a file as a foreign tool does."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def ask(path: Path, question: str) -> Any:
    """One value out of a file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchone()[0]


def newer(path: Path, lowest_writer: int) -> None:
    """Make a file as a later program would leave it: a version on, a column more."""
    open_at(Location(path)).close()
    change(
        path,
        "ALTER TABLE spans ADD COLUMN mood TEXT",
        "DELETE FROM meta WHERE key = 'lowest_writer'",
        f"INSERT INTO meta VALUES ('lowest_writer', {lowest_writer})",  # noqa: S608 - a number of the test
        f"PRAGMA user_version = {schema.VERSION + 1}",
    )


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    """All that cannot be changed later is set from the start."""
    path.touch()

    open_at(Location(path)).close()

    assert ask(path, "PRAGMA user_version") == schema.VERSION
    assert ask(path, "PRAGMA application_id") == schema.APPLICATION_ID
    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert ask(path, "PRAGMA auto_vacuum") == 2  # incremental
    assert ask(path, "SELECT value FROM meta WHERE key = 'lowest_writer'") == str(schema.LOWEST_WRITER)


def test_every_connection_is_set_up_anew(path: Path) -> None:
    """What SQLite forgets with each connection: full synchronisation, no checkpoint of its own."""
    store = open_at(Location(path))
    with store.reading() as reading, store.transaction() as writing:
        for connection in (reading, writing):
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
            assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    store.close()


def test_opening_again_changes_nothing(path: Path) -> None:
    """A second opening finds the rows of the first."""
    desk = Desk(path)
    span = desk.span("kept")
    desk.commit()

    again = open_at(Location(path))

    trace = reader.get_trace(again, span.trace_id)
    assert trace is not None
    assert [each.name for each in trace.spans] == ["kept"]
    assert again.moved_aside is None


def test_a_stored_file_of_version_1_is_read_and_written(path: Path) -> None:
    """Every row of the first schema is found, and new ones go beside them."""
    with closing(sqlite3.connect(path)) as old:
        old.executescript(V1.read_text())

    desk = Desk(path, public_key="pk-lf-v1", secret_key="sk-lf-v1", host="https://langfuse.example")
    desk.span("new")
    desk.commit()

    traces = {each.name: each for each in reader.list_traces(desk.store).traces}
    assert {name: each.state for name, each in traces.items()} == {
        "demand_spike": "ended",
        "left open": "open",
        "new": "ended",
    }
    assert traces["demand_spike"].session_id == "run-1"
    assert traces["demand_spike"].tags == ("v1",)
    old_trace = reader.get_trace(desk.store, traces["demand_spike"].trace_id)
    assert old_trace is not None
    assert [(each.name, each.agent, each.delivery) for each in old_trace.spans] == [
        ("demand_spike", None, "pending"),
        ("pricing.propose", "pricing", "pending"),
    ]
    assert [score.value for score in old_trace.scores] == [0.5]
    assert len(outbox.due_spans(desk.store, 1, 10, 1 << 20, newest_first=False)) == 3
    assert [each.program for each in reader.processes(desk.store)][-1] == "old.py"


def test_a_newer_file_that_lets_us_write_is_joined(path: Path) -> None:
    """An older program writes to it and leaves what it does not know alone."""
    newer(path, lowest_writer=schema.VERSION)

    desk = Desk(path)
    span = desk.span("from an older program")
    desk.commit()

    assert desk.store.location == Location(path)
    assert desk.rows("SELECT mood FROM spans WHERE span_id = ?", span.id) == [(None,)]
    assert ask(path, "PRAGMA user_version") == schema.VERSION + 1


def test_a_newer_file_that_forbids_us_is_left_alone(path: Path) -> None:
    """An older program uses a file of its own beside it, and says why; two of them share it."""
    newer(path, lowest_writer=schema.VERSION + 1)
    before = path.read_bytes()

    first, second = Desk(path), Desk(path)
    span = first.span("elsewhere")
    first.commit()

    own = path.with_name(f"journal.v{schema.VERSION}.db")
    assert first.store.location.path == second.store.location.path == own
    assert f"schema {schema.VERSION + 1}" in str(first.store.location.reason)
    assert second.rows("SELECT span_id FROM spans") == [(span.id,)]
    assert path.read_bytes() == before


def test_a_newer_file_that_does_not_say_is_left_alone(path: Path) -> None:
    """Without a lowest writer, nobody has allowed us."""
    newer(path, lowest_writer=schema.VERSION)
    change(path, "DELETE FROM meta")

    assert open_at(Location(path)).location.path == path.with_name(f"journal.v{schema.VERSION}.db")


@pytest.mark.parametrize("version", [0, 1, 7])
def test_another_programs_database_is_not_touched(path: Path, version: int) -> None:
    """A database that bears tables but not our mark is neither extended nor moved: it is somebody's data."""
    change(path, "CREATE TABLE orders (id INTEGER)", f"PRAGMA user_version = {version}")
    before = path.read_bytes()

    with pytest.raises(JournalError, match="another program"):
        open_at(Location(path))

    assert path.read_bytes() == before
    store = open_store(str(path))
    assert store.location.path not in {None, path}


def test_a_failed_migration_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails in the middle is undone whole; the next opening starts anew."""
    broken = (schema.MIGRATIONS[0] + "CREATE TABLE broken (id INTEGER PRIMARY KEY, id TEXT);",)
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", broken)
        with pytest.raises(JournalError):
            open_at(Location(path))
    assert ask(path, "SELECT COUNT(*) FROM sqlite_schema") == 0

    desk = Desk(path)
    desk.span()
    assert desk.commit().new_seqs
