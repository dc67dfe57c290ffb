"""Connections: none crosses a fork, none makes a file, none stops at a bad byte."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from desk import Desk

from autoops.errors import JournalError
from autoops.tracing.journal.database import Database

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal with one counter."""
    desk = Desk(tmp_path / "journal.db")
    desk.execute("INSERT INTO counters VALUES ('kept', 1)")
    desk.store.close()
    return tmp_path / "journal.db"


def kept(database: Database) -> object:
    """The counter, as this connection reads it."""
    with database.lock:
        return database.connection().execute("SELECT value FROM counters WHERE name = 'kept'").fetchone()[0]


def test_it_opens_when_needed_and_again_after_a_close(path: Path) -> None:
    """Closing is no end: the next use opens the same file."""
    database = Database(path)
    assert kept(database) == 1

    database.close()

    assert kept(database) == 1


def test_no_file_is_made(tmp_path: Path) -> None:
    """A path where nothing lies is an error, for readers and writers."""
    for read_only in (True, False):
        database = Database(tmp_path / "missing.db", read_only=read_only)

        with pytest.raises(sqlite3.OperationalError):
            database.connection()

    assert list(tmp_path.glob("missing*")) == []


def test_a_file_at_another_place_is_another_file(path: Path) -> None:
    """After a close too: what was opened before must still lie there, until told to follow."""
    database = Database(path)
    assert kept(database) == 1
    database.close()
    path.rename(path.with_name("moved.db"))
    assert not database.is_in_place()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE counters (name, value)")
        other.execute("INSERT INTO counters VALUES ('kept', 2)")
        other.commit()

    with pytest.raises(JournalError, match="removed or replaced"):
        kept(database)
    database.follow()

    assert kept(database) == 2


def test_a_bad_byte_in_a_text_is_shown_as_such(path: Path) -> None:
    """SQLite does not look into texts: damage there must not keep the row from being read."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO counters VALUES (CAST(x'61FF62' AS TEXT), 3)")
        other.commit()
    database = Database(path, read_only=True)

    with database.lock:
        names = [row[0] for row in database.connection().execute("SELECT name FROM counters ORDER BY name")]

    assert names == ["a\N{REPLACEMENT CHARACTER}b", "kept"]


def test_a_fork_waits_for_a_transaction_and_both_go_on(path: Path) -> None:
    """The connection is closed for the moment of the fork; parent and child each open one of their own."""
    database = Database(path)
    inside, never = threading.Event(), threading.Event()

    def write() -> None:
        with database.lock:
            connection = database.connection()
            connection.execute("BEGIN IMMEDIATE")
            inside.set()
            never.wait(0.2)  # the fork is asked for meanwhile
            connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'kept'")
            connection.execute("COMMIT")

    thread = threading.Thread(target=write)
    thread.start()
    assert inside.wait(10)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if kept(database) == 2 else 1)
    thread.join()

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert kept(database) == 2


def test_a_fork_waits_for_a_connection_that_is_being_opened(path: Path) -> None:
    """Threads open, use and close connections of their own without a pause; no child inherits one half made."""
    over = threading.Event()

    def use() -> None:
        while not over.is_set():
            database = Database(path)
            with database.lock:
                database.connection().execute("UPDATE counters SET value = value + 1 WHERE name = 'theirs'")
            database.close()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    codes = []
    for _ in range(30):
        pid = os.fork()
        if pid == 0:
            mine = Database(path)
            with mine.lock:
                connection = mine.connection()
                connection.execute("PRAGMA busy_timeout = 20000")
                connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'kept'")
            os._exit(0)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    over.set()
    for thread in threads:
        thread.join()

    assert codes == [0] * 30
    assert kept(Database(path)) == 31
    assert Database(path).connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_memory_is_the_parents(path: Path) -> None:
    """A database in memory stays with the process that has it; a forked child begins with an empty one."""
    del path
    database = Database(None)
    with database.lock:
        database.connection().execute("CREATE TABLE mine (x)")
    pid = os.fork()
    if pid == 0:
        tables = database.connection().execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        os._exit(0 if tables == (0,) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert database.connection().execute("SELECT COUNT(*) FROM sqlite_schema").fetchone() == (1,)
