"""Numbers as people read them in the record."""

from __future__ import annotations

import pytest

from autoops.agents.figures import counted


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "1 unit"),
        (0, "0 units"),
        (2, "2 units"),
        (1.5, "1.5 units"),
        (1.001, "1 unit"),
        (1234, "1,234 units"),
    ],
)
def test_one_is_not_several(value: float, words: str) -> None:
    """The noun follows the number as it is written."""
    assert counted(value, "unit") == words
