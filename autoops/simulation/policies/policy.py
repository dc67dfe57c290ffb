"""What a policy is: it sees the shop in the morning, acts, and learns in the evening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Actions:
    """What a policy does today; every array is (products, clusters)."""

    orders: FloatArray
    """Whole units to order."""
    price: FloatArray
    """Shelf price, dollars."""
    display: FloatArray
    """Displayed share of a cluster's stores."""
    markdown: FloatArray
    """Share taken off what expires tonight."""


class Policy(Protocol):
    """One instance runs one seed."""

    name: str

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Return what to do today."""
        ...

    def learn(self, observation: Observation) -> None:
        """Take in what the day showed."""
        ...
