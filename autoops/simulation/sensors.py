"""What the shop's own sensors report each morning: shelves that run low, stock about to expire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import Event, EventType

if TYPE_CHECKING:
    from autoops.agents.shop import Observation, Shop, ShopView
    from autoops.retail.arrays import FloatArray

LOW_STOCK_DAYS = 0.75
"""A shelf is low when it reads under this many days of usual sales and nothing is due tomorrow."""

QUIET_DAYS = 3
"""Days for which a sensor that has reported stays silent."""

MEMORY_DAYS = 14.0
"""Days over which usual sales are averaged."""


class Sensors:
    """The sensors of one run; `reading` is (days, products, clusters), what they read over what is there."""

    def __init__(self, shop: Shop, usual: FloatArray, reading: FloatArray) -> None:
        self._shop = shop
        self._usual = usual.copy()
        self._error = reading
        self._silent_until = np.zeros(usual.shape, dtype=np.int64)

    def events(self, view: ShopView) -> list[Event]:
        """Return what the sensors report this morning, expiry first."""
        return [*self._expiries(view), *self._low_shelves(view)]

    def learn(self, observation: Observation) -> None:
        """Follow usual sales; a day that sold out says only that they are not lower."""
        sold = np.where(observation.sold_out, np.maximum(observation.sold, self._usual), observation.sold)
        self._usual += (sold - self._usual) / MEMORY_DAYS

    def _expiries(self, view: ShopView) -> list[Event]:
        """Return one event for each cluster in which more expires tonight than usually sells in a day."""
        expiring = view.on_hand[0] * self._shop.perishable[:, None]
        events = []
        for cluster in range(expiring.shape[1]):
            many = np.flatnonzero(expiring[:, cluster] > np.maximum(self._usual[:, cluster], 1.0))
            if len(many):
                events.append(
                    Event(
                        id=f"expiry-{view.day:02d}-{cluster}",
                        type=EventType.EXPIRY_NEAR,
                        day=view.day,
                        date=view.date,
                        source="stock_ledger",
                        cluster=cluster,
                        lines={int(product): float(expiring[product, cluster]) for product in many},
                    )
                )
        return events

    def _low_shelves(self, view: ShopView) -> list[Event]:
        """Return one event for each product and cluster that reads low."""
        reading = np.round(view.stock * self._error[view.day])
        low = (reading < LOW_STOCK_DAYS * self._usual) & (view.on_order[0] == 0.0)
        low &= (self._silent_until <= view.day) & (self._usual >= 1.0)
        self._silent_until[low] = view.day + QUIET_DAYS
        return [
            Event(
                id=f"low-{view.day:02d}-{product}-{cluster}",
                type=EventType.LOW_STOCK,
                day=view.day,
                date=view.date,
                source="shelf_sensor",
                product=int(product),
                cluster=int(cluster),
                facts={
                    "reading_units": float(reading[product, cluster]),
                    "usual_daily_sales": round(float(self._usual[product, cluster]), 1),
                },
            )
            for product, cluster in np.argwhere(low)
        ]
