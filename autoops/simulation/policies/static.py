"""The baseline: fixed (s, S) levels, tuned, capped at shelf life, with a sticker on what expires tonight.

It follows the planned prices and displays, and hears no events. No straw man: textbook safety factors without
the cap and the sticker earn a tenth of what this one does (see docs/simulation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import variance_parameters
from autoops.retail.replenishment import order_quantity, protection_variance, within_shelf_life
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView


@dataclass(frozen=True, slots=True)
class StaticTuning:
    """Constants by class of shelf life: up to 5 days, 8 to 14 days, keeps. Tuned by `simulation.tuning`."""

    safety: tuple[float, float, float] = (0.0, 0.8, 4.1)
    """Standard deviations of demand over the protection interval."""
    cover: tuple[float, float, float] = (1.7, 4.6, 11.9)
    """Days of demand that an order brings beyond the reorder point."""
    life_share: tuple[float, float] = (1.44, 0.75)
    """Days of demand allowed in the position for each day of shelf life, short and long."""
    sticker: float = 0.43
    """Share taken off what expires tonight, where it is more than a day sells."""


class StaticPolicy:
    """Orders up to S when the position is at or under s; both from the mean and variance of past weeks."""

    name = "static"

    def __init__(self, shop: Shop, history: SalesHistory, tuning: StaticTuning | None = None) -> None:
        tuning = tuning or StaticTuning()
        self._shop, self._sticker = shop, tuning.sticker
        self._daily = history.units.mean(axis=2) / 7.0
        weekly = history.units.sum(axis=1) / history.scale
        mean = np.repeat(weekly.mean(axis=1, keepdims=True), weekly.shape[1], axis=1)
        phi, alpha = variance_parameters(weekly, mean)
        days = shop.economics.lead_time_mean + 1.0
        over = self._daily * days
        variance = protection_variance(
            over, days, phi, alpha, lead_variance=shop.economics.lead_time_variance
        )
        kind = np.select([shop.shelf_life == 0, shop.shelf_life > 5], [2, 1], 0)
        safety, cover = np.array(tuning.safety)[kind], np.array(tuning.cover)[kind]
        share = np.array([*tuning.life_share, 1.0])[kind]
        trigger = over + safety[:, None] * np.sqrt(variance)
        limit = np.maximum(shop.shelf_life, 1) * share
        self._trigger = within_shelf_life(
            trigger, self._daily * limit[:, None], np.minimum(shop.shelf_life, 1), 1.0
        )
        top = trigger + (cover - 1.0)[:, None] * self._daily
        self._top = within_shelf_life(top, self._daily * limit[:, None], np.minimum(shop.shelf_life, 1), 1.0)

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it hears no events
        """Return orders by (s, S), the planned prices and displays, and stickers."""
        position = view.stock + view.on_order.sum(axis=0)
        expiring = view.on_hand[0] * self._shop.perishable[:, None]
        return Actions(
            orders=order_quantity(position, self._trigger, self._top),
            price=np.repeat(view.price[0][:, None], self._daily.shape[1], axis=1),
            display=view.display[0],
            markdown=np.where(expiring > self._daily, self._sticker, 0.0),
        )

    def learn(self, observation: Observation) -> None:
        """Learn nothing: the levels are fixed."""
