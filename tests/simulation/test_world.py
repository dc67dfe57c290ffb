"""The world is pinned to the real shops: at scale one, weeks 40-52 look as they looked, in figures recomputed here."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import panel_folder

from autoops.agents.messages import EventType
from autoops.retail.demand import fit_response
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.market import Market
from autoops.simulation.nature import draw_nature
from autoops.simulation.panel import PanelOptions, Split
from autoops.simulation.truth import daily_noise, explanatory
from autoops.simulation.world import World, build_world

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

SEEDS = (1, 2, 3, 4, 5)

PERCENTILES = (10, 25, 50, 75, 90)


@functools.cache
def _real_size() -> World:
    """Return the whole world of the held-out weeks on the scale of the real households; nobody plays in it."""
    panel = load_panel(PanelOptions(split=Split.of(40, 52)), panel_folder())
    return build_world(panel, Assumptions(scale=1.0))


@functools.cache
def _real() -> FloatArray:
    """Return (days, products, clusters) units really sold in weeks 40-52."""
    world = _real_size()
    return np.moveaxis(world.panel.daily[:, :, 7 * world.panel.split.fit_weeks :], -1, 0)


@functools.cache
def _simulated(seed: int) -> FloatArray:
    """Return (days, products, clusters) units wanted at the plan on days on which nothing happens."""
    world = _real_size()
    scenario = draw_nature(world, seed).scenario
    quiet = replace(
        scenario,
        spike=np.ones_like(scenario.spike),
        competitor_cut=np.zeros_like(scenario.competitor_cut),
        announced=(),
    )
    market = Market(world, quiet, seed)
    return np.stack([market.demand(day, planned) for day, planned in enumerate(world.truth.planned)])


def _weeks(days: FloatArray) -> FloatArray:
    """Return (weeks, products, clusters) sums."""
    result: FloatArray = days.reshape(-1, 7, *days.shape[1:]).sum(axis=1)
    return result


def test_days_without_sales_are_as_many_as_they_were() -> None:
    """The share of cells and days that sell nothing is within a hundredth of the real one."""
    simulated = np.mean([(_simulated(seed) == 0).mean() for seed in SEEDS])

    assert simulated == pytest.approx((_real() == 0).mean(), abs=0.01)


def test_weeks_without_sales_are_as_many_as_they_were() -> None:
    """The share of cells and weeks that sell nothing is within .015 of the real one."""
    simulated = np.mean([(_weeks(_simulated(seed)) == 0).mean() for seed in SEEDS])

    assert simulated == pytest.approx((_weeks(_real()) == 0).mean(), abs=0.015)


def test_as_much_is_sold_as_was() -> None:
    """Mean units of a cell and day are within three per cent."""
    assert np.mean([_simulated(seed).mean() for seed in SEEDS]) == pytest.approx(_real().mean(), rel=0.03)


def test_noise_is_as_large_as_it_was() -> None:
    """The variance parameters of cells and days, estimated alike on both, agree within fifteen per cent."""
    planned = _real_size().truth.planned
    phi, alpha = np.mean([daily_noise(_simulated(seed), planned) for seed in SEEDS], axis=0)
    real_phi, real_alpha = daily_noise(_real(), planned)

    assert phi == pytest.approx(real_phi, rel=0.15)
    assert alpha == pytest.approx(real_alpha, rel=0.15)


def test_every_products_weeks_rise_and_fall_as_they_did() -> None:
    """The 13 weekly means of each product correlate with the real ones by .9 or more, where it sold at all."""
    means, real = _weeks(_real_size().truth.planned).sum(axis=2), _weeks(_real()).sum(axis=2)
    sells = real.std(axis=0) > 0.0
    correlation = [
        np.corrcoef(means[:, product], real[:, product])[0, 1] for product in np.flatnonzero(sells)
    ]

    assert sells.mean() > 0.95
    assert min(correlation) >= 0.9


def test_customers_answer_prices_as_they_did() -> None:
    """Fitted alike on the real year, and on one whose last 13 weeks are simulated, elasticities are distributed alike."""
    world = _real_size()
    panel = world.panel
    display = (panel.display * panel.units.sum(axis=2, keepdims=True)).sum(axis=1)
    display /= panel.units.sum(axis=(1, 2))[:, None]
    x = explanatory(panel.price, panel.reference_price, display, panel.mailer)
    group = world.shop.perishable.astype(np.int64)
    weekly = panel.units.sum(axis=1)
    simulated = weekly.copy()
    simulated[:, panel.split.fit_weeks :] = _weeks(_simulated(1)).sum(axis=2).T
    real, ours = (
        np.percentile(fit_response(units, x, group).beta[:, 0], PERCENTILES) for units in (weekly, simulated)
    )

    assert ours == pytest.approx(real, abs=0.15)


@pytest.mark.parametrize("seed", SEEDS)
def test_as_much_happens_as_is_assumed(seed: int) -> None:
    """586 spikes, 83 competitor cuts and 7 delays a seed, give or take 60, 15 and 4."""
    scenario = draw_nature(_real_size(), seed).scenario
    starts = (scenario.spike > 1.0) & (np.diff(scenario.spike, axis=0, prepend=1.0) != 0.0)
    kinds = [event.type for event in scenario.announced]

    assert int(starts.sum()) == pytest.approx(586, abs=60)
    assert kinds.count(EventType.COMPETITOR_PRICE) == pytest.approx(83, abs=15)
    assert kinds.count(EventType.SUPPLY_DELAY) == pytest.approx(7, abs=4)


def test_the_assortment_is_as_stated() -> None:
    """By default 200 products, 80 of which expire, in 8 clusters of stores, over 91 days."""
    world = _real_size()

    assert world.truth.planned.shape == (91, 200, 8)
    assert int(world.shop.perishable.sum()) == 80
    assert world.panel.split.fit == (2, 39)


def test_a_scale_multiplies_demand_and_history_alike() -> None:
    """Twenty times the households sell twenty times as much, in the past and in the days to come."""
    panel, one = _real_size().panel, _real_size()
    twenty = build_world(panel, Assumptions(scale=20.0))

    assert twenty.truth.planned == pytest.approx(20.0 * one.truth.planned)
    assert twenty.history.units == pytest.approx(20.0 * one.history.units)
    assert (twenty.truth.phi, twenty.truth.alpha) == (one.truth.phi, one.truth.alpha)
