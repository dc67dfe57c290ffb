"""The work that every contender does: an agent's span with 1,000 B of input and 430 B of outcome, as JSON.

No two of a batch are alike, or a compressed request would be far smaller than it is in life.
"""

from __future__ import annotations

import json
import random
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "inventory_agent"
OPERATION = "forecast_demand"
NAME = f"{AGENT}.{OPERATION}"
EVENT = {"type": "demand_spike", "product_id": "PROD_123", "cluster": "north", "magnitude": 1.85}

INPUT_BYTES = 1_000
OUTCOME_BYTES = 430
VARIANTS = 499
"""Far more than fit into the 32 kB that gzip looks back."""

_draw = random.Random(2017)


def _input() -> dict[str, Any]:
    features = {
        f"feature_{number:02d}": [
            round(_draw.gauss(40, 12), 2),
            f"store-{_draw.randrange(400)}",
            _draw.random() < 0.3,
        ]
        for number in range(22)
    }
    return _filled({**features, "note": "promotion "}, INPUT_BYTES)


def _outcome() -> dict[str, Any]:
    weeks = {
        f"week_{number}": {
            "units": _draw.randrange(90),
            "price": round(_draw.uniform(1, 9), 2),
            "fill": round(_draw.random(), 3),
        }
        for number in range(7)
    }
    return _filled({**weeks, "note": ""}, OUTCOME_BYTES)


def _filled(payload: dict[str, Any], size: int) -> dict[str, Any]:
    """Lengthen the note until the JSON has exactly this many bytes."""
    words = "".join(_draw.choices("abcdefghijklmnopqrstuvwxyz ", k=size - len(json.dumps(payload))))
    return {**payload, "note": payload["note"] + words}


INPUTS = [_input() for _ in range(VARIANTS)]
OUTCOMES = [_outcome() for _ in range(VARIANTS)]
INPUT, OUTCOME = INPUTS[0], OUTCOMES[0]


def inputs() -> Iterator[dict[str, Any]]:
    """One input after the other, without end."""
    return cycle(INPUTS)


def outcomes() -> Iterator[dict[str, Any]]:
    """One outcome after the other, without end."""
    return cycle(OUTCOMES)
