"""How long single calls take at the worst, while delivery is busy and while the server never answers.

    uv run python benchmarks/call_latency.py [--json] [--quick]

A thread begins traces of ten spans at an even pace and times each start and each end. Beside bare OpenTelemetry with its
OTLP exporter in the same run, under the same load.
"""

from __future__ import annotations

from typing import Any

from contenders import BARE, OURS, Field, chosen
from measure import Bound, Figure, Result, Size, main, median, shown
from sink import HANG, Sink

SECONDS = 2.0
"""Of a round: 36,000 calls, 36 of them beyond the 99.9th percentile."""
TRACES_A_SECOND = 1000 / 2
"""Traces of ten: about what bare OpenTelemetry's exporter manages on two cores, so that it is busy too."""
BACKLOG = 20_000
"""Spans that wait for our delivery when a busy round begins, so that it never pauses."""
BUSY, HOLE = "busy", "hole"
SITUATIONS = {BUSY: "delivery flat out", HOLE: "server never answers"}


def measure(size: Size) -> Result:
    """Run both contenders in both situations in turns."""
    names = (OURS, *chosen(size, (BARE,)))
    pace = size.many(int(TRACES_A_SECOND), least=20) if size.scale < 0.1 else TRACES_A_SECOND
    asked = {"seconds": size.seconds(SECONDS), "traces_a_second": pace}
    rounds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with (
        Sink() as sink,
        Sink() as hole,
        Field(names, sink.url) as busy,
        Field(names, hole.url) as hanging,
    ):
        hole.reset(mode=HANG)
        try:
            for number in range(size.rounds + 1):
                for name in names if number % 2 == 0 else reversed(names):
                    backlog = size.many(BACKLOG, least=20) if name == OURS else 0
                    sink.reset()
                    told = {BUSY: busy.workers[name].ask("latency", **asked, backlog=backlog)}
                    busy.workers[name].ask("flush")
                    told[HOLE] = hanging.workers[name].ask("latency", **asked, backlog=0)
                    if number:  # the first warms up
                        for situation, found in told.items():
                            rounds.setdefault((name, situation), []).append(found)
        finally:
            hole.reset()
        titles = {name: worker.title for name, worker in busy.workers.items()}
    rows = [
        _row(f"{titles[name]}, {SITUATIONS[situation]}", rounds[name, situation])
        for situation in SITUATIONS
        for name in names
    ]
    return Result(
        "Latency of single calls",
        [
            Figure(
                f"p99.9 of one call, {words}",
                median([each["p999_ms"] for each in rounds[OURS, situation]]),
                "ms",
                Bound("≤", 2.0),
                Bound("≤", 1.0),
            )
            for situation, words in SITUATIONS.items()
        ],
        ("contender", "p50, ms", "p99, ms", "p99.9, ms", "longest, ms", "spans/s", "dropped"),
        rows,
        (
            f"Starts and ends are timed one by one, {asked['seconds']:g} s a round at {pace * 10:g} spans a second.",
            f"Ours begins a busy round with {size.many(BACKLOG, least=20):,} spans waiting for delivery.",
            "The longest is the longest of all rounds. Bare OpenTelemetry drops without counting.",
        ),
        {"rounds": {"/".join(key): found for key, found in rounds.items()}},
    )


def _row(title: str, rounds: list[dict[str, Any]]) -> tuple[str, ...]:
    return (
        title,
        *(shown(median([each[key] for each in rounds])) for key in ("p50_ms", "p99_ms", "p999_ms")),
        shown(max(each["longest_ms"] for each in rounds)),
        shown((median([each["traces_a_second"] for each in rounds]) or 0.0) * 10),
        str(rounds[-1].get("dropped", "-")),
    )


if __name__ == "__main__":
    main(measure, __doc__)
