"""Policies of agents but for a part: each lacks what it says and nothing else, inside everybody's limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.agents.messages import Action, ConflictKind, EventType
from autoops.agents.tracing import NoTracing
from autoops.retail.pricing import price_rails
from autoops.simulation.days import Evening, Run, run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.registry import POLICIES, play
from autoops.simulation.policies.rolling_calendar import RollingCalendarPolicy
from autoops.simulation.rails import index_tolerance, index_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.agent import Situation
    from autoops.agents.book import Commitments
    from autoops.agents.messages import Event, Proposal
    from autoops.agents.shop import Observation, ShopView
    from autoops.simulation.policies.policy import Actions

DOCS = Path(__file__).parents[3] / "docs" / "simulation.md"


@dataclass
class Onlooker:
    """An agent that proposes nothing and keeps what it is shown."""

    name: str = "onlooker"
    operations: dict[EventType, str] = field(default_factory=lambda: dict.fromkeys(EventType, "look"))
    seen: list[tuple[EventType, ShopView, Commitments]] = field(default_factory=list)

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Look."""
        self.seen.append((event.type, situation.view, situation.committed))
        return []

    def learn(self, observation: Observation) -> None:
        """Learn nothing."""


class Beside:
    """A policy with its mornings, its actions, and what `rolling_calendar` would have done on the same days."""

    def __init__(self, crew: str, also: Sequence[Onlooker] = ()) -> None:
        world = small_world()
        self.name = crew
        self.policy = AgentsPolicy(world.shop, world.history, NoTracing(), crew=CREWS[crew], also=also)
        self._twin = RollingCalendarPolicy(world.shop, world.history)
        self.days: list[tuple[ShopView, list[Event], Actions, Actions]] = []

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Let both act; the policy's actions count."""
        self.days.append((view, list(events), self.policy.act(view, events), self._twin.act(view, events)))
        return self.days[-1][2]

    def learn(self, observation: Observation) -> None:
        """Let both learn."""
        self.policy.learn(observation)
        self._twin.learn(observation)


def _played(crew: str, days: int = 21, seed: int = 1, also: Sequence[Onlooker] = ()) -> tuple[Beside, Run]:
    """Return a policy after some days, and its run."""
    beside = Beside(crew, also)
    return beside, run_days(small_world(), beside, seed, days)


