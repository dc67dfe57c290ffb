"""Before and after, found in a decision's payload."""

from __future__ import annotations

from autoops.dashboard.changes import MOST, Change, changes


def test_payload_that_is_one_change() -> None:
    """``before`` and ``after`` at the top."""
    assert changes({"product": "Milk", "before": 2.99, "after": 2.84}) == [Change("Milk", 2.99, 2.84)]


def test_lines_of_a_table() -> None:
    """A list of changes; what else they say names them, the note stands apart."""
    lines = [
        {"product": "Milk", "cluster": 3, "before": 0, "after": 12, "note": "capped", "figures": {"z": 1}}
    ]

    assert changes({"lines": lines, "unit": "units"}) == [Change("Milk, 3", 0, 12, "capped")]


def test_named_changes() -> None:
    """Each under its own key."""
    assert changes({"price": {"before": 1, "after": 2}}) == [Change("price", 1, 2)]


def test_what_is_no_change() -> None:
    """Any other payload has none, and a huge one is cut."""
    assert [changes(each) for each in (None, "text", [1], {}, {"before": 1}, {"lines": [1, None]})] == [
        []
    ] * 6
    assert len(changes({"lines": [{"before": 0, "after": 1}] * 1000})) == MOST
