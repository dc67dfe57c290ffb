"""What the benchmarks share: how large they run, rounds that take turns, figures with bounds, one way to print.

A benchmark is one function from a ``Size`` to a ``Result``, and ``main(benchmark)`` makes a program of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROUNDS = 15
QUICK_ROUNDS = 3
QUICK_SCALE = 0.1


@dataclass(frozen=True)
class Size:
    """How large a benchmark runs.

    Attributes:
        rounds: Rounds in which all contenders take a turn.
        scale: What numbers of spans and seconds are multiplied with.
        peers: Names of the peers to run; None is all.
    """

    rounds: int = ROUNDS
    scale: float = 1.0
    peers: tuple[str, ...] | None = None

    def many(self, number: int, least: int = 1) -> int:
        """A number of things, scaled."""
        return max(least, round(number * self.scale))

    def seconds(self, number: float, least: float = 0.1) -> float:
        """A duration, scaled."""
        return max(least, number * self.scale)


@dataclass(frozen=True)
class Bound:
    """What a figure must be, or aims to be: ``Bound("≤", 1.0)``."""

    relation: str
    value: float

    def __str__(self) -> str:
        return f"{self.relation} {self.value:,g}"

    def holds(self, measured: float) -> bool:
        """Whether a figure keeps it."""
        return measured <= self.value if self.relation == "≤" else measured >= self.value


@dataclass(frozen=True)
class Figure:
    """One measured figure and what was promised of it.

    Attributes:
        value: What was measured; None if it could not be.
        must: The promise; None if the figure is only reported.
        aim: What is aimed at beyond it.
    """

    what: str
    value: float | None
    unit: str
    must: Bound | None = None
    aim: Bound | None = None

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.value is None:
            return "NOT MEASURED"
        if self.must is None:
            return _of_aim(self.aim, self.value)
        if not self.must.holds(self.value):
            return "MISSED"
        if self.aim is None:
            return "met"
        return "met, and the aim" if self.aim.holds(self.value) else "met, not the aim"


def _of_aim(aim: Bound | None, value: float) -> str:
    if aim is None:
        return "reported"
    return "aim met" if aim.holds(value) else "aim not met"


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes:
        title: What it measures, in a few words.
        figures: What is judged or reported.
        columns: Heads of the table; the first column is the contender.
        rows: Cells as text; a short row stands for a contender that could not be measured.
        notes: How it was measured, a sentence each.
        details: Anything else, for ``--json`` only.
        in_turns: Whether the figures are medians over rounds in which all took a turn.
    """

    title: str
    figures: Sequence[Figure]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    in_turns: bool = True

    def record(self, size: Size) -> dict[str, Any]:
        """The result as JSON has it."""
        return {
            **dataclasses.asdict(self),
            "figures": [
                {
                    "what": figure.what,
                    "value": figure.value,
                    "unit": figure.unit,
                    "must": str(figure.must or ""),
                    "aim": str(figure.aim or ""),
                    "verdict": figure.verdict,
                }
                for figure in self.figures
            ],
            "notes": [*self.notes, *self.how(size)],
            "size": dataclasses.asdict(size),
            "machine": machine(),
        }

    def how(self, size: Size) -> list[str]:
        """How often it was measured, in a sentence."""
        return [f"Median of {size.rounds} rounds in turns."] if self.in_turns else []

    def text(self, size: Size) -> str:
        """The result as a person reads it."""
        lines = [self.title, "=" * len(self.title), ""]
        lines += table(self.columns, self.rows)
        lines.append("")
        lines += table(
            ("figure", "must", "aim", "measured", ""),
            [
                (f.what, str(f.must or "-"), str(f.aim or "-"), shown(f.value, f.unit), f.verdict)
                for f in self.figures
            ],
        )
        lines += ["", *self.notes, *self.how(size), machine_line()]
        return "\n".join(lines)


def main(benchmark: Callable[[Size], Result], description: str | None) -> None:
    """Run a benchmark from the command line."""
    size, as_json = arguments(description)
    result = benchmark(size)
    print(json.dumps(result.record(size)) if as_json else result.text(size))


def arguments(description: str | None) -> tuple[Size, bool]:
    """What the command line asks for: the size, and whether JSON is wanted."""
    lines = (description or "").splitlines()
    parser = argparse.ArgumentParser(description=lines[0] if lines else None)
    add_size(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    return size_of(options), options.json


def add_size(parser: argparse.ArgumentParser) -> None:
    """Give a command the options that say how large it runs."""
    parser.add_argument("--quick", action="store_true", help="a smoke run: its figures say little")
    parser.add_argument("--rounds", type=int, help=f"rounds in turns; {ROUNDS} by default")
    parser.add_argument("--scale", type=float, help="multiplies numbers of spans and seconds")
    parser.add_argument("--peers", help="peers to run, by their file's name, with commas; `none` is none")


def size_of(options: argparse.Namespace) -> Size:
    """The size that a command line asks for."""
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    scale = options.scale or (QUICK_SCALE if options.quick else 1.0)
    peers = None if options.peers is None else tuple(filter(None, options.peers.split(",")))
    return Size(rounds, scale, peers)


def turns(
    contenders: Mapping[str, Callable[[], float]], rounds: int, warm_ups: int = 2
) -> dict[str, list[float]]:
    """Call all contenders in each round, in turning order; what each returned, without the warm-ups."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + warm_ups):
        names = list(contenders)
        for name in names if number % 2 == 0 else reversed(names):
            once = contenders[name]()
            if number >= warm_ups:
                taken[name].append(once)
    return taken


def loop(call: Callable[[], Any], calls: int) -> Callable[[], float]:
    """A contender of ``turns``: the calling thread's CPU time of one call, in microseconds, the loop's share included."""

    def once() -> float:
        began = time.thread_time_ns()
        for _ in range(calls):
            call()
        return (time.thread_time_ns() - began) / calls / 1e3

    return once


def median(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The median over the rounds of one contender's figure by the other's in the same round."""
    pairs = [own / its for own, its in zip(ours, theirs, strict=False) if its]
    return median(pairs)


def shown(value: float | None, unit: str = "") -> str:
    """A number to three significant figures, with its unit."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".rstrip()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in plain text; a short row's last cell runs on."""
    full = [tuple(columns), *(tuple(row) for row in rows if len(row) == len(columns))]
    short = [row for row in rows if len(row) != len(columns)]
    widths = [max(len(row[index]) for row in full) for index in range(len(columns))]
    if short:
        widths[0] = max(widths[0], *(len(row[0]) for row in short))
    return [_line(row, widths) for row in [tuple(columns), *map(tuple, rows)]]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first = row[0].ljust(widths[0])
    if len(row) != len(widths):
        return f"{first}  {'  '.join(row[1:])}"
    return "  ".join([first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))])


def machine() -> dict[str, Any]:
    """Where this runs."""
    cpu = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "processor": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def machine_line() -> str:
    """Where this runs, in a line."""
    found = machine()
    return (
        f"{found['processor']}, {found['cores']} cores, {found['system']}, Python {found['python']}, "
        f"load {found['load']}"
    )


def note(words: str) -> None:
    """Say on standard error what is going on."""
    print(words, file=sys.stderr, flush=True)
