"""Who is in a policy of agents, and by what rules they work: `agents`, and what tells the worth of each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoops.agents.conflicts import ALONE, RULES
from autoops.agents.inventory import InventoryAgent
from autoops.agents.pricing import PricingAgent
from autoops.agents.promotion import PromotionAgent

if TYPE_CHECKING:
    from autoops.agents.settling import Rule

INVENTORY, PRICING, PROMOTION = InventoryAgent.name, PricingAgent.name, PromotionAgent.name


@dataclass(frozen=True, slots=True)
class Crew:
    """A policy of agents, in what it differs from the orchestrated one.

    What no agent of the crew decides, the shop does as `rolling_calendar` does: its orders, its stickers, the plan's
    prices and displays. Agents, objectives and constants are the same in all, and so are the limits of the world.
    """

    name: str
    meaning: str
    agents: tuple[str, ...] = (INVENTORY, PRICING, PROMOTION)
    rules: tuple[Rule, ...] = RULES
    """What settles conflicts; `ALONE` leaves the world's limits and each agent's own consistency."""
    apart: bool = False
    """Whether each agent knows its own commitments alone."""
    matches: bool = False
    """Whether the pricing agent matches competitors' cuts whatever it earns."""
    stickers: bool = True
    """Whether anything is marked down."""
    events: bool = True
    """Whether the agents hear of anything but that a day has started."""


CREWS = {
    crew.name: crew
    for crew in (
        Crew("agents", "three agents, one book, the orchestrator's rules"),
        Crew(
            "independent",
            "the same agents, each on the plan and its own commitments alone; nobody settles conflicts",
            rules=ALONE,
            apart=True,
        ),
        Crew(
            "independent_informed",
            "the same agents, each sees what the others have committed; nobody settles conflicts",
            rules=ALONE,
        ),
        Crew(
            "reflex",
            "`independent`, but that competitors' price cuts are matched as far as the rails allow",
            rules=ALONE,
            apart=True,
            matches=True,
        ),
        Crew(
            "no_inventory",
            "`agents` without the inventory agent: orders of `rolling_calendar`",
            agents=(PRICING, PROMOTION),
        ),
        Crew(
            "no_pricing",
            "`agents` without the pricing agent: prices as planned",
            agents=(INVENTORY, PROMOTION),
        ),
        Crew(
            "no_promotion",
            "`agents` without the promotion agent: displays as planned, stickers of `rolling_calendar`",
            agents=(INVENTORY, PRICING),
        ),
        Crew("no_markdown", "`agents` without last-day stickers", stickers=False),
        Crew(
            "no_events",
            "`agents` who hear of nothing but that a day has started; so nobody marks down what is about to expire",
            events=False,
        ),
        Crew(
            "inventory_only",
            "`rolling_calendar` with the orders of the inventory agent: prices and displays as planned, its stickers",
            agents=(INVENTORY,),
        ),
    )
}
"""Policies of agents by name."""
