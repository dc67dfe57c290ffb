"""The thread that writes: what it commits, and what becomes of spans when the file fails under it."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from children import run_python
from desk import KEYS, Desk
from patience import eventually

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.counts import Drop
from autoops.tracing.journal import housekeeping, outbox, reader
from autoops.tracing.journal import writer as module
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.writer import Writer
from autoops.tracing.provider import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autoops.tracing.journal.store import Store
    from autoops.tracing.span import Span

LONG_S = 30.0


def soon() -> float:
    """A deadline that a healthy writer meets."""
    return time.monotonic() + LONG_S


class Owner:
    """A writer with a provider that records to it."""

    def __init__(self, journal: Path | str, **config: Any) -> None:
        self.writer = Writer(str(journal), buffer_size=10_000, patience_s=1.0)
        self.provider = TracerProvider(LangfuseConfig(**config), self.writer)
        self.writer.providers.append(self.provider)

    def begin(self, name: str = "x", parent: Any = None) -> Span:
        """Begin a span."""
        return self.provider.begin(name, parent=parent, type="span", input=b'"given"')

    def span(self, name: str = "x") -> Span:
        """Begin and end a span."""
        span = self.begin(name)
        span.end()
        return span

    def names(self) -> list[str]:
        """Names of the spans in the journal, in the order of writing."""
        with self.writer.store().reading() as connection:
            return [row[0] for row in connection.execute("SELECT name FROM spans ORDER BY seq")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal will lie."""
    return tmp_path / "journal.db"


@pytest.fixture
def owner(path: Path) -> Iterator[Owner]:
    """A writer on a file, stopped after the test."""
    started = Owner(path, **KEYS)
    yield started
    started.writer.stop(soon())


