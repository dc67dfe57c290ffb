"""Prices and stickers are brought inside their rails, and it is on record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from shops import BREAD, COLA, MILK, expiring, made_shop, made_situation, made_view, proposal

from autoops.agents.messages import Action, ConflictKind, Line
from autoops.agents.rails import guard_rails
from autoops.retail.markdown import DEEPEST


def test_a_price_under_its_rail_is_taken_to_the_rail() -> None:
    """A cut of thirty per cent becomes one of ten."""
    cut = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.4, {}))

    (settled,), (conflict,) = guard_rails([cut], made_situation())

    assert settled.lines[0].after == 1.8
    assert settled.lines[0].conflict_id == conflict.id
    assert conflict.kind is ConflictKind.GUARD_RAIL
    assert "$1.8" in conflict.resolution


def test_a_price_never_goes_under_cost() -> None:
    """Where cost is inside the rail, cost is the floor, rounded up to a cent."""
    shop = made_shop()
    dear = replace(shop, cost=np.full(4, 1.952))
    situation = replace(made_situation(), shop=dear)

    (settled,), _ = guard_rails([proposal(Action.PRICE, Line(COLA, None, 2.0, 1.85, {}))], situation)

    assert settled.lines[0].after == 1.96


def test_an_allowed_price_is_no_conflict() -> None:
    """A price inside its rail passes as it is."""
    cut = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.85, {}))

    assert guard_rails([cut], made_situation()) == ([cut], [])


def test_a_sticker_keeps_to_its_rails() -> None:
    """Nine tenths off bread that expires becomes the deepest; off milk that does not, or cola that keeps, nothing."""
    situation = made_situation(expiring(made_view(), BREAD, 0, 30.0))
    lines = [Line(product, 0, 0.0, 0.9, {}) for product in (BREAD, MILK, COLA)]
    stickers = [proposal(Action.MARKDOWN, line, id=str(line.product)) for line in lines]

    settled, conflicts = guard_rails(stickers, situation)

    assert [sticker.lines[0].after for sticker in settled] == [DEEPEST, 0.0, 0.0]
    assert {conflict.kind for conflict in conflicts} == {ConflictKind.GUARD_RAIL}
    assert [sticker.lines[0].conflict_id for sticker in settled] == [conflict.id for conflict in conflicts]


def test_a_planned_promotion_gets_no_sticker() -> None:
    """Bread that expires is on promotion already; at full price the same sticker passes."""
    view = expiring(made_view(), BREAD, 0, 30.0)
    promoted = replace(view, price=np.full((14, 4), 1.8))
    sticker = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.4, {}))

    (settled,), (conflict,) = guard_rails([sticker], made_situation(promoted))

    assert settled.lines[0].after == 0.0
    assert "promotion" in conflict.found
    assert guard_rails([sticker], made_situation(view)) == ([sticker], [])
