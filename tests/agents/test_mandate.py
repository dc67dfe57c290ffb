"""What the retailer tells the orchestrator does something, and what makes no sense is refused in one line."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from worlds import small_world

from autoops.agents.mandate import DECISIONS, USUAL, Mandate, Priorities
from autoops.agents.messages import Action, Decision
from autoops.agents.record import decision_record, outcome_record
from autoops.agents.tracing import NoTracing
from autoops.errors import SimulationError
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.registry import play
from autoops.simulation.report import Estimate, estimate

if TYPE_CHECKING:
    from autoops.simulation.ledger import RunFigures

SEEDS = tuple(range(1, 11))
"""On the same random numbers with and without a priority."""


@functools.cache
def _figures(seed: int, priorities: Priorities) -> RunFigures:
    """Return what four weeks of the agents come to."""
    return play(small_world(), "agents", seed, 28, mandate=Mandate(priorities)).figures


def _change(figure: str, priorities: Priorities) -> Estimate:
    """Return what priorities change in a figure, seed by seed."""
    return estimate(
        [
            getattr(_figures(seed, priorities), figure) - getattr(_figures(seed, Priorities()), figure)
            for seed in SEEDS
        ]
    )


def test_a_higher_priority_of_waste_lowers_waste() -> None:
    """In the same weeks, at twice the weight, less is wasted: the 95 % interval excludes none."""
    change = _change("waste_rate", Priorities(waste=2.0))

    assert change.ci95 is not None
    assert change.ci95[1] < 0.0


def test_a_higher_priority_of_service_raises_fill() -> None:
    """In the same weeks, at half as much again, more of what is wanted is there: the interval excludes none."""
    change = _change("fill_rate", Priorities(service=1.5))

    assert change.ci95 is not None
    assert change.ci95[0] > 0.0


def test_a_higher_priority_of_margin_changes_more_prices() -> None:
    """A smaller gain is worth a label: the interval excludes none."""
    change = _change("price_changes", Priorities(margin=2.0))

    assert change.ci95 is not None
    assert change.ci95[0] > 0.0


def test_priorities_are_read_from_settings() -> None:
    """Those that are not named stay at 1; the last word on one counts."""
    assert Priorities.of([]) == Priorities()
    assert Priorities.of(["service=1.5", "waste=2", "waste = .5"]) == Priorities(service=1.5, waste=0.5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "speed=2",
            "--priority: received speed=2; allowed: service, margin or waste with a number from 0.1 to 10",
        ),
        (
            "service",
            "--priority: received service; allowed: service, margin or waste with a number from 0.1 to 10",
        ),
        (
            "service=much",
            "--priority: received service=much; allowed: service, margin or waste with a number",
        ),
        ("waste=0", "--priority: received waste=0; allowed: 0.1 to 10"),
        ("margin=inf", "--priority: received margin=inf; allowed: 0.1 to 10"),
    ],
)
def test_what_is_no_priority_is_refused(setting: str, message: str) -> None:
    """One line says what was received and what is allowed."""
    with pytest.raises(SimulationError) as caught:
        Priorities.of([setting])

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "price_agent",
            "--propose: received price_agent; allowed: inventory_agent, pricing_agent, promotion_agent",
        ),
        (
            "pricing_agent.prices",
            (
                "--propose: received pricing_agent.prices; allowed: pricing_agent.weekly_prices, "
                "pricing_agent.price_revision, pricing_agent.competitor_response"
            ),
        ),
    ],
)
def test_what_nobody_decides_cannot_be_only_proposed(name: str, message: str) -> None:
    """The line names the agents, or the decisions of the agent that was named."""
    with pytest.raises(SimulationError) as caught:
        Mandate(propose=(name,)).check()

    assert str(caught.value) == message


def _played(mandate: Mandate) -> tuple[list[Decision], list[Evening]]:
    """Return the decisions and evenings of three weeks."""
    world, evenings = small_world(), list[Evening]()
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), mandate=mandate)
    run_days(world, policy, 1, 21, evenings.append)
    return policy.orchestrator.decisions, evenings


def test_an_agent_that_only_proposes_changes_nothing() -> None:
    """Prices stay the plan; its decisions are on record, not committed, with the reason; the others' are committed."""
    decisions, evenings = _played(Mandate(propose=("pricing_agent",)))
    prices = [decision for decision in decisions if decision.agent == "pricing_agent"]
    records = [decision_record(decision, small_world().shop) for decision in prices]

    assert all(evening.figures.price_index == pytest.approx(1.0) for evening in evenings)
    assert len(prices) > 3
    for record in records:
        outputs = record["outputs"]
        assert isinstance(outputs, dict)
        assert outputs["committed"] is False
        assert outputs["held"] == "pricing_agent is set to propose: somebody has to approve it"
    assert not any(decision.held for decision in decisions if decision.agent != "pricing_agent")
    assert outcome_record(prices, [])["only_proposed"] == len(prices)
    assert outcome_record(prices, [])["decisions"] == 0


def test_a_type_of_decision_can_be_only_proposed() -> None:
    """Stickers wait for somebody; the promotion agent's displays are moved all the same."""
    decisions, evenings = _played(Mandate(propose=("promotion_agent.last_day_markdown",)))
    stickers = [decision for decision in decisions if decision.proposal.action is Action.MARKDOWN]
    planned = small_world().calendar.display

    assert stickers
    assert all(decision.held for decision in stickers)
    assert not any(decision.held for decision in decisions if decision not in stickers)
    assert not any(evening.facts.markdown.any() for evening in evenings)
    assert any((evening.facts.display != planned[evening.day // 7]).any() for evening in evenings)


def test_what_is_only_proposed_is_in_nobodys_way() -> None:
    """No conflict is about a sticker that is not going to happen, and no order is trimmed for it."""
    decisions, _ = _played(Mandate(propose=("promotion_agent.last_day_markdown",)))

    assert not any("/markdown-" in id_ for decision in decisions for id_ in decision.conflict_ids)
    assert any("/markdown-" in id_ for decision in _played(USUAL)[0] for id_ in decision.conflict_ids)


def test_every_type_of_decision_can_be_named() -> None:
    """What the agents decide in three weeks stands in the table of what can be only proposed."""
    made = {(decision.agent, decision.type) for decision in _played(USUAL)[0]}

    assert {agent for agent, _ in made} == set(DECISIONS)
    assert {(agent, kind) for agent, kind in made if kind not in DECISIONS[agent]} == set()
