"""How many spans a second one process records until they are durable, beside the SDK that keeps a local store.

    uv run python benchmarks/durable.py [--json] [--quick]

Durable: committed to the journal in SQLite, readable by every other process and by the next one after a kill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from contenders import OURS, Field, Unavailable, Worker, chosen
from measure import Bound, Figure, Result, Size, main, median, shown
from sink import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL = "autoops_local"
MLFLOW = "mlflow_sqlite"
SPANS = {LOCAL: 20_000, OURS: 20_000, MLFLOW: 200}
"""Spans of a round, so that a round is about one to two seconds for each."""
WARM_UPS = 1


def measure(size: Size) -> Result:
    """Run all contenders in turns."""
    names = (LOCAL, OURS, *chosen(size, (MLFLOW,)))
    with Sink() as sink, Field(names, sink.url) as field:
        # With credentials and no delivery: every span is put into the outbox too.
        field.workers[OURS].ask("hold_back", is_held=True)
        rates: dict[str, list[float]] = {name: [] for name in field.workers}
        dropped = dict.fromkeys(field.workers, 0)
        before = {name: _counts(worker) for name, worker in field.workers.items()}
        for number, name, worker in field.turns(size.rounds + WARM_UPS):
            spans = size.many(SPANS[name], least=20)
            try:
                told = worker.ask("record", spans=spans, until_sent=False)
            except Unavailable as error:
                field.leave_out(name, str(error))
                continue
            kept = told["kept"] - before[name][0]
            dropped[name] += told["dropped"] - before[name][1]
            before[name] = told["kept"], told["dropped"]
            if number >= WARM_UPS:
                rates[name].append(kept / (told["flushed"] - told["began"]))
        rows: list[tuple[str, ...]] = [
            (
                worker.title + (", outbox filled, delivery held back" if name == OURS else ""),
                shown(median(rates[name])),
                f"{min(rates[name]):,.0f} to {max(rates[name]):,.0f}",
                str(size.many(SPANS[name], least=20)),
                str(dropped[name]),
            )
            for name, worker in field.workers.items()
        ]
        rows += field.missing_rows()
    return Result(
        "Spans a second until durable, one process",
        figures(rates[LOCAL]),
        ("contender", "spans/s", "all rounds", "spans a round", "dropped"),
        rows,
        (
            "One thread records traces of ten (a root and nine agents' spans of 1 kB in and 430 B out) back to back.",
            "The clock stops when the last of them is committed. Default settings.",
        ),
        {"rates": rates},
    )


def figures(rates: Sequence[float]) -> list[Figure]:
    """The promise."""
    return [
        Figure(
            "spans a second, recorded until durable in the journal",
            median(rates),
            "spans/s",
            Bound("≥", 20_000),
            Bound("≥", 30_000),
        )
    ]


def _counts(worker: Worker) -> tuple[int, int]:
    told = worker.ask("record", spans=10, until_sent=False)
    return told["kept"], told["dropped"]


if __name__ == "__main__":
    main(measure, __doc__)
