"""What writing and masking a payload costs, beside the bare JSON writers in the same run.

    uv run python benchmarks/serialize.py [--json]

Every case is timed in rounds that take turns, in CPU time of the process; a ratio is the median over the rounds of
the case's time by the yardstick's in the same round. Microseconds are medians, and depend on the machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import decimal
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import orjson

from autoops.tracing.masking import Masker
from autoops.tracing.serialize import dump
from autoops.variables import DEFAULT_MASK_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 25
CALLS = 2_000

FLAT: dict[str, Any] = {
    f"feature_{number:02d}": (number * 1.5, f"store-{number:03d} north", number)[number % 3]
    for number in range(48)
}
NESTED: dict[str, Any] = {
    "event": {"type": "demand_spike", "product_id": "P-1001", "cluster": "north", "magnitude": 1.85},
    "forecast": [12.5, 13.25, 11.0, 14.75, 15.5, 12.0, 10.25],
    "stock": {"on_hand": 42, "on_order": 60, "by_age_days": [12, 20, 8, 2]},
    "history": [{"day": day, "sold": 10 + day, "price": 2.99, "wasted": 0} for day in range(8)],
    "reasoning": "Demand is far above the same day of the last weeks, and the next delivery is two days away. "
    * 4,
    "confidence": 0.87,
}
MIXED = {**FLAT, "at": dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC), "price": decimal.Decimal("2.99")}
WITH_NONE = {**FLAT, "note": None}
SECRET = {**FLAT, "api_key": "abcdefgh"}


def cases() -> dict[str, tuple[str, Callable[[], object]]]:
    """Name of each case, with the name of its yardstick."""
    masker = Masker(DEFAULT_MASK_KEYS)
    flat, nested, secret = orjson.dumps(FLAT), orjson.dumps(NESTED), orjson.dumps(SECRET)
    return {
        "orjson flat": ("orjson flat", lambda: orjson.dumps(FLAT)),
        "json flat": ("orjson flat", lambda: json.dumps(FLAT)),
        "dump flat": ("orjson flat", lambda: dump(FLAT)),
        "dump flat, one None": ("orjson flat", lambda: dump(WITH_NONE)),
        "dump flat, a date and a decimal": ("orjson flat", lambda: dump(MIXED)),
        "orjson nested": ("orjson nested", lambda: orjson.dumps(NESTED)),
        "json nested": ("orjson nested", lambda: json.dumps(NESTED)),
        "dump nested": ("orjson nested", lambda: dump(NESTED)),
        "mask flat, no hit": ("orjson flat", lambda: masker.payload(flat)),
        "mask nested, no hit": ("orjson nested", lambda: masker.payload(nested)),
        "mask flat, one hit": ("orjson flat", lambda: masker.payload(secret)),
    }


def measure() -> dict[str, dict[str, float | str]]:
    """Time all cases in turns; microseconds of a call, and the ratio to the yardstick."""
    table = cases()
    times: dict[str, list[float]] = {name: [] for name in table}
    for _ in range(ROUNDS):
        for name, (_, call) in table.items():
            begun = time.process_time()
            for _ in range(CALLS):
                call()
            times[name].append((time.process_time() - begun) / CALLS * 1e6)
    return {
        name: {
            "us": round(statistics.median(times[name]), 2),
            "yardstick": yardstick,
            "ratio": round(
                statistics.median(own / its for own, its in zip(times[name], times[yardstick], strict=True)),
                2,
            ),
        }
        for name, (yardstick, _) in table.items()
    }


def main() -> None:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    sizes = {"flat": len(orjson.dumps(FLAT)), "nested": len(orjson.dumps(NESTED))}
    results = measure()
    if as_json:
        print(json.dumps({"rounds": ROUNDS, "calls": CALLS, "bytes": sizes, "cases": results}))
        return
    print(
        f"payloads: flat {sizes['flat']} bytes, nested {sizes['nested']} bytes; {ROUNDS} rounds of {CALLS} calls"
    )
    for name, result in results.items():
        print(f"{name:34} {result['us']:8} µs  {result['ratio']:6} x {result['yardstick']}")


if __name__ == "__main__":
    main()
