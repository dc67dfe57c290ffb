"""Last-day stickers: what expires tonight, marked down where that brings more than the full price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Gauge, Measured
from autoops.agents.figures import money, plain, probability, text
from autoops.agents.messages import Action, Effect, Line, Proposal
from autoops.retail.distribution import Z80, demand_cdf, demand_quantile, demand_variance
from autoops.retail.markdown import CLEARANCE_ELASTICITY, best_markdown, is_promoted, units_cleared

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event


def sticker(agent: str, event: Event, situation: Situation, product: int, cluster: int) -> Proposal | None:
    """Return a sticker on what expires tonight, None on a planned promotion or if it sells at full price as well."""
    expiring, planned = event.lines[product], situation.view.price[0]
    if is_promoted(planned, situation.shop.reference_price)[product]:
        return None
    expected = float(situation.forecast.daily[0, product, cluster])
    depth = float(best_markdown(np.array(expiring), np.array(expected)))
    if depth == 0.0:
        return None
    price = float(situation.committed.price[0, product])
    wanted = expected * (1.0 - depth) ** CLEARANCE_ELASTICITY
    variance = demand_variance(np.array(wanted), situation.forecast.phi, situation.forecast.alpha)
    gains = []
    for z in (None, -Z80, Z80):
        scale = (
            1.0 if z is None else float(demand_quantile(np.array(wanted), variance, z)) / max(wanted, 1e-6)
        )
        demand, off = np.array(expected * scale), np.array(depth)
        cleared = float(units_cleared(np.array(expiring), demand, off, CLEARANCE_ELASTICITY))
        gains.append(plain(price * (cleared * (1.0 - depth) - min(expiring, expected * scale))))
    figures = {
        "expiring_units": plain(expiring),
        "expected_at_full_price": plain(expected, 1),
        "expected_with_sticker": plain(min(wanted, expiring), 1),
        "price": plain(price),
        "sticker_price": plain(price * (1.0 - depth)),
        "gain": gains[0],
    }
    gauge = Gauge(
        Measured.CLEARED,
        baseline=min(expiring, expected) / (1.0 - depth),
        worth=price * (1.0 - depth),
    )
    return Proposal(
        id=f"{event.id}/markdown-{product}",
        agent=agent,
        action=Action.MARKDOWN,
        type="last_day_markdown",
        lines=(Line(product, cluster, 0, depth, figures, gauge=gauge),),
        unit="share off the price",
        claim=Claim(
            f"all {text(expiring)} units of {situation.product(product)} in {situation.cluster(cluster)} sell tonight",
            ClaimKind.ALL_SELL,
            (product,),
            cluster,
            event.day,
            event.day,
        ),
        confidence=probability(1.0 - float(demand_cdf(np.array(expiring), np.array(wanted), variance))),
        effect=Effect.spanning(gains[0], gains[1], gains[2], "dollars", 1),
        first_day=event.day,
        days=1,
        inputs={"cluster": situation.cluster(cluster), "expiring_units": plain(expiring)},
        reasoning=(
            f"{text(expiring)} units expire tonight and {text(figures['expected_at_full_price'])} would sell at "
            f"{money(price)}. At {money(figures['sticker_price'])}, {text(figures['expected_with_sticker'])} sell: "
            f"{money(gains[0])} more."
        ),
    )
