"""What a list of globs selects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.variables import selected


@pytest.mark.parametrize(
    ("globs", "chosen"),
    [
        ((), {"pricing", "pricing_test", "inventory"}),
        (("pricing",), {"pricing"}),
        (("pricing*",), {"pricing", "pricing_test"}),
        (("!*_test",), {"pricing", "inventory"}),
        (("!*_test", "pricing*"), {"pricing"}),
        (("pricing*", "!*_test"), {"pricing"}),
        (("*", "!*"), set()),
        (("PRICING",), set()),
    ],
)
def test_selection(globs: tuple[str, ...], chosen: set[str]) -> None:
    """Nothing selects all, ! wins wherever it stands, a list that only excludes selects the rest."""
    assert {name for name in ("pricing", "pricing_test", "inventory") if selected(name, globs)} == chosen


@given(st.text(), st.lists(st.text(max_size=4)))
def test_every_name_can_be_asked(name: str, globs: list[str]) -> None:
    """Odd globs, such as an open bracket, match or don't; adding an exclusion never selects more."""
    assert selected(name, globs) or not selected(name, [*globs, "!x*"]) or "x" in globs
