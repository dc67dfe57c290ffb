"""The inventory agent: what to order, where, and how sure it is that it lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.figures import counted, plain, probability, text
from autoops.agents.lasting import at_least, spread
from autoops.agents.messages import Action, Effect, EventType, Line, Proposal
from autoops.agents.needs import Levels
from autoops.agents.shop import WEEK
from autoops.retail.distribution import (
    Z80,
    demand_quantile,
    expected_shortage,
)
from autoops.retail.reorder_levels import Ahead, LevelConstants, reorder_levels
from autoops.retail.replenishment import expected_waste

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.forecast import Forecast
    from autoops.agents.messages import Event
    from autoops.agents.needs import Needs
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray

LATEST_USUAL_DELIVERY = 4
"""Days; an order confirmed for later says that the supplier is late."""

LOOK_AHEAD = 22
"""Days; the longest shelf life, or the longest cover, and a late delivery lie within."""

DELAY_DAYS = 3
"""Days added to the lead time of a cluster whose supplier is late; assumed."""


LEVELS = LevelConstants(
    cover=(0.29, 0.412, 1.244), overage=(0.337, 0.113, 0.023), lead_risk=2.24, loss=(3.3, 4.0)
)
"""Tuned on weeks 27-39 with fits on weeks 2-26."""


@dataclass(frozen=True, slots=True)
class InventoryTuning:
    """Constants, tuned on weeks 27-39 with fits on weeks 2-26."""

    error: float = 0.1
    """Coefficient of variation of a cell's forecast over the protection interval, beyond its product's."""
    life_error: float = 0.176
    """The same over shelf life plus lead time."""
    levels: LevelConstants = LEVELS
    """Of the levels; costs lost are over 1 as tuned, for noise taken as gamma understates how often all is left."""


def _unsure(forecast: Forecast, ahead: Ahead, days: FloatArray) -> FloatArray:
    """Return the variance of so many days' demand that comes of not knowing levels, of this week and of those to come."""
    total = ahead.sum(days)
    this_week = ahead.sum(np.minimum(days, float(WEEK - forecast.weekday)))
    later = total - this_week
    result: FloatArray = (
        forecast.unsure[0] * this_week**2
        + forecast.unsure[1] * later**2
        + 2.0 * forecast.level_variance[:, None] * this_week * later
    )
    return result


