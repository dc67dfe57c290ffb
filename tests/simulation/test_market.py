"""Customers: the plan replays what was sold, deviations act through the response, noise is the seed's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import small_panel, small_world

from autoops.simulation.market import Market
from autoops.simulation.scenario import Scenario, draw_scenario

DAY = 10


def _market(seed: int = 1, *, quiet: bool = True) -> Market:
    """Return the customers of a seed, without spikes and competitors if `quiet`."""
    world = small_world()
    scenario = draw_scenario(world.calendar, world.truth.planned.shape, world.assumed, seed)
    if quiet:
        scenario = Scenario(
            np.ones_like(scenario.spike),
            np.zeros_like(scenario.competitor_cut),
            scenario.lead_time,
            scenario.delayed,
            (),
        )
    return Market(world, scenario, seed)


def _plan(day: int = DAY) -> tuple[np.ndarray, np.ndarray]:
    """Return the planned prices and displays of a day."""
    calendar = small_world().calendar
    price = np.repeat(calendar.price[day // 7][:, None], len(small_world().shop.clusters), axis=1)
    return price, calendar.display[day // 7]


def test_the_plan_replays_real_sales() -> None:
    """Planned weekly demand at scale one is near what was really sold, and follows it from week to week."""
    world, panel = small_world(), small_panel()
    planned = world.truth.planned.reshape(13, 7, *world.shop.shape).sum(axis=(1, 3)).T / world.assumed.scale
    real = panel.units[:, :, 25:].sum(axis=1)
    correlation = [np.corrcoef(planned[p], real[p])[0, 1] for p in range(len(planned))]

    assert planned.sum() == pytest.approx(real.sum(), rel=0.1)
    assert float(np.median(correlation)) > 0.85


def test_at_the_plan_nothing_deviates() -> None:
    """With planned prices and displays the intensity is the plan's."""
    assert _market().intensity(DAY, *_plan()) == pytest.approx(small_world().truth.planned[DAY])


def test_a_lower_price_sells_more_and_takes_from_the_category() -> None:
    """The product gains; the others of its category lose no more than it gains."""
    world, (price, display) = small_world(), _plan()
    product = int(np.bincount(world.shop.category).argmax() == world.shop.category.tolist()[0]) and 0
    cheaper = price.copy()
    cheaper[product] *= 0.9
    change = _market().intensity(DAY, cheaper, display) - world.truth.planned[DAY]
    others = (world.shop.category == world.shop.category[product]) & (np.arange(len(change)) != product)

    assert (change[product] > 0.0).all()
    assert (change[others] <= 0.0).all()
    assert -change[others].sum() < change[product].sum()
    assert change[world.shop.category != world.shop.category[product]] == pytest.approx(0.0)


@settings(max_examples=30)
@given(st.floats(0.5, 1.0), st.integers(1, 5), st.integers(0, 90))
def test_demand_is_monotone_in_the_intensity(share: float, seed: int, day: int) -> None:
    """Less intensity never sells more: a policy cannot buy itself better luck."""
    market, planned = _market(seed), small_world().truth.planned[day]

    assert (market.demand(day, share * planned) <= market.demand(day, planned)).all()


def test_noise_has_the_variance_that_was_fitted() -> None:
    """Over many cells and days the spread of demand around its mean is phi m + alpha m^2."""
    world, market = small_world(), _market()
    planned, truth = world.truth.planned, world.truth
    drawn = np.stack([market.demand(day, planned[day]) for day in range(len(planned))])
    wanted = truth.phi * planned + truth.alpha * planned**2

    assert drawn.mean() == pytest.approx(planned.mean(), rel=0.02)
    assert float(((drawn - planned) ** 2 / wanted).mean()) == pytest.approx(1.0, abs=0.1)


def test_customers_remember_what_they_stocked_up_on() -> None:
    """After a week of cheap sales the same price sells less."""
    market, (price, display) = _market(), _plan()
    for _ in range(7):
        market.remember(2.0 * market.intensity(DAY, price, display))

    assert (market.intensity(DAY, price, display) < small_world().truth.planned[DAY]).all()


def test_a_competitors_cut_costs_us_demand() -> None:
    """While a competitor is cheaper, the same price sells less of that product alone."""
    world, (price, display) = small_world(), _plan()
    scenario = draw_scenario(world.calendar, world.truth.planned.shape, world.assumed, 1)
    cut = np.zeros_like(scenario.competitor_cut)
    cut[DAY, 3] = 0.2
    scenario = Scenario(np.ones_like(scenario.spike), cut, scenario.lead_time, scenario.delayed, ())
    market = Market(world, scenario, 1)
    ratio = market.intensity(DAY, price, display) / world.truth.planned[DAY]

    assert ratio[3] == pytest.approx(0.8**world.assumed.competitor_cross)
    assert np.delete(ratio, 3, axis=0) == pytest.approx(1.0)
