"""A contender in a process of its own, which does what it is told in lines of JSON.

    python benchmarks/peers/worker.py CONTENDER URL on|off

It runs in an environment that has the contender and nothing of this project, so it uses the standard library only. The
first line that it writes says that it is ready, and which versions it found; then each command is answered by one line.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS_A_TRACE = 10
WARM_UP_SPANS = 20
NOWHERE = "http://127.0.0.1:9"


def main() -> None:
    """Make the contender ready and obey until told to stop."""
    # What a contender prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    name, url, switch = sys.argv[1:]
    is_on = switch == "on"
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    try:
        module = importlib.import_module(f"peers.{name}")
        # Whatever a contender would tell its makers meets a closed door.
        os.environ.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE))
        os.environ.update({"NO_PROXY": "127.0.0.1,localhost"})
        os.environ.update(module.environment(url, is_on=is_on))
        peer = module.build(url, is_on=is_on)
        work(peer, WARM_UP_SPANS)
        peer.flush()
    except Exception as error:
        traceback.print_exc()
        _say(answers, {"unavailable": f"{type(error).__name__}: {error}"})
        return
    _say(answers, {"version": _version(module.VERSION_OF), "python": platform.python_version()})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = COMMANDS[command.pop("do")](peer, **command)
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}"}
        _say(answers, answer)


def work(peer: Any, spans: int) -> None:
    """Record spans back to back, in traces of ten: a root and nine agents' spans."""
    done = 0
    while done < spans:
        trace = peer.open_trace()
        within = min(SPANS_A_TRACE, spans - done) - 1
        for _ in range(within):
            peer.finish(peer.start(trace))
        peer.close_trace(trace)
        done += within + 1


def cost(peer: Any, spans: int) -> dict[str, Any]:
    """CPU time for one agent's span, in microseconds: the caller's thread's, and the whole process's until it is sent."""
    start, finish = peer.start, peer.finish
    trace = peer.open_trace()
    process_began = time.process_time_ns()
    began = time.thread_time_ns()
    for _ in range(spans):
        finish(start(trace))
    taken = time.thread_time_ns() - began
    peer.close_trace(trace)
    peer.flush()
    return {
        "microseconds": taken / spans / 1e3,
        "process_microseconds": (time.process_time_ns() - process_began) / spans / 1e3,
    }


def record(peer: Any, spans: int, *, until_sent: bool = True) -> dict[str, Any]:
    """Record as fast as it goes and wait until it is sent, or until it is kept by a contender that keeps before it sends.

    Times are monotonic seconds, the same in every process.
    """
    cpu = time.process_time()
    began = time.monotonic()
    work(peer, spans)
    recorded = time.monotonic()
    if until_sent or not hasattr(peer, "settle"):
        peer.flush()
    else:
        peer.settle()
    flushed = time.monotonic()
    answer = {"began": began, "recorded": recorded, "flushed": flushed, "cpu_s": time.process_time() - cpu}
    counts = getattr(peer, "counts", None)
    return answer if counts is None else {**answer, **counts()}


def latency(peer: Any, seconds: float, traces_a_second: float, backlog: int) -> dict[str, Any]:
    """How long single calls take, while traces of ten spans are begun at an even pace.

    Args:
        peer: The contender.
        seconds: How long.
        traces_a_second: The pace.
        backlog: Spans that are recorded beforehand and held back, where the contender can, so that delivery is busy.
    """
    if backlog and hasattr(peer, "hold_back"):
        peer.hold_back(is_held=True)
        work(peer, backlog)
        peer.settle()
        peer.hold_back(is_held=False)
    clock = time.perf_counter
    taken: list[float] = []
    note = taken.append
    began = due = clock()
    traces = 0
    while (now := clock()) - began < seconds:
        if now < due:
            time.sleep(due - now)
        due = max(due + 1.0 / traces_a_second, clock() - 0.1)
        trace = peer.open_trace()
        for _ in range(SPANS_A_TRACE - 1):
            before = clock()
            span = peer.start(trace)
            between = clock()
            peer.finish(span)
            note(between - before)
            note(clock() - between)
        peer.close_trace(trace)
        traces += 1
    elapsed = clock() - began
    taken.sort()
    return {
        "calls": len(taken),
        "traces_a_second": traces / elapsed,
        "p50_ms": _percentile_ms(taken, 0.5),
        "p99_ms": _percentile_ms(taken, 0.99),
        "p999_ms": _percentile_ms(taken, 0.999),
        "longest_ms": taken[-1] * 1e3,
        **(peer.counts() if hasattr(peer, "counts") else {}),
    }


def idle(peer: Any, seconds: float) -> dict[str, Any]:
    """What the process does while nobody calls: CPU seconds, and how often a thread of it was woken."""
    del peer
    woken, cpu = _wake_ups(), time.process_time()
    time.sleep(seconds)
    # One of them is this thread's own, at the end of its sleep.
    return {"cpu_s": time.process_time() - cpu, "wake_ups": _wake_ups() - woken - 1, "seconds": seconds}


def imports(peer: Any, statement: str) -> dict[str, Any]:
    """Wall seconds of an interpreter that does nothing, and of one that executes ``statement``."""
    del peer
    return {"bare_s": _interpreter_s("pass"), "import_s": _interpreter_s(statement)}


def hold_back(peer: Any, *, is_held: bool) -> dict[str, Any]:
    """Have a contender keep what it records, or go on sending."""
    peer.hold_back(is_held=is_held)
    return {}


def flush(peer: Any) -> dict[str, Any]:
    """Wait for what was recorded to be sent."""
    peer.flush()
    return {}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    "cost": cost,
    "record": record,
    "latency": latency,
    "idle": idle,
    "imports": imports,
    "flush": flush,
    "hold_back": hold_back,
}


def _percentile_ms(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def _wake_ups() -> int:
    """Voluntary context switches of all threads: each is a sleep, and so a waking."""
    total = 0
    for status in Path("/proc/self/task").glob("*/status"):
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def _interpreter_s(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - began


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
