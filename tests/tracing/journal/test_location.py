"""Where the journal lies, and who may read it there."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest
from children import run_python, running_python

from autoops.tracing.journal.location import (
    MEMORY_ASKED_FOR,
    NETWORK_FILE_SYSTEMS,
    Location,
    candidates,
    file_system,
    prepare,
    state_folder,
)
from autoops.tracing.journal.lock import CARETAKER
from autoops.tracing.journal.opening import open_store
from autoops.tracing.journal.shared import leave, writer_for

READ_WITHOUT_RIGHTS = """
import json, os, sys, urllib.parse  # pathlib imports it late, from where this user may not read
from autoops.tracing.journal import reader
if os.getuid() == 0:
    os.setuid(65534)  # root may write everywhere
with reader.open_journal(sys.argv[1]).reading() as connection:
    print(json.dumps(connection.execute("SELECT name, value FROM counters").fetchall()))
"""

RECORD_WITHOUT_RIGHTS = """
import json, os, sys, urllib.parse  # pathlib imports it late, from where this user may not read
from autoops.tracing.journal import opening, reader
os.chdir(sys.argv[1])
os.mkdir("home", 0o777)
os.chmod("home", 0o777)
os.environ["HOME"] = os.path.abspath("home")
if os.getuid() == 0:
    os.setuid(65534)  # root may look everywhere
location = opening.open_store(".autoops/journal.db").location
print(json.dumps([str(location.path), location.reason]))
"""


def mode(path: Path) -> int:
    """The permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def mounts(tmp_path: Path, *lines: str) -> Path:
    """Write a table of mounts as Linux shows it."""
    table = tmp_path / "mounts"
    table.write_text("\n".join(("proc /proc proc rw 0 0", "/dev/vda / ext4 rw 0 0", *lines)) + "\n")
    return table


def test_off_is_memory_and_nothing_else() -> None:
    """Who asks for memory gets it."""
    assert candidates("off") == [MEMORY_ASKED_FOR]


def test_the_place_asked_for_comes_first_and_memory_last(tmp_path: Path) -> None:
    """Between them is the user's state folder; each but the first says why."""
    first, second, third = candidates(str(tmp_path / "a" / "journal.db"))

    assert first == Location(tmp_path / "a" / "journal.db")
    assert second.path == tmp_path / "home" / ".local" / "state" / "autoops" / "journal.db"
    assert "cannot be written" in str(second.reason)
    assert third.path is None
    assert str(first.path) in str(third.reason)


def test_a_relative_path_is_made_absolute_at_once(tmp_path: Path) -> None:
    """A later change of the working directory moves no journal."""
    assert candidates("here.db")[0].path == tmp_path / "here.db"
    assert candidates("~/there.db")[0].path == tmp_path / "home" / "there.db"


