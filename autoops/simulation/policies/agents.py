"""The agents and their orchestrator as a policy, in any of the crews that tell what a part is worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.forecast import Forecaster, ForecastTuning
from autoops.agents.inventory import InventoryAgent, InventoryTuning
from autoops.agents.mandate import USUAL, Mandate
from autoops.agents.memory import Memory
from autoops.agents.messages import Action, EventType
from autoops.agents.orchestrator import Orchestrator
from autoops.agents.pricing import PricingAgent, PricingTuning
from autoops.agents.promotion import PromotionAgent, PromotionTuning
from autoops.simulation.policies.crews import CREWS, INVENTORY, PRICING, PROMOTION, Crew
from autoops.simulation.policies.policy import Actions
from autoops.simulation.policies.reflex import ReflexPricingAgent
from autoops.simulation.policies.rolling_calendar import RollingCalendarPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoops.agents.agent import Agent, Situation
    from autoops.agents.calibration import Calibration
    from autoops.agents.messages import Event, Proposal
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
    """A crew proposes, and whoever is there `also`; the orchestrator commits; nobody's part is done as ever."""

    def __init__(
        self,
        shop: Shop,
        history: SalesHistory,
        tracing: Tracing,
        *,
        crew: Crew = CREWS["agents"],
        mandate: Mandate = USUAL,
        tuning: AgentsTuning | None = None,
        session_id: str | None = None,
        tags: Sequence[str] = (),
        also: Sequence[Agent] = (),
        remembers: bool = True,
    ) -> None:
        tuning = tuning or AgentsTuning()
        self.name, self._crew = crew.name, crew
        self._clusters = len(shop.clusters)
        self.memory = Memory(tracing) if remembers else None
        self.orchestrator = Orchestrator(
            shop,
            Forecaster(shop, history, tuning.forecast),
            (*_agents(crew, shop, history, tuning), *also),
            tracing,
            rules=crew.rules,
            apart=crew.apart,
            mandate=mandate,
            session_id=session_id,
            tags=tags,
            memory=self.memory,
        )
        whole = {INVENTORY, PROMOTION} <= set(crew.agents)
        self._as_ever = None if whole else RollingCalendarPolicy(shop, history)
        """Does what no agent of the crew does."""

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Return what the orchestrator has committed for today."""
        heard = [event for event in events if self._crew.events or event.type is EventType.DAY_STARTED]
        committed = self.orchestrator.morning(view, heard)
        actions = Actions(
            orders=committed.orders,
            price=np.repeat(committed.price[0][:, None], self._clusters, axis=1),
            display=committed.display[0],
            markdown=committed.markdown,
        )
        if self._as_ever is None:
            return actions
        usual = self._as_ever.act(view, events)
        if INVENTORY not in self._crew.agents:
            actions = replace(actions, orders=actions.orders + usual.orders)
        if PROMOTION not in self._crew.agents:
            actions = replace(actions, markdown=np.maximum(actions.markdown, usual.markdown))
        return actions

    def close(self) -> tuple[Calibration, ...]:
        """End the run: return what each agent's words were worth, nothing without a memory."""
        return () if self.memory is None else self.memory.close()

    def learn(self, observation: Observation) -> None:
        """Pass the evening on."""
        self.orchestrator.evening(observation)
        if self._as_ever is not None:
            self._as_ever.learn(observation)


class Without:
    """An agent that does everything but one kind of action."""

    def __init__(self, agent: Agent, action: Action) -> None:
        self._agent, self._action = agent, action

    @property
    def name(self) -> str:
        """Return whose name it bears."""
        return self._agent.name

    @property
    def operations(self) -> Mapping[EventType, str]:
        """Return what the agent answers."""
        return self._agent.operations

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return what the agent wants done but for that action."""
        found = self._agent.propose(event, situation)
        return [proposal for proposal in found if proposal.action is not self._action]

    def learn(self, observation: Observation) -> None:
        """Let the agent learn."""
        self._agent.learn(observation)


def _agents(crew: Crew, shop: Shop, history: SalesHistory, tuning: AgentsTuning) -> list[Agent]:
    """Return fresh agents of a crew, in the order in which they are asked."""
    pricing = ReflexPricingAgent if crew.matches else PricingAgent
    promotion: Agent = PromotionAgent(tuning.promotion)
    everybody: dict[str, Agent] = {
        INVENTORY: InventoryAgent(tuning.inventory),
        PRICING: pricing(shop, history, tuning.pricing),
        PROMOTION: promotion if crew.stickers else Without(promotion, Action.MARKDOWN),
    }
    return [everybody[name] for name in crew.agents]
