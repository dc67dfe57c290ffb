"""The pricing agent with a reflex, for comparison: a competitor's price is matched whatever that earns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoops.agents.figures import money, plain
from autoops.agents.messages import Effect
from autoops.agents.pricing import PricingAgent

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event, Proposal


class ReflexPricingAgent(PricingAgent):
    """Answers each cut with the competitor's price, which the guard rails bring inside; else the pricing agent."""

    def _answer(self, event: Event, situation: Situation, product: int) -> Proposal:
        """Return the competitor's price, the one in force if that is lower already."""
        standing = float(self._standing(situation)[product])
        weighed = super()._answer(event, situation, product)
        (line,) = weighed.lines
        theirs = plain(event.facts["competitor_price"])
        self._answers[product] = situation.view.day + weighed.effect.horizon_days, standing
        gain = line.figures["gain_of_matching"]
        return replace(
            weighed,
            lines=(replace(line, after=min(theirs, line.before)),),
            effect=Effect(gain, gain, gain, "dollars", weighed.effect.horizon_days),
            reasoning=f"A competitor asks {money(theirs)}: matched by reflex.",
        )
