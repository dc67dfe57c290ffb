"""What recording costs its caller, beside bare OpenTelemetry and the SDKs of the field, in one run.

    uv run python benchmarks/caller_cost.py [--json] [--quick] [--peers langfuse_v5,…]

The work: start and end of an agent's span with 1 kB of input and 430 B of outcome, default settings, sent to a server on
loopback. Bare OpenTelemetry gets the same as ready-made JSON text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contenders import BARE, LANGFUSE, OURS, Field, Unavailable, chosen
from measure import Bound, Figure, Result, Size, main, median, ratio, shown
from sink import Sink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPANS = 400
"""Spans of a round: few enough that no contender's buffer fills and its caller waits or loses them."""
WARM_UPS = 2


def measure(size: Size) -> Result:
    """Run all contenders in turns."""
    spans = size.many(SPANS, least=20)
    with Sink() as sink, Field((OURS, *chosen(size)), sink.url) as field:
        caller: dict[str, list[float]] = {name: [] for name in field.workers}
        process: dict[str, list[float]] = {name: [] for name in field.workers}
        for number, name, worker in field.turns(size.rounds + WARM_UPS):
            sink.reset()
            try:
                told = worker.ask("cost", spans=spans)
            except Unavailable as error:
                field.leave_out(name, str(error))
                continue
            if number >= WARM_UPS:
                caller[name].append(told["microseconds"])
                process[name].append(told["process_microseconds"])
        titles = {name: worker.title for name, worker in field.workers.items()}
        rows: list[tuple[str, ...]] = [
            (
                title,
                shown(median(caller[name])),
                shown(ratio(caller[name], caller.get(BARE, ()))),
                shown(ratio(caller[name], caller[OURS])),
                shown(median(process[name])),
            )
            for name, title in titles.items()
        ]
        rows += field.missing_rows()
    return Result(
        "Cost of one agent's span for its caller",
        figures(caller, titles),
        ("contender", "caller's CPU, µs", "times bare OpenTelemetry", "times AutoOps", "whole process, µs"),
        rows,
        (
            f"CPU time of the calling thread for start and end, {spans} spans a round in one open trace.",
            "The whole process's CPU time is until everything is sent.",
            "Bare OpenTelemetry is given JSON text that was made beforehand; all others are given the values.",
        ),
        {"caller_us": caller, "process_us": process},
    )


def figures(caller: Mapping[str, Sequence[float]], titles: Mapping[str, str]) -> list[Figure]:
    """The two promises on it."""
    against = {
        name: found
        for name in LANGFUSE
        if name in titles and (found := ratio(caller[name], caller[OURS])) is not None
    }
    return [
        Figure(
            "caller's CPU of an agent's span against bare OpenTelemetry with ready-made JSON",
            ratio(caller[OURS], caller.get(BARE, ())),
            "x",
            Bound("≤", 1.0),
            Bound("≤", 0.5),
        ),
        Figure(
            "... cheaper than the cheapest of Langfuse SDK 3, 4 and 5 doing the same",
            min(against.values()) if against else None,
            "x",
            Bound("≥", 10),
            Bound("≥", 20),
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
