"""The feasible ceiling: all freedoms of the agents with the true expected demand of every day, but no clairvoyance.

It knows the customers' response, the spikes and the competitors to come; it does not know the daily noise, nor when
an order will arrive. Tuned for itself. What it cannot reach, no forecast can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import demand_variance
from autoops.retail.markdown import best_markdown, is_promoted
from autoops.retail.promotion import Shelf, best_swaps
from autoops.retail.reorder_levels import Ahead, LevelConstants, reorder_levels
from autoops.retail.replenishment import expected_waste, order_quantity
from autoops.simulation.levers import best_levers
from autoops.simulation.nature import draw_nature
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.world import World


LOOK_AHEAD = 35
"""Days; the longest cover after a late delivery lies within."""

MOVE = 1.0
"""Dollars that moving a display for a day must bring."""

CEILING_TUNING = LevelConstants(
    cover=(0.317, 0.687, 1.244), overage=(0.112, 0.0706, 0.0125), lead_risk=1.4, loss=(4.58, 12.5)
)
"""Tuned for this policy by `simulation.tuning`."""


class CeilingPolicy:
    """Order-up-to levels from true means, with the best prices and displays and stickers."""

    name = "ceiling"

    def __init__(self, world: World, seed: int, tuning: LevelConstants = CEILING_TUNING) -> None:
        nature = draw_nature(world, seed)
        self._world, self._tuning = world, tuning
        self._delayed = nature.scenario.delayed
        self._levers, self._lift = best_levers(world, nature.market), nature.market.display_lift
        expected = self._levers.expected
        # Beyond the last day nothing is known: the last week goes on.
        self._expected: FloatArray = np.concatenate([expected, expected[-7:], expected[-7:], expected[-7:]])

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it knows already
        """Return the best that can be done on true means."""
        day, shop = view.day, self._world.shop
        display = self._display(view)
        today = self._expected[day] * np.exp(self._lift * (display - self._levers.display[day]))
        barred = is_promoted(view.price[0], shop.reference_price)[:, None]
        expiring = np.where(shop.perishable[:, None], view.on_hand[0], 0.0)
        depth = best_markdown(expiring, today)
        return Actions(
            orders=self._orders(view),
            price=self._levers.price[day],
            display=display,
            markdown=np.where(barred | (expiring <= 0.0), 0.0, depth),
        )

    def learn(self, observation: Observation) -> None:
        """Learn nothing: it knows all that can be known."""

    def _display(self, view: ShopView) -> FloatArray:
        """Return today's displayed shares: the plan's, moved to where the stock that there is earns most."""
        world, day, shop = self._world, view.day, self._world.shop
        share: FloatArray = self._levers.display[day].copy()
        margin = self._levers.price[day] + (view.funding[0] - shop.cost)[:, None]
        shelf = Shelf(
            stock=view.stock,
            expiring=np.where(shop.perishable[:, None], view.on_hand[0], 0.0),
            margin=margin,
            cost=shop.cost[:, None],
            goodwill=shop.economics.goodwill,
        )
        value = shelf.display_value(
            self._expected[day] * np.exp(-self._lift * share),
            self._lift,
            (world.assumed.cannibalisation + world.assumed.promotion_dip) * np.maximum(margin, 0.0),
            lambda units: demand_variance(units, world.truth.phi, world.truth.alpha),
        )
        for cluster in range(share.shape[1]):
            swaps = best_swaps(share[:, cluster], value[:, cluster], MOVE)
            givers, takers = [giver for giver, _ in swaps], [taker for _, taker in swaps]
            share[givers + takers, cluster] = share[takers + givers, cluster]
        return share

    def _orders(self, view: ShopView) -> FloatArray:
        """Return whole units to order."""
        world, day, truth = self._world, view.day, self._world.truth
        shop, rules = world.shop, world.shop.economics
        ahead = Ahead(self._expected[day : day + LOOK_AHEAD])
        price = self._levers.price[min(day + 3, len(self._levers.price) - 1)]
        goods = shop.goods(price + (view.funding[3] - shop.cost)[:, None], rules.goodwill)
        interval = rules.lead_time_mean + 1.0 + world.assumed.delay_days * self._delayed[day]
        noise = [ahead.noise(days, truth.phi, truth.alpha) for days in (interval, goods.lasting)]
        trigger, top = reorder_levels(ahead, goods, self._tuning, interval, *noise)
        aging = np.where(shop.perishable[:, None], view.on_hand, 0.0)
        days = min(int(rules.lead_time_mean) + 1, len(aging))
        doomed = expected_waste(aging, self._expected[day : day + days], days)
        return order_quantity(view.stock + view.on_order.sum(axis=0) - doomed, trigger, top)
