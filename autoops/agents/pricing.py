"""The pricing agent: prices that keep the index, and what to do when a competitor cuts his."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import COMES_ABOUT, COMMON_ERROR, Gauge, Measured
from autoops.agents.figures import counted, money, plain, probability, text
from autoops.agents.messages import Action, Effect, EventType, Line, Proposal
from autoops.agents.shop import WEEK
from autoops.retail.distribution import Z80, normal_cdf
from autoops.retail.pricing import (
    IndexRules,
    PriceProblem,
    best_changes,
    contribution,
    index_neutral_changes,
    price_rails,
)

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray

LEVEL_ERROR = 0.25
"""Coefficient of variation of a week's demand beyond counting noise; assumed, for confidences only."""

ASSORTMENT_ERROR = 0.04
"""Coefficient of variation of what the whole assortment earns, beyond each product's; as seen on weeks 27-39."""

EARN_SHARE = 0.8
"""Of what prices should earn, the part that the agent puts its word to."""

CENT = 0.005
"""Dollars; smaller differences are no new price."""


@dataclass(frozen=True, slots=True)
class PricingTuning:
    """Constants, and what is assumed."""

    diverted: float = 0.3
    """Share of a unit gained that is taken from the same category; assumed."""
    weeks_kept: float = 1.0
    """Weeks over which new shelf labels must pay."""
    widest: float = 0.30
    """Deepest answer to a competitor that the agent considers; the guard rails are the orchestrator's."""


