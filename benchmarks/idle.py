"""What a started, quiet service costs: CPU, and how often it wakes up.

    uv run python benchmarks/idle.py [--json] [--quick] [--peers langfuse_v5,…]

All contenders sleep side by side after a little work; each looks at its own process in windows of some seconds.
"""

from __future__ import annotations

import time
from typing import Any

from contenders import OURS, Field, Unavailable, chosen
from measure import Bound, Figure, Result, Size, main
from sink import Sink

LOCAL = "autoops_local"
WINDOW_S = 4.0
SETTLE_S = 12.0
"""After the work: flush intervals and heartbeats of ten seconds have passed once."""


def measure(size: Size) -> Result:
    """Watch all of them, window by window."""
    window = size.seconds(WINDOW_S, least=0.2)
    with Sink() as sink, Field((OURS, LOCAL, *chosen(size)), sink.url) as field:
        time.sleep(size.seconds(SETTLE_S, least=0.2))
        windows: dict[str, list[dict[str, Any]]] = {name: [] for name in field.workers}
        for _ in range(size.rounds):
            for worker in field.workers.values():
                worker.tell("idle", seconds=window)
            for name, worker in list(field.workers.items()):
                try:
                    windows[name].append(worker.answer())
                except Unavailable as error:
                    field.leave_out(name, str(error))
        rows: list[tuple[str, ...]] = [
            (worker.title, f"{_cpu(windows[name]):.3f}", f"{_wake_ups(windows[name]):.2f}")
            for name, worker in field.workers.items()
        ]
        rows += field.missing_rows()
    return Result(
        "A started service that nobody calls",
        [
            Figure(
                "CPU of a started, quiet service",
                _cpu(windows[OURS]),
                "% of a core",
                Bound("≤", 0.2),
            ),
            Figure(
                "... its wake-ups",
                _wake_ups(windows[OURS]),
                "a second",
                aim=Bound("≤", 1.0),
            ),
        ],
        ("contender", "% of a core", "wake-ups/s"),
        rows,
        (
            f"Mean over {size.rounds} windows of {window:g} s, after {size.seconds(SETTLE_S, least=0.2):g} s of quiet.",
            "CPU is the process's own clock, all threads; a wake-up is a voluntary context switch of any of its threads.",
        ),
        {"windows": windows},
        in_turns=False,
    )


def _cpu(windows: list[dict[str, Any]]) -> float:
    return 100.0 * _total(windows, "cpu_s") / _total(windows, "seconds")


def _wake_ups(windows: list[dict[str, Any]]) -> float:
    return _total(windows, "wake_ups") / _total(windows, "seconds")


def _total(windows: list[dict[str, Any]], key: str) -> float:
    return float(sum(each[key] for each in windows))


if __name__ == "__main__":
    main(measure, __doc__)
