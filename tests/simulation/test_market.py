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


def _seeds(count: int = 40) -> list[Market]:
    """Return the customers of many seeds."""
    return [_market(seed) for seed in range(1, count + 1)]


def _with(spike: float = 1.0, cut: float = 0.0, product: int = 3) -> Market:
    """Return customers on whose `DAY` one product has a spike or a cheaper competitor, and nothing else happens."""
    world = small_world()
    scenario = draw_scenario(world.calendar, world.truth.planned.shape, world.assumed, 1)
    spikes, cuts = np.ones_like(scenario.spike), np.zeros_like(scenario.competitor_cut)
    spikes[DAY, product], cuts[DAY, product] = spike, cut
    return Market(world, Scenario(spikes, cuts, scenario.lead_time, scenario.delayed, ()), 1)


def _alone() -> int:
    """Return a product that is alone in its category: nothing that others do touches it."""
    category = small_world().shop.category
    return int(np.flatnonzero(np.bincount(category)[category] == 1)[0])


def test_a_spike_multiplies_demand() -> None:
    """Two and a half times the demand at the plan, of that product alone."""
    ratio = _with(spike=2.5).intensity(DAY, *_plan()) / small_world().truth.planned[DAY]

    assert ratio[3] == pytest.approx(2.5)
    assert np.delete(ratio, 3, axis=0) == pytest.approx(1.0)


def test_while_a_competitor_is_cheaper_our_price_counts_more() -> None:
    """The same cut of our own price moves one and a half times the logarithm."""
    product, (price, display) = _alone(), _plan()
    cheaper = price.copy()
    cheaper[product] *= 0.95
    quiet, besieged = (
        np.log(market.intensity(DAY, cheaper, display) / market.intensity(DAY, price, display))[product]
        for market in (_with(product=product), _with(cut=0.2, product=product))
    )

    assert besieged == pytest.approx(small_world().assumed.competitor_steepening * quiet)
    assert (quiet > 0.0).all()


def test_a_display_lifts_by_the_share_that_is_causal() -> None:
    """The log of the lift grows with the displayed share; of what was fitted 30 to 90 % is causal, 60 % on average."""
    product, (price, display) = _alone(), _plan()
    more = display.copy()
    more[product] += 0.5
    market = _market()
    lifted = np.log(market.intensity(DAY, price, more) / market.intensity(DAY, price, display))[product]
    fitted = np.maximum(small_world().truth.response.beta[:, 1], 0.0)
    shares = np.stack([each.display_lift[:, 0] for each in _seeds()]) / fitted

    assert lifted == pytest.approx(0.5 * float(market.display_lift[product, 0]))
    # Each seed draws the fitted lift anew as well: around, not within, the range.
    assert shares.mean() == pytest.approx(0.6, abs=0.05)
    assert shares.std() > 0.15


def test_customers_are_drawn_anew_for_each_seed() -> None:
    """Elasticities vary between seeds as much as their posterior says, about the fit."""
    world, (price, _) = small_world(), _plan()
    response = world.truth.response
    drawn = np.stack([market.elasticity(DAY)[:, 0] for market in _seeds()])
    clear = response.beta[:, 0] < -1.0  # far enough from zero not to be cut off there
    spread = np.sqrt(response.beta_covariance[:, 0, 0])

    assert price.shape[0] == drawn.shape[1]
    assert (drawn.std(axis=0)[clear] / spread[clear]).mean() == pytest.approx(1.0, abs=0.15)
    assert drawn.mean(axis=0)[clear] == pytest.approx(response.beta[clear, 0], abs=0.3)


def test_what_a_product_gains_a_third_is_taken_from_its_category() -> None:
    """Nothing of it in other clusters, nothing in other categories, no more and no less in its own."""
    world, (price, display) = small_world(), _plan()
    category = world.shop.category
    product = int(np.flatnonzero(np.bincount(category)[category] >= 3)[0])
    cheaper = price.copy()
    cheaper[product, 1] *= 0.97
    change = _market().intensity(DAY, cheaper, display) - _market().intensity(DAY, price, display)
    others = (category == category[product]) & (np.arange(len(category)) != product)

    assert -change[others, 1].sum() == pytest.approx(world.assumed.cannibalisation * change[product, 1])
    assert change[:, [0, 2]] == pytest.approx(0.0)


def test_a_sticker_draws_by_its_depth() -> None:
    """Half the price draws 2^1.8 times the customers of the day."""
    market, planned = _market(), small_world().truth.planned[DAY]
    half = np.full_like(planned, 0.5)
    many = 1e6 * np.ones_like(planned)
    ratio = market.clearance(DAY, many, half) / market.demand(DAY, many)

    assert ratio == pytest.approx(2.0**1.8, rel=1e-3)


def test_after_a_day_without_sales_customers_are_out_of_stock_too() -> None:
    """One day in which nothing is bought counts as half, a seventh of it is remembered: .15 x .5 / 7 more next day."""
    market, (price, display) = _market(), _plan()
    planned = market.intensity(DAY, price, display)
    market.remember(np.zeros_like(planned))

    dip = small_world().assumed.promotion_dip
    assert market.intensity(DAY, price, display) == pytest.approx(planned * (1.0 + dip * 0.5 / 7.0))
