"""The promotion agent: which products deserve the display slots, and stickers for what expires tonight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import COMMON_ERROR, Gauge, Measured, comes_about
from autoops.agents.figures import counted, money, plain, probability, text
from autoops.agents.messages import Action, Effect, EventType, Line, Proposal
from autoops.agents.shop import WEEK
from autoops.agents.stickers import sticker
from autoops.retail.distribution import Z80, demand_cdf, demand_variance
from autoops.retail.promotion import Shelf, best_swaps, display_value

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation
    from autoops.retail.arrays import FloatArray

PLANNING_DAY = 2
"""Wednesday: next week's displays are planned as late as their stock can still be ordered."""


@dataclass(frozen=True, slots=True)
class PromotionTuning:
    """Constants, and what is assumed."""

    diverted: float = 0.3
    """Share of a unit gained that is taken from the same category; assumed."""
    hurdle: float = 3.0
    """Dollars that a display planned for a week must bring over its place in the plan."""
    move: float = 3.0
    """Dollars that moving a display for a day must bring: the work of it; assumed."""
    displayed: float = 0.5
    """Displayed share from which a product counts as promoted."""
    sell_share: float = 0.7
    """Of what a display should sell, the part that the agent puts its word to."""


@dataclass(frozen=True, slots=True)
class Slots:
    """A cluster's display slots over some days."""

    first: int
    """Days from today to the first."""
    days: int
    share: FloatArray
    """(products,) committed displayed share."""
    demand: FloatArray
    """(products,) units expected over the days without display."""
    worth: FloatArray
    """(products,) dollars that a unit sold more brings, what neighbours lose taken off."""
    value: FloatArray
    """(products,) dollars that a whole display adds."""
    stock: FloatArray
    """(products,) units that there are to sell; infinite for days for which more can still be ordered."""

    def sold(self, product: int, lift: float, share: float) -> float:
        """Return the units that a product should sell with a displayed share."""
        return min(float(self.demand[product]) * float(np.exp(lift * share)), float(self.stock[product]))