@pytest.mark.parametrize("name", POLICIES)
def test_the_worlds_limits_hold_for_every_policy(name: str) -> None:
    """In thirteen weeks: displays of each cluster and day as planned, index at most the plan's, no rail breached."""
    world, evenings = small_world(), list[Evening]()
    for seed in (1, 2):
        run = play(world, name, seed, 91, evenings.append)
        assert run.figures.guardrail_breaches == 0
    for evening in evenings:
        planned = world.calendar.display[evening.day // 7].sum(axis=0)
        assert evening.facts.display.sum(axis=0) == pytest.approx(planned, rel=0.01)
        allowed = index_tolerance(world.calendar.price[evening.day // 7], index_weights(world))
        assert evening.facts.price_index <= 1.0 + allowed


def test_independent_agents_see_the_plan_and_nothing_of_the_others() -> None:
    """Prices and displays were changed and goods ordered; who decides nothing sees the plan and no orders."""
    onlooker = Onlooker()
    beside, _ = _played("independent", also=[onlooker])

    assert any((actions.price[:, 0] != view.price[0]).any() for view, _, actions, _ in beside.days)
    assert any((actions.display != view.display[0]).any() for view, _, actions, _ in beside.days)
    for _, view, committed in onlooker.seen:
        assert (committed.price == view.price).all()
        assert (committed.display == view.display).all()
        assert not committed.orders.any()
        assert not committed.markdown.any()


def test_informed_agents_see_what_others_have_committed() -> None:
    """On ordinary days the prices of the last Monday and the morning's stickers and orders are seen."""
    onlooker = Onlooker()
    _played("independent_informed", also=[onlooker])

    assert any((committed.price[0] != view.price[0]).any() for _, view, committed in onlooker.seen)
    assert any((committed.display[0] != view.display[0]).any() for _, view, committed in onlooker.seen)
    assert any(committed.orders.any() for _, _, committed in onlooker.seen)
    assert any(committed.markdown.any() for _, _, committed in onlooker.seen)


@pytest.mark.parametrize("name", ["independent", "independent_informed", "reflex"])
def test_nobody_settles_conflicts_between_independent_agents(name: str) -> None:
    """The orchestrated agents had conflicts with each other to settle; these have none settled."""
    between = {ConflictKind.UNCOVERED_PROMOTION, ConflictKind.REORDER_AGAINST_MARKDOWN}
    orchestrated, _ = _played("agents")
    alone, _ = _played(name)

    assert {conflict.kind for conflict in orchestrated.policy.orchestrator.conflicts} & between
    assert not {conflict.kind for conflict in alone.policy.orchestrator.conflicts} & between


def test_independent_agents_do_what_the_orchestrated_do_before_they_meet() -> None:
    """On the run's first event the same agents want the same: what was in conflict with nobody is decided by both."""
    orchestrated, _ = _played("agents", days=1)
    alone, _ = _played("independent", days=1)
    decisions = orchestrated.policy.orchestrator.decisions
    first = [d.proposal for d in decisions if d.trigger == decisions[0].trigger and not d.conflict_ids]
    theirs = [decision.proposal for decision in alone.policy.orchestrator.decisions]

    assert first
    assert all(proposal in theirs for proposal in first)


def test_reflex_matches_competitors_and_differs_in_nothing_else() -> None:
    """Each cut is matched as far as the rails allow; up to the first cut, decisions are those of `independent`."""
    reflex, _ = _played("reflex", days=28)
    independent, _ = _played("independent", days=28)
    shop, matched, met = small_world().shop, 0, False
    for (view, events, actions, _), (_, _, others, _) in zip(reflex.days, independent.days, strict=True):
        cuts = [event for event in events if event.type is EventType.COMPETITOR_PRICE]
        low, _ = price_rails(view.price[0], shop.cost, shop.economics.price_rail)
        for event in cuts:
            assert event.product is not None
            target = max(event.facts["competitor_price"], float(low[event.product]))
            assert float(actions.price[event.product, 0]) <= target + 0.01
            matched += 1
        met = met or bool(cuts)
        if not met:
            assert (actions.orders == others.orders).all()
            assert (actions.price == others.price).all()
            assert (actions.display == others.display).all()

    assert matched > 0
    assert met


def test_without_the_inventory_agent_orders_are_those_of_rolling_calendar() -> None:
    """Day by day, from the same shelves; prices and displays are the agents'."""
    beside, _ = _played("no_inventory")

    assert all((actions.orders == usual.orders).all() for _, _, actions, usual in beside.days)
    assert any((actions.price[:, 0] != view.price[0]).any() for view, _, actions, _ in beside.days)
    assert any((actions.display != view.display[0]).any() for view, _, actions, _ in beside.days)


def test_without_the_pricing_agent_prices_are_the_plan() -> None:
    """Displays are moved all the same."""
    beside, run = _played("no_pricing")

    assert run.figures.price_index == pytest.approx(1.0)
    assert all((actions.price == view.price[0][:, None]).all() for view, _, actions, _ in beside.days)
    assert any((actions.display != view.display[0]).any() for view, _, actions, _ in beside.days)


def test_without_the_promotion_agent_displays_are_the_plan() -> None:
    """Stickers are those of `rolling_calendar`; prices are changed all the same."""
    beside, _ = _played("no_promotion")

    assert all((actions.display == view.display[0]).all() for view, _, actions, _ in beside.days)
    assert all((actions.markdown == usual.markdown).all() for _, _, actions, usual in beside.days)
    assert any((actions.price[:, 0] != view.price[0]).any() for view, _, actions, _ in beside.days)


def test_without_markdowns_nothing_is_stickered() -> None:
    """The agents would have stickered something; displays are moved all the same."""
    beside, _ = _played("no_markdown")
    whole, _ = _played("agents")

    assert any(actions.markdown.any() for _, _, actions, _ in whole.days)
    assert not any(actions.markdown.any() for _, _, actions, _ in beside.days)
    assert any((actions.display != view.display[0]).any() for view, _, actions, _ in beside.days)


def test_without_events_only_the_day_triggers_decisions() -> None:
    """There were other events; every decision was made for the day's own."""
    beside, _ = _played("no_events")
    kinds = Counter(event.type for _, events, _, _ in beside.days for event in events)

    assert len(kinds) > 3
    assert {d.trigger.partition("-")[0] for d in beside.policy.orchestrator.decisions} == {"day"}


def test_the_inventory_agent_alone_differs_from_rolling_calendar_in_orders() -> None:
    """Prices, displays and stickers are those of `rolling_calendar` on the same shelves; orders are not."""
    beside, _ = _played("inventory_only")

    for _, _, actions, usual in beside.days:
        assert (actions.price == usual.price).all()
        assert (actions.display == usual.display).all()
        assert (actions.markdown == usual.markdown).all()
    assert any((actions.orders != usual.orders).any() for _, _, actions, usual in beside.days)
    assert {d.proposal.action for d in beside.policy.orchestrator.decisions} == {Action.ORDER}


def test_every_policy_is_described() -> None:
    """Each has its line in the table of docs/simulation.md; a crew's line is its own description."""
    rows = dict(
        line.strip("| ").split("` | ", 1)
        for line in DOCS.read_text("utf-8").splitlines()
        if line.startswith("| `")
    )
    described = {name.strip("`"): meaning for name, meaning in rows.items()}

    assert set(POLICIES) <= set(described)
    for name in CREWS.keys() - {"agents"}:
        assert described[name] == CREWS[name].meaning
    assert np.isin(list(CREWS), POLICIES).all()
