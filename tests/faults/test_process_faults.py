"""How a process ends decides what the journal has of it: everything, or all that the last commit had taken."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from children import end_of_python, env_for, run_python, running_python
from journals import ask, assert_sound, folder_in_memory, names_in
from patience import eventually
from worlds import CLUSTERS, PRODUCTS, panel_folder, small_panel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback import LoopbackServer

JOURNAL = Path(".autoops/journal.db")
"""Where a process keeps it by default, from the test's working directory."""
LONG_S = 30.0
COMMIT_S = 0.05
"""Longest time between a span's end and the commit that takes it, as promised."""
IN_PROGRESS_S = 1.0
"""The commit in progress, on a machine that is busy with other things."""

DELIVER = """
import json
from config.langfuse_integration import get_langfuse_integration
print(json.dumps(get_langfuse_integration().flush(20)))
"""


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work where no disk decides how long a commit takes."""
    with folder_in_memory() as folder:
        monkeypatch.chdir(folder)
        yield


def numbered(count: int) -> list[str]:
    """Names of so many spans, in their order."""
    return sorted(f"span {number}" for number in range(count))


ENDINGS = {
    "end of main": ("", 0),
    "sys.exit": ("sys.exit(7)", 7),
    "uncaught exception": ("raise ValueError('the business failed')", 1),
    "interrupt": ("os.kill(os.getpid(), signal.SIGINT); signal.pause()", -signal.SIGINT),
    "SIGTERM that the host turns into an exit": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); os.kill(os.getpid(), signal.SIGTERM); signal.pause()",
        143,
    ),
    "end of main before its threads": (
        "threading.Thread(target=lambda: (threading.main_thread().join(), record(500, 520))).start()",
        0,
    ),
    "os._exit after flush": ("assert service.flush(20); os._exit(0)", 0),
}
RECORD_AND_END = """
import os, signal, sys, threading
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
def record(start, stop):
    for number in range(start, stop):
        with service.trace_operation(f"span {number}", input_data={"number": number}):
            pass
record(0, 500)
exec(sys.argv[1])
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_ended_span_is_lost_at_an_exit(server: LoopbackServer, ending: str) -> None:
    """Whatever way a process ends by itself: the journal has all, and the healthy server each of them once."""
    code, expected = ENDINGS[ending]

    ended = end_of_python(RECORD_AND_END, code, env=env_for(server))

    assert ended.code == expected, ended.errors
    spans = 520 if "threads" in ending else 500
    assert names_in(JOURNAL) == numbered(spans)
    assert_sound(JOURNAL)
    books = ask(JOURNAL, "SELECT begun, ended, open, buffered, filtered, dropped FROM processes")
    assert books == [(spans, spans, 0, 0, 0, 0)]
    assert sorted(span.name for span in server.arrivals) == numbered(spans)


RECORD_STEADILY = """
import json, sys, threading, time
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
pause = threading.Event()
number = 0
while True:
    with service.trace_operation(f"span {number}"):
        pass
    sys.stdout.write(json.dumps([number, time.monotonic()]) + "\\n")
    sys.stdout.flush()
    number += 1
    pause.wait(0.001)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_loses_what_no_commit_had_taken(server: LoopbackServer, number: int) -> None:
    """SIGKILL, and SIGTERM with its default action: what ended 50 ms and a commit before is kept, and later delivered."""
    with running_python(RECORD_STEADILY, env=env_for(server)) as child:
        ends = [child.says() for _ in range(1500)]
        killed_at = time.monotonic()
        child.kill(number)
        ends += child.rest()

    kept = set(names_in(JOURNAL))
    safe = {f"span {each}" for each, ended_at in ends if ended_at < killed_at - COMMIT_S - IN_PROGRESS_S}
    assert safe
    assert safe <= kept
    assert_sound(JOURNAL)
    assert run_python(DELIVER, env=env_for(server)) is True
    assert {span.name for span in server.spans} == kept


def test_sigterm_ends_a_simulation_cleanly() -> None:
    """The command line turns it into an exit: 143, no traceback, everything committed, goodbye said in the journal."""
    small_panel()
    JOURNAL.parent.mkdir()
    shutil.copytree(panel_folder(), JOURNAL.parent / "cache")
    size = ["--products", str(PRODUCTS), "--clusters", str(CLUSTERS), "--days", "20", "--seeds", "40"]
    process = subprocess.Popen(
        [sys.executable, "-m", "autoops.cli", "simulate", *size, "--policy", "agents"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(
            lambda: JOURNAL.is_file() and ask(JOURNAL, "SELECT 1 FROM sqlite_schema WHERE name = 'spans'"),
            "the journal",
            LONG_S,
        )
        eventually(lambda: ask(JOURNAL, "SELECT COUNT(*) FROM spans")[0][0] > 50, "spans", LONG_S)
        process.terminate()
        _, errors = process.communicate(timeout=LONG_S)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 128 + signal.SIGTERM, errors
    assert "Traceback" not in errors
    (row,) = ask(
        JOURNAL,
        "SELECT ended_at IS NOT NULL, begun = ended + open + filtered, buffered, dropped FROM processes",
    )
    assert row == (1, 1, 0, 0)
    assert_sound(JOURNAL)


THREADS, SPANS = 8, 40
WORKER = f"""
import json, sys, threading
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
def work(thread, round_):
    for step in range({SPANS}):
        with service.trace_operation(f"{{sys.argv[1]}}.{{thread}}.{{round_}}.{{step}}"):
            pass
def together(round_):
    threads = [threading.Thread(target=work, args=(number, round_)) for number in range({THREADS})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled = service.flush(40)
    print(json.dumps([settled, service.health_check()["delivery"]["is_deliverer"]]), flush=True)
with service.trace_operation(sys.argv[1] + ".ready"):
    pass
print(json.dumps("ready"), flush=True)
input()
together(0)
input()
together(1)
input()
"""


def test_eight_processes_of_eight_threads_and_a_deliverer_that_dies(server: LoopbackServer) -> None:
    """Every span stands in the one journal and arrives, once; when the process that delivers dies, another does.

    Takes some seconds: eight interpreters start.
    """
    workers = [str(number) for number in range(8)]
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(running_python(WORKER, name, env=env_for(server))) for name in workers
        }
        assert {child.says() for child in children.values()} == {"ready"}
        for child in children.values():
            child.go_on()
        said = {name: child.says() for name, child in children.items()}
        assert [settled for settled, _ in said.values()] == [True] * 8
        (deliverer,) = [name for name, (_, is_deliverer) in said.items() if is_deliverer]

        children[deliverer].kill()
        left = {name: child for name, child in children.items() if name != deliverer}
        for child in left.values():
            child.go_on()
        said = {name: child.says() for name, child in left.items()}
        assert [settled for settled, _ in said.values()] == [True] * 7
        assert sum(is_deliverer for _, is_deliverer in said.values()) == 1
        for child in left.values():
            child.go_on()
        assert [child.exit_code() for child in left.values()] == [0] * 7

    expected = sorted(
        [f"{name}.ready" for name in workers]
        + [
            f"{name}.{thread}.{round_}.{step}"
            for name in workers
            for round_ in range(1 if name == deliverer else 2)
            for thread in range(THREADS)
            for step in range(SPANS)
        ]
    )
    assert names_in(JOURNAL) == expected
    assert_sound(JOURNAL)
    assert {span.name for span in server.spans} == set(expected)
    # Nothing was on its way when the deliverer died: it had settled all that it knew of by then.
    assert len(server.arrivals) == len(expected)
