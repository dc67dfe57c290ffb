"""The disk fails under a running business: it never sees it, memory holds what it can, the rest is counted and said."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from children import env_for, run_python, running_python
from journals import ask, assert_sound, names_in

from autoops.tracing.journal.log_readers import reading_now
from autoops.tracing.journal.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from children import Child
    from loopback import LoopbackServer

FOLDER = Path(".autoops")
JOURNAL = FOLDER / "journal.db"
BUFFER = 100
WAIT_MS = 20
"""LANGFUSE_MAX_LATENCY_MS of the children."""
HEADROOM_S = 0.5
"""For a machine that is busy with other things."""
ENV = {"LANGFUSE_BUFFER_SIZE": str(BUFFER), "LANGFUSE_MAX_LATENCY_MS": str(WAIT_MS)}

BUSINESS = """
import json, logging, sys, time
lines = []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append([record.levelname, record.getMessage()])
logging.getLogger("autoops").addHandler(Keep(logging.WARNING))
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
slowest = 0.0
def record(who, count, until=0.0):
    global slowest
    number = 0
    while number < count or time.monotonic() < until:
        began = time.perf_counter()
        trace_id = service.create_simulation_trace({"type": f"{who}.{number}", "payload": "x" * 2000})
        span_id = service.start_agent_span("pricing", "propose", parent_trace_id=trace_id)
        assert service.end_agent_span(span_id, {"price": number}) is True
        assert service.finalize_trace(trace_id, "done") is True
        slowest = max(slowest, time.perf_counter() - began)
        number += 1
    return number
def tell(**more):
    health = service.health_check()
    print(json.dumps({
        "dropped": health["dropped"], "alerts": [each["kind"] for each in health["alerts"]],
        "journal": health["journal"], "lines": lines, "slowest": slowest, **more,
    }), flush=True)
record("before", 20)
tell(settled=service.flush(20))
input()
count = record("meanwhile", 300, time.monotonic() + float(sys.argv[1]))
tell(settled=service.flush(1.5), count=count)
input()
mended = service.flush(30)
record("after", 20)
settled = mended and service.flush(30)
service.client.writer.refresh()
tell(settled=settled)
input()
"""


class Business:
    """A running business, before, during and after a fault of its disk."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.before = child.says()
        assert self.before["settled"] is True

    def meanwhile(self) -> dict[str, Any]:
        """Let it work while the disk fails; return what it says then."""
        self.child.go_on()
        told: dict[str, Any] = self.child.says()
        return told

    def after(self) -> dict[str, Any]:
        """Let it work on the mended disk, and end; return what it says last."""
        self.child.go_on()
        told: dict[str, Any] = self.child.says()
        assert told["settled"] is True
        self.child.go_on()
        assert self.child.exit_code() == 0
        return told


@contextmanager
def business(*, busy_s: str = "0", **env: str) -> Iterator[Business]:
    """Run one in the test's working directory, without a server."""
    with running_python(BUSINESS, busy_s, env=ENV | env) as child:
        yield Business(child)


def roots_in(path: Path, who: str) -> set[str]:
    """Names of the traces of a phase."""
    return {name for name in names_in(path) if name.startswith(f"{who}.")}


def run_sql(*statements: str, path: Path = JOURNAL) -> None:
    """Run statements as another tool does: in a process of its own, whose closing of the file drops no lock of ours."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); [c.execute(s).fetchall() for s in sys.argv[2:]]; c.close()"
    run_python(code, str(path), *statements)


def fill_disk(running: Business) -> Callable[[], None]:
    """Let no file grow beyond the largest there is."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(each.stat().st_size for each in FOLDER.iterdir())
    resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (largest, most))

    def mend() -> None:
        resource.prlimit(running.child.pid, resource.RLIMIT_FSIZE, (most, most))

    return mend


def take_folder(_: Business) -> Callable[[], None]:
    """Move the folder away, and put a file where it was: nothing can be opened nor made there, not even by root."""
    FOLDER.rename("away")
    FOLDER.touch()

    def mend() -> None:
        FOLDER.unlink()
        Path("away").rename(FOLDER)

    return mend


