"""Last-day stickers: what expires tonight, marked down where that brings more than the full price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Gauge, Measured
from autoops.agents.figures import counted, money, plain, probability, text
from autoops.agents.messages import Action, Effect, Line, Proposal
from autoops.retail.distribution import Z80, demand_cdf, demand_quantile, demand_variance, expected_shortage
from autoops.retail.markdown import CLEARANCE_ELASTICITY, best_markdown, is_promoted

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event


def sticker(agent: str, event: Event, situation: Situation, product: int, cluster: int) -> Proposal | None:
    """Return a sticker on what expires tonight, None on a planned promotion or if it sells at full price as well."""
    expiring, planned = event.lines[product], situation.view.price[0]
    if is_promoted(planned, situation.shop.reference_price)[product]:
        return None
    expected = float(situation.forecast.daily[0, product, cluster])
    price = float(situation.committed.price[0, product])
    spared = max(situation.priorities.waste - 1.0, 0.0) * float(situation.shop.cost[product]) / price
    depth = float(best_markdown(np.array(expiring), np.array(expected), spared=spared))
    if depth == 0.0:
        return None
    wanted = expected * (1.0 - depth) ** CLEARANCE_ELASTICITY
    variance = demand_variance(np.array(wanted), situation.forecast.phi, situation.forecast.alpha)
    anyway, cleared = _sold(situation, expiring, expected), _sold(situation, expiring, wanted)
    sticker_price = price * (1.0 - depth)
    gain = sticker_price * cleared - price * anyway
    ends = [
        sticker_price * min(expiring, float(demand_quantile(np.array(wanted), variance, z))) - price * anyway
        for z in (-Z80, Z80)
    ]
    figures = {
        "expiring_units": plain(expiring),
        "expected_at_full_price": plain(anyway, 1),
        "expected_with_sticker": plain(cleared, 1),
        "price": plain(price),
        "sticker_price": plain(sticker_price),
        "gain": plain(gain),
    }
    gauge = Gauge(Measured.CLEARED, baseline=anyway / (1.0 - depth), worth=sticker_price)
    return Proposal(
        id=f"{event.id}/markdown-{product}",
        agent=agent,
        action=Action.MARKDOWN,
        type="last_day_markdown",
        lines=(Line(product, cluster, 0, depth, figures, gauge=gauge),),
        unit="share off the price",
        claim=Claim(
            f"what expires of {situation.product(product)} in {situation.cluster(cluster)} ({counted(expiring, 'unit')}) sells tonight",
            ClaimKind.ALL_SELL,
            (product,),
            cluster,
            event.day,
            event.day,
        ),
        confidence=probability(1.0 - float(demand_cdf(np.array(expiring - 0.5), np.array(wanted), variance))),
        effect=Effect.spanning(plain(gain), plain(ends[0]), plain(ends[1]), "dollars", 1),
        first_day=event.day,
        days=1,
        inputs={"cluster": situation.cluster(cluster), "expiring_units": plain(expiring)},
        reasoning=(
            f"Expiring tonight: {counted(expiring, 'unit')}, of which {text(figures['expected_at_full_price'])} would sell at "
            f"{money(price)}. At {money(figures['sticker_price'])}, {text(figures['expected_with_sticker'])} sell: "
            f"{money(abs(gain))} {'more' if gain >= 0.0 else 'less'}."
        ),
    )


def _sold(situation: Situation, units: float, mean: float) -> float:
    """Return how many of `units` a demand of this mean is expected to buy: fewer than the smaller of the two."""
    demand = np.array(mean)
    noise = demand_variance(demand, situation.forecast.phi, situation.forecast.alpha)
    return max(mean - float(expected_shortage(np.array(units), demand, noise)), 0.0)
