"""How many spans a second arrive at a server, beside the SDKs of the field, in one run.

    uv run python benchmarks/delivered.py [--json] [--quick] [--peers langfuse_v5,…]

One thread records back to back; the clock stops when the last new span has arrived at a server on loopback, in a process
of its own. Ours go through the journal first. What never arrives counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contenders import OURS, SDKS, Field, Unavailable, Worker, chosen
from measure import Bound, Figure, Result, Size, main, median, ratio, shown
from sink import Sink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUND_S = 2.0
"""Each contender is given as many spans as it delivers in this time, within these limits."""
LEAST, MOST = 500, 20_000
TRIAL = 500


def measure(size: Size) -> Result:
    """Find out how much each can take, then run all in turns."""
    with Sink() as sink, Field((OURS, *chosen(size)), sink.url) as field:
        spans: dict[str, int] = {}
        for _, name, worker in field.turns(2):  # the second trial counts: the first warms up
            found = _try(field, name, worker, sink, size.many(TRIAL, least=20))
            if found is not None:
                wanted = round(found["rate"] * ROUND_S / 100) * 100
                spans[name] = size.many(min(MOST, max(LEAST, wanted)), least=20)
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in field.workers}
        for _, name, worker in field.turns(size.rounds):
            found = _try(field, name, worker, sink, spans[name])
            if found is not None:
                rounds[name].append(found)
        titles = {name: worker.title for name, worker in field.workers.items()}
        rows = [_row(titles[name], rounds[name], spans[name]) for name in titles] + field.missing_rows()
    last = rounds[OURS][-1]
    rates = {name: [each["rate"] for each in rounds[name]] for name in titles}
    return Result(
        "Spans a second until delivered to a server on loopback",
        figures(rates),
        ("contender", "spans/s", "arrived", "spans a round", "bytes/span on the wire", "CPU, µs/span"),
        rows,
        (
            "Default settings. Bare OpenTelemetry drops what does not fit its queue of 2,048, and says nothing.",
            "CPU is the contender's whole process, until its own flush returns.",
            f"Of all our spans in this run, sampling left out {last['sampled_out']:,}, and {last['dropped']:,} were dropped.",
        ),
        {"rates": rates},
    )


def figures(rates: Mapping[str, Sequence[float]]) -> list[Figure]:
    """The two promises on it."""
    best = max(
        (name for name in SDKS if rates.get(name)), key=lambda name: median(rates[name]) or 0.0, default=None
    )
    return [
        Figure(
            "spans a second until delivered, journal included",
            median(rates[OURS]),
            "spans/s",
            Bound("≥", 5_000),
            Bound("≥", 10_000),
        ),
        Figure(
            "... against the fastest SDK in the same run",
            ratio(rates[OURS], rates[best]) if best else None,
            "x",
            Bound("≥", 1.0),
            Bound("≥", 3.0),
        ),
    ]


def _try(field: Field, name: str, worker: Worker, sink: Sink, spans: int) -> dict[str, Any] | None:
    sink.reset()
    try:
        told = worker.ask("record", spans=spans)
    except Unavailable as error:
        field.leave_out(name, str(error))
        return None
    state = sink.settle(spans)
    if not state["spans"]:
        field.leave_out(name, "nothing of it arrived")
        return None
    return {
        "rate": state["spans"] / (state["last_at"] - told["began"]),
        "arrived": state["spans"] / spans,
        "bytes": state["bytes"] / state["spans"],
        "cpu_us": told["cpu_s"] / spans * 1e6,
        "sampled_out": told.get("sampled_out", 0),
        "dropped": told.get("dropped", 0),
    }


def _row(title: str, rounds: list[dict[str, Any]], spans: int) -> tuple[str, ...]:
    def middle(key: str) -> float | None:
        return median([each[key] for each in rounds])

    return (
        title,
        shown(middle("rate")),
        f"{(middle('arrived') or 0.0):.0%}",
        f"{spans:,}",
        shown(middle("bytes")),
        shown(middle("cpu_us")),
    )


if __name__ == "__main__":
    main(measure, __doc__)
