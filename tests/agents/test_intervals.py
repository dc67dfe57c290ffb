"""Coverage of predictive intervals is right where the truth is known, and does not choose by what came about."""

from __future__ import annotations

import numpy as np
import pytest

from autoops.agents.intervals import LEVELS, IntervalCoverage, day_coverage
from autoops.retail.distribution import demand_variance

CELLS = (100, 400)


def drawn(mean: float, variance: float, seed: int = 5) -> np.ndarray:
    """Whole units of gamma demand: a uniform number is added before the fraction goes."""
    rng = np.random.default_rng(seed)
    return np.floor(rng.gamma(mean**2 / variance, variance / mean, CELLS) + rng.random(CELLS))


@pytest.mark.parametrize("mean", [1.0, 4.0, 40.0, 400.0])
def test_intervals_of_the_true_distribution_cover_what_they_say(mean: float) -> None:
    """Whether demand is a few units or hundreds: each interval holds its share, to two points and a half."""
    expected = np.full(CELLS, mean)
    variance = demand_variance(expected, 1.5, 0.15)
    found = day_coverage(
        expected, variance, np.full(CELLS, 1e6), drawn(mean, float(variance[0, 0])), np.ones(CELLS, bool)
    )

    assert found.seen == (CELLS[0] * CELLS[1],) * len(LEVELS)
    assert found.shares == pytest.approx(LEVELS, abs=0.025)


@pytest.mark.parametrize("stock", [30.0, 60.0, 90.0])
def test_shelves_that_empty_do_not_bend_the_share(stock: float) -> None:
    """Cells count by their stock in the morning: what is counted covers the same, however many sold out."""
    expected = np.full(CELLS, 40.0)
    variance = demand_variance(expected, 1.5, 0.15)
    rich = np.random.default_rng(7).random(CELLS) < 0.5
    shelf = np.where(rich, 1e6, stock)
    sold = np.minimum(drawn(40.0, float(variance[0, 0])), shelf)
    found = day_coverage(expected, variance, shelf, sold, np.ones(CELLS, bool))

    assert found.cells == CELLS[0] * CELLS[1]
    assert found.seen[2] >= 0.9 * rich.sum()
    assert found.shares == pytest.approx(LEVELS, abs=0.025)


def test_too_narrow_and_too_wide_are_told_apart() -> None:
    """Half the true deviation covers less than it says, twice as much covers more."""
    expected = np.full(CELLS, 40.0)
    variance = demand_variance(expected, 1.5, 0.15)
    sold = drawn(40.0, float(variance[0, 0]))
    full, counts = np.full(CELLS, 1e6), np.ones(CELLS, bool)
    narrow = day_coverage(expected, variance / 4.0, full, sold, counts).shares[1]
    wide = day_coverage(expected, variance * 4.0, full, sold, counts).shares[1]

    assert narrow is not None
    assert wide is not None
    assert narrow < 0.6
    assert wide > 0.9


def test_cells_that_do_not_count_are_left_out() -> None:
    """Nothing is said of nothing, and sums of days add up."""
    one = np.ones((1, 2))
    none = day_coverage(one, one, one * 9.0, one, np.zeros((1, 2), bool))
    both = none + day_coverage(one, one, one * 9.0, one, np.ones((1, 2), bool))

    assert none.shares == (None, None, None)
    assert both.cells == 4
    assert both.seen == (2, 2, 2)
    assert IntervalCoverage() + both == both
