"""How many bytes a span takes: of the simulation in the journal, and on the wire beside the peers.

    uv run python benchmarks/bytes_per_span.py [--json] [--quick] [--peers langfuse_v5,…]

The simulation runs as a user would run it, delivering to a server on loopback; the peers send the common work.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from contenders import OURS, Field, Unavailable, chosen, clean_environment
from measure import Figure, Result, Size, main, shown
from peers import autoops_service
from sink import Sink

DAYS = 28
SPANS = 2_000


def measure(size: Size) -> Result:
    """Both parts."""
    days, spans = size.many(DAYS, least=2), size.many(SPANS, least=20)
    with Sink() as sink:
        stored, sent, number = simulation(sink, days)
        with Field((OURS, *chosen(size)), sink.url) as field:
            rows: list[tuple[str, ...]] = []
            for name, worker in list(field.workers.items()):
                sink.reset()
                try:
                    worker.ask("record", spans=spans)
                except Unavailable as error:
                    field.leave_out(name, str(error))
                    continue
                state = sink.settle(spans)
                per_span = state["bytes"] / state["spans"] if state["spans"] else None
                rows.append((worker.title, shown(per_span), str(state["requests"]), f"{state['spans']:,}"))
            rows += field.missing_rows()
    return Result(
        "Bytes of a span",
        [
            Figure("bytes on disk per span of the simulation", stored, "B"),
            Figure("bytes on the wire per span of the simulation", sent, "B"),
        ],
        ("contender, the common work", "bytes/span on the wire", "requests", "spans"),
        rows,
        (
            f"autoops simulate --days {days}: {number:,} spans; the journal's file after the end of the process.",
            f"The common work is {spans:,} spans of 1,000 B in and 430 B out; bodies as they were sent, headers not counted.",
        ),
        in_turns=False,
    )


def simulation(sink: Sink, days: int) -> tuple[float, float, int]:
    """Bytes on disk and on the wire per span, and how many spans there were."""
    with tempfile.TemporaryDirectory() as name:
        journal = Path(name) / "journal.db"
        settings = {**autoops_service.environment(sink.url, is_on=True), "AUTOOPS_JOURNAL": str(journal)}
        sink.reset()
        subprocess.run(
            [sys.executable, "-m", "autoops.cli", "simulate", "--json", "--days", str(days)],
            cwd=name,
            env=clean_environment(settings),
            check=True,
            capture_output=True,
        )
        state = sink.state()
        on_disk = sum(each.stat().st_size for each in journal.parent.glob("journal.db*"))
    return on_disk / state["spans"], state["bytes"] / state["spans"], state["spans"]


if __name__ == "__main__":
    main(measure, __doc__)
