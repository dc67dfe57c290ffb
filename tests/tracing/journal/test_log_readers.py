"""Who keeps the write-ahead log from being emptied."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from children import running_python
from desk import Desk

from autoops.tracing.journal.log_readers import OVERGROWN, reading_now, why_it_grows

if TYPE_CHECKING:
    from pathlib import Path

READ_ON = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT * FROM spans").fetchall()
print(json.dumps("reading"), flush=True)
input()
connection.execute("COMMIT")
print(json.dumps("done"), flush=True)
input()
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A journal with a span in its log."""
    made = Desk(tmp_path / "journal.db")
    made.span()
    made.commit()
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="the table of locks is Linux's")
def test_a_reader_is_known_by_its_number_while_it_reads(desk: Desk, tmp_path: Path) -> None:
    """And it is what holds the checkpoint up."""
    path = tmp_path / "journal.db"
    assert reading_now(path) == ()
    with running_python(READ_ON, str(path)) as child:
        assert child.says() == "reading"
        desk.span("after it began to read")
        desk.commit()

        assert reading_now(path) == (child.pid,)
        assert desk.store.checkpoint() is False

        child.go_on()
        assert child.says() == "done"
        assert reading_now(path) == ()
        assert desk.store.checkpoint("TRUNCATE") is True
    assert path.with_name("journal.db-wal").stat().st_size == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the table of locks is Linux's")
def test_a_log_of_ordinary_size_is_not_spoken_of(desk: Desk, tmp_path: Path) -> None:
    """A larger one is, with the process to end if there is one."""
    path = tmp_path / "journal.db"
    assert desk.store.is_in_place()
    with running_python(READ_ON, str(path)) as child:
        assert child.says() == "reading"

        assert why_it_grows(path, OVERGROWN - 1) is None
        assert f"end the read of process {child.pid}" in str(why_it_grows(path, OVERGROWN))
    assert "134 MB" in str(why_it_grows(path, OVERGROWN))


@pytest.mark.skipif(sys.platform != "linux", reason="the table of locks is Linux's")
def test_this_process_is_told_of_too(desk: Desk, tmp_path: Path) -> None:
    """The one that reads for too long may be ourselves."""
    with desk.store.reading() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM spans").fetchall()
        assert reading_now(tmp_path / "journal.db") == (os.getpid(),)
        connection.execute("COMMIT")


def test_where_the_system_does_not_tell_nobody_is_named(desk: Desk, tmp_path: Path) -> None:
    """Other systems have no such table, other files' locks are not ours, and what is no number is left out."""
    path = tmp_path / "journal.db"
    assert desk.store.is_in_place()
    assert reading_now(path, tmp_path / "missing") == ()
    assert reading_now(tmp_path / "other.db") == ()
    inode = (tmp_path / "journal.db-shm").stat().st_ino
    table = tmp_path / "locks"
    table.write_text(
        f"1: POSIX  ADVISORY  READ 77 00:01:{inode} 124 124\n"
        f"2: POSIX  ADVISORY  READ -1 00:01:{inode} 125 125\n"
        f"3: POSIX  ADVISORY  WRITE 78 00:01:{inode} 120 120\n"
        f"4: POSIX  ADVISORY  READ 79 00:01:{inode} 128 128\n"
        f"4: -> POSIX  ADVISORY  READ 80 00:01:{inode} 124 124\n"
        f"5: POSIX  ADVISORY  READ 81 00:01:1{inode} 124 124\n"
        f"6: FLOCK  ADVISORY  READ 82 00:01:{inode} 124 EOF\n"
    )

    assert reading_now(path, table) == (77,)
