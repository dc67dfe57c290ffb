"""The best prices and displays for those who know the customers: for the ceiling and the oracle alone.

Prices week by week, index-neutral within the rails; each cluster's planned displays dealt anew to the products that
earn most by them. Expected demand decides, not what luck makes of it; the oracle, which knows where stock will be short,
spends neither displays nor low prices there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.pricing import IndexRules, PriceProblem, index_neutral_changes, price_rails
from autoops.retail.promotion import best_deal, display_value
from autoops.simulation.rails import index_weights

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.market import Market
    from autoops.simulation.world import World


ALL_SERVED = 1.0 - 1e-9
"""Share of a day's demand from which nobody was sent away."""


@dataclass(frozen=True, slots=True)
class Levers:
    """Prices and displays of all days, and the demand that they make."""

    price: FloatArray
    """(days, products, clusters) shelf prices, dollars."""
    display: FloatArray
    """(days, products, clusters) displayed shares."""
    expected: FloatArray
    """(days, products, clusters) expected units."""


def best_levers(world: World, market: Market, served: FloatArray | None = None) -> Levers:
    """Return the levers for a market that nobody has sold in yet; it has afterwards.

    Args:
        world: Where.
        market: Its customers.
        served: (days or fewer, products, clusters) share of each day's demand that will be served, days beyond do not
            count: displays are then dealt by the day. Where less than all is served, more demand brings nothing, by
            displays or by prices. None: everybody is served, and displays are dealt by the week.
    """
    days, products, clusters = world.truth.planned.shape
    price = np.empty((days, products, clusters))
    display, expected = np.empty_like(price), np.empty_like(price)
    standing = np.zeros(products)
    for week in range((days + 6) // 7):
        when = list(range(7 * week, min(7 * week + 7, days)))
        base = np.stack([market.base(day) for day in when])
        sold, answers = _sold(base, None if served is None else served[7 * week : 7 * week + 7])
        if served is None:
            display[when] = _displays(world, market, week, base.sum(axis=0))
        else:
            display[when] = [_displays(world, market, week, wanted) for wanted in answers]
        lift = np.exp(market.display_lift * (display[when] - world.calendar.display[week]))
        units = (sold * lift).sum(axis=0), (answers * lift).sum(axis=0)
        standing = _prices(world, market, week, units, standing)
        for day in when:
            price[day] = _shelf(world, week, standing)[:, None]
            expected[day] = market.intensity(day, price[day], display[day])
            market.remember(expected[day])
    return Levers(price, display, expected)


def _sold(base: FloatArray, served: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return (days, products, clusters) units of a week that are sold, and those that more demand would add to."""
    if served is None:
        return base, base
    share = np.zeros_like(base)
    share[: len(served)] = served
    return base * share, base * (share >= ALL_SERVED)


def planned_levers(world: World, market: Market) -> Levers:
    """Return the plan's own levers, for a market that nobody has sold in yet; it has afterwards."""
    weeks = np.arange(len(world.truth.planned)) // 7
    price = np.repeat(world.calendar.price[weeks][:, :, None], world.shop.shape[1], axis=2)
    display, expected = world.calendar.display[weeks], np.empty_like(price)
    for day in range(len(price)):
        expected[day] = market.intensity(day, price[day], display[day])
        market.remember(expected[day])
    return Levers(price, display, expected)


def _margin(world: World, week: int) -> FloatArray:
    """Return (products,) dollars earned by a unit at the plan, vendors' money included."""
    result: FloatArray = world.calendar.price[week] + world.calendar.funding[week] - world.shop.cost
    return result


def diverted(world: World, market: Market, week: int, base: FloatArray) -> FloatArray:
    """Return (products,) dollars that a unit gained costs: taken from its neighbours, and from the week after."""
    margin, units = _margin(world, week), base.sum(axis=1)
    category = market.member @ (market.member.T @ (margin * units)) - margin * units
    others = market.member @ (market.member.T @ units) - units
    neighbours = np.where(others > 1e-6 * units, category / np.maximum(others, 1e-9), 0.0)
    taken = np.where(others > 1e-6 * units, world.assumed.cannibalisation, 0.0)
    result: FloatArray = taken * neighbours + world.assumed.promotion_dip * margin
    return result


def _displays(world: World, market: Market, week: int, base: FloatArray) -> FloatArray:
    """Return (products, clusters) displayed shares: a cluster's largest planned shares go where they earn most."""
    planned = world.calendar.display[week]
    without = base * np.exp(-market.display_lift * planned)
    value = display_value(
        without,
        market.display_lift,
        _margin(world, week)[:, None],
        diverted(world, market, week, base)[:, None],
    )
    return best_deal(planned, value)


def _prices(
    world: World, market: Market, week: int, units: tuple[FloatArray, FloatArray], standing: FloatArray
) -> FloatArray:
    """Return (products,) log price changes of a week, index-neutral, label costs weighed.

    `units` is what is sold, and of it what answers a price.
    """
    shop, planned = world.shop, world.calendar.price[week]
    demand, answers = (each.sum(axis=1) for each in units)
    problem = PriceProblem(
        price=planned,
        cost=shop.cost - world.calendar.funding[week],
        demand=demand,
        elasticity=market.elasticity(7 * week)[:, 0] * answers / np.maximum(demand, 1e-9),
        diverted=diverted(world, market, week, units[1]),
        dearer=world.variant.asymmetry,
    )
    low, high = price_rails(planned, shop.cost, shop.economics.price_rail)
    low, high = np.log(low / planned), np.log(high / planned)
    rules = IndexRules(
        low=low,
        high=high,
        weight=index_weights(world).sum(axis=1),
        standing=np.clip(standing, low, high),
        label_cost=shop.economics.label_cost * len(shop.clusters),
    )
    return index_neutral_changes(problem, rules)


def _shelf(world: World, week: int, change: FloatArray) -> FloatArray:
    """Return (products,) shelf prices in whole cents, inside their rails and their index at most the plan's."""
    planned = world.calendar.price[week]
    low, high = price_rails(planned, world.shop.cost, world.shop.economics.price_rail)
    low, high = np.ceil(100.0 * low - 1e-6) / 100.0, np.floor(100.0 * high + 1e-6) / 100.0
    price = np.clip(np.round(planned * np.exp(change), 2), low, high)
    price = np.where(change == 0.0, planned, price)
    # Rounding may lift the index: as many prices as it takes, those that weigh most first, give a cent back.
    weight = index_weights(world).sum(axis=1)
    cent = np.where((change != 0.0) & (price > low + 0.005), -weight * np.log1p(-0.01 / price), 0.0)
    order = np.argsort(-cent, kind="stable")
    given = np.cumsum(cent[order]) - cent[order] < (weight * np.log(price / planned)).sum()
    price[order] -= np.where(given & (cent[order] > 0.0), 0.01, 0.0)
    result: FloatArray = np.round(price, 2)
    return result