def lock(_: Business) -> Callable[[], None]:
    """Begin a write transaction in another program, and leave it open."""
    code = """
    import sqlite3
    connection = sqlite3.connect(".autoops/journal.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("1", flush=True)
    input()
    """
    stack = ExitStack()
    assert stack.enter_context(running_python(code)).says() == 1
    return stack.close


@pytest.mark.parametrize(
    ("breaks", "busy_s"),
    [(fill_disk, "0"), (take_folder, "0"), (lock, "6")],
    ids=["full disk", "unwritable folder", "locked for longer than a commit waits"],
)
def test_a_disk_that_comes_back(breaks: Callable[[Business], Callable[[], None]], busy_s: str) -> None:
    """Calls go on as ever; up to the buffer's size is kept and written later, the rest counted and said, once.

    The lock is held for longer than the 5 s that a commit waits, hence a slow case.
    """
    with business(busy_s=busy_s) as running:
        mend = breaks(running)
        try:
            during = running.meanwhile()
        finally:
            mend()
        after = running.after()

    assert during["settled"] is False
    assert "journal" in during["alerts"]
    assert during["slowest"] < 4 * WAIT_MS / 1e3 + HEADROOM_S
    dropped = sum(after["dropped"].values())
    assert after["dropped"].keys() <= {"journal_unavailable", "buffer_full"}
    assert after["dropped"].get("journal_unavailable", 0) > 0
    assert [level for level, message in after["lines"] if "cannot be written" in message] == ["ERROR"]
    assert [level for level, message in after["lines"] if "written again" in message] == ["WARNING"]
    assert "journal" not in after["alerts"]
    assert roots_in(JOURNAL, "before") == {f"before.{number}" for number in range(20)}
    assert roots_in(JOURNAL, "after") == {f"after.{number}" for number in range(20)}
    ended = 2 * (20 + during["count"] + 20)
    assert len(names_in(JOURNAL)) == ended - dropped
    assert ended - dropped >= 2 * (20 + 20) + BUFFER * 3 // 4
    assert_sound(JOURNAL)
    (books,) = ask(JOURNAL, "SELECT begun, ended, open, buffered, dropped FROM processes")
    assert books == (ended, ended - dropped, 0, 0, dropped)


KEEP_OUT = """
import sqlite3
connection = sqlite3.connect(".autoops/journal.db", isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # keeps readers out too
connection.execute("BEGIN EXCLUSIVE")
print("1", flush=True)
input()
"""
LATECOMER = """
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
trace_id = service.create_simulation_trace({"type": "late"})
service.finalize_trace(trace_id, "done")
settled = service.flush(0.5)
print(json.dumps(settled), flush=True)
input()
settled = service.flush(30)
print(json.dumps([settled, str(service.client.writer.store().location.path)]), flush=True)
"""


def test_a_journal_that_is_locked_when_it_is_to_be_opened() -> None:
    """A file in use is the right one: nothing goes to another place, where nobody would look for it."""
    with business() as first:
        first.meanwhile()
        first.after()
    with running_python(KEEP_OUT) as other:
        assert other.says() == 1
        with running_python(LATECOMER, env=ENV) as late:
            assert late.says() is False
            other.go_on()
            assert other.exit_code() == 0
            late.go_on()
            assert late.says() == [True, str(JOURNAL.resolve())]
            assert late.exit_code() == 0

    assert "late" in names_in(JOURNAL)
    assert_sound(JOURNAL)


READ_ON = """
import sqlite3
connection = sqlite3.connect(".autoops/journal.db", isolation_level=None)
connection.execute("BEGIN")
print(connection.execute("SELECT COUNT(*) FROM spans").fetchone()[0], flush=True)
input()
"""


def test_a_reader_that_never_closes(server: LoopbackServer) -> None:
    """It holds nobody up and loses nothing: the log grows by what is written, and is emptied when the reader is gone."""
    log = FOLDER / "journal.db-wal"
    with (
        business(**env_for(server, LANGFUSE_BUFFER_SIZE="5000")) as running,
        running_python(READ_ON) as reader,
    ):
        assert reader.says() == 40
        during = running.meanwhile()
        grown = log.stat().st_size
        assert during["settled"] is True
        assert reading_now(JOURNAL) == (reader.pid,)
        reader.kill()
        after = running.after()

    assert grown > 300 * 2000
    assert after["dropped"] == {}
    assert after["slowest"] < 4 * WAIT_MS / 1e3 + HEADROOM_S
    assert len(names_in(JOURNAL)) == 680
    assert len(server.arrivals) == 680
    assert_sound(JOURNAL)
    assert not log.exists() or log.stat().st_size == 0