class TestCommitting:
    """From the caller's memory to the disk."""

    def test_nothing_happens_before_the_first_span(self, owner: Owner, path: Path) -> None:
        """No file, no thread."""
        # Writers of earlier tests may still have theirs.
        before = set(threading.enumerate())
        assert not path.exists()

        owner.span()

        eventually(path.exists, "the journal")
        assert [thread.name for thread in set(threading.enumerate()) - before] == ["autoops-journal"]

    def test_a_span_is_on_disk_when_a_flush_says_so(self, owner: Owner, path: Path) -> None:
        """Another connection sees it."""
        span = owner.span("kept")
        assert owner.writer.flush(soon())

        with closing(sqlite3.connect(path)) as other:
            assert other.execute("SELECT name, span_id, state FROM spans").fetchall() == [
                ("kept", span.id, 2)
            ]

    def test_without_a_flush_it_is_written_all_the_same(self, owner: Owner) -> None:
        """The thread commits by itself, open roots too."""
        root = owner.begin("open")
        owner.span("ended")

        eventually(lambda: sorted(owner.names()) == ["ended", "open"], "both spans")
        eventually(lambda: root.seq is not None, "the row's number")
        root.end()
        assert owner.writer.flush(soon())
        assert sorted(owner.names()) == ["ended", "open"]

    def test_threads_lose_and_repeat_nothing(self, owner: Owner) -> None:
        """Spans of eight threads are all there, once."""

        def work(number: int) -> None:
            for step in range(100):
                owner.span(f"{number}.{step}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert owner.writer.flush(soon())

        assert sorted(owner.names()) == sorted(f"{a}.{b}" for a in range(8) for b in range(100))
        assert owner.writer.dropped.snapshot() == {}

    def test_listeners_hear_of_what_is_due(self, owner: Owner) -> None:
        """After a commit, and when another process has put something into the outbox; one that raises harms nobody."""
        heard = threading.Event()

        def fail() -> None:
            raise ZeroDivisionError

        owner.writer.due += [fail, heard.set]
        owner.span()
        assert heard.wait(LONG_S)
        assert owner.writer.flush(soon())
        other = Desk(owner.writer.store(), **KEYS)
        for _ in range(2):  # the second time as many wait as the first time
            heard.clear()
            other.score(other.span())
            other.commit()

            assert heard.wait(LONG_S)
            outbox.spans_delivered(
                other.store, 1, outbox.due_spans(other.store, 1, 9, 1 << 20, newest_first=False)
            )

    def test_ticks_come_under_steady_load_too(self, owner: Owner) -> None:
        """A service that is never quiet is looked after as well."""
        ticks: list[float] = []
        owner.writer.ticks.append(lambda: ticks.append(time.monotonic()))
        over = threading.Event()

        def load() -> None:
            while not over.wait(0.02):
                owner.span()

        thread = threading.Thread(target=load)
        thread.start()
        try:
            eventually(lambda: len(ticks) >= 3, "ticks")
        finally:
            over.set()
            thread.join()

    def test_the_heartbeat_carries_health(self, owner: Owner) -> None:
        """Other processes read what the latest user of the writer says of itself."""
        owner.writer.healths += [lambda: {"mode": "first"}, lambda: {"mode": "latest"}]
        owner.span()
        assert owner.writer.flush(soon())

        (process,) = reader.processes(owner.writer.store())
        assert process.health == {"mode": "latest"}
        assert process.pid == os.getpid()
        assert process.ended_at is None

    def test_agents_outcomes_are_noted(self, owner: Owner) -> None:
        """How agents' spans ended is known once they are committed."""
        for failed in (True, True, False):
            span = owner.provider.begin("pricing.propose", parent=None, type="agent", agent="pricing")
            span.level = "ERROR" if failed else None
            span.end()
        assert owner.writer.flush(soon())

        assert owner.writer.agents.failing(60, 0.95) == {"pricing": pytest.approx(1 / 3)}


class TestStopping:
    """An end in order."""

    def test_what_waits_is_committed_and_goodbye_is_said(self, owner: Owner) -> None:
        """Nothing that was ended before the stop is lost; the process's row says that it ended."""
        for number in range(500):
            owner.span(f"{number}")
        owner.writer.stop(soon())

        assert len(owner.names()) == 500
        (process,) = reader.processes(owner.writer.store())
        assert process.ended_at is not None

    def test_twice_is_once(self, owner: Owner) -> None:
        """A second stop does nothing; spans that come later are counted and kept nowhere."""
        owner.span("in time")
        owner.writer.stop(soon())
        owner.span("too late")
        owner.writer.stop(soon())

        assert owner.names() == ["in time"]
        assert owner.writer.dropped.snapshot() == {Drop.AFTER_SHUTDOWN: 1}

    def test_of_a_writer_that_never_wrote(self, owner: Owner, path: Path) -> None:
        """It leaves no file."""
        owner.writer.stop(soon())

        assert not path.exists()

    def test_threads_that_go_on_recording_are_counted(self, owner: Owner) -> None:
        """Every span ended around the stop is in the journal or counted as too late."""
        made = 0
        over = threading.Event()

        def work() -> None:
            nonlocal made
            while not over.is_set():
                owner.span()
                made += 1

        thread = threading.Thread(target=work)
        thread.start()
        eventually(lambda: made > 50, "spans")
        owner.writer.stop(soon())
        later = made
        eventually(lambda: made > later + 50, "spans after the stop")
        over.set()
        thread.join()

        assert len(owner.names()) + owner.writer.dropped[Drop.AFTER_SHUTDOWN] == made


class TestFaults:
    """A file that fails under the writer."""

    def test_a_lock_of_another_program_is_waited_out(self, owner: Owner, path: Path) -> None:
        """Spans wait in memory while somebody else writes."""
        owner.span("before")
        assert owner.writer.flush(soon())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            owner.span("meanwhile")
            assert not owner.writer.flush(time.monotonic() + 0.1)
            other.execute("COMMIT")

        assert owner.writer.flush(soon())
        assert owner.names() == ["before", "meanwhile"]

    def test_housekeeping_that_must_wait_is_no_fault(
        self, owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A heartbeat that meets another writer does not make the journal count as failing."""
        owner.span()
        assert owner.writer.flush(soon())
        caplog.set_level(logging.DEBUG, "autoops")
        monkeypatch.setattr(housekeeping, "HEARTBEAT_S", 0.0)
        monkeypatch.setattr(module, "TICK_S", 0.01)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            eventually(lambda: "housekeeping waits" in caplog.text, "a heartbeat to be refused")

            assert owner.writer.last_error is None
            assert not owner.writer.buffer.failing
            other.execute("ROLLBACK")

    @pytest.mark.parametrize("fate", ["removed", "replaced by a journal", "replaced by noise", "damaged"])
    def test_a_lost_file_loses_nothing_that_is_in_memory(self, owner: Owner, path: Path, fate: str) -> None:
        """Spans that end after the file went are in the new one, also those that began before."""
        owner.span("gone with the file")
        open_before = owner.begin("open before")
        assert owner.writer.flush(soon())
        eventually(lambda: open_before.seq is not None, "the open span's row")
        lose(owner.writer.store(), path, fate)

        owner.span("after")
        open_before.end()
        assert owner.writer.flush(soon())

        assert owner.writer.store().location == Location(path)
        assert {"after", "open before"} <= set(owner.names())
        assert owner.writer.last_error is None
        assert owner.writer.dropped.snapshot() == {}
        due = outbox.due_spans(owner.writer.store(), 1, 10, 1 << 20, newest_first=False)
        assert {each.span.name for each in due} >= {"after", "open before"}
        assert (owner.writer.store().moved_aside is not None) is (fate in {"replaced by noise", "damaged"})

    def test_damage_is_shown_in_the_figures(self, owner: Owner, path: Path) -> None:
        """The fact that a file was moved aside is kept for health."""
        owner.span()
        assert owner.writer.flush(soon())
        lose(owner.writer.store(), path, "damaged")
        owner.span()
        assert owner.writer.flush(soon())
        owner.writer.refresh()

        assert ".damaged-" in str(owner.writer.figures.moved_aside)

    def test_memory_that_was_asked_for_is_not_warned_of(self, caplog: pytest.LogCaptureFixture) -> None:
        """`off` is a wish, not a fault."""
        owner = Owner("off")
        owner.span()
        owner.writer.stop(soon())

        assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def lose(store: Store, path: Path, fate: str) -> None:
    """Take the file from under an open journal."""
    files = [each for each in path.parent.glob("journal.db*") if not each.name.endswith(".lock")]
    if fate == "damaged":
        # What lies in SQLite's cache is beyond damage: have it read from the disk.
        store.checkpoint("TRUNCATE")
        store.close()
        noise = random.Random(3).randbytes(path.stat().st_size - 200)
        with path.open("r+b") as file:
            file.seek(200)
            file.write(noise)
        return
    for each in files:
        each.unlink()
    if fate == "replaced by noise":
        path.write_bytes(random.Random(3).randbytes(50_000))
    elif fate == "replaced by a journal":
        other = Desk(path.with_name("other.db"), **KEYS)
        other.span("theirs")
        other.commit()
        other.store.close()
        path.with_name("other.db").rename(path)


FULL_DISK = """
import json, resource, sys, time
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import outbox
from autoops.tracing.journal.writer import Writer
from autoops.tracing.provider import TracerProvider

writer = Writer(sys.argv[1], buffer_size=100, patience_s=0.05)
provider = TracerProvider(LangfuseConfig(public_key="pk-lf-x", secret_key="sk-lf-x"), writer)
writer.store()
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
for number in range(20):
    provider.begin(f"span {number}", parent=None, input=b'"' + b"x" * 50_000 + b'"').end()
flushed_when_full = writer.flush(time.monotonic() + 1.0)
failing = [writer.buffer.failing, writer.last_error]
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
flushed = writer.flush(time.monotonic() + 30.0)
due = outbox.due_spans(writer.store(), 1, 100, 1 << 24, newest_first=False)
print(json.dumps({
    "flushed when full": flushed_when_full, "failing": failing, "flushed": flushed,
    "due": [each.span.name for each in due], "dropped": writer.dropped.snapshot(),
    "failing at last": [writer.buffer.failing, writer.last_error],
}))
writer.stop(time.monotonic() + 10)
"""


def test_a_full_disk_holds_spans_up_and_loses_none(path: Path) -> None:
    """They wait in memory, the fault is shown, and when there is room again they are written whole and are due."""
    told = run_python(FULL_DISK, str(path))

    assert told["flushed when full"] is False
    assert told["failing"][0] is True
    assert "JournalError" in told["failing"][1]
    assert told["flushed"] is True
    assert told["due"] == [f"span {number}" for number in range(20)]
    assert told["dropped"] == {}
    assert told["failing at last"] == [False, None]


FORK = """
import json, os, sys, time
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal.writer import Writer
from autoops.tracing.provider import TracerProvider

writer = Writer(sys.argv[1], buffer_size=100, patience_s=1.0)
provider = TracerProvider(LangfuseConfig(), writer)
provider.begin("parent, committed", parent=None).end()
writer.flush(time.monotonic() + 30)
with writer.store().transaction():  # what ends now waits in memory over the fork
    provider.begin("parent, waiting", parent=None).end()
pid = os.fork()
if pid == 0:
    provider.after_fork()
    provider.begin("child", parent=None).end()
    writer.stop(time.monotonic() + 30)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
provider.begin("parent, after", parent=None).end()
writer.stop(time.monotonic() + 30)
with writer.store().reading() as connection:
    names = [row[0] for row in connection.execute("SELECT name FROM spans ORDER BY name")]
    processes = connection.execute("SELECT COUNT(*), COUNT(DISTINCT pid) FROM processes").fetchone()
print(json.dumps([names, processes]))
"""


def test_a_forked_child_writes_its_own_spans_only(path: Path) -> None:
    """What the parent had in memory is the parent's to write; the child has a row of its own among the processes."""
    names, processes = run_python(FORK, str(path))

    assert names == ["child", "parent, after", "parent, committed", "parent, waiting"]
    assert processes == [2, 2]
