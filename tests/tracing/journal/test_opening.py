"""Opening a journal: damaged, of another version, or lost while in use."""

from __future__ import annotations

import random
import shutil
import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from desk import Desk

from autoops.errors import JournalDamaged, JournalError, JournalNewer
from autoops.tracing.journal import figures, reader
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.lock import CARETAKER, lock_file
from autoops.tracing.journal.opening import is_sound, open_at, repair
from autoops.tracing.journal.schema import VERSION
from autoops.tracing.journal.store import Store

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


class TestDamage:
    """Only a damaged file is moved aside, and never thrown away."""

    @pytest.mark.parametrize("size", [100, 5000, 100_000])
    def test_noise_at_open_is_moved_aside(self, path: Path, size: int) -> None:
        """A file that is no database is kept under another name; the journal begins anew."""
        noise = random.Random(size).randbytes(size)
        path.write_bytes(noise)

        store = open_at(Location(path))

        assert store.moved_aside is not None
        assert store.moved_aside.read_bytes() == noise
        assert store.location == Location(path)
        assert figures.read(store).moved_aside == str(store.moved_aside)
        with store.transaction() as connection:
            connection.execute("INSERT INTO counters VALUES ('x', 1)")

    def test_noise_in_the_middle_is_found_at_open(self, path: Path) -> None:
        """A sound first page does not hide the rest."""
        filled(path)
        spoil(path)

        store = open_at(Location(path))

        assert store.moved_aside is not None
        assert reader.list_traces(store).traces == ()

    def test_two_in_one_second_do_not_overwrite_each_other(self, path: Path) -> None:
        """Each damaged file gets a name of its own."""
        kept = set()
        for content in (b"first" * 1000, b"second" * 1000, b"third" * 1000):
            for each in path.parent.glob("journal.db*"):
                if "damaged" not in each.name and not each.name.endswith(".lock"):
                    each.unlink()
            path.write_bytes(content)
            moved = open_at(Location(path)).moved_aside
            assert moved is not None
            kept.add(moved.read_bytes()[:5])

        assert kept == {b"first", b"secon", b"third"}

    def test_damage_in_use_is_told_as_such(self, path: Path) -> None:
        """Pages that rot under an open journal end in `JournalDamaged`, and `repair` begins anew."""
        desk = Desk(path)
        for number in range(300):
            desk.span(f"span {number}", given={"text": "x" * 500})
        desk.commit()
        desk.store.checkpoint("TRUNCATE")
        desk.store.close()
        spoil(path)

        with pytest.raises(JournalDamaged):
            desk.rows("SELECT * FROM spans")
        assert not is_sound(path)
        again = repair(desk.store, damaged=True)

        assert again.moved_aside is not None
        assert is_sound(path)

    def test_a_second_process_finds_the_repaired_file(self, path: Path) -> None:
        """Whoever comes second moves nothing: what the first has written since is kept."""
        filled(path)
        first, second = Store(Location(path)), Store(Location(path))
        spoil(path)
        repaired = Desk(repair(first, damaged=True))
        span = repaired.span("after the repair")
        repaired.commit()

        joined = repair(second, damaged=True)

        assert joined.moved_aside is None
        assert reader.get_trace(joined, span.trace_id) is not None
        assert len(list(path.parent.glob("*damaged*"))) == 1


class TestOtherVersions:
    """An older and a newer program at one path."""

    def newer(self, path: Path, lowest_writer: int) -> None:
        """Migrate the file as a program would that knows one schema more."""
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"PRAGMA user_version = {VERSION + 1}")
            other.execute("UPDATE meta SET value = ? WHERE key = 'lowest_writer'", (str(lowest_writer),))

    def test_a_newer_file_is_left_alone(self, path: Path) -> None:
        """What may not be written is not: an older program has a file of its own beside it, and says why."""
        filled(path)
        self.newer(path, VERSION + 1)

        store = open_at(Location(path))

        own = path.with_name(f"journal.v{VERSION}.db")
        assert store.location.path == own
        assert f"schema {VERSION + 1}" in str(store.location.reason)
        assert stat.S_IMODE(own.stat().st_mode) == 0o600
        with store.transaction() as connection:
            connection.execute("INSERT INTO counters VALUES ('x', 1)")

    def test_a_newer_file_that_admits_us_is_shared(self, path: Path) -> None:
        """Migrations only add: most newer files may still be written."""
        filled(path)
        desk = Desk(path)
        self.newer(path, VERSION)

        desk.span("before it was opened anew")
        desk.commit()
        again = Desk(path)
        again.span("after")
        again.commit()

        assert again.store.location == Location(path)
        assert again.rows("SELECT COUNT(*) FROM spans") == [(202,)]

    def test_a_file_that_becomes_newer_in_use_is_left(self, path: Path) -> None:
        """The next write is refused, and `repair` goes to a file of our own; what we cared for others may now."""
        desk = Desk(path)
        desk.span("before")
        desk.commit()
        assert desk.store.lock is not None
        assert desk.store.lock.acquire(CARETAKER)
        self.newer(path, VERSION + 1)

        desk.span("after")
        with pytest.raises(JournalNewer):
            desk.commit()
        assert not desk.store.is_in_place()
        own = repair(desk.store, damaged=False)

        assert own.location.path == path.with_name(f"journal.v{VERSION}.db")
        assert lock_file(path.with_name("journal.db.lock")).acquire(CARETAKER)
        lock_file(path.with_name("journal.db.lock")).release(CARETAKER)
        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT name FROM spans").fetchall() == [("before",)]


class TestRepairThatMustWait:
    """A place that cannot be written now may be again later."""

    def test_it_is_tried_again(self, path: Path) -> None:
        """Meanwhile every use is told why at once; nothing is written elsewhere."""
        folder = path.parent / "deep"
        desk = Desk(folder / "journal.db")
        shutil.rmtree(folder)
        folder.touch()

        lost = repair(desk.store, damaged=False)

        assert lost is desk.store
        assert not lost.is_in_place()
        for use in (lost.transaction, lost.reading):
            with pytest.raises(JournalError, match="cannot be opened any more"), use():
                pass
        folder.unlink()
        again = repair(lost, damaged=False)
        assert again.location == lost.location
        with again.transaction() as connection:
            connection.execute("INSERT INTO counters VALUES ('x', 1)")
