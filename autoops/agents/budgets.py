"""What all decisions share and none may use up for itself: display slots, the price index, receiving capacity.

Each rule keeps a budget; see `conflicts` for what a rule is.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.figures import plain, text
from autoops.agents.lasting import less_sure
from autoops.agents.messages import Action, Conflict, ConflictKind, Line, Proposal
from autoops.agents.settling import Settled, about, amended, each_line, withheld
from autoops.agents.shop import WEEK
from autoops.retail.capacity import within_capacity
from autoops.retail.distribution import demand_variance, expected_shortage
from autoops.retail.pricing import price_inside

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.retail.arrays import FloatArray

SHARE_TOLERANCE = 0.006
"""Displayed share; proposals are rounded to hundredths."""

INDEX_TOLERANCE = 0.0005
"""Share; what prices in whole cents may add to the index."""

WHOLE = 0.999
"""Share of a raise beyond which it stands as it is: no cent is left to take off."""

BISECTIONS = 20
"""Halvings of the share of a raise that stands; what is left is under a millionth."""


@about(Action.DISPLAY)
def display_slots(proposals: list[Proposal], situation: Situation) -> Settled:
    """Give no display that nobody gives up: a cluster has the plan's slots and no more."""
    committed = situation.committed.display

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        if line.cluster is None:
            return line, None
        page = committed[proposal.first_day - situation.view.day, :, line.cluster]
        free = float(page[line.product if line.counterpart is None else line.counterpart])
        if line.after <= free + SHARE_TOLERANCE:
            return line, None
        where = situation.cluster(line.cluster)
        conflict = Conflict(
            id=f"{proposal.id}/slots-{line.product}",
            kind=ConflictKind.DISPLAY_SLOTS,
            product=line.product,
            cluster=line.cluster,
            agents=(proposal.agent, "orchestrator"),
            proposals=(proposal.id,),
            found=f"{text(line.after)} of {where} is asked for {situation.product(line.product)}, {text(free)} is free",
            rule="a cluster has the plan's display slots: a product gets what another gives up, and no more",
            resolution="the display stays as it is" if line.counterpart is None else f"{text(free)} instead",
            figures={"asked": line.after, "free": plain(free)},
        )
        if line.counterpart is None:
            return withheld(line, conflict), conflict
        return amended(line, plain(free), conflict), conflict

    return each_line(proposals, settle, frozenset({Action.DISPLAY}))


@about(Action.PRICE)
def price_index(proposals: list[Proposal], situation: Situation) -> Settled:
    """Raise prices no further than cuts make room for at fixed weights, on any day until Sunday.

    All raises of the moment are shortened by the same share of their logarithm.
    """
    index = _Index(situation)
    if index.over(proposals, 1.0) <= INDEX_TOLERANCE:
        return proposals, []
    least, most = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (least + most)
        if index.over(proposals, middle) > INDEX_TOLERANCE:
            most = middle
        else:
            least = middle
    if least > WHOLE:
        return proposals, []
    over = plain(100.0 * index.over(proposals, 1.0))
    conflicts = []
    settled = []
    for proposal in proposals:
        raised = [line for line in proposal.lines if _raises(proposal, line)]
        if not raised:
            settled.append(proposal)
            continue
        conflict = Conflict(
            id=f"{proposal.id}/index",
            kind=ConflictKind.PRICE_INDEX,
            product=raised[0].product if len(raised) == 1 else None,
            cluster=None,
            agents=(proposal.agent, "guard_rail"),
            proposals=(proposal.id,),
            found=f"with {len(raised)} prices raised the index would stand {text(over)} % over plan",
            rule="prices together stay at or under plan at fixed weights: what is raised is raised less, all by one share",
            resolution=f"{text(100.0 * least)} % of each raise stands",
            figures={"over_plan_percent": over, "share_of_raise_percent": plain(100.0 * least)},
        )
        conflicts.append(conflict)
        lines = (
            amended(line, _shortened(line, least), conflict) if _raises(proposal, line) else line
            for line in proposal.lines
        )
        settled.append(replace(proposal, lines=tuple(lines)))
    return settled, conflicts


