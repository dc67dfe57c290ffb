"""Reorder points and order-up-to levels from expected demand by the day, for stock that keeps and stock that does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import demand_quantile, normal_quantile
from autoops.retail.replenishment import critical_ratio, economic_cover, life_class, perishable_ceiling

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray, IntArray

USUAL_DAYS = 14.0
"""Days over which demand is averaged for the economy of ordering."""

LEAST_MARGIN = 0.02
"""Share of cost that a unit is taken to earn at least: what is sold under cost is still to be there."""


@dataclass(frozen=True, slots=True)
class LevelConstants:
    """What is tuned; of three: shelf life up to 5 days, longer, keeps. Of two: the first two of these."""

    cover: tuple[float, float, float]
    """Factor on the economic cover."""
    overage: tuple[float, float, float]
    """Share of cost lost with a unit left over when the next order arrives, beyond holding."""
    lead_risk: float
    """Factor on the variance of the lead time."""
    loss: tuple[float, float]
    """Costs lost with an expired unit."""

    def weighing_waste(self, factor: float) -> LevelConstants:
        """Return the constants with what a unit costs that is left over or expires times `factor`, of what expires."""
        short, longer, keeps = self.overage
        return replace(
            self,
            overage=(factor * short, factor * longer, keeps),
            loss=(factor * self.loss[0], factor * self.loss[1]),
        )


@dataclass(frozen=True, slots=True)
class Goods:
    """What is stocked, and what it costs to stock it."""

    shelf_life: IntArray
    """(products,) days; 0 keeps."""
    cost: FloatArray
    """(products,) dollars a unit."""
    earned: FloatArray
    """(products,) or (products, clusters) dollars that a unit earns over its cost."""
    goodwill: float
    """Margins lost with a lost sale, beyond its own."""
    order_line_cost: float
    """Dollars."""
    holding_rate: float
    """Share of cost for each night."""
    lead_time_mean: float
    """Days."""
    lead_time_variance: float
    """Days squared."""

    @property
    def lasting(self) -> FloatArray:
        """Return (products, 1) days in which a unit ordered today has to be sold; 1 for what keeps."""
        life = self.shelf_life[:, None]
        result: FloatArray = np.where(life > 0, life + self.lead_time_mean, 1.0)
        return result


class Ahead:
    """Sums of expected demand over the coming days."""

    def __init__(self, daily: FloatArray) -> None:
        """Take (days, products, clusters) units a day, today first."""
        none = np.zeros((1, *daily.shape[1:]))
        self._sums = np.concatenate([none, np.cumsum(daily, axis=0)])
        self._squares = np.concatenate([none, np.cumsum(daily**2, axis=0)])

    def sum(self, days: FloatArray) -> FloatArray:
        """Return (products, clusters) units over so many days; `days` of any shape that stretches to that."""
        return self._until(self._sums, days)

    def noise(self, days: FloatArray, phi: float, alpha: float) -> FloatArray:
        """Return (products, clusters) variances of demand over so many days if each day's mean is known."""
        return phi * self.sum(days) + alpha * self._until(self._squares, days)

    @staticmethod
    def _until(table: FloatArray, days: FloatArray) -> FloatArray:
        """Return the running sums after so many whole days."""
        end = np.minimum(np.broadcast_to(days, table.shape[1:]).astype(np.int64), len(table) - 1)
        result: FloatArray = np.take_along_axis(table, end[None], axis=0)[0]
        return result


def reorder_levels(
    ahead: Ahead,
    goods: Goods,
    constants: LevelConstants,
    interval: FloatArray,
    variance: FloatArray,
    life_variance: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return (products, clusters) reorder points and order-up-to levels, in units.

    Args:
        ahead: Expected demand.
        goods: What is stocked.
        constants: What is tuned.
        interval: (clusters,) days until an order placed tomorrow would arrive: the protection interval.
        variance: (products, clusters) of demand over the interval, without that of the lead time.
        life_variance: The same over `goods.lasting`.

    The newsvendor's quantile over the protection interval, the economic order quantity on top of it, and for what
    expires the newsvendor over the time that a unit lasts; sources in `retail.replenishment`.
    """
    mean = ahead.sum(interval)
    daily, cost = mean / interval, goods.cost[:, None]
    life, kind = goods.shelf_life[:, None], life_class(goods.shelf_life)[:, None]
    usual = ahead.sum(np.array(USUAL_DAYS)) / USUAL_DAYS
    economic = economic_cover(usual, cost, goods.order_line_cost, goods.holding_rate)
    cover = np.maximum(np.array(constants.cover)[kind] * economic, 1.0)
    earned = goods.earned if goods.earned.ndim == 2 else goods.earned[:, None]
    underage = (1.0 + goods.goodwill) * np.maximum(earned, LEAST_MARGIN * cost)
    overage = (np.array(constants.overage)[kind] + goods.holding_rate * cover) * cost
    spread = variance + constants.lead_risk * goods.lead_time_variance * daily**2
    trigger = demand_quantile(mean, spread, normal_quantile(critical_ratio(underage, overage)))
    loss = np.array([*constants.loss, 1.0])[kind] * cost
    longest = perishable_ceiling(ahead.sum(goods.lasting), life_variance, underage, loss)
    most = np.where(life > 0, longest, np.inf)
    trigger = np.minimum(trigger, most)
    whole = np.floor(cover)
    economy = ahead.sum(interval + whole - 1.0) - mean + (cover - whole) * daily
    return trigger, np.minimum(trigger + economy, most)
