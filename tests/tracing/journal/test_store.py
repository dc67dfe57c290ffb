"""The open journal: transactions, other programs' locks, files that go away or rot while in use."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from children import run_python
from desk import KEYS, Desk

from autoops.errors import JournalError, JournalLocked
from autoops.tracing.journal import reader
from autoops.tracing.journal.location import MEMORY_ASKED_FOR, Location
from autoops.tracing.journal.opening import is_sound, open_at, open_store, repair

if TYPE_CHECKING:
    from pathlib import Path

PATIENT_S = 0.0
"""A writer that tries once."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


def spoil(path: Path) -> None:
    """Overwrite the middle of a file with noise, and drop its log."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(7).randbytes(size - 4096))
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def filled(path: Path, spans: int = 200) -> None:
    """Leave a closed journal with some spans in it."""
    desk = Desk(path)
    for number in range(spans):
        desk.span(f"span {number}", given={"text": "x" * 200})
    desk.commit()
    desk.store.close()


class TestTransaction:
    """All or nothing, one writer at a time."""

    def test_an_exception_undoes_the_block(self, path: Path) -> None:
        """What raised leaves no row, and the next transaction works."""
        store = open_at(Location(path))

        def fail() -> None:
            with store.transaction() as connection:
                connection.execute("INSERT INTO counters VALUES ('x', 1)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()

        with store.transaction() as connection:
            assert connection.execute("SELECT COUNT(*) FROM counters").fetchone() == (0,)

    def test_a_fault_of_sqlite_is_told_in_our_words(self, path: Path) -> None:
        """A statement that fails is a `JournalError` that names the file, and undoes its block."""
        store = open_at(Location(path))

        def fail() -> None:
            with store.transaction() as connection:
                connection.execute("INSERT INTO counters VALUES ('x', 1)")
                connection.execute("INSERT INTO nowhere VALUES (1)")

        with pytest.raises(JournalError, match=r"journal\.db.*no such table"):
            fail()

        with store.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM counters").fetchone() == (0,)

    def test_another_writer_is_waited_for_no_longer_than_asked(self, path: Path) -> None:
        """A lock held by another program ends in `JournalLocked`; reading goes on meanwhile."""
        store = open_at(Location(path))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("INSERT INTO counters VALUES ('theirs', 1)")

            with pytest.raises(JournalLocked), store.transaction(PATIENT_S):
                pass
            with store.reading() as connection:
                assert connection.execute("SELECT COUNT(*) FROM counters").fetchone() == (0,)
            other.execute("COMMIT")

        with store.transaction(PATIENT_S) as connection:
            assert connection.execute("SELECT name FROM counters").fetchall() == [("theirs",)]

    def test_readers_cannot_write(self, path: Path) -> None:
        """A connection to read with refuses to write."""
        store = open_at(Location(path))

        with pytest.raises(JournalError, match="readonly"), store.reading() as connection:
            connection.execute("INSERT INTO counters VALUES ('x', 1)")


class TestFileThatGoesAway:
    """SQLite goes on writing to an unlinked file without a word; the store does not."""

    @pytest.mark.parametrize("fate", ["removed", "replaced"])
    def test_it_is_noticed_at_the_next_write(self, path: Path, fate: str) -> None:
        """A removed or replaced file is an error, also when it was read in between."""
        desk = Desk(path)
        desk.span()
        desk.commit()
        for each in path.parent.glob("journal.db*"):
            if not each.name.endswith(".lock"):
                each.unlink()
        if fate == "replaced":
            filled(path.with_name("other.db"))
            path.with_name("other.db").rename(path)

        assert not desk.store.is_in_place()
        with pytest.raises(JournalError, match="removed or replaced"), desk.store.transaction():
            pass
        assert not desk.store.is_in_place()

    def test_its_log_is_not_read_into_the_next_file(self, path: Path) -> None:
        """A file that is replaced while its log stays: the log is kept apart, and the new file is as it came."""
        filled(path.with_name("other.db"), spans=3)
        desk = Desk(path)
        for number in range(50):
            desk.span(f"theirs {number}", given={"text": "x" * 500})
        desk.commit()
        reader_store = reader.open_journal(str(path))
        assert reader.count_traces(reader_store) == 50
        path.with_name("other.db").rename(path)

        again = repair(desk.store, damaged=False)

        assert reader.count_traces(again) == 3
        assert reader.count_traces(reader_store) == 3
        assert is_sound(path)
        assert len(list(path.parent.glob("journal.db.removed-*-wal"))) == 1

    def test_a_reader_alone_keeps_the_log_apart_too(self, path: Path) -> None:
        """Who only reads meets the same trap, perhaps first."""
        filled(path.with_name("other.db"), spans=3)
        desk = Desk(path)
        desk.span("theirs", given={"text": "x" * 500})
        desk.commit()
        reader_store = reader.open_journal(str(path))
        assert reader.count_traces(reader_store) == 1
        path.with_name("other.db").rename(path)

        assert reader.count_traces(reader_store) == 3
        assert is_sound(path)

    def test_a_log_without_its_file_is_kept_and_not_read(self, path: Path) -> None:
        """A new journal begins empty, whatever log a removed one left behind."""
        desk = Desk(path)
        desk.span("gone")
        desk.commit()
        path.unlink()

        again = open_at(Location(path))

        assert reader.count_traces(again) == 0
        assert len(list(path.parent.glob("journal.db.removed-*-wal"))) == 1

    def test_what_is_committed_into_a_removed_file_is_not_taken_for_kept(self, path: Path) -> None:
        """The file goes between the look and the commit: the transaction raises, so that its rows are written again."""
        store = open_at(Location(path))

        def lose() -> None:
            with store.transaction() as connection:
                connection.execute("INSERT INTO counters VALUES ('x', 1)")
                path.unlink()

        with pytest.raises(JournalError, match="removed or replaced"):
            lose()

    def test_reading_does_not_make_a_file(self, path: Path) -> None:
        """A reader of a removed journal is told so; it leaves no empty file behind."""
        desk = Desk(path)
        with desk.store.reading():
            pass
        for each in path.parent.glob("journal.db*"):
            each.unlink()

        with pytest.raises(JournalError), desk.store.reading() as connection:
            connection.execute("SELECT * FROM spans")

        assert not path.exists()

    def test_a_removed_folder_is_made_anew(self, path: Path) -> None:
        """`repair` opens a journal at the same path again, readable by its owner only."""
        desk = Desk(path.parent / "deep" / "journal.db")
        shutil.rmtree(path.parent / "deep")

        again = repair(desk.store, damaged=False)

        assert again.location == desk.store.location
        with again.transaction() as connection:
            connection.execute("INSERT INTO counters VALUES ('x', 1)")
        assert stat.S_IMODE((path.parent / "deep" / "journal.db").stat().st_mode) == 0o600


class TestMemory:
    """The journal that is on no disk."""

    def test_it_is_one_database_for_reading_and_writing(self) -> None:
        """What was written is read, and no file appears."""
        desk = Desk(open_store("off"), **KEYS)
        span = desk.span("kept in memory")
        desk.commit()

        assert reader.get_trace(desk.store, span.trace_id) is not None
        assert desk.store.location == MEMORY_ASKED_FOR
        assert desk.store.lock is None

    def test_two_are_apart(self) -> None:
        """Two journals in memory share nothing."""
        first, second = Desk(open_store("off")), Desk(open_store("off"))
        first.span()
        first.commit()

        assert second.rows("SELECT COUNT(*) FROM spans") == [(0,)]


def test_sqlite_is_not_carried_across_a_fork(path: Path) -> None:
    """A child opens its own connection; the parent's transaction goes on in peace."""
    desk = Desk(path)
    desk.span("of the parent")
    desk.commit()
    pid = os.fork()
    if pid == 0:
        try:
            child = Desk(desk.store)
            child.span("of the child")
            child.commit()
            os._exit(0)
        finally:
            os._exit(1)
    desk.span("of the parent too")
    desk.commit()

    assert os.waitpid(pid, 0)[1] == 0
    assert sorted(desk.rows("SELECT name FROM spans")) == [
        ("of the child",),
        ("of the parent",),
        ("of the parent too",),
    ]
    assert is_sound(path)


