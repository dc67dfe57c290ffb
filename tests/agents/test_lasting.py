"""What is trimmed is promised less surely."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import COLA, MILK, proposal

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.lasting import LASTS, at_least, less_sure
from autoops.agents.messages import Action, Effect, Line, Proposal

FIGURES = {"position": 20.0, "expected_demand": 40.0, "deviation": 9.0, LASTS: 0.97}


def _table(*conflicts: str | None) -> Proposal:
    """Return a table of orders, cola's and milk's, with the conflicts that trimmed them to nothing."""
    lines = tuple(
        Line(product, 0, 0.0, 40.0 if conflict is None else 0.0, FIGURES, conflict_id=conflict)
        for product, conflict in zip((COLA, MILK), conflicts, strict=True)
    )
    claim = Claim("", ClaimKind.NOT_SOLD_OUT, (COLA, MILK), 0, 3, 3, amount=2)
    effect = Effect(0.0, 0.0, 0.0, "dollars", 4)
    return replace(proposal(Action.ORDER, lines[0]), lines=lines, claim=claim, confidence=0.9, effect=effect)


def test_what_nobody_has_trimmed_stays_as_sure() -> None:
    """The table is the same."""
    assert less_sure(_table(None, None)) == _table(None, None)


def test_a_trimmed_table_is_less_sure_of_its_claim() -> None:
    """Of two products one gets nothing: that both last is unlikely, and its line says why."""
    trimmed = less_sure(_table("conflict", None))

    assert trimmed.confidence < 0.5
    assert trimmed.lines[0].figures[LASTS] < 0.2
    assert trimmed.lines[1].figures[LASTS] == 0.97


def test_orders_without_figures_are_left_alone() -> None:
    """Another agent's order says no more than it did."""
    order = proposal(Action.ORDER, Line(COLA, 0, 0.0, 5.0, {}, conflict_id="conflict"))

    assert less_sure(order) == order


def test_an_order_with_some_of_the_figures_is_left_alone() -> None:
    """A deviation alone makes no probability."""
    order = proposal(Action.ORDER, Line(COLA, 0, 0.0, 5.0, {"deviation": 3.0}, conflict_id="conflict"))

    assert less_sure(order) == order


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_fewer_are_likelier(lasting: list[float]) -> None:
    """The probability of at least so many falls with how many they are."""
    probabilities = [at_least(np.array(lasting), least) for least in range(len(lasting) + 1)]

    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0.0 <= each <= 1.0 for each in probabilities)


def test_half_of_certain_and_impossible_ones() -> None:
    """Of four, two that last for sure and two that do not: at least two is likely, three is not."""
    lasting = np.array([1.0, 1.0, 0.0, 0.0])

    assert at_least(lasting, 2) > 0.7
    assert at_least(lasting, 3) == pytest.approx(1.0 - at_least(lasting, 2), abs=0.01)