def remove(_: Business) -> None:
    """Remove the journal's files, lock and all."""
    shutil.rmtree(FOLDER)


def remove_file_only(_: Business) -> None:
    """Remove the database, and leave its log."""
    JOURNAL.unlink()


def replace(_: Business) -> None:
    """Put another journal in its place, and leave its log."""
    with closing(sqlite3.connect("other.db")) as other, closing(sqlite3.connect(JOURNAL)) as ours:
        ours.backup(other)
        other.execute("DELETE FROM spans")
        other.execute("DELETE FROM traces")
        other.execute("DELETE FROM processes")
        other.execute("DELETE FROM counters")
        other.commit()
    Path("other.db").rename(JOURNAL)


def damage(_: Business) -> None:
    """Write noise over most pages, as a failing disk does; what SQLite holds in memory is sound."""
    run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    size = JOURNAL.stat().st_size
    with JOURNAL.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(5).randbytes(size - 4096))


def noise(_: Business) -> None:
    """Put noise in its place."""
    for each in FOLDER.glob("journal.db*"):
        each.unlink()
    JOURNAL.write_bytes(random.Random(5).randbytes(100_000))


@pytest.mark.parametrize("loses", [remove, remove_file_only, replace, damage, noise])
def test_a_journal_that_is_lost_under_us(loses: Callable[[Business], None]) -> None:
    """A new one is begun at the same place, and has all that is recorded from then on; nothing is dropped."""
    with business(LANGFUSE_BUFFER_SIZE="5000") as running:
        loses(running)
        running.meanwhile()
        after = running.after()

    assert after["dropped"] == {}
    assert after["slowest"] < 4 * WAIT_MS / 1e3 + HEADROOM_S
    assert after["journal"]["path"] == str(JOURNAL.absolute())
    assert roots_in(JOURNAL, "meanwhile") == {f"meanwhile.{number}" for number in range(300)}
    assert roots_in(JOURNAL, "after") == {f"after.{number}" for number in range(20)}
    assert roots_in(JOURNAL, "before") == set()
    assert_sound(JOURNAL)
    is_damaged = loses in {damage, noise}
    assert (after["journal"]["moved_aside"] is not None) is is_damaged
    assert len(list(FOLDER.glob("*.damaged-*"))) == is_damaged
    assert sum("is damaged" in message for _, message in after["lines"]) == is_damaged


DELIVER = """
import json
from config.langfuse_integration import get_langfuse_integration
print(json.dumps(get_langfuse_integration().flush(20)))
"""


def test_what_waited_in_a_damaged_journal_arrives(server: LoopbackServer) -> None:
    """Its pages rot while the server is away: what can be read is saved into the new one, and delivered from there."""
    server.fail(503)
    env = env_for(server, **ENV)
    with running_python(
        BUSINESS.replace("settled=service.flush(20)", "settled=service.flush(0.5)"), "0", env=env
    ) as child:
        child.says()
        run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        child.kill()
    (root,) = ask(JOURNAL, "SELECT rootpage FROM sqlite_schema WHERE name = 'rejected'")[0]
    with JOURNAL.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(random.Random(5).randbytes(4096))
    server.heal()

    assert run_python(DELIVER, env=env) is True

    assert sorted(span.name for span in server.arrivals) == sorted(
        ["pricing.propose"] * 20 + [f"before.{number}" for number in range(20)]
    )
    (moved,) = FOLDER.glob("*.damaged-*")
    assert moved.stat().st_mode & 0o777 == 0o600


