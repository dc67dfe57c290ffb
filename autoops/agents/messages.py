"""What agents say to each other: events, proposals, conflicts and decisions. All frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from autoops.agents.claims import Claim
    from autoops.agents.effects import Gauge


class EventType(StrEnum):
    """What can happen; the value names the event's trace."""

    DAY_STARTED = "day_started"
    """A shop opens: the routine decisions are due."""
    DEMAND_SPIKE = "demand_spike"
    """More demand than usual is announced for one product in one cluster."""
    SOCIAL_TREND = "social_trend"
    """Talk on social media that may be followed by more demand for one product in one cluster, or by nothing."""
    SUPPLY_DELAY = "supply_delay"
    """A cluster's supplier will deliver later for some days."""
    LOW_STOCK = "low_stock"
    """A shelf sensor reads little stock for one product in one cluster."""
    COMPETITOR_PRICE = "competitor_price"
    """A competitor has cut its price of one product."""
    EXPIRY_NEAR = "expiry_near"
    """More units of some products expire tonight in one cluster than usually sell in a day."""


class Action(StrEnum):
    """What can be decided."""

    ORDER = "order"
    """Units to order from the supplier."""
    PRICE = "price"
    """Shelf price in all clusters, dollars."""
    DISPLAY = "display"
    """Displayed share of a cluster's stores."""
    MARKDOWN = "markdown"
    """Share taken off what expires tonight."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with what is known of it."""

    id: str
    type: EventType
    day: int
    date: date
    source: str
    product: int | None = None
    """Index of the product, None if it concerns several."""
    cluster: int | None = None
    """Index of the cluster, None if it concerns all."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Figures that came with it, such as `multiplier` or `competitor_price`."""
    lines: Mapping[int, float] = field(default_factory=dict)
    """Product index → units, where an event concerns several products."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a decision is expected to bring, against leaving things as they are."""

    mean: float
    low: float
    """Lower end of the 80 % interval."""
    high: float
    """Upper end of the 80 % interval."""
    unit: str
    horizon_days: int

    @classmethod
    def spanning(cls, mean: float, end: float, other_end: float, unit: str, horizon_days: int) -> Effect:
        """Return an effect whose interval runs between two ends given in either order, the mean inside."""
        ends = end, other_end, mean
        return cls(mean, min(ends), max(ends), unit, horizon_days)


@dataclass(frozen=True, slots=True)
class Line:
    """One product in one cluster (None: in all of them) that a proposal changes."""

    product: int
    cluster: int | None
    before: float
    after: float
    figures: Mapping[str, float]
    """The numbers it was decided by, rounded for the record."""
    counterpart: int | None = None
    """The product that gives its display slot, if one does."""
    conflict_id: str | None = None
    """The conflict that changed or dropped it, if any."""
    note: str = ""
    """What the orchestrator did to it, if anything."""
    gauge: Gauge | None = None
    """How to read off afterwards what it brought; None if a shop cannot see that."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one agent wants done; an event-driven one has one line, a routine one a table of them."""

    id: str
    agent: str
    action: Action
    type: str
    """What kind of decision it would be, such as `routine_order` or `price_response`."""
    lines: tuple[Line, ...]
    unit: str
    claim: Claim | str
    """One statement about days to come; a plain sentence is shown and never judged."""
    confidence: float
    """The claim's probability, as the agent's own model gives it."""
    effect: Effect
    first_day: int
    """Day on which it takes effect."""
    days: int
    """Days for which it holds; 0 until it is decided anew."""
    inputs: Mapping[str, object]
    reasoning: str
    """Made from numbers that stand in the inputs or the lines."""
    gauge: Gauge | None = None
    """How to read off what it brought, where the effect is not the sum of its lines'."""


class ConflictKind(StrEnum):
    """What two proposals, or a proposal and the shop, can disagree about. Each has its rule."""

    UNCOVERED_PROMOTION = "uncovered_promotion"
    """A display or a price cut on stock that cannot cover the demand it makes."""
    REORDER_AGAINST_MARKDOWN = "reorder_against_markdown"
    """More is ordered of what is being sold off."""
    GUARD_RAIL = "guard_rail"
    """A price under cost or outside its rail around the plan, or a sticker too deep or where none may be."""
    SAME_THING = "same_thing"
    """Two proposals for one product's same dial on one day."""
    DISPLAY_SLOTS = "display_slots"
    """More on display in a cluster than the plan has slots for."""
    PRICE_INDEX = "price_index"
    """Prices that together stand over plan."""
    RECEIVING_CAPACITY = "receiving_capacity"
    """More orders than a cluster can receive."""
    REFUSED = "refused"
    """A proposal that makes no sense: no shop could do it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A disagreement, the rule that settled it, and what came of it."""

    id: str
    kind: ConflictKind
    product: int | None
    """None if it concerns several."""
    cluster: int | None
    agents: tuple[str, ...]
    proposals: tuple[str, ...]
    found: str
    """What was wrong, in numbers."""
    rule: str
    resolution: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Decision:
    """A proposal as committed, its lines are what is done; or as proposed, if it is `held`."""

    proposal: Proposal
    lines: tuple[Line, ...]
    trigger: str
    """Id of the event that asked for it."""
    date: date
    """Simulated."""
    confidence: float
    """The claim's probability, corrected by what became of the agent's earlier decisions of this kind."""
    conflict_ids: tuple[str, ...] = ()
    held: str = ""
    """Why it was only proposed; empty if it was committed."""

    @property
    def agent(self) -> str:
        """Return who proposed it."""
        return self.proposal.agent

    @property
    def type(self) -> str:
        """Return what kind of decision it is."""
        return self.proposal.type

    @property
    def product(self) -> int | None:
        """Return the product it is about, None if several."""
        products = {line.product for line in self.lines}
        return products.pop() if len(products) == 1 else None

    @property
    def cluster(self) -> int | None:
        """Return the cluster it is about, None if several or all."""
        clusters = {line.cluster for line in self.lines}
        return clusters.pop() if len(clusters) == 1 else None

    @property
    def before(self) -> float | None:
        """Return what stood before, None if it has several lines."""
        return self.lines[0].before if len(self.lines) == 1 else None

    @property
    def after(self) -> float | None:
        """Return what stands now, None if it has several lines."""
        return self.lines[0].after if len(self.lines) == 1 else None

    @property
    def unit(self) -> str:
        """Return the unit of before and after."""
        return self.proposal.unit

    @property
    def claim(self) -> Claim | str:
        """Return the statement that `confidence` is the probability of."""
        return self.proposal.claim

    @property
    def model_confidence(self) -> float:
        """Return the claim's probability as the agent's own model gives it."""
        return self.proposal.confidence

    @property
    def effect(self) -> Effect:
        """Return what it is expected to bring."""
        return self.proposal.effect

    @property
    def reasoning(self) -> str:
        """Return why, in numbers of its inputs and outputs."""
        return self.proposal.reasoning

    @property
    def conflict_id(self) -> str | None:
        """Return the conflict that changed it, the first of several; None if none did."""
        return self.conflict_ids[0] if self.conflict_ids else None

    @property
    def is_withheld(self) -> bool:
        """Return whether the orchestrator let nothing of it happen."""
        return bool(self.held) or all(
            line.conflict_id is not None and line.after == line.before for line in self.lines
        )
