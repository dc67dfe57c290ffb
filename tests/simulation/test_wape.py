"""The error of the demand model on real weeks is honest: better than naive, worse than luck allows, blind to the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from worlds import small_panel

from autoops.simulation.wape import one_week_wape


def test_it_is_better_than_last_week_repeated() -> None:
    """Reading the calendar beats repeating last week by a quarter or more; no model goes under counting noise."""
    panel = small_panel()
    weekly, first = panel.units.sum(axis=1), panel.split.fit_weeks
    naive = np.abs(weekly[:, first:] - weekly[:, first - 1 : -1]).sum() / weekly[:, first:].sum()

    assert 0.1 < one_week_wape(panel) < 0.75 * naive


def test_a_forecast_knows_nothing_of_its_own_week() -> None:
    """With a thousand times the last week's sales, nearly all of them are error: nobody saw them coming."""
    panel = small_panel()
    units = panel.units.copy()
    units[:, :, -1] *= 1000.0
    error = one_week_wape(replace(panel, units=units)) * units[:, :, panel.split.fit_weeks :].sum()

    assert error > 0.98 * units[:, :, -1].sum()
