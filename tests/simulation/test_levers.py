"""Levers for those who know the customers: displays to the best, prices where they earn, neighbours weighed."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_panel, small_world

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.levers import Levers, best_levers, planned_levers
from autoops.simulation.nature import draw_nature
from autoops.simulation.world import build_world

if TYPE_CHECKING:
    from autoops.simulation.world import World

SEED = 1


@functools.cache
def _best() -> Levers:
    """Return the best levers of the small world."""
    return best_levers(small_world(), draw_nature(small_world(), SEED).market)


def _plan(world: World) -> Levers:
    """Return the plan's levers."""
    return planned_levers(world, draw_nature(world, SEED).market)


def _earned(world: World, levers: Levers) -> float:
    """Return the dollars that expected demand earns under levers, remembered and taken from neighbours as it is."""
    market, earned = draw_nature(world, SEED).market, 0.0
    for day, (price, display) in enumerate(zip(levers.price, levers.display, strict=True)):
        margin = price + (world.calendar.funding[day // 7] - world.shop.cost)[:, None]
        units = market.intensity(day, price, display)
        market.remember(units)
        earned += float((margin * units).sum())
    return earned


def test_demand_is_what_the_customers_would_want() -> None:
    """Day after day: what was bought more of in one week is wanted less of in the next."""
    for levers in (_best(), _plan(small_world())):
        market = draw_nature(small_world(), SEED).market
        for day, expected in enumerate(levers.expected):
            wanted = market.intensity(day, levers.price[day], levers.display[day])
            market.remember(wanted)
            assert wanted == pytest.approx(expected), day


def test_displays_and_prices_each_earn_more_than_the_plan() -> None:
    """The planned displays dealt anew earn more at planned prices, prices more at planned displays; the worst earn less."""
    world = small_world()
    best, plan = _best(), _plan(world)
    earned = _earned(world, plan)
    worst = np.sort(plan.display, axis=1)
    order = np.argsort(np.argsort(-best.display, axis=1, kind="stable"), axis=1)

    assert _earned(world, replace(plan, display=best.display)) > 1.02 * earned
    assert _earned(world, replace(plan, price=best.price)) > 1.01 * earned
    assert _earned(world, replace(plan, display=np.take_along_axis(worst, order, axis=1))) < earned
    assert np.sort(best.display, axis=1) == pytest.approx(worst), "as many as planned"


def test_what_is_taken_from_neighbours_is_weighed() -> None:
    """Where all that a product gains is taken from its category, levers that know it earn more than those that do not."""
    taking = build_world(small_panel(), Assumptions(cannibalisation=0.95))
    giving = build_world(small_panel(), Assumptions(cannibalisation=0.0))

    assert _earned(taking, best_levers(taking, draw_nature(taking, SEED).market)) > 1.01 * _earned(
        taking, best_levers(giving, draw_nature(giving, SEED).market)
    )


def test_a_label_stands_while_another_earns_too_little() -> None:
    """Where a label costs 20 dollars, a price that has left the plan keeps its distance in most of the weeks after."""
    world = build_world(small_panel(), Assumptions(label_cost=20.0))
    price = best_levers(world, draw_nature(world, SEED).market).price[::7, :, 0]
    over = price / world.calendar.price[:13]
    moved = np.abs(over - 1.0) > 0.02
    both = moved[1:] & moved[:-1]
    kept = np.abs(price[1:] - over[:-1] * world.calendar.price[1:13]) < 0.0201

    assert both.mean() > 0.5
    assert kept[both].mean() > 0.6


def test_rounding_to_cents_does_not_lift_the_index() -> None:
    """In no week are the prices dearer than the plan at the fixed weights, not by a millionth."""
    world = small_world()
    weight = world.shop.index_weight
    for week in range(13):
        over = np.log(_best().price[7 * week, :, 0] / world.calendar.price[week])
        assert float(weight @ over) <= 1e-6


def test_where_demand_is_not_served_no_display_goes() -> None:
    """If half of a displayed product's customers find none, its displays go elsewhere."""
    world, best = small_world(), _best()
    product = int(best.display[:7, :, 0].sum(axis=0).argmax())
    served = np.ones((7, *world.shop.shape))
    served[:, product] = 0.5
    scarce = best_levers(world, draw_nature(world, SEED).market, served)

    assert scarce.display[:7, product].sum() < 0.2 * best.display[:7, product].sum()