class PricingAgent:
    """Prices by shrunk elasticities: index-neutral, revised as the week shows itself; by margin against competitors."""

    name = "pricing_agent"
    operations = {  # noqa: RUF012 - read, never written; a Mapping in the protocol
        EventType.DAY_STARTED: "set_prices",
        EventType.COMPETITOR_PRICE: "answer_competitor",
    }

    def __init__(self, shop: Shop, history: SalesHistory, tuning: PricingTuning | None = None) -> None:
        self._tuning = tuning or PricingTuning()
        revenue = history.units.sum(axis=(1, 2)) * shop.reference_price
        self._weight: FloatArray = revenue / revenue.sum()
        self._answers: dict[int, tuple[int, float]] = {}
        """Product → day on which its answer ends, and the log change of the standing price it returns to."""

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return the week's prices on a Monday, or one answer to a competitor."""
        if event.type is EventType.COMPETITOR_PRICE and event.product is not None:
            return [self._answer(event, situation, event.product)]
        prices = self._prices(event, situation)
        return [] if prices is None else [prices]

    def learn(self, observation: Observation) -> None:
        """Learn nothing yet beyond what the shared forecast does."""

    def _prices(self, event: Event, situation: Situation) -> Proposal | None:
        """Return the changes that earn most until Sunday while the index does not rise, None if none pays."""
        days = WEEK - situation.view.weekday
        problem = self._problem(situation, situation.forecast.daily[:days].sum(axis=(0, 2)))
        free, standing = ~self._in_answer(situation), self._standing(situation)
        change = self._changes(situation, problem, free, standing)
        now = _in_force(situation)
        worth = contribution(problem, change)
        over_plan = plain(float((worth - contribution(problem, np.zeros_like(change))).sum()))
        changed = np.flatnonzero(np.abs(change - standing) * situation.view.price[0] > CENT)
        changed = changed[~self._in_answer(situation)[changed]]
        if len(changed) == 0:
            return None
        lines = tuple(self._line(situation, problem, int(p), float(change[p])) for p in changed)
        sd = (self._slope(problem, change) - self._slope(problem, now))[changed]
        sd = sd * situation.forecast.elasticity_sd[changed]
        luck = _earnings(situation, problem, change, changed, ASSORTMENT_ERROR)[1]
        gain = plain(float((worth - contribution(problem, now))[changed].sum()))
        spread = float(np.sqrt((sd**2).sum() + luck**2))
        index = plain(float((self._weight * change).sum()) * 100.0)
        floor, sure = self._floor(situation, problem, change, changed)
        sides = _sides(problem.elasticity[changed], change[changed] > now[changed])
        moves = " and ".join(
            f"{count} {word} (mean elasticity {text(mean)})" for word, (count, mean) in sides.items()
        )
        return Proposal(
            id=f"{event.id}/prices",
            agent=self.name,
            action=Action.PRICE,
            type="weekly_prices" if days == WEEK else "price_revision",
            lines=lines,
            gauge=self._gauge(problem, now, changed),
            unit="dollars",
            claim=Claim(
                f"{counted(len(lines), 'product')} together: at least {money(floor)} earned until Sunday",
                ClaimKind.EARNS,
                tuple(line.product for line in lines),
                None,
                event.day,
                event.day + days - 1,
                amount=floor,
            ),
            confidence=sure,
            effect=Effect.spanning(
                gain, plain(gain - Z80 * spread), plain(gain + Z80 * spread), "dollars", days
            ),
            first_day=event.day,
            days=0,
            inputs={
                "price_rail_percent": plain(100.0 * situation.shop.economics.price_rail),
                "index_change_percent": index,
                "products_free_to_move": int(free.sum()),
                **{word: sides.get(word, (0, 0.0))[0] for word in ("raised", "lowered")},
                **{f"mean_elasticity_{word}": mean for word, (_, mean) in sides.items()},
                "days": days,
                "gain": gain,
                "all_prices_over_plan": over_plan,
            },
            reasoning=(
                f"{moves}: {money(abs(gain))} {'more' if gain >= 0 else 'less'} in {counted(days, 'day')} than at the prices in "
                f"force, the index at fixed weights {text(index)} % from plan. All prices together: {money(over_plan)} over the "
                f"planned ones."
            ),
        )

    def _answer(self, event: Event, situation: Situation, product: int) -> Proposal:
        """Return the price that earns most while a competitor's cut lasts; holding is an answer too."""
        days = int(event.facts["length_days"])
        known = min(days, len(situation.forecast.daily))
        demand = situation.forecast.daily[:known].sum(axis=(0, 2)) * days / known
        one = _only(self._problem(situation, demand), product)
        now = _in_force(situation)[product : product + 1]
        best = best_changes(one, np.minimum(np.log1p(np.array([-self._tuning.widest])), now), now)
        match = np.log(np.array([event.facts["competitor_price"] / event.facts["planned_price"]]))
        hold = contribution(one, now)
        gain = float((contribution(one, best) - hold)[0])
        matching = float((contribution(one, match) - hold)[0])
        cost = situation.shop.economics.label_cost * len(situation.shop.clusters)
        if situation.priorities.margin * gain <= cost:
            best, gain = now, 0.0
        else:
            standing = float(self._standing(situation)[product])
            self._answers[product] = situation.view.day + days, standing
        line = self._line(situation, self._problem(situation, demand), product, float(best[0]))
        line_figures = {**line.figures, "gain_of_matching": plain(matching), "gain_of_answer": plain(gain)}
        unsure = float(np.abs(self._slope(one, best - now))[0] * situation.forecast.elasticity_sd[product])
        spread = float(np.hypot(unsure, _earnings(situation, one, best, np.array([0]))[1]))
        floor, sure = self._floor(situation, one, best, np.array([0]))
        units = one.demand * np.exp(one.elasticity * now)
        held = float((units * (one.price * np.exp(now) - one.cost))[0])
        gauge = Gauge(Measured.EARNED, baseline=COMES_ABOUT * held)
        return Proposal(
            id=f"{event.id}/price",
            agent=self.name,
            action=Action.PRICE,
            type="competitor_response",
            lines=(Line(product, None, line.before, line.after, line_figures, gauge=gauge),),
            unit="dollars",
            claim=Claim(
                f"{situation.product(product)} earns at least {money(floor)} "
                f"before {event.date + timedelta(days=days):%d %B}",
                ClaimKind.EARNS,
                (product,),
                None,
                event.day,
                event.day + days - 1,
                amount=floor,
            ),
            confidence=sure,
            effect=Effect.spanning(
                plain(gain), plain(gain - Z80 * spread), plain(gain + Z80 * spread), "dollars", days
            ),
            first_day=event.day,
            days=days,
            inputs={**event.facts, "label_cost": plain(cost)},
            reasoning=_why(event, line, plain(matching), plain(gain), days),
        )

    def _problem(self, situation: Situation, demand: FloatArray) -> PriceProblem:
        """Return what a change of each planned price is weighed by, vendors' money taken off the cost.

        `demand` is what is expected at the prices in force; the problem wants it at the planned ones.
        """
        shop, view, elasticity = situation.shop, situation.view, situation.forecast.elasticity
        demand = demand * np.exp(-elasticity * _in_force(situation))
        price, cost = view.price[0], shop.cost - view.funding[0]
        margin = np.maximum(price - cost, 0.0)
        return PriceProblem(price, cost, demand, elasticity, self._tuning.diverted * margin)

    def _in_answer(self, situation: Situation) -> BoolArray:
        """Return which products' prices answer a competitor today."""
        answering = np.zeros(len(situation.shop.products), dtype=np.bool_)
        answering[[product for product, (end, _) in self._answers.items() if end > situation.view.day]] = True
        return answering

    def _standing(self, situation: Situation) -> FloatArray:
        """Return the log changes in force, of products in answer to a competitor those that they return to."""
        standing = _in_force(situation)
        for product, (end, returning) in self._answers.items():
            if end > situation.view.day:
                standing[product] = returning
        return standing

    def _changes(
        self, situation: Situation, problem: PriceProblem, free: BoolArray, standing: FloatArray
    ) -> FloatArray:
        """Return index-neutral log changes of the free products that pay their labels.

        Products in answer to a competitor keep what they return to; the others that are not free return to plan.
        """
        shop, price = situation.shop, situation.view.price[0]
        low, high = price_rails(price, shop.cost, shop.economics.price_rail)
        least, most = np.log(low / price), np.log(high / price)
        # A plan that has changed may leave no room for the price that a product returns to.
        kept = np.where(self._in_answer(situation), np.clip(standing, least, most), 0.0)
        rules = IndexRules(
            low=np.where(free, least, kept),
            high=np.where(free, most, kept),
            weight=self._weight,
            standing=standing,
            label_cost=shop.economics.label_cost
            * len(shop.clusters)
            / (self._tuning.weeks_kept * situation.priorities.margin),
        )
        return index_neutral_changes(problem, rules)

    def _line(self, situation: Situation, problem: PriceProblem, product: int, change: float) -> Line:
        """Return one price with the numbers it was decided by."""
        price = float(problem.price[product])
        return Line(
            product=product,
            cluster=None,
            before=plain(float(situation.committed.price[0, product])),
            after=plain(price * float(np.exp(change))),
            figures={
                "planned_price": plain(price),
                "unit_cost": plain(float(situation.shop.cost[product])),
                "vendor_funding": plain(float(situation.view.funding[0, product])),
                "elasticity": plain(float(problem.elasticity[product])),
                "expected_units": plain(float(problem.demand[product]), 1),
                "change_percent": plain(100.0 * float(np.expm1(change)), 1),
            },
        )

    @staticmethod
    def _gauge(problem: PriceProblem, now: FloatArray, changed: IntArray) -> Gauge:
        """Return how to see what changed prices earned over what those in force should have."""
        units = problem.demand * np.exp(problem.elasticity * now)
        earned = (units * (problem.price * np.exp(now) - problem.cost))[changed].sum()
        return Gauge(Measured.EARNED, baseline=COMES_ABOUT * float(earned), products=tuple(changed.tolist()))

    @staticmethod
    def _slope(problem: PriceProblem, change: FloatArray) -> FloatArray:
        """Return d contribution / d elasticity at the changes."""
        units = problem.demand * np.exp(problem.elasticity * change)
        worth = problem.price * np.exp(change) - problem.cost - problem.diverted
        result: FloatArray = units * change * worth
        return result

    @staticmethod
    def _floor(
        situation: Situation, problem: PriceProblem, change: FloatArray, products: IntArray
    ) -> tuple[float, float]:
        """Return whole dollars, a part of what `products` should earn, and the probability of that much.

        `products` are rows of the problem.
        """
        expected, deviation = _earnings(situation, problem, change, products)
        floor = plain(EARN_SHARE * expected, 0)
        sure = normal_cdf(np.array((COMES_ABOUT * expected - floor) / deviation))
        return floor, probability(float(sure))


