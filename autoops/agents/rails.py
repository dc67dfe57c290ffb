"""Guard rails: how far a price may leave the plan, and what may be stickered how deep. A rule, see `conflicts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.figures import money, plain, text
from autoops.agents.messages import Action, Conflict, ConflictKind, Line, Proposal
from autoops.agents.settling import Settled, about, amended, each_line
from autoops.retail.markdown import DEEPEST, is_promoted
from autoops.retail.pricing import price_rails

if TYPE_CHECKING:
    from autoops.agents.agent import Situation

CENT = 0.005
"""Dollars; smaller differences are none."""


@about(Action.PRICE, Action.MARKDOWN)
def guard_rails(proposals: list[Proposal], situation: Situation) -> Settled:
    """Bring prices and stickers inside their rails.

    Prices around the plan and over cost: the nearest price allowed is taken. Stickers no deeper than the deepest, which
    is taken instead; one on what does not expire tonight or on a planned promotion is withheld.
    """
    low, high = price_rails(situation.view.price[0], situation.shop.cost, situation.shop.economics.price_rail)

    def settle(proposal: Proposal, line: Line) -> tuple[Line, Conflict | None]:
        if proposal.action is Action.MARKDOWN:
            return _sticker_inside(proposal, line, situation)
        least, most = float(low[line.product]), float(high[line.product])
        if least - CENT <= line.after <= most + CENT:
            return line, None
        # Rounded towards the plan: a cent beyond the rail is a breach.
        allowed = plain(
            np.ceil(least * 100.0) / 100.0 if line.after < least else np.floor(most * 100.0) / 100.0
        )
        figures = {"proposed": line.after, "lowest_allowed": plain(least), "highest_allowed": plain(most)}
        conflict = Conflict(
            id=f"{proposal.id}/rail-{line.product}",
            kind=ConflictKind.GUARD_RAIL,
            product=line.product,
            cluster=None,
            agents=(proposal.agent, "guard_rail"),
            proposals=(proposal.id,),
            found=f"{money(line.after)} is outside {money(figures['lowest_allowed'])} to {money(figures['highest_allowed'])}",
            rule="a price stays within its rail around the plan and over cost; the nearest price allowed is taken",
            resolution=f"{money(allowed)} instead of {money(line.after)}",
            figures=figures,
        )
        return amended(line, allowed, conflict), conflict

    return each_line(proposals, settle, frozenset({Action.PRICE, Action.MARKDOWN}))


def _sticker_inside(proposal: Proposal, line: Line, situation: Situation) -> tuple[Line, Conflict | None]:
    """Return a sticker inside its rails: its depth, and what may be stickered at all."""
    product, cluster, view, shop = line.product, line.cluster, situation.view, situation.shop
    assert cluster is not None  # noqa: S101 - a sticker is put on in a cluster
    expiring = float(view.on_hand[0, product, cluster]) if shop.perishable[product] else 0.0
    name, promoted = (
        situation.product(product),
        bool(is_promoted(view.price[0], shop.reference_price)[product]),
    )
    if line.after <= 0.0 or (expiring > 0.0 and not promoted and line.after <= DEEPEST):
        return line, None
    if expiring <= 0.0:
        found = (
            f"{text(line.after)} off {name} in {situation.cluster(cluster)}, of which nothing expires tonight"
        )
    elif promoted:
        found = f"{text(line.after)} off {name}, which is on a planned promotion"
    else:
        found = f"{text(line.after)} off {name} is deeper than {text(DEEPEST)}"
    allowed = line.before if expiring <= 0.0 or promoted else DEEPEST
    conflict = Conflict(
        id=f"{proposal.id}/rail-{product}-{cluster}",
        kind=ConflictKind.GUARD_RAIL,
        product=product,
        cluster=cluster,
        agents=(proposal.agent, "guard_rail"),
        proposals=(proposal.id,),
        found=found,
        rule="a sticker is put on what expires tonight, on no planned promotion, and takes off no more than the deepest",
        resolution=f"{text(allowed)} off instead of {text(line.after)}",
        figures={"proposed": line.after, "deepest": DEEPEST, "expiring_units": plain(expiring)},
    )
    return amended(line, allowed, conflict), conflict
