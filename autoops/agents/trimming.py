"""What an order says once rules have trimmed it: what was proposed, what is left of it and of its effect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoops.agents.figures import counted, plain, text
from autoops.agents.messages import Action

if TYPE_CHECKING:
    from autoops.agents.messages import Line, Proposal

PROPOSED = "proposed"
"""The figure of a trimmed line: the day's units that its agent wanted."""


def as_trimmed(asked: Proposal, settled: Proposal) -> Proposal:
    """Return what rules have left of an order, with figures, effect and reasoning that fit it; others as they are.

    The effect is scaled by the share of the units that are ordered after all, as if each brought the same.

    Args:
        asked: As its agent has proposed it.
        settled: The same as the rules have left it.
    """
    pairs = list(zip(asked.lines, settled.lines, strict=True))
    if settled.action is not Action.ORDER or all(now.after == said.after for said, now in pairs):
        return settled
    wanted = plain(sum(line.after - line.before for line in asked.lines))
    kept = plain(sum(line.after - line.before for line in settled.lines))
    share = kept / wanted if wanted > 0.0 else 1.0
    effect = settled.effect
    mean, low, high = (plain(share * dollars) for dollars in (effect.mean, effect.low, effect.high))
    return replace(
        settled,
        lines=tuple(_line(said, now) for said, now in pairs),
        effect=replace(effect, mean=mean, low=low, high=high),
        inputs={**settled.inputs, "units_proposed": wanted, "units_ordered": kept},
        reasoning=f"{settled.reasoning} Of {counted(wanted, 'unit')} proposed, {text(kept)} are ordered.".strip(),
    )


def _line(said: Line, now: Line) -> Line:
    """Return a line with what was proposed, if that is another number."""
    if now.after == said.after:
        return now
    return replace(now, figures={**now.figures, PROPOSED: said.after})
