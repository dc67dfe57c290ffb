"""Before and after, found in a decision's payload."""

from __future__ import annotations

from typing import Any

from autoops.dashboard.changes import MOST, Change, Changes, changes


def test_payload_that_is_one_change() -> None:
    """Named by what the decision was given; other texts are notes, the unit stands apart."""
    payload = {"committed": True, "before": 2.99, "after": 2.84, "unit": "dollars", "rule": "match"}

    assert changes(payload, {"cluster": "North", "product": "Milk", "stock": 4}) == Changes(
        (Change("Milk, North", 2.99, 2.84, "match"),), "dollars"
    )


def test_lines_of_a_table() -> None:
    """A list of changes: their texts name them, their figures stay in the JSON, a note stands apart."""
    lines = [
        {"product": "Milk", "cluster": "North", "before": 0, "after": 12, "note": "capped", "on_hand": 3}
    ]

    assert changes({"lines": lines, "unit": "units"}) == Changes(
        (Change("Milk, North", 0, 12, "capped"),), "units"
    )


def test_named_changes() -> None:
    """Each under its own key."""
    assert changes({"price": {"before": 1, "after": 2}}).items == (Change("price", 1, 2),)


def test_what_is_no_change() -> None:
    """Any other payload has none, and a huge one is cut."""
    others: list[Any] = [None, "text", [1], {}, {"before": 1}, {"lines": [1, None]}]

    assert {changes(each) for each in others} == {Changes(())}
    assert len(changes({"lines": [{"before": 0, "after": 1}] * 1000}).items) == MOST
