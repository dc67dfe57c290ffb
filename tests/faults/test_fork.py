"""Forks at any moment, pools and pre-forked workers: nothing doubled, nothing lost, nobody hangs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from children import env_for, run_python
from journals import ask, assert_sound, folder_in_memory, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback import LoopbackServer

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")

JOURNAL = Path(".autoops/journal.db")
LONG_S = 30.0
CHILDREN, STEPS = 12, 10
PATIENT = {"LANGFUSE_MAX_LATENCY_MS": "20000"}
"""Threads that record without a pause wait for the commit rather than drop spans."""


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work where no disk decides how long a commit takes."""
    with folder_in_memory() as folder:
        monkeypatch.chdir(folder)
        yield


NEXT = "the next process"
DELIVER = f"""
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
with service.trace_operation({NEXT!r}):
    pass
print(json.dumps(service.flush(20)))
"""


def deliver_the_rest(server: LoopbackServer) -> None:
    """Have the next process deliver what a child that ended last may have left to it."""
    if ask(JOURNAL, "SELECT 1 FROM outbox LIMIT 1"):
        assert run_python(DELIVER, env=env_for(server)) is True


FORKS = f"""
import json, os, sys, threading
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
moment = sys.argv[1]

def record(who, count):
    for number in range(count):
        with service.trace_operation(f"{{who}}.{{number}}"):
            pass

recorded = [0]
over = threading.Event()
def record_until_over():
    while not over.is_set():
        record(f"beside.{{recorded[0]}}", 1)
        recorded[0] += 1

beside = threading.Thread(target=record_until_over)
if moment == "during":
    beside.start()
if moment == "after":
    record("before", {STEPS})
    assert service.flush(20)
pids = []
for child in range({CHILDREN}):
    pid = os.fork()
    if pid == 0:
        record(f"child {{child}}", {STEPS})
        if child % 3 == 0:
            sys.exit(0)
        os._exit(0 if service.flush(30) else 1)
    pids.append(pid)
record("parent", {STEPS})
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
over.set()
if moment == "during":
    beside.join()
print(json.dumps([codes, recorded[0], service.flush(30), service.health_check()["dropped"]]))
"""


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_fork_at_any_moment_of_use(server: LoopbackServer, moment: str) -> None:
    """Before the first span, while a thread records, after a flush: each of the children's and the parent's spans once.

    Some children end by an exit, others by `os._exit` after a flush.
    """
    codes, beside, settled, dropped = run_python(FORKS, moment, env=env_for(server, **PATIENT))

    assert codes == [0] * CHILDREN
    assert settled is True
    assert dropped == {}
    who = [
        "parent",
        *(f"child {number}" for number in range(CHILDREN)),
        *(["before"] if moment == "after" else []),
    ]
    expected = sorted(
        [f"{each}.{step}" for each in who for step in range(STEPS)]
        + [f"beside.{number}.0" for number in range(beside)]
    )
    assert names_in(JOURNAL) == expected
    assert_sound(JOURNAL)
    deliver_the_rest(server)
    # A child that is gone by `os._exit` with a batch on its way, for all, leaves that batch to be sent again.
    assert sorted(span.name for span in server.spans if span.name != NEXT) == expected


POOLS = """
import json, multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from config.langfuse_integration import get_langfuse_integration

def work(number):
    with get_langfuse_integration().trace_operation(f"job {number}"):
        return os.getpid()

if __name__ == "__main__":
    kind, method = sys.argv[1:]
    context = multiprocessing.get_context(method)
    with get_langfuse_integration().trace_operation("main"):
        if kind == "pool":
            pool = context.Pool(2)
            pids = pool.map(work, range(20))
            pool.close()
            pool.join()
        elif kind == "executor":
            with ProcessPoolExecutor(2, mp_context=context) as executor:
                pids = list(executor.map(work, range(20)))
        else:
            started = [context.Process(target=work, args=(number,)) for number in range(4)]
            for each in started:
                each.start()
            for each in started:
                each.join()
            pids = [each.pid for each in started]
    print(json.dumps([os.getpid() in pids, len(set(pids))]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["process", "pool", "executor"])
def test_workers_of_multiprocessing(server: LoopbackServer, kind: str, method: str) -> None:
    """They skip `atexit`, and commit through multiprocessing's finalizers: all they recorded is in the journal."""
    Path("workers.py").write_text(POOLS, encoding="utf-8")
    code = "import runpy, sys; sys.argv[:] = ['workers.py', *sys.argv[1:]]; runpy.run_path('workers.py', run_name='__main__')"

    of_parent, workers = run_python(code, kind, method, env=env_for(server))

    assert not of_parent
    assert workers >= 1
    expected = sorted(["main", *(f"job {number}" for number in range(4 if kind == "process" else 20))])
    assert names_in(JOURNAL) == expected
    assert_sound(JOURNAL)
    (unfinished,) = ask(JOURNAL, "SELECT COUNT(*) FROM processes WHERE ended_at IS NULL")
    assert unfinished == (0,)
    deliver_the_rest(server)
    assert sorted(span.name for span in server.spans if span.name != NEXT) == expected


