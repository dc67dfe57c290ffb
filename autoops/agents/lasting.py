"""How sure it is that what is ordered lasts, for one product and for a table of them, also after a trim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.figures import probability
from autoops.agents.messages import Action
from autoops.retail.distribution import normal_cdf
from autoops.retail.replenishment import left_probability

if TYPE_CHECKING:
    from autoops.agents.messages import Line, Proposal
    from autoops.retail.arrays import FloatArray

COMMON_LUCK = 0.15
"""Standard deviation of the share of a table's products that last, beyond chance: they wait for one delivery.

As seen on weeks 27-39; for confidences only.
"""

LASTS = "lasts_with_probability"
"""The figure of an order's line."""


def spread(lasting: FloatArray) -> float:
    """Return the standard deviation of how many products last, of their probabilities."""
    return float(np.sqrt((lasting * (1.0 - lasting)).sum() + (COMMON_LUCK * len(lasting)) ** 2))


def at_least(lasting: FloatArray, least: float) -> float:
    """Return the probability that at least `least` products last, of their probabilities; normal."""
    expected = float(lasting.sum())
    return float(normal_cdf(np.array((expected - least + 0.5) / max(spread(lasting), 0.1))))


def less_sure(proposal: Proposal) -> Proposal:
    """Return an order of which a rule has trimmed lines with the probabilities that fewer units last."""
    if proposal.action is not Action.ORDER or all(line.conflict_id is None for line in proposal.lines):
        return proposal
    if any(not _needed(line) <= line.figures.keys() for line in proposal.lines):
        return proposal
    lines = tuple(line if line.conflict_id is None else _lasting(line, proposal) for line in proposal.lines)
    lasting = np.array([line.figures[LASTS] for line in lines])
    claim = proposal.claim
    if len(lines) == 1:
        return replace(proposal, lines=lines, confidence=float(lasting[0]))
    if not isinstance(claim, Claim) or claim.kind is not ClaimKind.NOT_SOLD_OUT:
        return replace(proposal, lines=lines)
    return replace(proposal, lines=lines, confidence=probability(at_least(lasting, claim.amount)))


def _needed(line: Line) -> set[str]:
    """Return the figures by which a line's probability is known, or is made anew once it is trimmed."""
    return {LASTS} if line.conflict_id is None else {"position", "expected_demand", "deviation"}


def _lasting(line: Line, proposal: Proposal) -> Line:
    """Return a line with the probability that what is left of its order lasts."""
    figures = line.figures
    sure = left_probability(
        np.array(figures["position"]),
        np.array(line.after - line.before),
        np.array(figures["expected_demand"]),
        np.array(figures["deviation"] ** 2),
        proposal.effect.horizon_days - 1.0,
    )
    return replace(line, figures={**figures, LASTS: probability(float(sure))})
