"""Decisions are remembered until their days have passed; then their worth is on record and corrects later words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from shops import BREAD, CHIPS, COLA, MONDAY, made_evening, proposal
from worlds import small_world

from autoops.agents.claims import Claim, ClaimKind, Verdict
from autoops.agents.effects import Gauge, Measured
from autoops.agents.memory import Memory
from autoops.agents.messages import Action, Decision, Effect, Line
from autoops.agents.tracing import NoTracing
from autoops.simulation.days import run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.journal import reader

if TYPE_CHECKING:
    from pathlib import Path

NOTHING_SOLD_OUT = Claim("cola lasts", ClaimKind.NOT_SOLD_OUT, (COLA,), 0, 2, 2, 1)


def _decision(
    claim: Claim | str = NOTHING_SOLD_OUT, *, confidence: float = 0.8, **changes: object
) -> Decision:
    """Return an order of five cola on day 0, whose effect is expected over two days."""
    gauge = Gauge(Measured.SERVED, baseline=4.0, worth=2.0)
    line = Line(COLA, 0, 0.0, 5.0, {}, gauge=gauge)
    effect = Effect(3.0, 1.0, 9.0, "dollars", 2)
    proposed = proposal(Action.ORDER, line, claim=claim, confidence=confidence, effect=effect)
    plain = Decision(proposed, proposed.lines, "event", MONDAY, confidence)
    return replace(plain, **changes)  # type: ignore[arg-type] # fields of a decision, as the test says


def _judged(decision: Decision, days: int = 3) -> Memory:
    """Return a memory of one decision after some evenings on which three of everything were sold."""
    memory = Memory(NoTracing())
    memory.remember(decision)
    for day in range(days):
        memory.observe(made_evening(day, sold=3.0))
    return memory


def test_a_decision_is_judged_when_all_its_days_have_passed() -> None:
    """Not on the second evening, when its effect is known; on the third, when the claim's day ends."""
    assert _judged(_decision(), days=2).outcomes == []

    (outcome,) = _judged(_decision()).outcomes

    assert outcome.finding.verdict is Verdict.BORNE_OUT
    assert outcome.realised == 4.0, "two of six were sold beyond the four that were there"


def test_what_the_run_does_not_reach_stays_open() -> None:
    """The claim's evening never comes; the effect, whose days have passed, is known all the same."""
    memory = _judged(_decision(), days=2)
    (calibration,) = memory.close()
    (outcome,) = memory.outcomes

    assert outcome.finding.verdict is Verdict.OPEN
    assert outcome.realised == 4.0
    assert calibration.verdicts == {Verdict.OPEN: 1}
    assert calibration.stated.brier is None


def test_a_plain_sentence_is_not_observable() -> None:
    """It is shown, and counts for no calibration."""
    memory = _judged(_decision("it will be fine"))
    (calibration,) = memory.close()

    assert calibration.verdicts == {Verdict.NOT_OBSERVABLE: 1}
    assert calibration.stated.judged == 0


def test_what_was_not_committed_is_not_judged() -> None:
    """What was withheld, went to another product or was only proposed is not what the claim was about."""
    line = replace(_decision().lines[0], conflict_id="conflict")
    withheld = _decision(lines=(replace(line, after=line.before),))
    moved = _decision(lines=(replace(line, product=CHIPS, gauge=None),))
    held = _decision(held="only proposed")
    trimmed = _decision(lines=(replace(line, after=1.0),))

    outcomes = [_judged(each).outcomes[0] for each in (withheld, moved, held, trimmed)]

    assert [outcome.finding.verdict for outcome in outcomes] == [
        *[Verdict.NOT_OBSERVABLE] * 3,
        Verdict.BORNE_OUT,
    ]
    assert [outcome.realised for outcome in outcomes] == [None, None, None, 2.0]


def test_probabilities_that_are_off_are_corrected_by_their_own_record() -> None:
    """Bread of which 95 % is said to last lasts every other day: the Brier score improves on what was stated."""
    memory, random = Memory(NoTracing()), np.random.default_rng(3)
    for day in range(200):
        claim = replace(NOTHING_SOLD_OUT, products=(BREAD,), first_day=day, last_day=day)
        line = Line(BREAD, 0, 0.0, 5.0, {})
        said = proposal(Action.ORDER, line, claim=claim, confidence=0.95, first_day=day)
        memory.remember(Decision(said, (line,), "event", MONDAY, memory.confidence(said)))
        memory.observe(made_evening(day, sold_out=[(BREAD, 0)] if random.random() < 0.5 else []))
    (calibration,) = memory.close()

    assert calibration.model.brier is not None
    assert calibration.stated.brier is not None
    assert calibration.model.brier == pytest.approx(0.45, abs=0.05)
    assert calibration.stated.brier < 0.28


