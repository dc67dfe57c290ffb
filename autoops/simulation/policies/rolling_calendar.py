"""What a good replenishment system already does: rolling (s, S) levels that read the promotion calendar.

Sales of the last four weeks are divided by the effects of the prices, displays and mailers under which they were
made; the level is multiplied by the effects of the planned ones over the protection interval. The effects are shrunk
(see `retail.demand`). Units that will expire within the interval are not counted on (EWA, see
`retail.replenishment`). Every headline gain is quoted against this policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import fit_response
from autoops.retail.replenishment import expected_waste
from autoops.simulation.policies.order_levels import LevelTuning, OrderLevels, cluster_shares
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView
    from autoops.retail.arrays import FloatArray

WINDOW_DAYS = 28
"""Days whose sales count."""

ROLLING_CALENDAR_TUNING = LevelTuning(
    safety=(0.4194, 1.363, 2.4075),
    cover=(1.7174, 2.6639, 10.122),
    life_share=(3.2675, 1.5242),
    sticker=0.4081,
    sticker_days=1.709,
)
"""Tuned for this policy by `simulation.tuning`."""


class RollingCalendarPolicy:
    """(s, S) levels from sales over a window, both corrected for the calendar."""

    name = "rolling_calendar"

    def __init__(self, shop: Shop, history: SalesHistory, tuning: LevelTuning | None = None) -> None:
        self._shop, self._weekday = shop, history.weekday[shop.perishable.astype(np.int64)]
        self._levels = OrderLevels(shop, history, tuning or ROLLING_CALENDAR_TUNING)
        share = cluster_shares(shop, history)
        display = (history.display * share[:, :, None]).sum(axis=1)
        x = np.stack(
            [np.log(history.price / shop.reference_price[:, None]), display, history.mailer], axis=-1
        )
        weekly = history.units.sum(axis=1) / history.scale
        response = fit_response(weekly, x, shop.perishable.astype(np.int64))
        self._beta = response.beta
        weeks = WINDOW_DAYS // 7
        sold = history.scale * weekly[:, -weeks:].sum(axis=1)[:, None] * share / WINDOW_DAYS
        effect = response.effect(x)[:, -weeks:].mean(axis=1)[:, None] * np.ones_like(share)
        self._sold = np.repeat(sold[None], WINDOW_DAYS, axis=0)
        self._effects = np.repeat(effect[None], WINDOW_DAYS, axis=0)
        self._today = effect

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it hears no events
        """Return orders by (s, S), the planned prices and displays, and stickers."""
        levels = self._levels
        base = self._sold.sum(axis=0) / self._effects.sum(axis=0)
        effects = self._planned(view)
        self._today = effects[0]
        days = int(levels.interval)
        over, after = effects[:days].sum(axis=0), effects[days:].mean(axis=0)
        aging = np.where(self._shop.perishable[:, None], view.on_hand, 0.0)
        doomed = expected_waste(aging, base * effects[:days], min(days, len(aging)))
        return Actions(
            orders=levels.orders(view, base * over, base * after, doomed),
            price=np.repeat(view.price[0][:, None], base.shape[1], axis=1),
            display=view.display[0],
            markdown=levels.stickers(view, base * self._today),
        )

    def learn(self, observation: Observation) -> None:
        """Put today's sales, and what the calendar did to them, in the place of those of four weeks ago."""
        place = observation.day % WINDOW_DAYS
        self._sold[place], self._effects[place] = observation.sold, self._today

    def _planned(self, view: ShopView) -> FloatArray:
        """Return (days, products, clusters) factors on demand of the planned days, today first."""
        beta = self._beta
        chain = beta[:, 0] * np.log(view.price / self._shop.reference_price) + beta[:, 2] * view.mailer
        weekday = self._weekday[:, (view.weekday + np.arange(len(view.price))) % 7].T
        result: FloatArray = weekday[:, :, None] * np.exp(chain[:, :, None] + beta[:, 1, None] * view.display)
        return result
