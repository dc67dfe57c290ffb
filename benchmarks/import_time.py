"""What importing the documented door costs, beside OpenTelemetry's own and the peers', in one run.

    uv run python benchmarks/import_time.py [--json] [--quick] [--peers langfuse_v5,…]

Whole interpreters, started in turns; the time of a bare interpreter of the same environment is taken off.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

from contenders import BARE, PEERS, Field, Unavailable, chosen, clean_environment
from measure import Bound, Figure, Result, Size, main, median, ratio, shown
from sink import Sink

NOTHING = "pass"
OURS = "import config.langfuse_integration"
API = "import opentelemetry.trace"
FIRST = (
    "from config.langfuse_integration import get_langfuse_integration as g; "
    "g().end_agent_span(g().start_agent_span('inventory_agent', 'forecast_demand'))"
)
"""What a program pays for one span, settings, SQLite and a clean exit included; without credentials."""
WARM_UPS = 2


def measure(size: Size) -> Result:
    """Run all contenders in turns."""
    ours: list[float] = []
    api: list[float] = []
    first: list[float] = []
    peers = tuple(name for name in chosen(size, PEERS) if name != BARE)
    with Sink() as sink, Field(peers, sink.url, is_on=False) as field:
        theirs: dict[str, list[float]] = {name: [] for name in field.workers}
        for number in range(size.rounds + WARM_UPS):  # the first rounds compile and warm the file cache
            bare = seconds(NOTHING)
            once = {OURS: seconds(OURS) - bare, API: seconds(API) - bare}
            if number >= WARM_UPS:
                ours.append(once[OURS])
                api.append(once[API])
                first.append(seconds(FIRST) - bare)
            for name, worker in list(field.workers.items()):
                try:
                    told = worker.ask("imports", statement=worker.module.IMPORT)
                except Unavailable as error:
                    field.leave_out(name, str(error))
                    continue
                if number >= WARM_UPS:
                    theirs[name].append(told["import_s"] - told["bare_s"])
        rows: list[tuple[str, ...]] = [
            _row(OURS, ours, api),
            _row("... with a first span, and the exit", first, api),
            _row(API, api, api),
        ]
        rows += [
            _row(f"{worker.module.IMPORT}, {worker.title}", theirs[name], api)
            for name, worker in field.workers.items()
        ]
        rows += field.missing_rows()
    return Result(
        "Import",
        [Figure(f"`{OURS}` against `{API}`", ratio(ours, api), "x", Bound("≤", 1.5), Bound("≤", 1.1))],
        ("statement", "ms", "times opentelemetry.trace"),
        rows,
        ("Wall time of an interpreter that executes the statement, less one that executes `pass`.",),
        {"seconds": {OURS: ours, API: api, **theirs}},
    )


def seconds(code: str) -> float:
    """Wall time of an interpreter that runs ``code``, in an empty folder and without settings."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=clean_environment(), check=True, capture_output=True
        )
        return time.perf_counter() - began


def _row(title: str, taken: list[float], api: list[float]) -> tuple[str, ...]:
    return title, shown((median(taken) or 0.0) * 1e3), shown(ratio(taken, api))


if __name__ == "__main__":
    main(measure, __doc__)
