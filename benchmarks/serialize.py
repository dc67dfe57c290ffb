"""What writing and masking a payload costs, beside the bare JSON writers in the same run.

    uv run python benchmarks/serialize.py [--json] [--quick]

A ratio is the median over the rounds of the case's time by the yardstick's in the same round. Microseconds are medians,
and depend on the machine.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import TYPE_CHECKING, Any

import orjson
from measure import Figure, Result, Size, loop, main, median, ratio, shown, turns

from autoops.tracing.masking import Masker
from autoops.tracing.serialize import dump
from autoops.variables import DEFAULT_MASK_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

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


def measure(size: Size) -> Result:
    """Time all cases in turns; microseconds of a call, and the ratio to the yardstick."""
    table = cases()
    calls = size.many(CALLS, least=20)
    taken = turns({name: loop(call, calls) for name, (_, call) in table.items()}, size.rounds)
    sizes = {"flat": len(orjson.dumps(FLAT)), "nested": len(orjson.dumps(NESTED))}
    return Result(
        "Writing and masking a payload",
        [
            Figure(f"{case} against {table[case][0]}", ratio(taken[case], taken[table[case][0]]), "x")
            for case in ("dump flat", "dump nested")
        ],
        ("case", "µs", "times", "the yardstick"),
        [
            (name, shown(median(taken[name])), shown(ratio(taken[name], taken[yardstick])), yardstick)
            for name, (yardstick, _) in table.items()
        ],
        (
            f"CPU time of the thread, {calls} calls a round; payloads of {sizes['flat']} B (flat) and {sizes['nested']} B.",
            "What is written is thrown away at once; kept, it costs the memory too.",
        ),
        {"us": taken},
    )


if __name__ == "__main__":
    main(measure, __doc__)