FORK_IN_A_TRANSACTION = """
import json, os, sys, threading
from autoops.tracing.journal.opening import open_store

store = open_store(sys.argv[1])
inside, over = threading.Event(), threading.Event()

def write():
    with store.transaction() as connection:
        connection.execute("INSERT INTO counters VALUES ('parent', 1)")
        inside.set()
        over.wait()

thread = threading.Thread(target=write)
thread.start()
inside.wait()
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    mine = open_store(sys.argv[1])
    with mine.transaction() as connection:
        connection.execute("INSERT INTO counters VALUES ('child', 1)")
    os.write(write, str(mine.location.path).encode())
    os._exit(0)
child = os.read(read, 1000).decode()
assert os.waitpid(pid, 0)[1] == 0
over.set()
thread.join()
with store.reading() as connection:
    names = [row[0] for row in connection.execute("SELECT name FROM counters")]
print(json.dumps([child, names]))
"""


def test_a_fork_in_the_middle_of_a_transaction_spares_the_file(path: Path) -> None:
    """SQLite in the child still believes that it holds the parent's locks: the child writes somewhere else."""
    child, names = run_python(FORK_IN_A_TRANSACTION, str(path))

    assert names == ["parent"]
    assert child not in {"None", str(path)}
    assert is_sound(path)
