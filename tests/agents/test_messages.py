"""A decision says everything about itself in one place."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from shops import BREAD, COLA, MONDAY, proposal

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.messages import Action, Decision, Effect, Line

CLAIM = Claim("cola lasts", ClaimKind.NOT_SOLD_OUT, (COLA,), 0, 2, 2, 1)
ORDER = proposal(
    Action.ORDER,
    Line(COLA, 0, 2.0, 12.0, {}, conflict_id="rail"),
    claim=CLAIM,
    confidence=0.9,
    effect=Effect(30.0, 10.0, 50.0, "dollars", 4),
    reasoning="10 more are wanted.",
)


def test_a_single_decision_has_its_product_and_numbers() -> None:
    """Type, agent, trigger, date, product, cluster, before, after, unit, confidence, claim, effect, reason, conflict."""
    decision = Decision(ORDER, ORDER.lines, "low-7", MONDAY, 0.7, ("rail",))

    assert (decision.type, decision.agent, decision.trigger) == ("test_order", "test_agent", "low-7")
    assert (decision.date, decision.product, decision.cluster) == (MONDAY, COLA, 0)
    assert (decision.before, decision.after, decision.unit) == (2.0, 12.0, "units")
    assert (decision.confidence, decision.model_confidence, decision.claim) == (0.7, 0.9, CLAIM)
    assert (decision.effect.mean, decision.effect.low, decision.effect.high) == (30.0, 10.0, 50.0)
    assert (decision.effect.unit, decision.effect.horizon_days) == ("dollars", 4)
    assert (decision.reasoning, decision.conflict_id) == ("10 more are wanted.", "rail")


def test_a_table_has_no_single_product() -> None:
    """Two products in one cluster: the cluster is said, product and numbers stand in the lines."""
    lines = (*ORDER.lines, replace(ORDER.lines[0], product=BREAD))
    decision = Decision(replace(ORDER, lines=lines), lines, "day-00", MONDAY, 0.7)

    assert decision.product is None
    assert decision.cluster == 0
    assert decision.before is None
    assert decision.after is None
    assert decision.conflict_id is None


def test_a_decision_cannot_be_changed() -> None:
    """Frozen, as everything that agents say."""
    decision = Decision(ORDER, ORDER.lines, "low-7", MONDAY, 0.7)

    with pytest.raises(FrozenInstanceError):
        decision.confidence = 1.0  # type: ignore[misc] # what is tested


def test_withheld_is_what_changes_nothing_by_a_conflict() -> None:
    """A price that is held on purpose is not withheld; nor is an order that was only trimmed."""
    line = ORDER.lines[0]
    held = replace(line, after=2.0, conflict_id=None)
    withheld = replace(line, after=2.0)

    found = [Decision(ORDER, (each,), "e", MONDAY, 0.7).is_withheld for each in (line, held, withheld)]

    assert found == [False, False, True]
