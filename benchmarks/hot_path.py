"""Where the caller's microseconds go: a profile of start and end of an agent's span, by function and by line.

    uv run python benchmarks/hot_path.py [--json] [--quick]

py-spy samples a process that does the common work, as `caller_cost.py` has it; only samples of the calling thread within
the two calls count. py-spy is fetched into an environment of its own, unless the machine has it.
"""

from __future__ import annotations

import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from contenders import OURS, clean_environment
from measure import Figure, Result, Size, main, shown
from peers import autoops_service
from sink import Sink

WORK = "--work"
SECONDS = 20.0
RATE = 1000
BURST = 400
"""Spans between two flushes, as in ``caller_cost.py``."""
FUNCTIONS, LINES = 30, 15
ROOTS = re.compile(r"(^|\.)(start|finish) \(\S*autoops_service\.py:\d+\)$")
"""Frames within which a sample counts: the two calls, as the contender's file makes them."""
FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.*):(?P<line>\d+)\)$")


def measure(size: Size) -> Result:
    """Have py-spy watch a process of its own."""
    seconds = size.seconds(SECONDS, least=1.0)
    with Sink() as sink, tempfile.TemporaryDirectory() as name:
        told = Path(name) / "stacks.txt"
        command = [
            *py_spy(),
            *("record", "--format", "raw", "--threads", "--rate", str(RATE), "--output", str(told), "--"),
            *(sys.executable, __file__, WORK, str(seconds)),
        ]
        ended = subprocess.run(
            command,
            cwd=name,
            env=clean_environment(autoops_service.environment(sink.url, is_on=True)),
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode or not told.exists():
            raise SystemExit(f"py-spy could not watch: {ended.stderr.strip()[-500:]}")
        stacks = told.read_text()
        printed = [line for line in ended.stdout.splitlines() if line.startswith(OURS)]
    microseconds, faults = map(float, printed[-1].split()[1:])
    functions, lines, total = self_times(stacks)
    return Result(
        "Profile of the hot path",
        [
            Figure("caller's CPU of one agent's span while it was watched", microseconds, "µs"),
            Figure("pages of memory that the kernel handed to the caller", faults, "a span"),
        ],
        ("function or line, self time", "share", "µs a span"),
        [
            *(_row(name, number, total, microseconds) for name, number in functions.most_common(FUNCTIONS)),
            ("the hottest lines:",),
            *(_row(name, number, total, microseconds) for name, number in lines.most_common(LINES)),
        ],
        (
            f"py-spy record --format raw --threads --rate {RATE}, {seconds:g} s, {total:,} samples within the two calls.",
            "A C function's time is its Python caller's: orjson's is in `dump`, a lock's where it is taken.",
        ),
        {"functions": functions.most_common(), "lines": lines.most_common(100)},
        in_turns=False,
    )


def work(seconds: float) -> None:
    """The common work for some seconds; print what a span costs."""
    recorder = autoops_service.build("", is_on=True)
    until = time.monotonic() + seconds
    taken = []
    faults = spans = 0
    while time.monotonic() < until:
        trace = recorder.open_trace()
        faulted = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        began = time.thread_time_ns()
        for _ in range(BURST):
            recorder.finish(recorder.start(trace))
        taken.append((time.thread_time_ns() - began) / BURST / 1e3)
        faults += resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - faulted
        spans += BURST
        recorder.close_trace(trace)
        recorder.flush()
    print(OURS, statistics.median(taken), faults / spans)


def self_times(stacks: str) -> tuple[Counter[str], Counter[str], int]:
    """Samples by function and by line of what was at work within the two calls."""
    functions: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    total = 0
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        inside = next((at for at, frame in enumerate(frames) if ROOTS.search(frame)), None)
        if inside is None:
            continue
        found = FRAME.match(frames[-1])
        if found is None:
            continue
        where = _short(found["file"])
        functions[f"{found['function']} ({where})"] += int(count)
        lines[f"{where}:{found['line']} in {found['function']}"] += int(count)
        total += int(count)
    return functions, lines, total


def py_spy() -> list[str]:
    """The command that runs py-spy."""
    found = shutil.which("py-spy")
    if (
        found is not None
        and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0
    ):
        return [found]
    return ["uv", "run", "--quiet", "--isolated", "--no-project", "--with", "py-spy", "py-spy"]


def _short(file: str) -> str:
    """A path from its package on."""
    for mark in ("site-packages/", "/benchmarks/"):
        if mark in file:
            return file.rpartition(mark)[2]
    at = file.find("autoops/")
    return file[at:] if at >= 0 else Path(file).name


def _row(name: str, number: int, total: int, microseconds: float) -> tuple[str, ...]:
    share = number / max(1, total)
    return name, f"{share:.1%}", shown(share * microseconds)


if __name__ == "__main__":
    if WORK in sys.argv:
        work(float(sys.argv[-1]))
    else:
        main(measure, __doc__)
