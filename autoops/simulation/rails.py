"""Guard rails, counted by the world on what a policy has committed, whoever the policy is.

What no shop can do, such as a price of nothing, is no breach but a mistake of the policy's program: see `check_actions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.errors import SimulationError
from autoops.retail.markdown import DEEPEST, is_promoted
from autoops.retail.pricing import price_rails

if TYPE_CHECKING:
    from autoops.retail.arrays import BoolArray, FloatArray
    from autoops.simulation.policies.policy import Actions
    from autoops.simulation.world import World

PRICE_TOLERANCE = 0.005
"""Dollars; prices are in whole cents, so that half a cent is neither a new label nor a breach of a rail."""

LABEL_TOLERANCE = 0.0101
"""Dollars; a price that keeps its distance from a plan that moves is off by up to a cent, and no new decision."""

ROUNDING_DEVIATIONS = 3.0
"""Standard deviations of what rounding to whole cents adds to the index that are no breach of it."""

FLOATING_POINT = 1e-6
"""Displayed shares and stickers; what floating point adds."""


def check_actions(actions: Actions) -> None:
    """Raise if a policy asks for what cannot be done.

    Raises:
        SimulationError: Orders that are not whole units, 0 or more; prices that are not numbers over 0; displays that
            are not numbers; stickers that take less than nothing off, or all.
    """
    orders, price, markdown = actions.orders, actions.price, actions.markdown
    whole = (orders >= 0.0) & (orders == np.floor(orders)) & np.isfinite(orders)
    for name, asked, possible, allowed in (
        ("orders", orders, whole, "whole units, 0 or more"),
        ("prices", price, (price > 0.0) & np.isfinite(price), "dollars, more than 0"),
        ("displays", actions.display, np.isfinite(actions.display), "shares"),
        ("stickers", markdown, (markdown >= 0.0) & (markdown < 1.0), "shares, 0 or more and under 1"),
    ):
        if not possible.all():
            product, cluster = np.argwhere(~possible)[0].tolist()
            received = (
                f"{name}: received {asked[product, cluster]:g} for product {product} in cluster {cluster}"
            )
            raise SimulationError(f"{received}; allowed: {allowed}")


class ShelfLabels:
    """The labels of one run: which are changed by a day's prices.

    A label shows the plan times what was decided last: while the plan moves, labels move with it and nobody pays.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._over_plan: FloatArray = np.ones(shape)
        """(products, clusters) prices over plan as they were labelled last."""

    def changed(self, price: FloatArray, planned: FloatArray) -> BoolArray:
        """Return where (products, clusters) prices are another decision than the last labelled, and label these."""
        labels: BoolArray = np.abs(price - self._over_plan * planned[:, None]) > LABEL_TOLERANCE
        self._over_plan = np.where(labels, price / planned[:, None], self._over_plan)
        return labels


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


def index_tolerance(planned: FloatArray, weight: FloatArray) -> float:
    """Return what rounding to whole cents may add to the price index, as a share.

    A price in whole cents is off by up to half a cent either way, evenly (variance 1/12 square cent), each product by
    itself and alike in all clusters.
    """
    each = weight.sum(axis=1) * 0.01 / (planned * np.sqrt(12.0))
    return ROUNDING_DEVIATIONS * float(np.sqrt((each**2).sum()))


def breaches(world: World, day: int, expiring: FloatArray, actions: Actions, index: float) -> int:
    """Return how often a day's actions leave their rails.

    Args:
        world: Whose plan and whose rails.
        day: Of the actions.
        expiring: (products, clusters) units that expire tonight, after the morning's deliveries.
        actions: What was committed.
        index: Price index of the day, see `price_index`.

    A price outside its rail around the plan, or under cost where the plan is not; the day's index over plan; a
    cluster with more on display than planned; a display that is less than none or more than whole; a sticker that is too deep, on what does not expire tonight, or on a
    planned promotion. Stickers may go under cost.
    """
    shop, planned, slots = world.shop, world.calendar.price[day // 7], world.calendar.display[day // 7]
    low, high = price_rails(planned, shop.cost, shop.economics.price_rail)
    outside = (actions.price < low[:, None] - PRICE_TOLERANCE) | (
        actions.price > high[:, None] + PRICE_TOLERANCE
    )
    # Plans are followed to the last bit: nearly always there is nothing to allow for.
    over = index > 1.0 + 1e-9 and index > 1.0 + index_tolerance(planned, index_weights(world))
    crowded = actions.display.sum(axis=0) > slots.sum(axis=0) + FLOATING_POINT
    unreal = (actions.display < -FLOATING_POINT) | (actions.display > 1.0 + FLOATING_POINT)
    stickered = actions.markdown > 0.0
    expires = (expiring > 0.0) & shop.perishable[:, None]
    barred = ~expires | is_promoted(planned, shop.reference_price)[:, None]
    wrong = stickered & (barred | (actions.markdown > DEEPEST + FLOATING_POINT))
    return int(outside.sum() + over + crowded.sum() + unreal.sum() + wrong.sum())