def test_without_a_home_memory_is_still_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home directory has no state folder, which is no fault."""

    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", staticmethod(no_home))

    assert candidates("journal.db")[-1].path is None
    with pytest.raises(OSError, match="autoops"):
        prepare(state_folder() / "journal.db")


class TestUnreachable:
    """A place that cannot even be looked at is passed over, and it is said why."""

    def test_a_folder_of_somebody_else(self) -> None:
        """Another user's `.autoops` is closed to us: our own state folder takes the traces."""
        # Not in the test's own folder: those above it are for their owner only.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o777)
            closed = folder / ".autoops"
            closed.mkdir(mode=0o700)
            if os.getuid() != 0:
                closed.chmod(0)

            path, reason = run_python(RECORD_WITHOUT_RIGHTS, str(folder))

            assert path == str(folder / "home" / ".local" / "state" / "autoops" / "journal.db")
            assert "Permission denied" in reason
            closed.chmod(0o700)

    @pytest.mark.parametrize("name", ["n" * 300 + ".db", "n" * 5000, "a\0b.db", "~nobody.at.all/journal.db"])
    def test_a_name_that_leads_nowhere(self, tmp_path: Path, name: str) -> None:
        """Too long, of characters that no name has, in nobody's home directory."""
        writer = writer_for(name, buffer_size=10, patience_s=1.0)
        try:
            location = writer.store(5.0).location
        finally:
            leave(writer, time.monotonic() + 30)

        assert location.path == tmp_path / "home" / ".local" / "state" / "autoops" / "journal.db"
        assert location.reason

    def test_links_in_a_circle(self, tmp_path: Path) -> None:
        """A link to itself holds nothing."""
        loop = tmp_path / "loop.db"
        loop.symlink_to(loop)

        location = open_store(str(loop)).location

        assert location.path == tmp_path / "home" / ".local" / "state" / "autoops" / "journal.db"
        assert str(loop) in str(location.reason)

    def test_a_working_directory_that_was_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A relative path is nowhere then."""
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()

        places = candidates("journal.db")

        assert [each.path for each in places] == [
            tmp_path / "home" / ".local" / "state" / "autoops" / "journal.db",
            None,
        ]
        assert all("No such file" in str(each.reason) for each in places)


class TestFileSystem:
    """What Linux's table of mounts says of a path."""

    def test_the_innermost_mount_counts(self, tmp_path: Path) -> None:
        """The longest mount point above the path; a name that only begins alike is another place."""
        table = mounts(
            tmp_path,
            "server:/home /mnt/home nfs4 rw 0 0",
            "tmpfs /mnt/home/scratch tmpfs rw 0 0",
            "//server/share /mnt/with\\040space cifs rw 0 0",
        )

        assert file_system(Path("/mnt/home/journal.db"), table) == "nfs4"
        assert file_system(Path("/mnt/home/scratch/journal.db"), table) == "tmpfs"
        assert file_system(Path("/mnt/homestead/journal.db"), table) == "ext4"
        assert file_system(Path("/mnt/with space/journal.db"), table) == "cifs"

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        """What counts is where the file really lies."""
        (tmp_path / "link").symlink_to("/mnt/home")
        table = mounts(tmp_path, "server:/home /mnt/home nfs rw 0 0")

        assert file_system(tmp_path / "link" / "journal.db", table) == "nfs"

    def test_no_table_is_no_answer(self, tmp_path: Path) -> None:
        """Where there is no such table, nothing is known."""
        assert file_system(tmp_path, tmp_path / "missing") is None

    @pytest.mark.parametrize("kind", sorted(NETWORK_FILE_SYSTEMS))
    def test_a_network_file_system_means_memory(self, tmp_path: Path, kind: str) -> None:
        """SQLite's locks cannot be trusted there: memory, and it is said why."""
        table = mounts(tmp_path, f"server:/x {tmp_path} {kind} rw 0 0")

        (only,) = candidates(str(tmp_path / "journal.db"), table)

        assert only.path is None
        assert kind in str(only.reason)

    def test_a_state_folder_on_the_network_is_left_out(self, tmp_path: Path) -> None:
        """A home directory on a file server is no place to fall back to."""
        table = mounts(tmp_path, f"server:/home {tmp_path / 'home'} nfs4 rw 0 0")

        places = candidates(str(tmp_path / "journal.db"), table)

        assert [each.path for each in places] == [tmp_path / "journal.db", None]


