"""What an agent is, and the situation it is asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from autoops.agents.mandate import Priorities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoops.agents.book import Commitments
    from autoops.agents.forecast import Forecast
    from autoops.agents.messages import Event, EventType, Proposal
    from autoops.agents.shop import Observation, Shop, ShopView


@dataclass(frozen=True, slots=True)
class Situation:
    """All that an agent may know when it is asked."""

    shop: Shop
    view: ShopView
    committed: Commitments
    forecast: Forecast
    priorities: Priorities = field(default_factory=Priorities)
    """How the retailer weighs service, margin and waste."""

    def product(self, index: int) -> str:
        """Return a product's name."""
        return self.shop.products[index].name

    def cluster(self, index: int) -> str:
        """Return a cluster's name."""
        return self.shop.clusters[index].name


class Agent(Protocol):
    """Anything with a name, the operations it answers events with, and `propose`.

    It may have `after`, names of agents whose decisions on the same event are to be committed before it is asked.
    """

    @property
    def name(self) -> str:
        """Return who it is, as it stands in the record."""
        ...

    @property
    def operations(self) -> Mapping[EventType, str]:
        """Return the events it answers and what it calls that: the second half of its span's name."""
        ...

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Return what it wants done; nothing is done until the orchestrator commits it."""
        ...

    def learn(self, observation: Observation) -> None:
        """Take in what the shop could see of the day; an agent that does not learn does nothing."""
        ...
