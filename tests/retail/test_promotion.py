"""Display slots go where they add margin, and only change hands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.promotion import Shelf, best_swaps, display_value


def test_value_is_incremental_margin() -> None:
    """A lift of ln 2 doubles 50 units: 50 more at a dollar, less 30 cents taken from the category each."""
    value = display_value(np.array(50.0), np.array(np.log(2.0)), np.array(1.0), np.array(0.3))

    assert float(value) == pytest.approx(35.0)


def test_the_worst_holder_gives_to_the_best_taker() -> None:
    """The least valuable display goes to the most valuable product without one, if that beats the hurdle."""
    share, value = np.array([1.0, 0.8, 0.0, 0.0]), np.array([50.0, 5.0, 10.0, 90.0])

    assert best_swaps(share, value, hurdle=10.0) == [(1, 3)]
    assert best_swaps(share, value, hurdle=30.0) == [(1, 3)]
    assert best_swaps(share, value, hurdle=80.0) == []


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(-50.0, 500.0)), min_size=1, max_size=40))
def test_swaps_keep_the_displayed_share_and_gain(cells: list[tuple[float, float]]) -> None:
    """Exchanging shares leaves their sum, every swap gains, and no product is in two swaps."""
    share, value = np.array([c[0] for c in cells]), np.array([c[1] for c in cells])
    swaps = best_swaps(share, value, hurdle=1.0)
    after = share.copy()
    for giver, taker in swaps:
        after[giver], after[taker] = share[taker], share[giver]

    assert after.sum() == pytest.approx(share.sum())
    assert len({product for swap in swaps for product in swap}) == 2 * len(swaps)
    assert all((share[giver] - share[taker]) * (value[taker] - value[giver]) > 1.0 for giver, taker in swaps)


def _shelf(*, stock: float, expiring: float = 0.0) -> Shelf:
    """A product that costs a dollar and earns half a one, a lost customer as much again."""
    return Shelf(np.array(stock), np.array(expiring), np.array(0.5), np.array(1.0), 1.0)


def test_a_display_sells_nothing_that_is_not_there() -> None:
    """Worked: ten wanted, twenty with a display. Plenty: five dollars more; ten there: five of good will are lost."""
    certain = (np.array(10.0), np.array(np.log(2.0)), np.array(0.0), lambda units: 1e-9 * units)

    assert float(_shelf(stock=100.0).display_value(*certain)) == pytest.approx(5.0, abs=1e-3)
    assert float(_shelf(stock=10.0).display_value(*certain)) == pytest.approx(-5.0, abs=1e-3)


def test_a_display_saves_what_would_expire() -> None:
    """Ten more are sold of twenty that expire tonight: their cost is saved too."""
    shelf = _shelf(stock=20.0, expiring=20.0)
    value = shelf.display_value(
        np.array(10.0), np.array(np.log(2.0)), np.array(0.1), lambda units: 1e-9 * units
    )

    assert float(value) == pytest.approx(5.0 + 10.0 - 1.0, abs=1e-2)