class TestPrepare:
    """Made for its owner only."""

    @pytest.mark.parametrize("umask", [0, 0o022, 0o777])
    def test_folders_and_files_are_the_owners(self, tmp_path: Path, umask: int) -> None:
        """Payloads of a business are in there: nobody else reads them, and their owner does, whatever the umask."""
        path = tmp_path / "new" / ".autoops" / "journal.db"

        before = os.umask(umask)
        try:
            store = open_store(str(path))
            with store.transaction() as connection:
                connection.execute("INSERT INTO counters VALUES ('x', 1)")
            assert store.lock is not None
            assert store.lock.acquire(CARETAKER)
        finally:
            os.umask(before)

        assert store.location == Location(path)
        assert [mode(each) for each in (path.parent.parent, path.parent)] == [0o700, 0o700]
        files = {each.name: mode(each) for each in path.parent.iterdir() if each.name != ".gitignore"}
        assert set(files.values()) == {0o600}
        assert files.keys() == {"journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"}
        store.lock.release(CARETAKER)

    def test_a_link_leads_to_the_file_that_is_cared_for(self, tmp_path: Path) -> None:
        """SQLite keeps the log beside the file itself; a link to nowhere is a wish to have it there."""
        (tmp_path / "journal.db").symlink_to(tmp_path / "big disk" / "journal.db")

        store = open_store(str(tmp_path / "journal.db"))

        assert store.location == Location(tmp_path / "big disk" / "journal.db")
        assert mode(tmp_path / "big disk" / "journal.db") == 0o600
        assert (tmp_path / "journal.db").is_symlink()

    def test_a_reader_needs_no_right_to_write(self) -> None:
        """A journal of another owner can be looked at; it is neither changed nor made."""
        # Not in the test's own folder: those above it are for their owner only.
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            store = open_store(str(folder / "journal.db"))
            with store.transaction() as connection:
                connection.execute("INSERT INTO counters VALUES ('kept', 1)")
            store.close()
            (folder / "journal.db").chmod(0o444)
            folder.chmod(0o555)

            told = run_python(READ_WITHOUT_RIGHTS, str(folder / "journal.db"))

            assert told == [["kept", 1]]
            assert [each.name for each in folder.glob("journal.db*") if each.suffix != ".lock"] == [
                "journal.db"
            ]
            folder.chmod(0o700)

    def test_our_own_folder_hides_from_git(self, tmp_path: Path) -> None:
        """The default folder ignores itself; somebody else's folder gets no file from us."""
        prepare(tmp_path / ".autoops" / "journal.db")
        prepare(tmp_path / "data" / "journal.db")

        assert (tmp_path / ".autoops" / ".gitignore").read_text() == "*\n"
        assert [each.name for each in (tmp_path / "data").iterdir()] == ["journal.db"]

    def test_what_is_there_stays(self, tmp_path: Path) -> None:
        """A `.gitignore` of the user's own and a file with data are left as they are."""
        folder = tmp_path / ".autoops"
        folder.mkdir()
        (folder / ".gitignore").write_text("journal.db\n")
        (folder / "journal.db").write_bytes(b"data")

        prepare(folder / "journal.db")

        assert (folder / ".gitignore").read_text() == "journal.db\n"
        assert (folder / "journal.db").read_bytes() == b"data"

    def test_a_file_in_the_folders_place_is_an_error(self, tmp_path: Path) -> None:
        """Nothing can be made under a file."""
        (tmp_path / "taken").touch()

        with pytest.raises(OSError, match="taken"):
            prepare(tmp_path / "taken" / "journal.db")

    def test_processes_may_make_it_at_once(self, tmp_path: Path) -> None:
        """Four that open the same new journal in the same moment all write to it."""
        code = """
        import json, sys
        from autoops.tracing.journal.opening import open_store
        print(json.dumps("ready"), flush=True)
        input()
        store = open_store(sys.argv[1])
        with store.transaction() as connection:
            connection.execute("INSERT INTO counters VALUES (?, 1)", (sys.argv[2],))
        print(json.dumps(str(store.location.path)), flush=True)
        """
        path = str(tmp_path / ".autoops" / "journal.db")
        with (
            running_python(code, path, "a") as a,
            running_python(code, path, "b") as b,
            running_python(code, path, "c") as c,
            running_python(code, path, "d") as d,
        ):
            children = (a, b, c, d)
            assert [child.says() for child in children] == ["ready"] * 4
            for child in children:
                child.go_on()
            assert [child.says() for child in children] == [path] * 4

        with open_store(path).reading() as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM counters ORDER BY name")]
        assert names == ["a", "b", "c", "d"]
        assert not list(Path(path).parent.glob("*damaged*"))
