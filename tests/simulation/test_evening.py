"""A day on record adds up to the run it is part of."""

from __future__ import annotations

import pytest
from worlds import small_world

from autoops.simulation.evening import evening_record
from autoops.simulation.policies.registry import play


@pytest.mark.parametrize("policy", ["agents", "static", "oracle"])
def test_days_add_up_to_the_run(policy: str) -> None:
    """Profit and objective of the days are the run's, and each day's profit is made of its parts."""
    world = small_world()
    days: list[dict[str, float]] = []
    run = play(
        world, policy, 1, 14, lambda evening: days.append(evening_record(world.shop, evening)["dollars"])
    )

    assert sum(day["profit"] for day in days) == pytest.approx(run.figures.profit, abs=0.2)
    assert sum(day["objective"] for day in days) == pytest.approx(run.figures.objective, abs=0.2)
    for day in days:
        parts = (
            day["sales"] + day["funding"] - day["goods"] - day["ordering"] - day["holding"] - day["labels"]
        )
        assert day["profit"] == pytest.approx(
            parts + day["stock_value"] - day["opening_stock_value"], abs=0.05
        )
