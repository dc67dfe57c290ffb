"""The error of the demand model on real weeks is honest: better than naive, worse than luck allows, blind to the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from worlds import small_panel

from autoops.simulation.wape import chain_wape


def test_it_is_better_than_last_week_repeated() -> None:
    """Reading the calendar beats repeating last week by a quarter or more; no model goes under counting noise."""
    panel = small_panel()
    weekly, first = panel.units.sum(axis=1), panel.split.fit_weeks
    naive = np.abs(weekly[:, first:] - weekly[:, first - 1 : -1]).sum() / weekly[:, first:].sum()

    assert 0.1 < chain_wape(panel) < 0.75 * naive


def test_a_forecast_knows_nothing_of_its_own_week() -> None:
    """With a thousand times the last week's sales, nearly all of them are error: nobody saw them coming."""
    panel = small_panel()
    units = panel.units.copy()
    units[:, :, -1] *= 1000.0
    error = chain_wape(replace(panel, units=units)) * units[:, :, panel.split.fit_weeks :].sum()

    assert error > 0.98 * units[:, :, -1].sum()


def test_a_forecast_of_weeks_ahead_knows_nothing_of_the_weeks_between() -> None:
    """With a thousand times the sales of the last week but one, the last is forecast from it a week ahead, not two."""
    panel = small_panel()
    units = panel.units.copy()
    units[:, :, -2] *= 1000.0
    loud = replace(panel, units=units)
    sold = units[:, :, panel.split.fit_weeks :].sum()
    last = panel.units[:, :, -1].sum()

    assert chain_wape(loud, 1) * sold - units[:, :, -2].sum() > 50.0 * last
    assert chain_wape(loud, 2) * sold - units[:, :, -2].sum() < 50.0 * last


def test_fewer_weeks_are_judged_by_themselves() -> None:
    """The error of the first two weeks is theirs: what happens in the others does not matter, what happens in them does."""
    panel = small_panel()
    fit = panel.split.fit_weeks
    later, sooner = panel.units.copy(), panel.units.copy()
    later[:, :, fit + 2 :] *= 7.0
    sooner[:, :, fit + 1] *= 7.0
    first = chain_wape(panel, weeks=2)

    assert chain_wape(replace(panel, units=later), weeks=2) == first != chain_wape(panel)
    assert chain_wape(replace(panel, units=sooner), weeks=2) > 2.0 * first