class PromotionAgent:
    """Ranks displays by the margin they add; marks down what expires tonight and would not sell."""

    name = "promotion_agent"
    operations = {  # noqa: RUF012 - read, never written; a Mapping in the protocol
        EventType.DAY_STARTED: "plan_displays",
        EventType.DEMAND_SPIKE: "display_demand",
        EventType.LOW_STOCK: "release_display",
        EventType.EXPIRY_NEAR: "mark_down",
    }

    def __init__(self, tuning: PromotionTuning | None = None) -> None:
        self._tuning = tuning or PromotionTuning()

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return displays to move today and to plan for next week, one to move for an event, or stickers."""
        if event.type is EventType.DAY_STARTED:
            return self._routine(event, situation)
        if event.cluster is None:
            return []
        if event.type is EventType.EXPIRY_NEAR:
            stickers = (sticker(self.name, event, situation, p, event.cluster) for p in sorted(event.lines))
            return [proposal for proposal in stickers if proposal is not None]
        if event.product is None:
            return []
        moved = (
            self._show(event, situation, event.product, event.cluster)
            if event.type is EventType.DEMAND_SPIKE
            else self._release(event, situation, event.product, event.cluster)
        )
        return [] if moved is None else [moved]

    def learn(self, observation: Observation) -> None:
        """Learn nothing yet beyond what the shared forecast does."""

    def _routine(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return the day's swaps and, on a Wednesday, next week's; one table for each cluster."""
        clusters = range(len(situation.shop.clusters))
        found = [self._today(event, situation, cluster) for cluster in clusters]
        if situation.view.weekday == PLANNING_DAY:
            found += [self._next_week(event, situation, cluster) for cluster in clusters]
        return [proposal for proposal in found if proposal is not None]

    def _today(self, event: Event, situation: Situation, cluster: int) -> Proposal | None:
        """Return today's swaps of one cluster: displays go where the stock that there is earns most."""
        slots = self._slots_today(situation, cluster)
        lines = self._swaps(situation, slots, cluster, self._tuning.move)
        if not lines:
            return None
        gain = plain(sum(line.figures["gain"] for line in lines))
        why = f"{len(lines)} displays move for today to products whose stock makes {money(gain)} more of them"
        return self._proposal(event, situation, slots, cluster, "display_day", lines, why)

    def _next_week(self, event: Event, situation: Situation, cluster: int) -> Proposal | None:
        """Return next week's swaps of one cluster: early enough for stock to be ordered for them."""
        ahead = WEEK - situation.view.weekday
        if len(situation.view.price) < ahead + WEEK:
            return None
        slots = self._slots(situation, cluster, ahead, WEEK)
        lines = self._swaps(situation, slots, cluster, self._tuning.hurdle)
        if not lines:
            return None
        gain = plain(sum(line.figures["gain"] for line in lines))
        why = f"{counted(len(lines), 'display')} of next week for products on which {money(gain)} more comes of it"
        return self._proposal(event, situation, slots, cluster, "display_plan", lines, why)

    def _swaps(self, situation: Situation, slots: Slots, cluster: int, hurdle: float) -> tuple[Line, ...]:
        """Return the exchanges of slots that bring more than the hurdle."""
        swaps = best_swaps(slots.share, slots.value, hurdle / situation.priorities.margin)
        return tuple(self._line(situation, slots, cluster, giver, taker) for giver, taker in swaps)

    def _show(self, event: Event, situation: Situation, product: int, cluster: int) -> Proposal | None:
        """Return a display for a product whose demand is announced to rise, None if no slot gains by it."""
        first = int(event.facts["starts_in_days"])
        days = min(int(event.facts["length_days"]), len(situation.forecast.daily) - first)
        if days <= 0:
            return None
        slots = self._slots(situation, cluster, first, days)
        return self._exchange(event, situation, slots, cluster, None, product)

    def _release(self, event: Event, situation: Situation, product: int, cluster: int) -> Proposal | None:
        """Return today's display of a product that runs low to another, None if it holds no slot or that does not pay."""
        if situation.committed.display[0, product, cluster] < self._tuning.displayed:
            return None
        slots = self._slots_today(situation, cluster)
        return self._exchange(event, situation, slots, cluster, product, None)

    def _exchange(
        self,
        event: Event,
        situation: Situation,
        slots: Slots,
        cluster: int,
        giver: int | None,
        taker: int | None,
    ) -> Proposal | None:
        """Return one swap of a slot, the partner that was not given chosen by value; None if it does not pay."""
        held = np.flatnonzero(slots.share >= self._tuning.displayed)
        if taker is not None and (slots.share[taker] >= self._tuning.displayed or len(held) == 0):
            return None
        if giver is None:
            giver = int(held[slots.value[held].argmin()])
        if taker is None:
            free = np.flatnonzero(slots.share < 0.1)
            if len(free) == 0:
                return None
            taker = int(free[slots.value[free].argmax()])
        line = self._line(situation, slots, cluster, giver, taker)
        running_low = event.type is EventType.LOW_STOCK
        if situation.priorities.margin * line.figures["gain"] <= (
            self._tuning.move if running_low else self._tuning.hurdle
        ):
            return None
        gain = money(line.figures["gain"])
        why = (
            f"{situation.product(giver)} runs low; its display goes to {situation.product(taker)}, worth "
            f"{money(line.figures['display_value'])} there"
            if running_low
            else f"Demand of about {text(event.facts['multiplier'])} times the usual makes the display worth {gain} more "
            f"here than with {situation.product(giver)}"
        )
        return self._proposal(event, situation, slots, cluster, "display_move", (line,), why)

    def _proposal(
        self,
        event: Event,
        situation: Situation,
        slots: Slots,
        cluster: int,
        kind: str,
        lines: tuple[Line, ...],
        why: str,
    ) -> Proposal:
        """Return the lines as a proposal, its word put to what they sell together."""
        forecast, tuning = situation.forecast, self._tuning
        units = np.array([line.figures["displayed_units"] for line in lines])
        noise = demand_variance(units, forecast.phi, forecast.alpha / slots.days) + (0.3 * units) ** 2
        mean, variance = np.array(units.sum()), noise.sum()
        least = np.floor(tuning.sell_share * mean)
        likely = comes_about(slots.first + slots.days) * mean
        sure = 1.0 - demand_cdf(least, likely, variance + (COMMON_ERROR * mean) ** 2)
        value = plain(sum(line.figures["gain"] for line in lines))
        subject = (
            situation.product(lines[0].product)
            if len(lines) == 1
            else f"these {len(lines)} products together"
        )
        worth = slots.worth[[line.product for line in lines]]
        spread = Z80 * float(np.sqrt((worth**2 * noise).sum() + (COMMON_ERROR * worth * units).sum() ** 2))
        return Proposal(
            id=f"{event.id}/{kind}-{cluster}",
            agent=self.name,
            action=Action.DISPLAY,
            type=kind,
            lines=lines,
            unit="displayed share",
            claim=Claim(
                f"{subject} sell{'s' if len(lines) == 1 else ''} at least {counted(float(least), 'unit')} in "
                f"{situation.cluster(cluster)} within {counted(slots.days, 'day')} from {_day(event, slots.first)} on",
                ClaimKind.SELLS,
                tuple(line.product for line in lines),
                cluster,
                event.day + slots.first,
                event.day + slots.first + slots.days - 1,
                amount=float(least),
            ),
            confidence=probability(float(sure)),
            effect=Effect.spanning(
                value, plain(value - spread), plain(value + spread), "dollars", slots.days
            ),
            first_day=event.day + slots.first,
            days=slots.days,
            inputs={
                **event.facts,
                "cluster": situation.cluster(cluster),
                "displays": len(lines),
                "gain": value,
                "givers": {
                    situation.product(line.product): situation.product(line.counterpart)
                    for line in lines
                    if line.counterpart is not None
                },
            },
            reasoning=f"{why}.",
        )

    def _slots(self, situation: Situation, cluster: int, first: int, days: int) -> Slots:
        """Return a cluster's slots over some days from `first` days ahead, with what each product makes of one."""
        shop, when = situation.shop, slice(first, first + days)
        share = situation.committed.display[first, :, cluster]
        lift = situation.forecast.lift
        demand = situation.forecast.daily[when, :, cluster].sum(axis=0) / np.exp(lift * share)
        margin = (situation.committed.price[when] + situation.view.funding[when]).mean(axis=0) - shop.cost
        diverted = self._tuning.diverted * np.maximum(margin, 0.0)
        value = display_value(demand, lift, margin, diverted)
        return Slots(first, days, share, demand, margin - diverted, value, np.full(len(share), np.inf))

    def _slots_today(self, situation: Situation, cluster: int) -> Slots:
        """Return a cluster's slots of today: a display is worth what the stock that there is can sell of its demand."""
        shop, view, forecast = situation.shop, situation.view, situation.forecast
        share, lift = situation.committed.display[0, :, cluster], forecast.lift
        demand = forecast.daily[0, :, cluster] / np.exp(lift * share)
        margin = situation.committed.price[0] + view.funding[0] - shop.cost
        stock = view.on_hand[:, :, cluster].sum(axis=0)
        shelf = Shelf(
            stock=stock,
            expiring=np.where(shop.perishable, view.on_hand[0, :, cluster], 0.0),
            margin=margin,
            cost=situation.priorities.waste * shop.cost,
            goodwill=situation.priorities.service * shop.economics.goodwill,
        )

        def variance(units: FloatArray) -> FloatArray:
            noise = demand_variance(units, forecast.phi, forecast.alpha)
            return noise + forecast.unsure[0, :, cluster] * units**2

        diverted = self._tuning.diverted * np.maximum(margin, 0.0)
        value = shelf.display_value(demand, lift, diverted, variance)
        return Slots(0, 1, share, demand, margin - diverted, value, stock)

    @staticmethod
    def _line(situation: Situation, slots: Slots, cluster: int, giver: int, taker: int) -> Line:
        """Return one product's taking of another's slot with the numbers it was decided by."""
        before, after = float(slots.share[taker]), float(slots.share[giver])
        lift = float(situation.forecast.lift[taker])
        usual, comes = slots.sold(taker, lift, before), comes_about(slots.first + slots.days)
        value, given = float(slots.value[taker]), float(slots.value[giver])
        return Line(
            product=taker,
            cluster=cluster,
            before=plain(before),
            after=plain(after),
            figures={
                "units_without_display": plain(float(slots.demand[taker]), 1),
                "lift_percent": plain(100.0 * float(np.expm1(lift)), 1),
                "displayed_units": plain(slots.sold(taker, lift, after), 1),
                "display_value": plain(value),
                "value_with_giver": plain(given),
                "gain": plain((after - before) * (value - given)),
            },
            counterpart=giver,
            gauge=Gauge(
                Measured.SOLD,
                baseline=comes * usual,
                worth=float(slots.worth[taker]),
                foregone=comes * (after - before) * given,
            ),
        )


def _day(event: Event, ahead: int) -> str:
    """Return the date some days after an event, as it reads in a sentence."""
    return f"{event.date + timedelta(days=ahead):%d %B}"
