"""Agents in the world: every kind of event is answered, conflicts are resolved, reasons are made of their numbers."""

from __future__ import annotations

import functools
import re
from collections import Counter

from worlds import small_world

from autoops.agents.messages import Action, ConflictKind, Decision, EventType
from autoops.agents.record import decision_record
from autoops.agents.tracing import NoTracing
from autoops.simulation.days import run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.static import StaticPolicy

SEEDS = (1, 2, 3)


@functools.cache
def _decided(seed: int = 1) -> AgentsPolicy:
    """Return agents after four weeks."""
    world = small_world()
    policy = AgentsPolicy(world.shop, world.history, NoTracing())
    run_days(world, policy, seed, 28)
    return policy


def test_every_kind_of_event_leads_to_decisions() -> None:
    """Spikes, low stock, competitors, expiry and the day itself: each is answered."""
    decisions = [decision for seed in SEEDS for decision in _decided(seed).orchestrator.decisions]
    prefixes = Counter(decision.trigger.partition("-")[0] for decision in decisions)

    assert set(prefixes) == {"spike", "trend", "delay", "low", "competitor", "expiry", "day"}
    assert len(EventType) == len(prefixes)


def test_conflicts_are_found_and_resolved_by_rule() -> None:
    """In a few months at least two kinds of conflict arise, each with a rule and a resolution on record."""
    conflicts = [conflict for seed in SEEDS for conflict in _decided(seed).orchestrator.conflicts]
    kinds = {conflict.kind for conflict in conflicts}

    assert {ConflictKind.REORDER_AGAINST_MARKDOWN, ConflictKind.UNCOVERED_PROMOTION} <= kinds
    assert all(conflict.rule and conflict.resolution and conflict.found for conflict in conflicts)
    named = {id_ for seed in SEEDS for d in _decided(seed).orchestrator.decisions for id_ in d.conflict_ids}
    assert named == {conflict.id for conflict in conflicts}


def _numbers(text: str) -> set[float]:
    """Return the numbers of a sentence, without those of product names, clusters and dates."""
    text = re.sub(r"\(\d+\)|cluster \d+|\d+ (?:June|July|August|September|October)", "", text)
    for product in small_world().shop.products:
        text = text.replace(product.name.rpartition(" (")[0], "")
    return {float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


def _standing(value: object) -> set[float]:
    """Return every number that stands in inputs and outputs, without its sign."""
    if isinstance(value, dict):
        return set().union(*(_standing(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_standing(each) for each in value)) | {float(len(value))}
    return {abs(float(value))} if isinstance(value, int | float) else set()


def _unexplained(decision: Decision) -> set[float]:
    """Return numbers of the reasoning that stand neither in the inputs nor in the outputs."""
    record = decision_record(decision, small_world().shop)
    return _numbers(str(record["reasoning"])) - _standing(record["inputs"]) - _standing(record["outputs"])


def test_reasons_are_made_of_numbers_on_record() -> None:
    """Each number that a reasoning names stands in the decision's inputs or outputs, also of trimmed orders."""
    decisions = [
        d
        for d in _decided().orchestrator.decisions
        if d.proposal.action is Action.ORDER or not d.conflict_ids
    ]
    wrong = {d.proposal.type: (_unexplained(d), d.proposal.reasoning) for d in decisions if _unexplained(d)}

    assert any(d.conflict_ids for d in decisions)

    assert wrong == {}


def test_every_decision_says_what_can_be_observed_and_how_sure_it_is() -> None:
    """Claim, probability, effect with an interval that holds its mean, and a reason."""
    for decision in _decided().orchestrator.decisions:
        proposal = decision.proposal
        assert proposal.claim
        assert proposal.reasoning.endswith(".")
        assert 0.0 < proposal.confidence < 1.0
        assert proposal.effect.low <= proposal.effect.mean <= proposal.effect.high
        assert proposal.effect.horizon_days >= 1


def test_agents_beat_the_tuned_baseline_on_weeks_nobody_tuned_on() -> None:
    """In weeks 27-30, on three seeds, each with the same random numbers, agents earn more by the objective."""
    world = small_world()
    for seed in SEEDS:
        static = run_days(world, StaticPolicy(world.shop, world.history), seed, 28).figures
        policy = AgentsPolicy(world.shop, world.history, NoTracing())
        assert run_days(world, policy, seed, 28).figures.objective > static.objective