PREFORK = f"""
import json, os, signal, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()

def record(who):
    for number in range({STEPS}):
        with service.trace_operation(f"{{who}}.{{number}}"):
            pass

def serve(name, orders, answers):
    # As gunicorn's workers: until told to end, then out through SystemExit.
    while os.read(orders, 1) == b"r":
        record(name)
        os.write(answers, b"1" if service.flush(30) else b"0")
    sys.exit(0)

def spawn(name):
    orders, give = os.pipe()
    answers, answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        serve(name, orders, answer)
    return pid, give, answers

def ask(worker):
    os.write(worker[1], b"r")
    assert os.read(worker[2], 1) == b"1"

record("master")
workers = [spawn(f"worker {{number}}") for number in range(3)]
for worker in workers:
    ask(worker)
killed = workers[0]
os.kill(killed[0], signal.SIGKILL)
assert os.waitstatus_to_exitcode(os.waitpid(killed[0], 0)[1]) == -signal.SIGKILL
workers[0] = spawn("replacement")
for worker in workers:
    ask(worker)
for worker in workers:
    os.write(worker[1], b"e")
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _, _ in workers]
record("master at last")
print(json.dumps([codes, service.flush(30)]))
"""


def test_pre_forked_workers(server: LoopbackServer) -> None:
    """A master makes the service and forks; workers record, one is killed and replaced: each span once."""
    codes, settled = run_python(PREFORK, env=env_for(server))

    assert codes == [0, 0, 0]
    assert settled is True
    rounds = {"master": 1, "worker 0": 1, "worker 1": 2, "worker 2": 2, "replacement": 1, "master at last": 1}
    expected = sorted(
        f"{who}.{step}" for who, times in rounds.items() for step in range(STEPS) for _ in range(times)
    )
    assert names_in(JOURNAL) == expected
    assert_sound(JOURNAL)
    assert sorted(span.name for span in server.arrivals) == expected


BUSY_FORK = """
import json, os, sys, threading, time
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
over = threading.Event()
counts = [0] * 4
def work(thread):
    while not over.is_set():
        try:
            with service.trace_operation(f"{thread}.{counts[thread]}", input_data={"x": list(range(50))}):
                service.score("0" * 32, "quality", 0.5)
                raise ValueError
        except ValueError:
            pass
        service.end_agent_span("f" * 16)  # unknown: looked up in the journal, and complained of
        counts[thread] += 1
threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
codes = []
for child in range(20):
    pid = os.fork()
    if pid == 0:
        service.end_agent_span("f" * 16)
        with service.trace_operation(f"child {child}"):
            pass
        service.health_check()
        os._exit(0 if service.flush(30) else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
over.set()
for thread in threads:
    thread.join()
print(json.dumps([codes, counts, service.flush(40), service.health_check()["dropped"]]))
"""


def test_forks_of_a_busy_process_inherit_no_lock(server: LoopbackServer) -> None:
    """Threads record, score, look up and complain while the process forks twenty times: every child does its work."""
    codes, counts, settled, dropped = run_python(BUSY_FORK, env=env_for(server, **PATIENT))

    assert codes == [0] * 20
    assert settled is True
    assert dropped == {}
    children = {f"child {number}" for number in range(20)}
    recorded = {f"{thread}.{number}" for thread, count in enumerate(counts) for number in range(count)}
    assert set(names_in(JOURNAL)) == children | recorded
    assert len(names_in(JOURNAL)) == len(children | recorded)
    assert_sound(JOURNAL)
