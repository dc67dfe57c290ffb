"""What importing the documented door costs, beside OpenTelemetry's own, in one run.

    uv run python benchmarks/import_time.py [--json]

Whole interpreters, started in turns; the time of a bare interpreter is taken off both. Median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

ROUNDS = 25
CONTENDERS = {
    "bare interpreter": "pass",
    "opentelemetry.trace": "import opentelemetry.trace",
    "config.langfuse_integration": "import config.langfuse_integration",
}


def seconds(code: str) -> float:
    """Wall time of an interpreter that runs ``code``."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def measure() -> dict[str, object]:
    """Run all contenders in turns."""
    taken: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(ROUNDS + 2):
        for name, code in CONTENDERS.items():
            once = seconds(code)
            if number >= 2:  # the first rounds compile and warm the file cache
                taken[name].append(once)
    bare, theirs, ours = (statistics.median(values) for values in taken.values())
    return {
        "milliseconds": {name: round(statistics.median(values) * 1e3, 1) for name, values in taken.items()},
        "ratio_to_opentelemetry_trace": round((ours - bare) / (theirs - bare), 2),
        "rounds": ROUNDS,
    }


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    result = measure()
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result["milliseconds"].items():  # type: ignore[attr-defined]
        print(f"  {name:28s} {value:7.1f} ms")
    print(f"  ratio, the bare interpreter taken off both: {result['ratio_to_opentelemetry_trace']}")


if __name__ == "__main__":
    main()
