"""The feasible ceiling: all freedoms of the agents with the true expected demand of every day, but no clairvoyance.

It knows the customers' response, the spikes and the competitors to come; it does not know the daily noise, nor when
an order will arrive. Tuned for itself. What it cannot reach, no forecast can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import demand_quantile, normal_quantile
from autoops.retail.markdown import best_markdown, is_promoted
from autoops.retail.replenishment import (
    SHORT_LIFE,
    critical_ratio,
    economic_cover,
    expected_waste,
    order_quantity,
    perishable_ceiling,
)
from autoops.simulation.levers import best_levers
from autoops.simulation.nature import draw_nature
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.world import World


@dataclass(frozen=True, slots=True)
class CeilingTuning:
    """Constants, tuned for this policy by `simulation.tuning`."""

    cover: tuple[float, float, float] = (0.317, 0.687, 1.244)
    """Factor on the economic cover: shelf life up to 5 days, longer, keeps."""
    overage: tuple[float, float, float] = (0.112, 0.0706, 0.0125)
    """Share of cost lost with a unit left over when the next order arrives, beyond holding."""
    lead_risk: float = 1.4
    """Factor on the variance of the lead time."""
    loss: tuple[float, float] = (4.58, 12.5)
    """Costs lost with an expired unit, short and long shelf lives."""


class CeilingPolicy:
    """Order-up-to levels from true means, with the best prices and displays and stickers."""

    name = "ceiling"

    def __init__(self, world: World, seed: int, tuning: CeilingTuning | None = None) -> None:
        nature = draw_nature(world, seed)
        self._world, self._tuning = world, tuning or CeilingTuning()
        self._delayed = nature.scenario.delayed
        self._levers = best_levers(world, nature.market)
        expected = self._levers.expected
        # Beyond the last day nothing is known: the last week goes on.
        self._expected: FloatArray = np.concatenate([expected, expected[-7:], expected[-7:], expected[-7:]])
        self._sums = np.concatenate([np.zeros((1, *world.shop.shape)), np.cumsum(self._expected, axis=0)])
        self._squares = np.concatenate(
            [np.zeros((1, *world.shop.shape)), np.cumsum(self._expected**2, axis=0)]
        )
        life = world.shop.shelf_life
        self._kind = np.select([life == 0, life > SHORT_LIFE], [2, 1], 0)

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it knows already
        """Return the best that can be done on true means."""
        day, shop = view.day, self._world.shop
        today = self._expected[day]
        barred = is_promoted(view.price[0], shop.reference_price)[:, None]
        expiring = np.where(shop.perishable[:, None], view.on_hand[0], 0.0)
        depth = best_markdown(expiring, today)
        return Actions(
            orders=self._orders(view),
            price=self._levers.price[day],
            display=self._levers.display[day],
            markdown=np.where(barred | (expiring <= 0.0), 0.0, depth),
        )

    def learn(self, observation: Observation) -> None:
        """Learn nothing: it knows all that can be known."""

    def _over(self, table: FloatArray, day: int, days: np.ndarray) -> FloatArray:
        """Return (products, clusters) sums over the `days` (clusters,) or (products, 1) days from `day` on."""
        end = np.minimum(day + np.broadcast_to(days, table.shape[1:]).astype(np.int64), len(table) - 1)
        found: FloatArray = np.take_along_axis(table, end[None], axis=0)[0]
        result: FloatArray = found - table[day]
        return result

    def _orders(self, view: ShopView) -> FloatArray:
        """Return whole units to order."""
        world, tuning, day = self._world, self._tuning, view.day
        shop, rules, life = world.shop, world.shop.economics, world.shop.shelf_life[:, None]
        interval = rules.lead_time_mean + 1.0 + world.assumed.delay_days * self._delayed[day]
        mean = self._over(self._sums, day, interval)
        daily = mean / interval
        variance = (
            world.truth.phi * mean
            + world.truth.alpha * self._over(self._squares, day, interval)
            + tuning.lead_risk * rules.lead_time_variance * daily**2
        )
        cost = shop.cost[:, None]
        usual = self._over(self._sums, day, np.full(shop.shape, 14)) / 14.0
        cover = np.maximum(
            np.array(tuning.cover)[self._kind][:, None]
            * economic_cover(usual, cost, rules.order_line_cost, rules.holding_rate),
            1.0,
        )
        price = self._levers.price[min(day + 3, len(self._levers.price) - 1)]
        earned = np.maximum(price + (view.funding[3] - shop.cost)[:, None], 0.02 * cost)
        margin = (1.0 + rules.goodwill) * earned
        left_over = np.array(tuning.overage)[self._kind][:, None] + rules.holding_rate * cover
        trigger = demand_quantile(mean, variance, normal_quantile(critical_ratio(margin, left_over * cost)))
        lasting = np.where(life > 0, life + rules.lead_time_mean, 1)
        long_mean = self._over(self._sums, day, lasting)
        long_variance = world.truth.phi * long_mean + world.truth.alpha * self._over(
            self._squares, day, lasting
        )
        loss = np.array([*tuning.loss, 1.0])[self._kind][:, None]
        most = np.where(life > 0, perishable_ceiling(long_mean, long_variance, margin, loss * cost), np.inf)
        trigger = np.minimum(trigger, most)
        ahead = self._over(self._sums, day, interval + np.floor(cover - 1.0)) - mean
        top = np.minimum(trigger + ahead + (cover - np.floor(cover)) * daily, most)
        aging = np.where(life > 0, view.on_hand, 0.0)
        days = min(int(rules.lead_time_mean) + 1, len(aging))
        doomed = expected_waste(aging, self._expected[day : day + days], days)
        return order_quantity(view.stock + view.on_order.sum(axis=0) - doomed, trigger, top)
