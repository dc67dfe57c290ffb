"""The truth replays the weeks as they were: their level, their weekdays, their households."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import small_panel, small_world

from autoops.simulation.truth import fit_truth


def test_products_sell_what_they_really_sold() -> None:
    """Each product's simulated weeks add up to the real ones, also where it sold a fifth of what it had before."""
    panel = small_panel()
    first, product = panel.split.fit_weeks, 15
    units, daily = panel.units.copy(), panel.daily.copy()
    units[product, :, first:] *= 0.2
    daily[product, :, 7 * first :] *= 0.2
    fallen = replace(panel, units=units, daily=daily)
    real, fewer = (
        fit_truth(each, 1.0).planned.sum(axis=(0, 2)) / each.units[:, :, first:].sum(axis=(1, 2))
        for each in (panel, fallen)
    )

    assert np.abs(real - 1.0).mean() < 0.008
    assert fewer[product] == pytest.approx(1.0, abs=0.05)


def test_days_of_the_week_differ_as_they_did() -> None:
    """Within each week, demand at the plan has the factors of the weekdays, perishables theirs."""
    world, panel = small_world(), small_panel()
    weeks = world.truth.planned.reshape(13, 7, *world.shop.shape)
    factors = weeks / weeks.mean(axis=1, keepdims=True)
    kind = world.shop.perishable.astype(np.int64)

    assert factors == pytest.approx(np.broadcast_to(panel.weekday[kind].T[None, :, :, None], factors.shape))
    assert np.ptp(panel.weekday, axis=1).min() > 0.2, "weekdays do differ"
