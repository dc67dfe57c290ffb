"""The agents and their orchestrator as a policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.forecast import Forecaster, ForecastTuning
from autoops.agents.inventory import InventoryAgent, InventoryTuning
from autoops.agents.memory import Memory
from autoops.agents.orchestrator import Orchestrator
from autoops.agents.pricing import PricingAgent, PricingTuning
from autoops.agents.promotion import PromotionAgent, PromotionTuning
from autoops.simulation.policies.policy import Actions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.agent import Agent
    from autoops.agents.calibration import Calibration
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView
    from autoops.agents.tracing import Tracing


@dataclass(frozen=True, slots=True)
class AgentsTuning:
    """The constants of all agents."""

    forecast: ForecastTuning = field(default_factory=ForecastTuning)
    inventory: InventoryTuning = field(default_factory=InventoryTuning)
    pricing: PricingTuning = field(default_factory=PricingTuning)
    promotion: PromotionTuning = field(default_factory=PromotionTuning)


class AgentsPolicy:
    """Inventory, pricing and promotion propose, and whoever is there `also`; the orchestrator commits."""

    name = "agents"

    def __init__(
        self,
        shop: Shop,
        history: SalesHistory,
        tracing: Tracing,
        *,
        tuning: AgentsTuning | None = None,
        session_id: str | None = None,
        tags: Sequence[str] = (),
        also: Sequence[Agent] = (),
        remembers: bool = True,
    ) -> None:
        tuning = tuning or AgentsTuning()
        self._clusters = len(shop.clusters)
        self.memory = Memory(tracing) if remembers else None
        self.orchestrator = Orchestrator(
            shop,
            Forecaster(shop, history, tuning.forecast),
            (
                InventoryAgent(tuning.inventory),
                PricingAgent(shop, history, tuning.pricing),
                PromotionAgent(tuning.promotion),
                *also,
            ),
            tracing,
            session_id=session_id,
            tags=tags,
            memory=self.memory,
        )

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Return what the orchestrator has committed for today."""
        committed = self.orchestrator.morning(view, events)
        return Actions(
            orders=committed.orders,
            price=np.repeat(committed.price[0][:, None], self._clusters, axis=1),
            display=committed.display[0],
            markdown=committed.markdown,
        )

    def close(self) -> tuple[Calibration, ...]:
        """End the run: return what each agent's words were worth, nothing without a memory."""
        return () if self.memory is None else self.memory.close()

    def learn(self, observation: Observation) -> None:
        """Pass the evening on."""
        self.orchestrator.evening(observation)
