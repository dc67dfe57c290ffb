"""The inventory agent: what to order, where, and how sure it is that it lasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Gauge, Measured
from autoops.agents.figures import plain, probability, text
from autoops.agents.messages import Action, Effect, EventType, Line, Proposal
from autoops.retail.distribution import (
    Z80,
    demand_cdf,
    demand_quantile,
    expected_shortage,
    normal_cdf,
    normal_quantile,
)
from autoops.retail.replenishment import (
    SHORT_LIFE,
    critical_ratio,
    economic_cover,
    expected_waste,
    order_quantity,
    perishable_ceiling,
)

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.forecast import Forecast
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray

LATEST_USUAL_DELIVERY = 4
"""Days; an order confirmed for later says that the supplier is late."""

WEEK = 7
"""Days of a promotional week."""

LOOK_AHEAD = 28
"""Days; the longest shelf life, or the longest cover, and a late delivery lie within."""

DELAY_DAYS = 3
"""Days added to the lead time of a cluster whose supplier is late; assumed."""

COMMON_LUCK = 0.15
"""Standard deviation of the share of a table's products that last, beyond chance: they wait for one delivery.

As seen on weeks 27-39; for confidences only.
"""


@dataclass(frozen=True, slots=True)
class InventoryTuning:
    """Constants, tuned on weeks 27-39 with fits on weeks 2-26. Of three: shelf life up to 5 days, longer, keeps."""

    error: float = 0.1
    """Coefficient of variation of a cell's forecast over the protection interval, beyond its product's."""
    life_error: float = 0.176
    """The same over shelf life plus lead time."""
    cover: tuple[float, float, float] = (0.29, 0.412, 1.244)
    """Factor on the economic cover."""
    overage: tuple[float, float, float] = (0.25, 0.113, 0.023)
    """Share of cost lost with a unit left over when the next order arrives, beyond holding."""
    lead_risk: float = 2.24
    """Factor on the variance of the lead time."""
    loss: tuple[float, float] = (2.8, 4.0)
    """Costs lost with an expired unit; over 1 as tuned, for normal noise understates how often all of it is left."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What each product and cluster should have, and has; arrays are (products, clusters), units."""

    lead_days: FloatArray
    """(clusters,) days from order to delivery."""
    mean: FloatArray
    """Expected demand until an order placed tomorrow could arrive."""
    variance: FloatArray
    position: FloatArray
    """On hand and under way, less what will expire before it can be sold."""
    doomed: FloatArray
    """What will expire before it can be sold."""
    trigger: FloatArray
    top: FloatArray
    quantity: FloatArray
    """What to order now."""
    lasting: FloatArray
    """Probability that position and order together cover demand to the evening of the delivery."""


class _Ahead:
    """Sums of expected demand over the coming days."""

    def __init__(self, daily: FloatArray) -> None:
        """Take (days, products, clusters) units a day."""
        none = np.zeros((1, *daily.shape[1:]))
        self._sums = np.concatenate([none, np.cumsum(daily, axis=0)])
        self._squares = np.concatenate([none, np.cumsum(daily**2, axis=0)])

    def sum(self, days: FloatArray) -> FloatArray:
        """Return (products, clusters) units over so many days; `days` of any shape that stretches to that."""
        return self._until(self._sums, days)

    def squares(self, days: FloatArray) -> FloatArray:
        """Return (products, clusters) sums of the days' squared units."""
        return self._until(self._squares, days)

    @staticmethod
    def _until(table: FloatArray, days: FloatArray) -> FloatArray:
        """Return the running sums after so many days."""
        end = np.minimum(np.broadcast_to(days, table.shape[1:]).astype(np.int64), len(table) - 1)
        result: FloatArray = np.take_along_axis(table, end[None], axis=0)[0]
        return result


