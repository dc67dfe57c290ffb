"""Locks between processes: one holder at a time, and none after its death."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from children import running_python
from patience import eventually

from autoops.tracing.journal.lock import CARETAKER, FIRST_DESTINATION, OPENING, LockFile, lock_file

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import json, sys
from pathlib import Path
from autoops.tracing.journal.lock import lock_file
lock = lock_file(Path(sys.argv[1]))
print(json.dumps(lock.acquire(int(sys.argv[2]))), flush=True)
input()
lock.release(int(sys.argv[2]))
print(json.dumps("released"), flush=True)
input()
"""

OPEN_FILES = """
import os
for each in os.listdir("/proc/self/fd"):
    try:
        print(os.readlink("/proc/self/fd/" + each))
    except OSError:
        pass
"""


@pytest.fixture
def lock(tmp_path: Path) -> LockFile:
    """A lock file of the test's own."""
    return lock_file(tmp_path / "journal.db.lock")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where it lies."""
    return str(tmp_path / "journal.db.lock")


def test_another_process_waits_for_its_turn(lock: LockFile, path: str) -> None:
    """What one process holds another cannot take until it is given back; other bytes are free."""
    with running_python(HOLDER, path, str(CARETAKER)) as child:
        assert child.says() is True
        assert not lock.acquire(CARETAKER)
        assert not lock.holds(CARETAKER)
        assert lock.acquire(FIRST_DESTINATION)

        child.go_on()
        assert child.says() == "released"

        assert lock.acquire(CARETAKER)
        assert lock.holds(CARETAKER)
    lock.release(CARETAKER)
    lock.release(FIRST_DESTINATION)


def test_death_releases(lock: LockFile, path: str) -> None:
    """A killed holder leaves nothing locked."""
    with running_python(HOLDER, path, str(CARETAKER)) as child:
        assert child.says() is True
        assert not lock.acquire(CARETAKER)

        child.kill()

        assert lock.acquire(CARETAKER)
    lock.release(CARETAKER)


def test_a_thread_is_another_taker(lock: LockFile) -> None:
    """Within a process too only one takes a byte; releasing what is not held does nothing."""
    assert lock.acquire(CARETAKER)
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(lock.acquire(CARETAKER)))
    thread.start()
    thread.join()

    assert taken == [False]
    lock.release(CARETAKER)
    lock.release(CARETAKER)
    assert lock.acquire(CARETAKER)
    lock.release(CARETAKER)


def test_threads_contend_and_one_wins(lock: LockFile) -> None:
    """Of many threads that ask at once exactly one is told yes."""
    start = threading.Barrier(8)
    told: list[bool] = []

    def ask() -> None:
        start.wait()
        told.append(lock.acquire(CARETAKER))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told) == [False] * 7 + [True]
    lock.release(CARETAKER)


def test_opening_the_same_file_twice_keeps_the_locks(lock: LockFile, path: str, tmp_path: Path) -> None:
    """There is one handle in a process: a second one, once closed, would drop the first one's locks."""
    assert lock.acquire(CARETAKER)

    assert lock_file(tmp_path / "journal.db.lock") is lock

    with running_python(HOLDER, path, str(CARETAKER)) as child:
        assert child.says() is False
    lock.release(CARETAKER)


def test_a_forked_child_holds_nothing(lock: LockFile) -> None:
    """The child neither has the parent's turn, nor can it take or drop it."""
    assert lock.acquire(CARETAKER)
    pid = os.fork()
    if pid == 0:
        lock.release(CARETAKER)
        os._exit(int(lock.holds(CARETAKER)) + 2 * int(lock.acquire(CARETAKER)))

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    pid = os.fork()  # the first child's release and exit took nothing from the parent
    if pid == 0:
        os._exit(int(lock.acquire(CARETAKER)))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    lock.release(CARETAKER)


def test_a_forked_child_may_take_what_is_free(lock: LockFile) -> None:
    """A child is a process of its own: what it takes the parent cannot have."""
    read, write = os.pipe()
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"1" if lock.acquire(CARETAKER) else b"0")
        os.read(told, 1)
        os._exit(0)

    assert os.read(read, 1) == b"1"
    assert not lock.acquire(CARETAKER)
    os.write(tell, b".")
    os.waitpid(pid, 0)
    assert lock.acquire(CARETAKER)
    lock.release(CARETAKER)


def test_a_program_that_is_started_inherits_nothing(lock: LockFile, path: str) -> None:
    """The descriptor is closed on exec: a shell that outlives us keeps no lock file open."""
    assert lock.acquire(CARETAKER)

    done = subprocess.run(
        [sys.executable, "-c", OPEN_FILES], close_fds=False, capture_output=True, text=True, check=True
    )

    assert path not in done.stdout
    lock.release(CARETAKER)


def test_waiting_outlasts_another_process(lock: LockFile, path: str) -> None:
    """`waiting` blocks while another process opens the file, and runs its block afterwards."""
    entered = threading.Event()
    with running_python(HOLDER, path, str(OPENING)) as child:
        assert child.says() is True

        def wait() -> None:
            with lock.waiting(OPENING):
                entered.set()

        thread = threading.Thread(target=wait)
        thread.start()
        assert not entered.is_set()
        child.go_on()
        eventually(entered.is_set, "the turn to open")
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_midst_of_closing_leaves_the_child_no_stale_number(tmp_path: Path) -> None:
    """What the child then locks or closes would be another file's: a pool's pipe, for one."""
    lock = lock_file(tmp_path / "journal.db.lock")
    over = threading.Event()

    def toggle() -> None:
        while not over.is_set():
            lock.acquire(3)
            lock.release(3)

    thread = threading.Thread(target=toggle)
    thread.start()
    codes = []
    try:
        for _ in range(100):
            pid = os.fork()
            if pid == 0:
                kept = os.open(os.devnull, os.O_RDONLY)  # takes the lowest number that is free
                taken = lock.acquire(5)
                lock.release(5)
                try:
                    os.fstat(kept)
                except OSError:
                    taken = False
                os._exit(0 if taken else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    finally:
        over.set()
        thread.join()

    assert codes == [0] * 100
