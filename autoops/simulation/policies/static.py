"""The textbook baseline: fixed (s, S) levels, tuned, capped at shelf life, with stickers on what expires tonight.

It follows the planned prices and displays, and hears no events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation.policies.order_levels import LevelTuning, OrderLevels
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView

STATIC_TUNING = LevelTuning(
    safety=(0.0857, 1.07, 3.527),
    cover=(1.534, 2.325, 17.573),
    life_share=(1.499, 1.6),
    sticker=0.495,
    sticker_days=1.204,
)
"""Tuned for this policy by `simulation.tuning`."""


class StaticPolicy:
    """Orders up to S when the position is at or under s; both from the mean and variance of past weeks."""

    name = "static"

    def __init__(self, shop: Shop, history: SalesHistory, tuning: LevelTuning | None = None) -> None:
        self._levels = OrderLevels(shop, history, tuning or STATIC_TUNING)
        self._daily = history.units.mean(axis=2) / 7.0

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it hears no events
        """Return orders by (s, S), the planned prices and displays, and stickers."""
        levels = self._levels
        return Actions(
            orders=levels.orders(view, levels.interval * self._daily, self._daily),
            price=np.repeat(view.price[0][:, None], self._daily.shape[1], axis=1),
            display=view.display[0],
            markdown=levels.stickers(view, self._daily),
        )

    def learn(self, observation: Observation) -> None:
        """Learn nothing: the levels are fixed."""
