"""The adaptive baseline: (s, S) levels from the sales of the last four weeks, blind to the calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation.policies.order_levels import LevelTuning, OrderLevels, cluster_shares
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView

WINDOW_DAYS = 28
"""Days whose sales count."""

ROLLING_TUNING = LevelTuning(
    safety=(0.5942, 1.4415, 3.675),
    cover=(1.488, 3.9164, 12.4785),
    life_share=(1.6706, 0.88),
    sticker=0.5136,
    sticker_days=1.642,
)
"""Tuned for this policy by `simulation.tuning`."""


class RollingPolicy:
    """(s, S) levels that follow mean daily sales over a window."""

    name = "rolling"

    def __init__(self, shop: Shop, history: SalesHistory, tuning: LevelTuning | None = None) -> None:
        self._levels = OrderLevels(shop, history, tuning or ROLLING_TUNING)
        recent = history.units[:, :, -WINDOW_DAYS // 7 :].sum(axis=(1, 2)) / WINDOW_DAYS
        daily = recent[:, None] * cluster_shares(shop, history)
        self._sold = np.repeat(daily[None], WINDOW_DAYS, axis=0)

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it hears no events
        """Return orders by (s, S), the planned prices and displays, and stickers."""
        levels, daily = self._levels, self._sold.mean(axis=0)
        return Actions(
            orders=levels.orders(view, levels.interval * daily, daily),
            price=np.repeat(view.price[0][:, None], daily.shape[1], axis=1),
            display=view.display[0],
            markdown=levels.stickers(view, daily),
        )

    def learn(self, observation: Observation) -> None:
        """Put today's sales in the place of those of four weeks ago."""
        self._sold[observation.day % WINDOW_DAYS] = observation.sold
