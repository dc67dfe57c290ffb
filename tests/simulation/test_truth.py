"""The truth replays the weeks as they were: their level, their weekdays, their households."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import small_panel, small_world

from autoops.simulation.truth import fit_truth


def test_products_sell_what_they_really_sold() -> None:
    """A product that sells ten times as much in the simulated weeks as before is replayed at ten times, not at some."""
    panel = small_panel()
    first = panel.split.fit_weeks
    units, daily = panel.units.copy(), panel.daily.copy()
    units[0, :, first:] *= 10.0
    daily[0, :, 7 * first :] *= 10.0
    grown = fit_truth(replace(panel, units=units, daily=daily), 1.0).planned.sum(axis=(0, 2))
    as_was = fit_truth(panel, 1.0).planned.sum(axis=(0, 2))
    real = panel.units[:, :, first:].sum(axis=(1, 2))

    assert grown[0] == pytest.approx(10.0 * real[0], rel=0.02)
    assert as_was == pytest.approx(real, rel=0.08)


def test_days_of_the_week_differ_as_they_did() -> None:
    """Within each week, demand at the plan has the factors of the weekdays, perishables theirs."""
    world, panel = small_world(), small_panel()
    weeks = world.truth.planned.reshape(13, 7, *world.shop.shape)
    factors = weeks / weeks.mean(axis=1, keepdims=True)
    kind = world.shop.perishable.astype(np.int64)

    assert factors == pytest.approx(np.broadcast_to(panel.weekday[kind].T[None, :, :, None], factors.shape))
    assert np.ptp(panel.weekday, axis=1).min() > 0.2, "weekdays do differ"
