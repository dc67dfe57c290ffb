"""Where proposals disagree with each other, with the stock or with the guard rails, and the rule for each.

A rule looks at what is proposed and committed and returns the proposals as they may stand, with the conflicts it
settled. The orchestrator applies `RULES` in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.budgets import display_slots, price_index, receiving_capacity
from autoops.agents.cover import Cover
from autoops.agents.figures import counted, plain, text
from autoops.agents.lasting import less_sure
from autoops.agents.messages import Action, Conflict, ConflictKind, Line, Proposal
from autoops.agents.rails import guard_rails
from autoops.agents.settling import Rule, Settled, about, amended, each_line, is_withheld, withheld

if TYPE_CHECKING:
    from autoops.agents.agent import Situation

LEAST_COVER = 0.8
"""Share of the demand it makes that stock must serve, for a display or a price cut to go ahead."""


@about(Action.ORDER, Action.PRICE, Action.MARKDOWN)
def one_hand(proposals: list[Proposal], situation: Situation) -> Settled:
    """Let one proposal turn a dial: of several for one product's order, price or sticker, that which brings most."""
    if len(proposals) < 2:
        return proposals, []
    turns: dict[tuple[Action, int, int | None], list[Proposal]] = {}
    for proposal in proposals:
        for line in proposal.lines:
            if not is_withheld(line):
                turns.setdefault((proposal.action, line.product, line.cluster), []).append(proposal)
    stands = {
        dial: max(rivals, key=_gain_per_line) if len(rivals) > 1 else rivals[0]
        for dial, rivals in turns.items()
    }

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        dial = proposal.action, line.product, line.cluster
        best = proposal if is_withheld(line) else stands[dial]
        if best is proposal:
            return line, None
        conflict = Conflict(
            id=f"{proposal.id}/rival-{line.product}",
            kind=ConflictKind.SAME_THING,
            product=line.product,
            cluster=line.cluster,
            agents=(proposal.agent, best.agent),
            proposals=(proposal.id, best.id),
            found=f"{len(turns[dial])} proposals for the {proposal.action.value} of {situation.product(line.product)}",
            rule="of several proposals for one dial, that which is expected to bring most for each product stands",
            resolution=f"{best.agent}'s proposal stands",
            figures={"gain": plain(_gain_per_line(proposal)), "rivals_gain": plain(_gain_per_line(best))},
        )
        return withheld(line, conflict), conflict

    return each_line(proposals, settle, frozenset({Action.ORDER, Action.PRICE, Action.MARKDOWN}))


@about(Action.DISPLAY)
def one_move(proposals: list[Proposal], situation: Situation) -> Settled:
    """Let a display slot that one proposal gives away stay where it was given first, if the days of the two overlap."""
    given: dict[tuple[int, int], list[range]] = {}

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        if line.counterpart is None or line.cluster is None:
            return line, None
        days = range(proposal.first_day, proposal.first_day + proposal.days)
        moved = []
        for product in (line.product, line.counterpart):
            before = given.setdefault((product, line.cluster), [])
            moved += [product for when in before if when.start < days.stop and days.start < when.stop]
            before.append(days)
        if not moved:
            return line, None
        name = situation.product(moved[0])
        conflict = Conflict(
            id=f"{proposal.id}/slot-{line.product}",
            kind=ConflictKind.SAME_THING,
            product=line.product,
            cluster=line.cluster,
            agents=(proposal.agent, "orchestrator"),
            proposals=(proposal.id,),
            found=f"the display of {name} in {situation.cluster(line.cluster)} has been moved already",
            rule="of two moves of one display slot on one morning the first stands",
            resolution="the display stays as it is",
            figures={name: line.figures[name] for name in ("gain",) if name in line.figures},
        )
        return withheld(line, conflict), conflict

    return each_line(proposals, settle, frozenset({Action.DISPLAY}))


@about(Action.DISPLAY, Action.PRICE)
def uncovered_promotions(proposals: list[Proposal], situation: Situation) -> Settled:
    """Withhold a display or a price cut that stock does not cover.

    What inventory proposes in the same event counts, if it can be delivered in time. A promotion that begins after an
    order placed today would arrive is left to inventory, which sees it coming. A week's prices are one whole, whose
    cuts make room in the index for its raises: they are not taken apart.
    """
    cover = Cover(proposals, situation)

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        lead = int(situation.shop.economics.lead_time_mean)
        ahead = proposal.first_day - situation.view.day
        display, price = proposal.action is Action.DISPLAY, proposal.action is Action.PRICE
        promotes = (display and line.counterpart is not None and line.after > line.before) or (
            price and line.after < line.before
        )
        if not promotes or (price and len(proposal.lines) > 1) or ahead > lead:
            return line, None
        stock, demand = cover.of(line, proposal)
        if stock >= LEAST_COVER * demand:
            return line, None
        return _uncovered(proposal, line, situation, stock, demand)

    return each_line(proposals, settle, frozenset({Action.DISPLAY, Action.PRICE}))


