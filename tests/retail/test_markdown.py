"""Stickers: as deep as clears what expires, and not deeper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.markdown import CLEARANCE_ELASTICITY, DEPTHS, best_markdown, units_cleared


@pytest.mark.parametrize(
    ("expiring", "expected"), [(5.0, 0.0), (12.0, 0.0), (15.0, 0.25), (24.0, 0.40), (100.0, 0.55)]
)
def test_depth_follows_the_surplus(expiring: float, expected: float) -> None:
    """With ten a day at the full price: none for five, the deepest for a hundred."""
    assert float(best_markdown(np.array(expiring), np.array(10.0))) == expected


def test_the_worked_example() -> None:
    """Ten a day, 24 expire: at 40 % off, 10 x 0.6^-1.8 = 25 would sell, so all 24 do."""
    assert float(units_cleared(np.array(24.0), np.array(10.0), np.array(0.4), CLEARANCE_ELASTICITY)) == 24.0


@given(st.floats(0.0, 500.0), st.floats(0.01, 200.0))
def test_no_other_depth_earns_more(expiring: float, demand: float) -> None:
    """The depth chosen has the largest revenue of all there are."""
    chosen = best_markdown(np.array(expiring), np.array(demand))

    def revenue(depth: float) -> float:
        sold = units_cleared(np.array(expiring), np.array(demand), np.array(depth), CLEARANCE_ELASTICITY)
        return float(sold) * (1.0 - depth)

    assert revenue(float(chosen)) == pytest.approx(max(revenue(float(depth)) for depth in DEPTHS))


def test_waste_that_is_to_be_spared_makes_deeper_stickers() -> None:
    """Ten a day: of 13 that expire a sticker clears the rest if that is worth half of the price, and goes no deeper."""
    ten = np.array(10.0)

    assert float(best_markdown(np.array(13.0), ten)) == 0.0
    assert float(best_markdown(np.array(13.0), ten, spared=0.5)) == 0.25
    assert float(best_markdown(np.array(24.0), ten, spared=0.5)) == 0.40
