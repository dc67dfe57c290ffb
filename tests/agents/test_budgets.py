"""Display slots, the price index and receiving capacity are shared, and no agent can use up more than there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from shops import BREAD, CHIPS, COLA, MILK, made_shop, made_situation, made_view, proposal
from worlds import other_world, small_world

from autoops.agents.budgets import display_slots, price_index, receiving_capacity
from autoops.agents.messages import Action, ConflictKind, Event, EventType, Line, Proposal
from autoops.agents.tracing import NoTracing
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.rails import index_tolerance, index_weights

if TYPE_CHECKING:
    from autoops.agents.agent import Situation
    from autoops.agents.shop import Observation


def _with_limit(units: float, stock: float = 60.0) -> Situation:
    """Return a situation in which each cluster receives so many units a day."""
    situation = made_situation(made_view(stock=stock))
    return replace(situation, shop=replace(made_shop(), receiving_limit=np.full(2, units)))


def test_a_display_that_nobody_gives_up_is_withheld() -> None:
    """Chips ask for a display and name no product that makes room."""
    ask = proposal(Action.DISPLAY, Line(CHIPS, 0, 0.0, 1.0, {"gain": 5.0}))

    (settled,), (conflict,) = display_slots([ask], made_situation())

    assert settled.lines[0].after == 0.0
    assert conflict.kind is ConflictKind.DISPLAY_SLOTS
    assert conflict.figures == {"asked": 1.0, "free": 0}


def test_a_product_gets_what_another_gives_up_and_no_more() -> None:
    """Cola gives its whole display; bread has none to give."""
    from_cola = proposal(Action.DISPLAY, Line(CHIPS, 0, 0.0, 1.0, {"gain": 5.0}, counterpart=COLA))
    from_bread = proposal(Action.DISPLAY, Line(CHIPS, 0, 0.0, 1.0, {"gain": 5.0}, counterpart=BREAD))

    assert display_slots([from_cola], made_situation()) == ([from_cola], [])
    (settled,), (conflict,) = display_slots([from_bread], made_situation())
    assert settled.lines[0].after == 0.0
    assert "0 is free" in conflict.found


def test_a_planned_display_that_begins_needs_no_room() -> None:
    """Cola's display of today is the plan's own."""
    start = proposal(Action.DISPLAY, Line(COLA, 0, 0.0, 1.0, {"gain": 5.0}))

    assert display_slots([start], made_situation()) == ([start], [])


def test_raises_without_cuts_are_withheld() -> None:
    """One price of four is raised by a tenth and nothing is cut: the index would stand 2.4 % over plan."""
    raised = proposal(Action.PRICE, Line(COLA, None, 2.0, 2.2, {}))

    (settled,), (conflict,) = price_index([raised], made_situation())

    assert settled.lines[0].after == pytest.approx(2.0, abs=0.011)
    assert conflict.kind is ConflictKind.PRICE_INDEX
    assert conflict.figures["over_plan_percent"] == pytest.approx(25.0 * np.log(1.1), abs=0.01)


def test_raises_are_shortened_to_what_cuts_make_room_for() -> None:
    """A cut of 5 % makes room for two raises of 2.5 %; both keep the same share of what was asked."""
    cut = proposal(Action.PRICE, Line(MILK, None, 2.0, 1.9, {}), id="cut")
    raises = replace(
        proposal(Action.PRICE, Line(COLA, None, 2.0, 2.2, {}), id="raises"),
        lines=(Line(COLA, None, 2.0, 2.2, {}), Line(CHIPS, None, 2.0, 2.1, {})),
    )

    (same, settled), (conflict,) = price_index([cut, raises], made_situation())

    assert same == cut
    logs = [np.log(line.after / line.before) for line in (*cut.lines, *settled.lines)]
    assert -0.01 <= 0.25 * sum(logs) <= 0.0005
    assert logs[1] / logs[2] == pytest.approx(np.log(1.1) / np.log(1.05), rel=0.3)
    assert {line.conflict_id for line in settled.lines} == {conflict.id}


def test_a_cut_that_ends_before_sunday_makes_no_room_for_longer() -> None:
    """Cola is cut for two days; a raise that stands is judged by the days on which nothing is cut."""
    cut = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.8, {}), id="cut", days=2)
    raised = proposal(Action.PRICE, Line(CHIPS, None, 2.0, 2.2, {}), id="raised", days=0)
    short = replace(raised, days=2)

    assert len(price_index([cut, raised], made_situation())[1]) == 1
    assert price_index([cut, short], made_situation())[1] == []


def test_without_a_limit_every_order_stands() -> None:
    """A shop that can receive anything trims nothing."""
    order = proposal(Action.ORDER, Line(COLA, 0, 0.0, 9999.0, {}))

    assert receiving_capacity([order], made_situation()) == ([order], [])


def test_orders_that_save_most_shortage_come_first() -> None:
    """Cola has nothing left, chips have stock for weeks: what can be received is cola's first."""
    situation = _with_limit(17.5, stock=0.0)
    on_hand = situation.view.on_hand.copy()
    on_hand[-1, CHIPS] = 200.0
    situation = replace(situation, view=replace(situation.view, on_hand=on_hand))
    orders = replace(
        proposal(Action.ORDER, Line(COLA, 0, 0.0, 60.0, {})),
        lines=(Line(COLA, 0, 0.0, 60.0, {}), Line(CHIPS, 0, 0.0, 100.0, {}), Line(MILK, 1, 0.0, 40.0, {})),
    )

    (settled,), (conflict,) = receiving_capacity([orders], situation)
    cola, chips, milk = (line.after for line in settled.lines)

    assert cola == 60.0
    assert chips == 10.0
    assert milk == 40.0
    assert conflict.kind is ConflictKind.RECEIVING_CAPACITY
    assert conflict.cluster == 0
    assert conflict.figures["asked_units"] == 160.0
    assert "saves most shortage a unit first" in conflict.rule


