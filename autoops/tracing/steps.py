"""Agents' operations: names checked and joined once, and whether the settings let them be traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from autoops.variables import selected

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig

MOST_STEPS: Final = 10_000
"""Steps that are remembered: data used as names must not fill the memory."""

LONGEST: Final = 200
"""Characters of a step's name up to which it is remembered; a longer one is judged each time."""


class Step(NamedTuple):
    """An agent's operation."""

    agent: str
    operation: str
    name: str
    """Of its spans."""
    is_traced: bool
    """Whether the settings let it be traced."""


class Steps:
    """The steps met so far under one configuration.

    Args:
        config: Whose agents and operations are traced.
    """

    def __init__(self, config: LangfuseConfig) -> None:
        self._config = config
        self._met: dict[tuple[object, object], Step] = {}

    def known(self, agent: object, operation: object) -> Step | None:
        """What ``meet`` said of the very same names; None if it was not asked, or they are none."""
        try:
            return self._met.get((agent, operation))
        except Exception:  # not hashable, or a class of theirs that cannot be compared
            return None

    def meet(self, agent: str, operation: str) -> Step:
        """An agent's operation, by names that were checked."""
        config = self._config
        is_traced = selected(agent, config.traced_agents) and selected(operation, config.traced_operations)
        step = Step(agent, operation, f"{agent}.{operation}", is_traced)
        if len(self._met) < MOST_STEPS and len(step.name) <= LONGEST:
            self._met[agent, operation] = step
        return step
