"""What rules are made of: what they take and return, and lines as a rule leaves them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from autoops.agents.messages import Conflict, Proposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.agents.agent import Situation
    from autoops.agents.messages import Action, Line

Settled: TypeAlias = tuple[list[Proposal], list[Conflict]]
"""Proposals as they may stand, and the conflicts that made them so."""

Rule: TypeAlias = "Callable[[list[Proposal], Situation], Settled]"
"""What settles one kind of conflict; it returns all proposals in their order, what may not be with lines withheld."""


def about(*actions: Action) -> Callable[[Rule], Rule]:
    """Make a rule that is asked about these actions only: most mornings' events propose one kind."""
    wanted = frozenset(actions)

    def made(rule: Rule) -> Rule:
        @functools.wraps(rule)
        def only(proposals: list[Proposal], situation: Situation) -> Settled:
            if wanted.isdisjoint(proposal.action for proposal in proposals):
                return proposals, []
            return rule(proposals, situation)

        return only

    return made


def each_line(
    proposals: list[Proposal],
    settle: Callable[[Proposal, Line], tuple[Line, Conflict | None]],
    actions: frozenset[Action],
) -> Settled:
    """Return the proposals with each line of these actions settled, and what was in conflict."""
    settled, conflicts = [], []
    for proposal in proposals:
        if proposal.action not in actions:
            settled.append(proposal)
            continue
        results = [settle(proposal, line) for line in proposal.lines]
        conflicts += [conflict for _, conflict in results if conflict is not None]
        lines = tuple(line for line, _ in results)
        same = all(now is before for now, before in zip(lines, proposal.lines, strict=True))
        settled.append(proposal if same else replace(proposal, lines=lines))
    return settled, conflicts


def is_withheld(line: Line) -> bool:
    """Return whether a conflict has left nothing of a line."""
    return line.conflict_id is not None and line.after == line.before


def withheld(line: Line, conflict: Conflict) -> Line:
    """Return a line that changes nothing."""
    return amended(line, line.before, conflict)


def amended(line: Line, after: float, conflict: Conflict) -> Line:
    """Return a line that a conflict has changed to `after`."""
    return replace(line, after=after, conflict_id=conflict.id, note=conflict.resolution)