def test_what_is_under_way_takes_room() -> None:
    """With as much under way as can be received before tomorrow's order arrives, nothing is ordered."""
    situation = _with_limit(25.0, stock=0.0)
    on_order = situation.view.on_order.copy()
    on_order[1, MILK, 0] = 100.0
    situation = replace(situation, view=replace(situation.view, on_order=on_order))
    order = proposal(Action.ORDER, Line(COLA, 0, 0.0, 60.0, {}))

    (settled,), _ = receiving_capacity([order], situation)

    assert settled.lines[0].after == 0.0


class Grabber:
    """Raises every price by a tenth, puts everything on display and orders a thousand of everything, every day."""

    name = "grabber"
    operations = {EventType.DAY_STARTED: "grab"}  # noqa: RUF012 - read, never written

    def propose(self, event: Event, situation: Situation) -> list[Proposal]:
        """Want everything."""
        products = range(len(situation.shop.products))
        price, display = situation.committed.price[0], situation.committed.display[0]
        raised = tuple(Line(p, None, float(price[p]), round(1.1 * float(price[p]), 2), {}) for p in products)
        shown = tuple(Line(p, 0, float(display[p, 0]), 1.0, {"gain": 1e6}) for p in products)
        ordered = tuple(Line(p, 0, 0.0, 1000.0, {"reorder_point": 0.0, "position": 0.0}) for p in products)
        return [
            replace(
                proposal(action, lines[0]),
                id=f"{event.id}/{action.value}",
                lines=lines,
                first_day=event.day,
                days=1,
            )
            for action, lines in ((Action.PRICE, raised), (Action.DISPLAY, shown), (Action.ORDER, ordered))
        ]

    def learn(self, observation: Observation) -> None:
        """Learn nothing."""


def test_no_agent_can_use_up_what_is_shared() -> None:
    """Beside the others in a run: index and displays stay the plan's at most, and no rail is breached."""
    world, evenings = small_world(), list[Evening]()
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=[Grabber()])
    run = run_days(world, policy, 1, 14, evenings.append)

    assert run.figures.guardrail_breaches == 0
    for evening in evenings:
        planned = world.calendar.display[evening.day // 7].sum(axis=0)
        assert evening.facts.display.sum(axis=0) == pytest.approx(planned)
        allowed = index_tolerance(world.calendar.price[evening.day // 7], index_weights(world))
        assert evening.facts.price_index <= 1.0 + allowed
    kinds = {conflict.kind for conflict in policy.orchestrator.conflicts}
    assert {ConflictKind.PRICE_INDEX, ConflictKind.DISPLAY_SLOTS} <= kinds


def test_where_little_can_be_received_orders_keep_to_it() -> None:
    """In the world of limited receiving: each day's orders and what is under way are what four days can take in."""
    world, evenings = other_world("capacity"), list[Evening]()
    limit = world.shop.receiving_limit
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=[Grabber()])
    run_days(world, policy, 1, 14, evenings.append)
    assert limit is not None
    under_way = world.opening_store(1).on_order.sum(axis=(0, 1))

    for evening in evenings:
        before = under_way - evening.facts.received.sum(axis=0)
        under_way = before + evening.facts.orders.sum(axis=0)
        assert (under_way <= np.maximum(4.0 * limit, before) + 1e-6).all()
    conflicts = [c for c in policy.orchestrator.conflicts if c.kind is ConflictKind.RECEIVING_CAPACITY]
    assert conflicts