@about(Action.ORDER)
def reorders_against_markdowns(proposals: list[Proposal], situation: Situation) -> Settled:
    """Order no more than the reorder point asks for of what is being marked down today."""
    marked = {
        (line.product, line.cluster): proposal
        for proposal in proposals
        if proposal.action is Action.MARKDOWN
        for line in proposal.lines
        if not is_withheld(line)
    }

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        if line.cluster is None or line.after <= line.before:
            return line, None
        sticker = marked.get((line.product, line.cluster))
        if sticker is None and situation.committed.markdown[line.product, line.cluster] == 0.0:
            return line, None
        position, reorder_point = _asked_for(line, situation)
        need = float(np.ceil(reorder_point - position))
        kept = plain(line.before + max(need, 0.0))
        if kept >= line.after:
            return line, None
        conflict = Conflict(
            id=f"{proposal.id}/markdown-{line.product}-{line.cluster}",
            kind=ConflictKind.REORDER_AGAINST_MARKDOWN,
            product=line.product,
            cluster=line.cluster,
            agents=(proposal.agent, "promotion_agent" if sticker is None else sticker.agent),
            proposals=(proposal.id,) if sticker is None else (proposal.id, sticker.id),
            found=f"an order for {counted(line.after, 'unit')} of what is marked down tonight",
            rule="while a product is marked down, order up to the reorder point and no economy on top of it",
            resolution=f"{counted(kept, 'unit')} instead of {text(line.after)}",
            figures={
                "proposed_units": line.after,
                "position": position,
                "reorder_point": reorder_point,
            },
        )
        return amended(line, kept, conflict), conflict

    settled, conflicts = each_line(proposals, settle, frozenset({Action.ORDER}))
    return [less_sure(proposal) for proposal in settled], conflicts


ALONE: tuple[Rule, ...] = (guard_rails, one_hand, one_move, display_slots, price_index)
"""Rules that an agent keeps to without anybody else: limits of the world, and not to contradict itself."""

RULES: tuple[Rule, ...] = (
    guard_rails,
    one_hand,
    one_move,
    display_slots,
    uncovered_promotions,
    price_index,
    reorders_against_markdowns,
    receiving_capacity,
)
"""In the order in which they are applied: what is withheld makes no room in the index, and what is trimmed is not
received."""


def _uncovered(
    proposal: Proposal, line: Line, situation: Situation, stock: float, demand: float
) -> tuple[Line, Conflict]:
    """Return what becomes of a promotion whose stock does not cover it."""
    where = "" if line.cluster is None else f" in {situation.cluster(line.cluster)}"
    figures = {
        "available_units": plain(stock),
        "promoted_demand": plain(demand, 1),
        "least_cover": LEAST_COVER,
    }
    if proposal.action is Action.DISPLAY:
        resolution = "the display stays as it is"
    else:
        resolution = "withheld until stock has arrived"
    conflict = Conflict(
        id=f"{proposal.id}/cover-{line.product}",
        kind=ConflictKind.UNCOVERED_PROMOTION,
        product=line.product,
        cluster=line.cluster,
        agents=(proposal.agent, "inventory_agent"),
        proposals=(proposal.id,),
        found=(
            f"{counted(figures['available_units'], 'unit')} of {situation.product(line.product)}{where} against "
            f"{text(figures['promoted_demand'])} that the promotion would sell before more can arrive"
        ),
        rule=f"a promotion goes where stock covers at least {LEAST_COVER:.0%} of the demand it makes",
        resolution=resolution,
        figures=figures,
    )
    return withheld(line, conflict), conflict


def _asked_for(line: Line, situation: Situation) -> tuple[float, float]:
    """Return (position, reorder point) that an order was decided by.

    Of an order that does not say: what is there, and what is expected to sell until an order placed tomorrow arrives.
    """
    days = int(situation.shop.economics.lead_time_mean) + 1
    here = line.product, line.cluster
    position = situation.view.stock[here] + situation.view.on_order.sum(axis=0)[here] + line.before
    point = situation.forecast.daily[:days, line.product, line.cluster].sum()
    return (
        line.figures.get("position", plain(position)),
        line.figures.get("reorder_point", plain(point)),
    )


def _gain_per_line(proposal: Proposal) -> float:
    """Return what a proposal is expected to bring for each of its lines."""
    return proposal.effect.mean / len(proposal.lines)