def test_a_newer_program_takes_the_journal_over(server: LoopbackServer) -> None:
    """Ours goes on in a file of its own beside it, of which it tells; nothing of the newer one's is touched."""
    with business(**env_for(server, LANGFUSE_BUFFER_SIZE="5000")) as running:
        run_sql(
            f"PRAGMA user_version = {VERSION + 1}",
            "UPDATE meta SET value = '99' WHERE key = 'lowest_writer'",
        )
        running.meanwhile()
        after = running.after()

    own = FOLDER / f"journal.v{VERSION}.db"
    assert after["dropped"] == {}
    assert after["journal"]["path"] == str(own.absolute())
    assert f"schema {VERSION + 1}" in after["journal"]["reason"]
    assert {name.split(".")[0] for name in names_in(JOURNAL)} == {"before", "pricing"}
    assert len(names_in(JOURNAL)) == 40
    assert len(names_in(own)) == 640
    assert_sound(own)
    assert len({span.span_id for span in server.arrivals}) == len(server.arrivals) == 680


def test_a_newer_program_that_admits_us_shares_the_journal() -> None:
    """Ours goes on in the same file, and so does one of ours that is started later."""
    with business(LANGFUSE_BUFFER_SIZE="5000") as running:
        run_sql(f"PRAGMA user_version = {VERSION + 1}")
        running.meanwhile()
        after = running.after()
    run_python(
        "from config.langfuse_integration import get_langfuse_integration as g\nwith g().trace_operation('later'): pass"
    )

    assert after["journal"]["path"] == str(JOURNAL.absolute())
    assert len(names_in(JOURNAL)) == 681
    assert ask(JOURNAL, "PRAGMA user_version") == [(VERSION + 1,)]


def test_an_older_file_is_brought_up_with_what_is_in_it() -> None:
    """A journal of the first schema, in use by an older program: migrated, nothing lost."""
    from autoops.tracing.journal import schema

    FOLDER.mkdir()
    with closing(sqlite3.connect(JOURNAL, isolation_level=None)) as old:
        old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        old.execute("PRAGMA journal_mode = WAL")
        old.executescript(schema.MIGRATIONS[0])
        old.execute("INSERT INTO meta VALUES ('lowest_writer', '1')")
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO traces (trace_id, start_ns, sampled, sample_rate) VALUES ('ab', 1, 1, 1.0)")

        with business() as running:
            running.meanwhile()
            running.after()

        assert old.execute("SELECT COUNT(*) FROM traces").fetchone() == (341,)
        assert old.execute("PRAGMA user_version").fetchone() == (VERSION,)
        # The older program goes on writing.
        old.execute("INSERT INTO traces (trace_id, start_ns, sampled, sample_rate) VALUES ('cd', 1, 1, 1.0)")


@pytest.mark.parametrize("home", ["writable", "not writable"])
def test_a_place_that_never_worked(home: str) -> None:
    """The user's state folder, else memory: with one warning that says why, and everything else as ever."""
    FOLDER.touch()
    state = Path(os.environ["HOME"])
    if home == "not writable":
        state.touch()

    with business(LANGFUSE_BUFFER_SIZE="5000") as running:
        assert not JOURNAL.exists()
        running.meanwhile()
        after = running.after()

    journal = after["journal"]
    assert after["dropped"] == {}
    assert journal["spans"] == 680
    assert str(JOURNAL.absolute()) in journal["reason"]
    warnings = [message for _, message in after["lines"] if "trace journal" in message]
    assert len(warnings) == 1
    if home == "writable":
        kept = state / ".local" / "state" / "autoops" / "journal.db"
        assert journal["path"] == str(kept)
        assert len(names_in(kept)) == 680
    else:
        assert journal["path"] is None


def test_no_credentials_on_the_disk(server: LoopbackServer) -> None:
    """Neither keys nor headers are in the journal, its log or any other file of ours, in no form that they are sent in."""
    import base64

    secret = "sk-lf-0123456789-very-secret"
    server.secret_key = secret
    header = "header-secret-9876543210"
    pair = base64.b64encode(f"{server.public_key}:{secret}".encode())
    env = env_for(server, LANGFUSE_ADDITIONAL_HEADERS=f'{{"X-Gate": "{header}"}}')

    with business(**env) as running:
        server.fail(401)
        running.child.go_on()
        running.child.says()
        content = b"".join(each.read_bytes() for each in FOLDER.rglob("*") if each.is_file())
        running.child.kill()
    content += b"".join(each.read_bytes() for each in FOLDER.rglob("*") if each.is_file())

    assert b"before.19" in content
    for word in (secret.encode(), header.encode(), pair):
        assert word not in content
