"""A soak: processes record to one journal and are killed, the server misbehaves, and nothing acknowledged is missing.

    uv run python benchmarks/soak.py --minutes N [--seed S] [--processes P] [--json]

Several processes (``soak_worker.py``) write one journal and are ended at random: SIGKILL, SIGTERM, in order, by an
exception, by ``os._exit``. Each says over a pipe what a commit has taken. A Langfuse on loopback changes its fault every
few seconds. At the end it heals, a last process delivers (``autoops traces deliver``), and the books are added up: what
was acknowledged, what the journal holds, what arrived. Exit code 1 if anything is missing or does not add up.

The seed repeats the order of faults and kills, not their moments.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from soak_books import OF_A_PROCESS, WAYS, Books, read_books  # noqa: E402 - they need the tests' folder, where the server lies
from soak_crew import Crew, environment_for  # noqa: E402
from soak_faults import FAULTS, Town  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULT_S = (0.3, 2.7)
"""Shortest and longest time of one fault; healthy spells in between are half as long."""
KILL_S = (0.6, 2.0)
"""Shortest and longest time between two kills."""
DELIVER_S = 120.0
"""Longest wait for the last process to deliver."""


@dataclass
class Report:
    """What happened and what it came to."""

    seed: int
    seconds: float = 0.0
    seconds_recording: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    acknowledged_scores: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    doubled: int = 0
    arrived_scores: int = 0
    delivered_last: dict[str, Any] = field(default_factory=dict)
    books: Books | None = None
    lost: int = 0
    lost_scores: int = 0
    wrong: list[str] = field(default_factory=list)


def faults_in_turn(dice: random.Random) -> Iterator[str]:
    """Names of faults: each comes once before any comes again, in an order of its own."""
    while True:
        yield from dice.sample(sorted(FAULTS), len(FAULTS))


def soak(town: Town, crew: Crew, options: argparse.Namespace, report: Report) -> None:
    """Break things for the time asked for; all processes have ended then."""
    dice = random.Random(options.seed)
    faults = faults_in_turn(dice)
    pause = threading.Event()
    began = fault_at = time.monotonic()
    kill_at = began + 2.0  # the first processes get to record something
    healthy = False
    while (now := time.monotonic()) < began + options.minutes * 60:
        if now >= fault_at:
            healthy = not healthy
            if healthy:
                town.heal()
            else:
                fault = next(faults)
                town.suffer(fault, dice)
                report.faults[fault] += 1
            fault_at = now + dice.uniform(*FAULT_S) / (2 if healthy else 1)
        if now >= kill_at:
            crew.end_one(dice)
            kill_at = now + dice.uniform(*KILL_S)
        crew.fill(options.processes)
        pause.wait(0.05)
    report.seconds_recording = time.monotonic() - began
    report.wrong += crew.end_all(dice)
    report.ends = Counter(worker.ended_by for worker in crew.everyone)


def autoops(environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run a command. Returns its exit code, the JSON it printed, and its standard error."""
    result = subprocess.run(
        [sys.executable, "-m", "autoops.cli", *arguments, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DELIVER_S + 30,
        check=False,
    )
    return result.returncode, json.loads(result.stdout or "{}"), result.stderr


def deliver(environment: dict[str, str], report: Report) -> None:
    """Have a last process deliver what waits, what was refused included."""
    code, report.delivered_last, errors = autoops(
        environment, "traces", "deliver", "--retry-rejected", "--timeout", f"{DELIVER_S:g}"
    )
    if code:
        report.wrong.append(f"the last process did not deliver all: {report.delivered_last} {errors}")


def check_health(environment: dict[str, str], report: Report) -> None:
    """Add up what `autoops health` tells of the journal and of each process."""
    _, health, errors = autoops(environment, "health")
    books = health.get("books", {})
    counters = {} if report.books is None else report.books.counters
    told = {way: books.get(way) for way in ("ended", *WAYS)}
    if told != {way: counters.get(way, 0) for way in told} or not books.get("balanced"):
        report.wrong.append(f"`autoops health` tells other books than the journal has: {told} {errors}")
    for process in health.get("processes", ()):
        begun, *kept = (process["books"][name] for name in OF_A_PROCESS)
        # One that was killed a moment ago still counts as alive; its last commit may have met a call half way.
        if process["books_complete"] and not process["alive"] and begun != sum(kept):
            report.wrong.append(
                f"`autoops health`: process {process['pid']} does not balance: {process['books']}"
            )


def add_up(town: Town, folder: Path, crew: Crew, report: Report) -> None:
    """Compare what was acknowledged, what the journal holds and what arrived."""
    arrivals = Counter(span.span_id for span in town.arrivals)
    scores = {score.id for score in town.scores}
    acknowledged: set[str] = set()
    acknowledged_scores: set[str] = set()
    for worker in crew.everyone:
        spans, its_scores = worker.acknowledged()
        acknowledged.update(spans)
        acknowledged_scores.update(its_scores)
        report.dropped.update(worker.dropped)
        report.wrong += [f"a process recorded to {path}" for path in sorted(worker.elsewhere)]
    report.acknowledged, report.acknowledged_scores = len(acknowledged), len(acknowledged_scores)
    report.arrived, report.doubled = len(arrivals), arrivals.total() - len(arrivals)
    report.arrived_scores = len(scores)
    report.lost = len(acknowledged - arrivals.keys())
    report.lost_scores = len(acknowledged_scores - scores)
    if report.lost or report.lost_scores:
        some = sorted(acknowledged - arrivals.keys())[:5] + sorted(acknowledged_scores - scores)[:5]
        report.wrong.append(f"acknowledged and missing at the server, among others: {', '.join(some)}")
    if town.was_followed:
        report.wrong.append("a redirect was followed")
    if not acknowledged:
        report.wrong.append("nothing was acknowledged: the soak proves nothing")
    report.books = read_books(folder / "journal.db")
    report.wrong += report.books.faults(arrivals.keys())


def run(options: argparse.Namespace, folder: Path) -> Report:
    """The whole soak."""
    began = time.monotonic()
    report = Report(options.seed)
    with Town() as town:
        crew = Crew(environment_for(town, folder), folder / "workers.log", options.seed)
        soak(town, crew, options, report)
        town.heal()
        deliver(crew.environment, report)
        add_up(town, folder, crew, report)
    check_health(crew.environment, report)
    report.seconds = time.monotonic() - began
    return report


def show(report: Report) -> None:
    """Print the report for people."""
    books = report.books
    rows: list[tuple[str, object]] = [
        ("seed", report.seed),
        ("seconds", f"{report.seconds:.1f}, of them {report.seconds_recording:.1f} recording"),
        ("faults", ", ".join(f"{name} {number}" for name, number in sorted(report.faults.items()))),
        ("processes ended by", ", ".join(f"{name} {number}" for name, number in sorted(report.ends.items()))),
        ("spans begun", "" if books is None else f"{books.begun} (as of each process's last commit)"),
        ("dropped, counted", ", ".join(f"{name} {number}" for name, number in report.dropped.items()) or 0),
        ("acknowledged", f"{report.acknowledged} spans, {report.acknowledged_scores} scores"),
        ("arrived", f"{report.arrived} spans, {report.arrived_scores} scores"),
        ("doubled", f"{report.doubled} spans"),
        ("lost", f"{report.lost} spans, {report.lost_scores} scores"),
        ("the last process", f"delivered {report.delivered_last.get('delivered')} rows"),
        ("journal", "" if books is None else books.summary()),
    ]
    for name, value in rows:
        print(f"{name:18s} {value}")
    for line in report.wrong:
        print(f"WRONG: {line}")
    print("nothing acknowledged is missing, the books are clean" if not report.wrong else "FAILED")


def main() -> int:
    """Run, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long things are broken")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--processes", type=int, default=4, help="recording processes at a time")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--keep", type=Path, help="a folder to leave journal and logs in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.keep is None else options.keep.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        report = run(options, folder)
    if options.json:
        counters = None if report.books is None else report.books.counters
        print(json.dumps({**vars(report), "books": counters}, indent=2))
    else:
        show(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
