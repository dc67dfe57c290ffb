"""The work that every contender does: an agent's span with 1 kB of input and 430 B of outcome."""

from __future__ import annotations

import json
from typing import Any

AGENT = "inventory_agent"
OPERATION = "forecast_demand"
NAME = f"{AGENT}.{OPERATION}"
EVENT = {"type": "demand_spike", "product_id": "PROD_123", "cluster": "north", "magnitude": 1.85}

INPUT: dict[str, Any] = {
    f"feature_{number:02d}": [number * 1.5, f"store-{number}", number % 3 == 0] for number in range(24)
} | {"note": "promotion"}
OUTCOME: dict[str, Any] = {
    f"week_{number}": {"units": number * 12, "price": 2.99, "fill": 0.95} for number in range(7)
} | {"note": ""}

# Filled up to 1,000 and 430 bytes of JSON, the sizes that the figures are stated for.
INPUT["note"] += "." * (1_000 - len(json.dumps(INPUT)))
OUTCOME["note"] += "." * (430 - len(json.dumps(OUTCOME)))