class InventoryAgent:
    """Order-up-to levels from the forecast, a critical ratio, an economic cover and a ceiling for what expires."""

    name = "inventory_agent"
    after = ("pricing_agent", "promotion_agent")
    """Orders are for the demand that prices and displays make."""
    operations = {  # noqa: RUF012 - read, never written; a Mapping in the protocol
        EventType.DAY_STARTED: "plan_replenishment",
        EventType.LOW_STOCK: "check_shelf",
        EventType.DEMAND_SPIKE: "prepare_for_spike",
        EventType.SOCIAL_TREND: "prepare_for_trend",
        EventType.SUPPLY_DELAY: "bridge_delay",
        EventType.EXPIRY_NEAR: "replace_expiring",
    }

    def __init__(self, tuning: InventoryTuning | None = None) -> None:
        self._tuning = tuning or InventoryTuning()
        self._late_until: dict[int, int] = {}
        """Cluster → day from which its supplier is on time again."""
        self._last: tuple[ShopView, Forecast, FloatArray, Levels] | None = None
        """The last levels and what they were made for."""

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return routine orders as a table for each cluster, or one order for each product an event is about."""
        everything = np.arange(len(situation.shop.products))
        if event.type is EventType.DAY_STARTED:
            clusters = range(len(situation.shop.clusters))
            tables = [self._table(event, situation, everything, cluster) for cluster in clusters]
            return [table for table in tables if table is not None]
        cluster = event.cluster
        if cluster is None:
            return []
        if event.type is EventType.SUPPLY_DELAY:
            # One table of orders that reach over the delay; the supplier stays late for the event's days.
            self._late_until[cluster], self._last = event.day + int(event.facts["length_days"]), None
            table = self._table(event, situation, everything, cluster)
            return [] if table is None else [table]
        products = [event.product] if event.product is not None else sorted(event.lines)
        return self._singles(event, situation, np.array(products), cluster)

    def learn(self, observation: Observation) -> None:
        """Learn nothing yet beyond what the shared forecast does."""

    def levels(self, situation: Situation) -> Levels:
        """Return reorder points, order-up-to levels and what there is; most of a morning's events change none of it."""
        view = situation.view
        made_for = view, situation.forecast, situation.committed.price
        if self._last is None or any(one is not now for one, now in zip(self._last, made_for, strict=False)):
            late = view.on_order[LATEST_USUAL_DELIVERY:].sum(axis=(0, 1)) > 0.0
            late[[cluster for cluster, until in self._late_until.items() if view.day < until]] = True
            self._last = (*made_for, self._new_levels(situation, late))
        return self._last[3]

    def _new_levels(self, situation: Situation, late: BoolArray) -> Levels:
        """Return the levels, made anew."""
        shop, view, forecast, tuning = situation.shop, situation.view, situation.forecast, self._tuning
        rules, phi, alpha = shop.economics, forecast.phi, forecast.alpha
        ahead = Ahead(forecast.upcoming(LOOK_AHEAD))
        arrival = min(int(rules.lead_time_mean), len(view.price) - 1)
        earned = situation.committed.price[arrival] + view.funding[arrival] - shop.cost
        goods = shop.goods(earned, situation.priorities.service * rules.goodwill)
        lead: FloatArray = rules.lead_time_mean + DELAY_DAYS * late.astype(np.float64)
        interval, lasting = lead + 1.0, goods.lasting
        mean = ahead.sum(interval)
        variance = (
            ahead.noise(interval, phi, alpha)
            + _unsure(forecast, ahead, interval)
            + (tuning.error * mean) ** 2
        )
        life_variance = (
            ahead.noise(lasting, phi, alpha)
            + _unsure(forecast, ahead, lasting)
            + (tuning.life_error * ahead.sum(lasting)) ** 2
        )
        constants = tuning.levels.weighing_waste(situation.priorities.waste)
        trigger, top = reorder_levels(ahead, goods, constants, interval, variance, life_variance)
        aging = np.where(shop.perishable[:, None], view.on_hand, 0.0)
        doomed = expected_waste(aging, forecast.daily, min(int(rules.lead_time_mean) + 1, len(aging)))
        in_transit = rules.lead_time_variance * (mean / interval) ** 2
        return Levels(
            lead_days=lead,
            mean=mean,
            variance=variance + tuning.levels.lead_risk * in_transit,
            stock=view.stock,
            on_order=view.on_order.sum(axis=0),
            doomed=doomed,
            trigger=trigger,
            top=top,
        )

    def _table(self, event: Event, situation: Situation, products: IntArray, cluster: int) -> Proposal | None:
        """Return the day's routine orders of one cluster, None if nothing is due."""
        needs = self._needs(situation, products, cluster)
        if len(needs.product) == 0:
            return None
        lines, lasting = needs.lines(_worth(situation)), needs.lasting
        least = max(int(float(lasting.sum()) - spread(lasting)), 1)
        until = event.date + timedelta(days=int(needs.lead_days))
        units = plain(sum(line.after for line in lines), 0)
        gain, low, high = (plain(float(dollars.sum())) for dollars in self._savings(situation, needs))
        return Proposal(
            id=f"{event.id}/order-{cluster}",
            agent=self.name,
            action=Action.ORDER,
            type="routine_order" if event.type is EventType.DAY_STARTED else f"{event.type.value}_order",
            lines=lines,
            unit="units",
            claim=Claim(
                f"not sold out on the evening of {until:%d %B}: at least {least} of {counted(len(lines), 'product')}",
                ClaimKind.NOT_SOLD_OUT,
                tuple(line.product for line in lines),
                cluster,
                event.day + int(needs.lead_days),
                event.day + int(needs.lead_days),
                amount=least,
            ),
            confidence=probability(at_least(lasting, least)),
            effect=Effect.spanning(gain, low, high, "dollars", int(needs.lead_days) + 1),
            first_day=event.day,
            days=1,
            inputs={
                "cluster": situation.cluster(cluster),
                "products_due": len(lines),
                "units": units,
                "products": len(situation.shop.products),
                "lead_days": plain(needs.lead_days),
            },
            reasoning=(
                f"{len(lines)} of {len(situation.shop.products)} products are at or under their reorder point with "
                f"{counted(needs.lead_days, 'day')} until delivery; with {counted(units, 'unit')} they come up to it."
            ),
        )

    def _singles(
        self, event: Event, situation: Situation, products: IntArray, cluster: int
    ) -> list[Proposal]:
        """Return an order for each of the products that an event is about and whose stock does not suffice."""
        needs = self._needs(situation, products, cluster)
        if len(needs.product) == 0:
            return []
        lines = needs.lines(_worth(situation))
        savings = zip(*(saving.tolist() for saving in self._savings(situation, needs)), strict=True)
        each = zip(lines, needs.lasting.tolist(), savings, strict=True)
        return [
            self._single(event, situation, line, int(needs.lead_days), sure, saving)
            for line, sure, saving in each
        ]

    def _single(
        self,
        event: Event,
        situation: Situation,
        line: Line,
        lead_days: int,
        sure: float,
        saving: tuple[float, ...],
    ) -> Proposal:
        """Return one order that an event asks for."""
        product, cluster, f = line.product, line.cluster, line.figures
        assert cluster is not None  # noqa: S101 - an order is for one cluster
        until = event.date + timedelta(days=lead_days)
        gain, low, high = (plain(dollars) for dollars in saving)
        causes = {
            EventType.LOW_STOCK: "The shelf reads low",
            EventType.SOCIAL_TREND: f"Talk of {text(event.facts.get('multiplier', 1.0))} times the usual demand is seen",
            EventType.DEMAND_SPIKE: f"Demand of about {text(event.facts.get('multiplier', 1.0))} times the usual is announced",
            EventType.EXPIRY_NEAR: f"Expiring tonight: {counted(event.lines.get(product, 0.0), 'unit')}",
        }
        return Proposal(
            id=f"{event.id}/order-{product}",
            agent=self.name,
            action=Action.ORDER,
            type=f"{event.type.value}_order",
            lines=(line,),
            unit="units",
            claim=Claim(
                f"{situation.product(product)} is not sold out in {situation.cluster(cluster)} "
                f"on the evening of {until:%d %B}",
                ClaimKind.NOT_SOLD_OUT,
                (product,),
                cluster,
                event.day + lead_days,
                event.day + lead_days,
                amount=1,
            ),
            confidence=probability(sure),
            effect=Effect.spanning(gain, low, high, "dollars", lead_days + 1),
            first_day=event.day,
            days=1,
            inputs={
                **event.facts,
                "expiring_tonight": plain(event.lines.get(product, 0.0)),
                "lead_days": lead_days,
            },
            reasoning=(
                f"{causes[event.type]}. With {counted(f['position'], 'usable unit')} on hand and under way, the reorder "
                f"point is {text(f['reorder_point'])} for {text(f['expected_demand'])} expected until "
                f"{until:%d %B}: order {text(line.after)}, up to {text(f['order_up_to'])}."
            ),
        )

    def _needs(self, situation: Situation, products: IntArray, cluster: int) -> Needs:
        """Return those of the products that are to be ordered in a cluster."""
        ordered = situation.committed.orders[:, cluster]
        return self.levels(situation).needs(products, cluster, ordered)

    @staticmethod
    def _savings(situation: Situation, needs: Needs) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return dollars of margin and good will that each order should save over the interval, with 80 % intervals.

        What is wanted and not there before the delivery is lost whatever is ordered: only what is short by its evening
        beyond what is short before counts.
        """
        worth, waiting = _worth(situation)[needs.product], needs.lead_days / (needs.lead_days + 1.0)
        # Rows: over the interval and before its last day, each without and with the order.
        share = np.array([[1.0], [1.0], [waiting], [waiting]])
        units = np.stack([needs.position, needs.position + needs.quantity] * 2)
        mean, variance = share * needs.mean, share * needs.variance
        demand = demand_quantile(mean, variance, np.array([[[-Z80]], [[Z80]]]))
        short = np.stack([expected_shortage(units, mean, variance), *np.maximum(demand - units, 0.0)])
        saved, low, high = worth * np.maximum(
            np.einsum("srp,r->sp", short, np.array([1.0, -1.0, -1.0, 1.0])), 0.0
        )
        return saved, low, high


def _worth(situation: Situation) -> FloatArray:
    """Return (products,) dollars of margin and good will that a unit sold today keeps."""
    shop, paid = situation.shop, situation.committed.price[0] + situation.view.funding[0]
    result: FloatArray = (1.0 + shop.economics.goodwill) * np.maximum(paid - shop.cost, 0.0)
    return result