def _unsure(forecast: Forecast, ahead: _Ahead, days: FloatArray) -> FloatArray:
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
        self._last: tuple[ShopView, Forecast, FloatArray, BoolArray, Levels] | None = None
        """The last levels and what they were made for."""

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return routine orders as a table for each cluster, or one order for each product an event is about."""
        levels = self.levels(situation)
        if event.type is EventType.DAY_STARTED:
            clusters = range(len(situation.shop.clusters))
            tables = (self._table(event, situation, levels, cluster) for cluster in clusters)
            return [table for table in tables if table is not None]
        cluster = event.cluster
        if cluster is None:
            return []
        if event.type is EventType.SUPPLY_DELAY:
            return self._delayed(event, situation, cluster)
        products = [event.product] if event.product is not None else sorted(event.lines)
        orders = (self._single(event, situation, levels, product, cluster) for product in products)
        return [order for order in orders if order is not None]

    def learn(self, observation: Observation) -> None:
        """Learn nothing yet beyond what the shared forecast does."""

    def _delayed(self, event: Event, situation: Situation, cluster: int) -> list[Proposal]:
        """Return one table of orders that reach over the delay; the supplier stays late for the event's days."""
        self._late_until[cluster] = event.day + int(event.facts["length_days"])
        table = self._table(event, situation, self.levels(situation), cluster)
        return [] if table is None else [table]

    def levels(self, situation: Situation) -> Levels:
        """Return triggers, tops, positions and what is missing, for all products and clusters."""
        view = situation.view
        late = view.on_order[LATEST_USUAL_DELIVERY:].sum(axis=(0, 1)) > 0.0
        late[[cluster for cluster, until in self._late_until.items() if view.day < until]] = True
        targets = self._targets(situation, late)
        position = view.stock + view.on_order.sum(axis=0) + situation.committed.orders - targets.doomed
        quantity = order_quantity(position, targets.trigger, targets.top)
        lasts = demand_cdf(position + quantity, targets.mean, targets.variance)
        return replace(targets, position=position, quantity=quantity, lasting=lasts)

    def _targets(self, situation: Situation, late: BoolArray) -> Levels:
        """Return the levels before position and quantity; most of a morning's events change only these."""
        made_for = situation.view, situation.forecast, situation.committed.price
        if self._last is not None:
            *before, was_late, targets = self._last
            same = all(one is now for one, now in zip(before, made_for, strict=True))
            if same and (was_late == late).all():
                return targets
        targets = self._new_targets(situation, late)
        self._last = (*made_for, late, targets)
        return targets

    def _new_targets(self, situation: Situation, late: BoolArray) -> Levels:
        """Return the levels, made anew."""
        shop, view, forecast, tuning = situation.shop, situation.view, situation.forecast, self._tuning
        rules, life = shop.economics, shop.shelf_life[:, None]
        ahead = _Ahead(forecast.upcoming(LOOK_AHEAD))
        kind = np.select([life == 0, life > SHORT_LIFE], [2, 1], 0)
        lead: FloatArray = rules.lead_time_mean + DELAY_DAYS * late.astype(np.float64)
        interval: FloatArray = lead + 1.0
        mean, daily = ahead.sum(interval), ahead.sum(interval) / interval
        variance = (
            forecast.phi * mean
            + forecast.alpha * ahead.squares(interval)
            + _unsure(forecast, ahead, interval)
            + (tuning.error * mean) ** 2
            + tuning.lead_risk * rules.lead_time_variance * daily**2
        )
        cost = shop.cost[:, None]
        usual = ahead.sum(np.array(14.0)) / 14.0
        cover = np.maximum(
            np.array(tuning.cover)[kind]
            * economic_cover(usual, cost, rules.order_line_cost, rules.holding_rate),
            1.0,
        )
        arrival = min(int(rules.lead_time_mean), len(view.price) - 1)
        paid = situation.committed.price[arrival] + view.funding[arrival]
        margin = (1.0 + rules.goodwill) * np.maximum(paid - shop.cost, 0.02 * shop.cost)[:, None]
        left_over = np.array(tuning.overage)[kind] + rules.holding_rate * cover
        trigger = demand_quantile(mean, variance, normal_quantile(critical_ratio(margin, left_over * cost)))
        lasting = np.where(life > 0, life + rules.lead_time_mean, 1.0)
        life_mean = ahead.sum(lasting)
        life_variance = (
            forecast.phi * life_mean
            + forecast.alpha * ahead.squares(lasting)
            + _unsure(forecast, ahead, lasting)
            + (tuning.life_error * life_mean) ** 2
        )
        loss = np.array([*tuning.loss, 1.0])[kind]
        most = np.where(life > 0, perishable_ceiling(life_mean, life_variance, margin, loss * cost), np.inf)
        trigger = np.minimum(trigger, most)
        economy = ahead.sum(interval + np.floor(cover - 1.0)) - mean + (cover - np.floor(cover)) * daily
        top = np.minimum(trigger + economy, most)
        aging = np.where(life > 0, view.on_hand, 0.0)
        doomed = expected_waste(aging, forecast.daily, min(int(rules.lead_time_mean) + 1, len(aging)))
        none = np.zeros_like(trigger)
        return Levels(lead, mean, variance, none, doomed, trigger, top, none, none)

    def _table(self, event: Event, situation: Situation, levels: Levels, cluster: int) -> Proposal | None:
        """Return the day's routine orders of one cluster, None if nothing is due."""
        due = np.flatnonzero(levels.quantity[:, cluster] > 0.0)
        if len(due) == 0:
            return None
        lines = tuple(self._line(situation, levels, int(product), cluster) for product in due)
        lasting = levels.lasting[due, cluster]
        expected = float(lasting.sum())
        spread = float(np.sqrt((lasting * (1.0 - lasting)).sum() + (COMMON_LUCK * len(due)) ** 2))
        least = max(int(expected - spread), 1)
        sure = normal_cdf(np.array((expected - least + 0.5) / max(spread, 0.1)))
        until = event.date + timedelta(days=int(levels.lead_days[cluster]))
        units = plain(sum(line.after for line in lines), 0)
        gain, low, high = self._saving(situation, levels, due, cluster)
        return Proposal(
            id=f"{event.id}/order-{cluster}",
            agent=self.name,
            action=Action.ORDER,
            type="routine_order" if event.type is EventType.DAY_STARTED else f"{event.type.value}_order",
            lines=lines,
            unit="units",
            claim=Claim(
                f"at least {least} of these {len(lines)} products are not sold out on the evening of {until:%d %B}",
                ClaimKind.NOT_SOLD_OUT,
                tuple(line.product for line in lines),
                cluster,
                event.day + int(levels.lead_days[cluster]),
                event.day + int(levels.lead_days[cluster]),
                amount=least,
            ),
            confidence=probability(float(sure)),
            effect=Effect.spanning(gain, low, high, "dollars", int(levels.lead_days[cluster]) + 1),
            first_day=event.day,
            days=1,
            inputs={
                "cluster": situation.cluster(cluster),
                "products_due": len(lines),
                "units": units,
                "products": len(situation.shop.products),
                "lead_days": plain(levels.lead_days[cluster]),
            },
            reasoning=(
                f"{len(lines)} of {len(situation.shop.products)} products are at or under their reorder point with "
                f"{text(levels.lead_days[cluster])} days until delivery; {text(units)} units bring them up to it."
            ),
        )

    def _single(
        self, event: Event, situation: Situation, levels: Levels, product: int, cluster: int
    ) -> Proposal | None:
        """Return one order that an event asks for, None if what is there suffices."""
        if levels.quantity[product, cluster] <= 0.0:
            return None
        line = self._line(situation, levels, product, cluster)
        f = line.figures
        until = event.date + timedelta(days=int(levels.lead_days[cluster]))
        gain, low, high = self._saving(situation, levels, np.array([product]), cluster)
        sure = levels.lasting[product, cluster]
        causes = {
            EventType.LOW_STOCK: "The shelf reads low",
            EventType.SOCIAL_TREND: f"Talk of {text(event.facts.get('multiplier', 1.0))} times the usual demand is seen",
            EventType.DEMAND_SPIKE: f"Demand of about {text(event.facts.get('multiplier', 1.0))} times the usual is announced",
            EventType.EXPIRY_NEAR: f"{text(event.lines.get(product, 0.0))} units expire tonight",
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
                event.day + int(levels.lead_days[cluster]),
                event.day + int(levels.lead_days[cluster]),
                amount=1,
            ),
            confidence=probability(float(sure)),
            effect=Effect.spanning(gain, low, high, "dollars", int(levels.lead_days[cluster]) + 1),
            first_day=event.day,
            days=1,
            inputs={
                **event.facts,
                "expiring_tonight": plain(event.lines.get(product, 0.0)),
                "lead_days": plain(levels.lead_days[cluster]),
            },
            reasoning=(
                f"{causes[event.type]}. {text(f['position'])} usable units are on hand and under way, the reorder "
                f"point is {text(f['reorder_point'])} for {text(f['expected_demand'])} expected until "
                f"{until:%d %B}: order {text(line.after)}, up to {text(f['order_up_to'])}."
            ),
        )

    def _line(self, situation: Situation, levels: Levels, product: int, cluster: int) -> Line:
        """Return one order with the numbers it was decided by."""
        where = product, cluster
        return Line(
            product=product,
            cluster=cluster,
            before=plain(situation.committed.orders[where]),
            after=plain(situation.committed.orders[where] + levels.quantity[where]),
            figures={
                "on_hand": plain(situation.view.stock[where]),
                "on_order": plain(situation.view.on_order[:, product, cluster].sum()),
                "will_expire": plain(levels.doomed[where], 1),
                "position": plain(levels.position[where], 1),
                "expected_demand": plain(levels.mean[where], 1),
                "deviation": plain(np.sqrt(levels.variance[where]), 1),
                "reorder_point": plain(levels.trigger[where], 1),
                "order_up_to": plain(levels.top[where], 1),
                "lasts_with_probability": probability(levels.lasting[where]),
            },
            gauge=Gauge(
                Measured.SERVED,
                baseline=max(float(levels.position[where]), 0.0),
                worth=float(_worth(situation)[product]),
            ),
        )

    def _saving(
        self, situation: Situation, levels: Levels, products: IntArray, cluster: int
    ) -> tuple[float, float, float]:
        """Return dollars of margin and good will expected to be saved over the interval, with an 80 % interval."""
        worth = _worth(situation)[products]
        mean, variance = levels.mean[products, cluster], levels.variance[products, cluster]
        position, quantity = levels.position[products, cluster], levels.quantity[products, cluster]
        without = expected_shortage(position, mean, variance)
        with_order = expected_shortage(position + quantity, mean, variance)
        ends = []
        for z in (-Z80, Z80):
            demand = demand_quantile(mean, variance, z)
            served = np.minimum(demand, position + quantity) - np.minimum(demand, position)
            ends.append(plain(float((worth * np.maximum(served, 0.0)).sum())))
        return plain(float((worth * (without - with_order)).sum())), ends[0], ends[1]


def _worth(situation: Situation) -> FloatArray:
    """Return (products,) dollars of margin and good will that a unit sold today keeps."""
    shop, paid = situation.shop, situation.committed.price[0] + situation.view.funding[0]
    result: FloatArray = (1.0 + shop.economics.goodwill) * np.maximum(paid - shop.cost, 0.0)
    return result
