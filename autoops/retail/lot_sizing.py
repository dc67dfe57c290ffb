"""Which deliveries gain most when all demand is known: lot-sizing with sales that may be refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Lots:
    """A lot-sizing problem of many cells."""

    demand: FloatArray
    """(days, products, clusters) units."""
    worth: FloatArray
    """(days, products, clusters) dollars gained by a unit sold on the day that it comes, 0 or more."""
    open: BoolArray
    """(days, clusters) whether a delivery can come."""
    holding: FloatArray
    """(products,) dollars a unit and night."""
    life: IntArray
    """(products,) days on which a delivery can be sold, its own included."""
    order_cost: float
    """Dollars a delivery."""


@dataclass(frozen=True, slots=True)
class LotPlan:
    """Its solution; arrays are (days, products, clusters), units."""

    received: FloatArray
    served: FloatArray
    value: FloatArray
    """(products, clusters) dollars."""


def best_lots(lots: Lots) -> LotPlan:
    """Return the deliveries that gain most when any sale may be refused.

    Source: Wagner and Whitin, "Dynamic Version of the Economic Lot Size Model", Management Science 5 (1958), 89-96,
    with the option to lose a sale: Aksen, Altinkemer and Chand, European Journal of Operational Research 145 (2003).
    """
    days, products, clusters = lots.demand.shape
    value = np.zeros((days + 1, products, clusters))
    until = np.zeros((days, products, clusters), dtype=np.int64)
    for day in range(days - 1, -1, -1):
        gain = _gains(lots, day)
        reached = np.cumsum(gain, axis=0) + value[day + 1 :] - lots.order_cost
        best = reached.argmax(axis=0)
        with_lot = np.take_along_axis(reached, best[None], axis=0)[0]
        takes = lots.open[day][None, :] & (with_lot > value[day + 1])
        value[day] = np.where(takes, with_lot, value[day + 1])
        until[day] = np.where(takes, day + 1 + best, 0)
    return _followed(lots, until, value[0])


def _gains(lots: Lots, day: int) -> FloatArray:
    """Return (days from `day`, products, clusters) dollars that a delivery of that day gains by serving each day."""
    later = np.arange(len(lots.demand) - day)
    net = lots.worth[day:] - (later[:, None] * lots.holding[None, :])[:, :, None]
    fresh = (later[:, None] < lots.life[None, :])[:, :, None]
    result: FloatArray = np.where(fresh, lots.demand[day:] * np.maximum(net, 0.0), 0.0)
    return result


def _followed(lots: Lots, until: IntArray, value: FloatArray) -> LotPlan:
    """Return the units that the choices bring and serve; `until` is the first day that a lot leaves to the next."""
    received, served = np.zeros_like(lots.demand), np.zeros_like(lots.demand)
    start = np.zeros(lots.demand.shape[1:], dtype=np.int64)
    end = np.zeros_like(start)
    rows, columns = np.indices(start.shape)
    for day in range(len(lots.demand)):
        begins = (day >= end) & (until[day] > 0)
        start, end = np.where(begins, day, start), np.where(begins, until[day], end)
        waited = day - start
        gains = (lots.worth[day] > waited * lots.holding[:, None]) & (waited < lots.life[:, None])
        served[day] = np.where((day < end) & gains, lots.demand[day], 0.0)
        np.add.at(received, (start, rows, columns), served[day])
    return LotPlan(received, served, value)
