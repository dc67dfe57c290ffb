"""Guard rails, counted by the world on what a policy has committed, whoever the policy is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.markdown import DEEPEST, is_promoted
from autoops.retail.pricing import price_rails

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.policies.policy import Actions
    from autoops.simulation.world import World

PRICE_TOLERANCE = 0.005
"""Dollars; prices are in whole cents, so that half a cent is neither a new label nor a breach of a rail."""

LABEL_TOLERANCE = 0.0101
"""Dollars; a price that keeps its distance from a plan that moves is off by up to a cent, and no new decision."""

INDEX_TOLERANCE = 0.001
"""Share; what prices in whole cents may add to the index."""

SLOT_TOLERANCE = 1e-6
"""Displayed shares; floating point."""


def index_weights(world: World) -> FloatArray:
    """Return (products, clusters) fixed weights of the price index: revenue in the weeks of the fit.

    Fixed, for weights that move with sales let a policy buy room in the index with what nobody wants.
    """
    revenue: FloatArray = world.history.units.sum(axis=2) * world.shop.reference_price[:, None]
    result: FloatArray = revenue / revenue.sum()
    return result


def price_index(price: FloatArray, planned: FloatArray, weight: FloatArray) -> float:
    """Return the weighted geometric mean of (products, clusters) prices over (products,) planned ones.

    Source: the geometric Young index, *Consumer Price Index Manual* (IMF 2020), chapter 2.
    """
    return float(np.exp((weight * np.log(price / planned[:, None])).sum()))


def breaches(world: World, day: int, expiring: FloatArray, actions: Actions, index: float) -> int:
    """Return how often a day's actions leave their rails.

    Args:
        world: Whose plan and whose rails.
        day: Of the actions.
        expiring: (products, clusters) units that expire tonight, after the morning's deliveries.
        actions: What was committed.
        index: Price index of the day, see `price_index`.

    A price outside its rail around the plan, or under cost where the plan is not; the day's index over plan; a
    cluster with more on display than planned; a sticker that is too deep, on what does not expire tonight, or on a
    planned promotion. Stickers may go under cost.
    """
    shop, planned, slots = world.shop, world.calendar.price[day // 7], world.calendar.display[day // 7]
    low, high = price_rails(planned, shop.cost, shop.economics.price_rail)
    outside = (actions.price < low[:, None] - PRICE_TOLERANCE) | (
        actions.price > high[:, None] + PRICE_TOLERANCE
    )
    crowded = actions.display.sum(axis=0) > slots.sum(axis=0) + SLOT_TOLERANCE
    stickered = actions.markdown > 0.0
    expires = (expiring > 0.0) & shop.perishable[:, None]
    barred = ~expires | is_promoted(planned, shop.reference_price)[:, None]
    wrong = stickered & (barred | (actions.markdown > DEEPEST + 1e-9))
    return int(outside.sum() + (index > 1.0 + INDEX_TOLERANCE) + crowded.sum() + wrong.sum())
