"""A trimmed order says what was proposed, what is left, and expects as much less."""

from __future__ import annotations

from dataclasses import replace

from shops import BREAD, COLA, proposal
from worlds import other_world

from autoops.agents.messages import Action, ConflictKind, Effect, Line
from autoops.agents.record import decision_record
from autoops.agents.tracing import NoTracing
from autoops.agents.trimming import as_trimmed
from autoops.simulation.days import run_days
from autoops.simulation.policies.agents import AgentsPolicy

TABLE = replace(
    proposal(Action.ORDER, Line(COLA, 0, 0.0, 0.0, {})),
    lines=(Line(COLA, 0, 10.0, 40.0, {"position": 3.0}), Line(BREAD, 0, 0.0, 10.0, {})),
    effect=Effect(20.0, -4.0, 40.0, "dollars", 4),
    inputs={"units": 50.0},
    reasoning="With 50 units they come up to it.",
)


def test_a_trimmed_table_says_how_many_units_are_ordered() -> None:
    """Thirty and ten units were wanted, ten and ten are ordered: half of the effect is left."""
    left = replace(TABLE, lines=(replace(TABLE.lines[0], after=20.0, conflict_id="c"), TABLE.lines[1]))

    trimmed = as_trimmed(TABLE, left)

    assert trimmed.lines[0].figures == {"position": 3.0, "proposed": 40.0}
    assert trimmed.lines[1] == TABLE.lines[1]
    assert trimmed.effect == Effect(10, -2, 20, "dollars", 4)
    assert trimmed.inputs == {"units": 50.0, "units_proposed": 40, "units_ordered": 20}
    assert trimmed.reasoning == "With 50 units they come up to it. Of 40 units proposed, 20 are ordered."


def test_what_is_not_trimmed_is_left_alone() -> None:
    """An order as proposed, and a price that a rule has changed, stay as the rules left them."""
    price = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.5, {}))
    amended = replace(price, lines=(replace(price.lines[0], after=1.8, conflict_id="c"),))

    assert as_trimmed(TABLE, TABLE) is TABLE
    assert as_trimmed(price, amended) is amended


def test_a_withheld_order_expects_nothing() -> None:
    """Nothing is ordered, nothing is gained."""
    left = replace(TABLE, lines=tuple(replace(line, after=line.before) for line in TABLE.lines))

    assert as_trimmed(TABLE, left).effect == Effect(0, 0, 0, "dollars", 4)


def test_in_a_run_each_trimmed_order_is_accounted_for() -> None:
    """Where little can be received, every trimmed line has what was proposed on record, and its table the sums."""
    world = other_world("capacity")
    policy = AgentsPolicy(world.shop, world.history, NoTracing())
    run_days(world, policy, 1, 14)
    trimmed = [
        d for d in policy.orchestrator.decisions if d.proposal.action is Action.ORDER and d.conflict_ids
    ]

    assert ConflictKind.RECEIVING_CAPACITY in {conflict.kind for conflict in policy.orchestrator.conflicts}
    assert trimmed
    for decision in trimmed:
        inputs = decision_record(decision, world.shop)["inputs"]
        assert isinstance(inputs, dict)
        ordered = sum(line.after - line.before for line in decision.lines)
        proposed = sum(line.figures.get("proposed", line.after) - line.before for line in decision.lines)
        assert (inputs["units_ordered"], inputs["units_proposed"]) == (ordered, proposed)
        assert ordered < proposed
        assert f"{ordered:,.0f} are ordered" in decision.reasoning