def _sides(elasticity: FloatArray, raised: BoolArray) -> dict[str, tuple[int, float]]:
    """Return how many prices are raised and lowered, and the mean elasticity of each side; a side of none is left out."""
    return {
        word: (int(side.sum()), plain(float(elasticity[side].mean())))
        for word, side in (("raised", raised), ("lowered", ~raised))
        if side.any()
    }


def _earnings(
    situation: Situation,
    problem: PriceProblem,
    change: FloatArray,
    products: IntArray,
    common: float = COMMON_ERROR,
) -> tuple[float, float]:
    """Return dollars that some rows of a problem should earn, and the deviation of what they will.

    Normal: counting noise, an error of each level, and one that all share.
    """
    units = problem.demand * np.exp(problem.elasticity * change)
    worth = problem.price * np.exp(change) - problem.cost
    spread = worth * np.sqrt(situation.forecast.phi * units + (LEVEL_ERROR * units) ** 2)
    expected = float((units * worth)[products].sum())
    variance = (spread[products] ** 2).sum() + (common * expected) ** 2
    return expected, max(float(np.sqrt(variance)), 0.01)


def _in_force(situation: Situation) -> FloatArray:
    """Return (products,) today's committed prices as log changes of the planned ones."""
    result: FloatArray = np.log(situation.committed.price[0] / situation.view.price[0])
    return result


def _why(event: Event, line: Line, matching: float, gain: float, days: int) -> str:
    """Return the reasoning of an answer to a competitor."""
    held = abs(line.after - line.before) < CENT
    outcome = (
        f"the price stays at {money(line.after)}" if held else f"{money(line.after)} brings {money(gain)}"
    )
    return (
        f"A competitor asks {money(event.facts['competitor_price'])} against our planned "
        f"{money(event.facts['planned_price'])}. At elasticity {text(line.figures['elasticity'])} and "
        f"{money(line.figures['unit_cost'])} cost, matching would {'cost' if matching < 0.0 else 'bring'} "
        f"{money(abs(matching))} over {counted(days, 'day')}; {outcome}."
    )


def _only(problem: PriceProblem, product: int) -> PriceProblem:
    """Return the problem of one product."""
    here = slice(product, product + 1)
    return PriceProblem(
        problem.price[here],
        problem.cost[here],
        problem.demand[here],
        problem.elasticity[here],
        problem.diverted[here],
    )
