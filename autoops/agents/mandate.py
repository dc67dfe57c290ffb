"""What the retailer tells the orchestrator: how much service, margin and waste weigh, and what it may not commit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from autoops.errors import SimulationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoops.agents.messages import Proposal

LEAST, MOST = 0.1, 10.0
"""Priorities outside this range no longer weigh, they rule."""

DECISIONS = {
    "inventory_agent": (
        *("routine_order", "low_stock_order", "demand_spike_order", "social_trend_order"),
        *("supply_delay_order", "expiry_near_order"),
    ),
    "pricing_agent": ("weekly_prices", "price_revision", "competitor_response"),
    "promotion_agent": ("display_plan", "display_day", "display_move", "last_day_markdown"),
}
"""The types of decision that each agent makes."""


@dataclass(frozen=True, slots=True)
class Priorities:
    """Factors on the costs that agents weigh against each other; at 1 each weighs what it costs."""

    service: float = 1.0
    """On the good will that a lost sale costs: more brings more stock and fewer empty shelves."""
    margin: float = 1.0
    """On what prices and displays gain, against the labels and the work of changing them."""
    waste: float = 1.0
    """On what a unit costs that expires or is left over: more brings less stock of it, and deeper stickers."""

    def __post_init__(self) -> None:
        """Refuse what is no weight."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and LEAST <= value <= MOST):
                raise SimulationError(
                    f"--priority: received {item.name}={value:g}; allowed: {LEAST:g} to {MOST:g}"
                )

    @classmethod
    def of(cls, settings: Iterable[str]) -> Priorities:
        """Return the priorities that settings such as `service=1.5` make, the rest at 1.

        Raises:
            SimulationError: A setting is none; it says what is allowed.
        """
        names, made = [item.name for item in fields(cls)], cls()
        for setting in settings:
            name, _, value = setting.partition("=")
            try:
                made = replace(made, **{name.strip(): float(value)})
            except (TypeError, ValueError):
                raise SimulationError(
                    f"--priority: received {setting}; allowed: {', '.join(names[:-1])} or {names[-1]} with a number from "
                    f"{LEAST:g} to {MOST:g}, such as service=1.5"
                ) from None
        return made


@dataclass(frozen=True, slots=True)
class Mandate:
    """How the retailer wants his shops run."""

    priorities: Priorities = field(default_factory=Priorities)
    propose: tuple[str, ...] = ()
    """Agents (`pricing_agent`) and types of their decisions (`pricing_agent.weekly_prices`) that are only proposed."""

    def check(self) -> None:
        """Raise a `SimulationError` that says what is allowed if something is to be proposed that nobody decides."""
        allowed = {*DECISIONS, *(f"{agent}.{kind}" for agent, kinds in DECISIONS.items() for kind in kinds)}
        for name in self.propose:
            if name not in allowed:
                agent = name.partition(".")[0]
                choices = [f"{agent}.{kind}" for kind in DECISIONS.get(agent, ())] or [*DECISIONS]
                raise SimulationError(f"--propose: received {name}; allowed: {', '.join(choices)}")

    def held(self, proposal: Proposal) -> str:
        """Return why a proposal is not committed, nothing if it is."""
        for name in (proposal.agent, f"{proposal.agent}.{proposal.type}"):
            if name in self.propose:
                return f"{name} is set to propose: somebody has to approve it"
        return ""

    def sentence(self) -> str:
        """Return what is not as usual, in one line; nothing if all is."""
        weighed = [
            f"{item.name} {getattr(self.priorities, item.name):g}"
            for item in fields(self.priorities)
            if getattr(self.priorities, item.name) != 1.0
        ]
        parts = [f"Priorities: {', '.join(weighed)}"] if weighed else []
        if self.propose:
            parts.append(f"Only proposed: {', '.join(self.propose)}")
        return ". ".join(parts)


USUAL = Mandate()
"""Each cost weighs what it is, and all that is decided is committed."""
