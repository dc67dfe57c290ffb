"""(s, S) levels by class of shelf life, and last-day stickers of one depth: what the baselines share.

Each baseline has constants of its own, tuned for itself (see `simulation.tuning`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import shrunk_shares, variance_parameters
from autoops.retail.markdown import is_promoted
from autoops.retail.replenishment import life_class, order_quantity, protection_variance

if TYPE_CHECKING:
    from autoops.agents.shop import SalesHistory, Shop, ShopView
    from autoops.retail.arrays import FloatArray

UNLIMITED_DAYS = 1e6
"""Days; what keeps is not capped."""


@dataclass(frozen=True, slots=True)
class LevelTuning:
    """Constants by class of shelf life: up to 5 days, 8 to 14 days, keeps."""

    safety: tuple[float, float, float]
    """Standard deviations of demand over the protection interval."""
    cover: tuple[float, float, float]
    """Days of demand that an order brings beyond the reorder point."""
    life_share: tuple[float, float]
    """Days of demand allowed in the position for each day of shelf life, short and long."""
    sticker: float
    """Share taken off what expires tonight."""
    sticker_days: float
    """Days of demand that must expire tonight for a sticker."""


class OrderLevels:
    """Levels of a shop under a tuning."""

    def __init__(self, shop: Shop, history: SalesHistory, tuning: LevelTuning) -> None:
        self._shop, self._tuning = shop, tuning
        weekly = history.units.sum(axis=1) / history.scale
        mean = np.repeat(weekly.mean(axis=1, keepdims=True), weekly.shape[1], axis=1)
        self._phi, self._alpha = variance_parameters(weekly, mean)
        kind = life_class(shop.shelf_life)
        self._safety = np.array(tuning.safety)[kind][:, None]
        self._cover = np.array(tuning.cover)[kind][:, None]
        share = np.array([*tuning.life_share, 1.0])[kind]
        self._limit_days = np.where(shop.perishable, shop.shelf_life * share, UNLIMITED_DAYS)[:, None]

    @property
    def interval(self) -> float:
        """Return the days from an order to the evening on which the next one's delivery is due."""
        return self._shop.economics.lead_time_mean + 1.0

    def orders(
        self,
        view: ShopView,
        expected: FloatArray,
        daily: FloatArray,
        doomed: FloatArray | float = 0.0,
    ) -> FloatArray:
        """Return (products, clusters) whole units to order.

        Args:
            view: The morning.
            expected: (products, clusters) units expected over the protection interval.
            daily: (products, clusters) units expected on a day after it.
            doomed: (products, clusters) units on hand that will expire within the interval: they count for nothing.
        """
        variance = protection_variance(
            expected,
            self.interval,
            self._phi,
            self._alpha,
            lead_variance=self._shop.economics.lead_time_variance,
        )
        limit = daily * self._limit_days
        trigger = np.minimum(expected + self._safety * np.sqrt(variance), limit)
        top = np.minimum(trigger + (self._cover - 1.0) * daily, limit)
        position = view.stock + view.on_order.sum(axis=0) - doomed
        return order_quantity(position, trigger, np.maximum(top, trigger))

    def stickers(self, view: ShopView, today: FloatArray) -> FloatArray:
        """Return (products, clusters) shares off what expires tonight, where it is more than today will sell."""
        shop, tuning = self._shop, self._tuning
        expiring = view.on_hand[0] * shop.perishable[:, None]
        barred = is_promoted(view.price[0], shop.reference_price)[:, None]
        wanted = (expiring > 0.0) & (expiring > tuning.sticker_days * today) & ~barred
        return np.where(wanted, min(tuning.sticker, 0.55), 0.0)


def cluster_shares(shop: Shop, history: SalesHistory) -> FloatArray:
    """Return (products, clusters) shares of a product's sales, shrunk towards the clusters' sizes."""
    size = np.array([cluster.sales_share for cluster in shop.clusters])
    return shrunk_shares(history.units.sum(axis=2) / history.scale, size)
