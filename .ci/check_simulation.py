# noqa: INP001 - a script, run by its path
"""Check the object that ``autoops simulate --json`` printed: ``check_simulation.py FILE``.

It has every documented key, plausible figures, and the journal it names holds what it says.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

KEYS = {
    "run_id",
    "session_id",
    "days",
    "seeds",
    "weeks",
    "world",
    "fingerprint",
    "journal",
    "policies",
    "comparisons",
    "gap_share",
    "oracle_dominates",
    "wape",
    "seconds",
}
POLICIES = ("agents", "rolling_calendar", "static")
RATES = {
    "fill_rate",
    "waste_rate",
    "stockout_rate",
    "promo_stockout_rate",
    "displayed_share",
}
FIGURES = {"profit", "objective", "price_changes", "guardrail_breaches", "price_index", *RATES}
TABLES = {"traces": "SELECT count(*) FROM traces", "spans": "SELECT count(*) FROM spans"}


def faults(run: dict[str, Any]) -> list[str]:
    """Return what is wrong with the object, as sentences."""
    found = [f"the key {key} is missing" for key in sorted(KEYS - set(run))]
    if found:
        return found
    for policy in POLICIES:
        figures = run["policies"][policy]
        for figure in sorted(FIGURES):
            interval = figures[figure]
            if set(interval) != {"mean", "ci95"}:
                found.append(f"{policy} {figure} has the keys {sorted(interval)}")
            elif figure in RATES and not 0 <= interval["mean"] <= 1:
                found.append(f"{policy} {figure} is {interval['mean']}, no rate")
        if figures["guardrail_breaches"]["mean"] != 0:
            found.append(f"{policy} breaches its guard rails {figures['guardrail_breaches']['mean']} times")
    if set(run["comparisons"].get("agents_vs_rolling_calendar", {})) < {"mean", "ci95", "worst_seed"}:
        found.append("agents are not compared with rolling_calendar")
    journal = run["journal"]
    with sqlite3.connect(Path(journal["path"])) as connection:
        for table, count in TABLES.items():
            (held,) = connection.execute(count).fetchone()
            if not 0 < journal[table] <= held:
                found.append(f"{journal[table]} {table} are claimed, the journal holds {held}")
    return found


def main() -> int:
    """Print the faults; return 1 if there are any."""
    run = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = faults(run)
    for fault in found:
        sys.stderr.write(f"simulate --json: {fault}\n")
    if not found:
        sys.stdout.write(f"{run['journal']['spans']} spans in {run['seconds']} s, every key in place\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