@about(Action.ORDER)
def receiving_capacity(proposals: list[Proposal], situation: Situation) -> Settled:
    """Order what a cluster can receive, what saves most shortage a unit first; without a known limit, all of it.

    The supplier would cut every line by the same share.
    """
    limit = situation.shop.receiving_limit
    if limit is None:
        return proposals, []
    room = _room(situation, limit)
    wanted = np.zeros(situation.shop.shape)
    makers: defaultdict[int, list[Proposal]] = defaultdict(list)
    for proposal, line in _orders(proposals):
        wanted[line.product, line.cluster] += line.after - line.before
        makers[line.cluster or 0].append(proposal)
    full = [int(c) for c in np.flatnonzero(wanted.sum(axis=0) > room)]
    taken = wanted.copy()
    for cluster in full:
        taken[:, cluster] = _taken(situation, wanted[:, cluster], cluster, float(room[cluster]))
    conflicts = {c: _crowded(situation, c, makers[c], wanted, taken, float(limit[c])) for c in full}

    def settle(_: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        conflict = conflicts.get(-1 if line.cluster is None else line.cluster)
        if conflict is None or line.after <= line.before:
            return line, None
        share = taken[line.product, line.cluster] / wanted[line.product, line.cluster]
        after = plain(line.before + float(np.floor(share * (line.after - line.before) + 1e-9)))
        return (line, None) if after >= line.after else (amended(line, after, conflict), None)

    settled, _ = each_line(proposals, settle, frozenset({Action.ORDER}))
    return [less_sure(proposal) for proposal in settled], list(conflicts.values())


class _Index:
    """The price index of each day until Sunday, over plan, with proposals carried out in part."""

    def __init__(self, situation: Situation) -> None:
        self._situation, view = situation, situation.view
        self._days = WEEK - view.weekday
        self._plan = view.price[: self._days]
        committed = situation.committed
        self._price = np.log(committed.price[: self._days] / self._plan)
        self._standing = np.log(committed.standing[: self._days] / self._plan)

    def over(self, proposals: list[Proposal], share: float) -> float:
        """Return the highest day's logarithm of the index if `share` of every raise stands."""
        change = self._price.copy()
        for proposal in proposals:
            for line in proposal.lines if proposal.action is Action.PRICE else ():
                if line.after == line.before:
                    continue
                after = _shortened(line, share) if line.after > line.before else line.after
                product = line.product
                new = self._on_shelf(after, product)
                if proposal.days:
                    # A passing price takes the place of another; after it the standing one returns.
                    change[:, product] = self._standing[:, product]
                    change[: proposal.days, product] = new[: proposal.days]
                else:
                    passing = self._price[:, product] != self._standing[:, product]
                    change[:, product] = np.where(passing, change[:, product], new)
        return float((change * self._situation.shop.index_weight).sum(axis=1).max())

    def _on_shelf(self, price: float, product: int) -> FloatArray:
        """Return (days,) logarithms over plan of a price of today kept at its distance from the plan."""
        shop, plan = self._situation.shop, self._plan[:, product]
        kept = price_inside(plan * price / plan[0], plan, shop.cost[product], shop.economics.price_rail)
        result: FloatArray = np.log(kept / plan)
        return result


def _raises(proposal: Proposal, line: Line) -> bool:
    """Return whether a line makes something dearer."""
    return proposal.action is Action.PRICE and line.after > line.before


def _shortened(line: Line, share: float) -> float:
    """Return a raised price of which only `share` of the raise's logarithm stands, in whole cents."""
    price = line.before * (line.after / line.before) ** share
    return max(line.before, plain(np.floor(100.0 * price + 1e-6) / 100.0))


def _orders(proposals: list[Proposal]) -> list[tuple[Proposal, Line]]:
    """Return the lines that order more than was ordered already."""
    return [
        (proposal, line)
        for proposal in proposals
        for line in proposal.lines
        if proposal.action is Action.ORDER and line.after > line.before
    ]


def _room(situation: Situation, limit: FloatArray) -> FloatArray:
    """Return (clusters,) units that can still be received until tomorrow's order should arrive."""
    days = int(situation.shop.economics.lead_time_mean) + 1
    under_way = situation.view.on_order.sum(axis=(0, 1)) + situation.committed.orders.sum(axis=0)
    result: FloatArray = np.maximum(np.floor(days * limit - under_way), 0.0)
    return result


def _taken(situation: Situation, wanted: FloatArray, cluster: int, room: float) -> FloatArray:
    """Return the (products,) units of a cluster's orders that fit."""
    shop, view, forecast = situation.shop, situation.view, situation.forecast
    days = int(shop.economics.lead_time_mean) + 1
    daily = forecast.daily[:days, :, cluster]
    variance = demand_variance(daily, forecast.phi, forecast.alpha).sum(axis=0)
    earned = np.maximum(situation.committed.price[0] + view.funding[0] - shop.cost, 0.0)
    worth = (1.0 + situation.priorities.service * shop.economics.goodwill) * earned
    position = (view.stock + view.on_order.sum(axis=0) + situation.committed.orders)[:, cluster]
    mean = daily.sum(axis=0)
    short = expected_shortage(position, mean, variance) - expected_shortage(position + wanted, mean, variance)
    return within_capacity(wanted, worth * short, room)


def _crowded(
    situation: Situation,
    cluster: int,
    makers: list[Proposal],
    wanted: FloatArray,
    taken: FloatArray,
    limit: float,
) -> Conflict:
    """Return the conflict of a cluster whose orders do not fit."""
    asked, left = plain(wanted[:, cluster].sum(), 0), plain(taken[:, cluster].sum(), 0)
    trimmed = int((taken[:, cluster] < wanted[:, cluster]).sum())
    return Conflict(
        id=f"{makers[0].id}/receiving-{cluster}",
        kind=ConflictKind.RECEIVING_CAPACITY,
        product=None,
        cluster=cluster,
        agents=(*dict.fromkeys(maker.agent for maker in makers), "orchestrator"),
        proposals=tuple(dict.fromkeys(maker.id for maker in makers)),
        found=(
            f"{text(asked)} units are to be ordered for {situation.cluster(cluster)}, which receives "
            f"{text(plain(limit, 0))} a day: {text(left)} more can be taken in before tomorrow's order arrives"
        ),
        rule="a cluster orders what it can receive, what saves most shortage a unit first",
        resolution=f"{text(left)} units; {trimmed} products get less than proposed",
        figures={"asked_units": asked, "units": left, "receives_a_day": plain(limit, 0), "trimmed": trimmed},
    )