def test_kinds_of_decisions_are_corrected_apart() -> None:
    """What became of one kind says nothing of another, nor of another agent's."""
    memory = _judged(_decision(confidence=0.1))
    same = _decision(confidence=0.1).proposal

    assert memory.confidence(same) > 0.1
    assert memory.confidence(replace(same, type="other_order")) == 0.1
    assert memory.confidence(replace(same, agent="other_agent")) == 0.1


def test_scores_stand_on_the_decisions_span(tmp_path: Path) -> None:
    """Verdict and effect arrive in the journal days after the trace has ended, with what was seen and measured."""
    path = tmp_path / "journal.db"
    service = LangfuseIntegrationService(LangfuseConfig(journal=str(path)))
    try:
        trace_id = service.create_simulation_trace({"type": "day_started"})
        span_id = service.log_agent_decision(
            "inventory_agent", {"type": "routine_order", "confidence": 0.8}, trace_id=trace_id
        )
        service.finalize_trace(trace_id)
        memory = Memory(service)
        memory.remember(_decision(), trace_id, span_id)
        for day in range(3):
            memory.observe(made_evening(day, sold=3.0))
        assert service.flush(30)
    finally:
        service.shutdown()

    assert trace_id is not None
    trace = reader.get_trace(reader.open_journal(str(path)), trace_id)
    assert trace is not None
    scores = {score.name: score for score in trace.scores}
    assert {score.span_id for score in trace.scores} == {span_id}
    assert scores["verdict"].value == "borne_out"
    assert scores["verdict"].data_type == "CATEGORICAL"
    assert scores["verdict"].comment == "1 of 1 not sold out"
    assert scores["realised_effect"].value == 4.0
    assert scores["realised_effect"].comment == Measured.SERVED.value


def test_memory_changes_no_decision() -> None:
    """Without it the same lines are committed on every day; with it they carry other probabilities."""
    world = small_world()
    with_memory, without = (
        AgentsPolicy(world.shop, world.history, NoTracing(), remembers=remembers)
        for remembers in (True, False)
    )
    runs = [run_days(world, policy, 1, 21) for policy in (with_memory, without)]
    lines = [[d.lines for d in policy.orchestrator.decisions] for policy in (with_memory, without)]

    assert runs[0].days == runs[1].days
    assert lines[0] == lines[1]
    assert any(d.confidence != d.model_confidence for d in with_memory.orchestrator.decisions)
    assert all(d.confidence == d.model_confidence for d in without.orchestrator.decisions)


def test_a_runs_decisions_are_all_accounted_for() -> None:
    """Every decision has a verdict; nearly all are judged, and each kind of claim is met and missed."""
    world = small_world()
    policy = AgentsPolicy(world.shop, world.history, NoTracing())
    run_days(world, policy, 1, 28)
    calibration = policy.close()
    outcomes = policy.memory.outcomes if policy.memory is not None else []
    verdicts = Counter(outcome.finding.verdict for outcome in outcomes)
    kinds = {
        (outcome.decision.claim.kind, outcome.finding.verdict)
        for outcome in outcomes
        if isinstance(outcome.decision.claim, Claim)
    }

    assert len(outcomes) == len(policy.orchestrator.decisions)
    assert sum(sum(each.verdicts.values()) for each in calibration) == len(outcomes)
    assert verdicts[Verdict.BORNE_OUT] + verdicts[Verdict.NOT_BORNE_OUT] > 0.8 * len(outcomes)
    for kind in (ClaimKind.NOT_SOLD_OUT, ClaimKind.SELLS, ClaimKind.EARNS, ClaimKind.ALL_SELL):
        assert {(kind, Verdict.BORNE_OUT), (kind, Verdict.NOT_BORNE_OUT)} <= kinds
    assert orjson.dumps([outcome.realised for outcome in outcomes])
