"""Orders that do not all fit are filled by what their next unit saves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.capacity import within_capacity
from autoops.retail.distribution import demand_cdf


def test_what_fits_is_taken_whole() -> None:
    """No limit that binds, no change."""
    wanted = np.array([3.0, 4.0])

    taken = within_capacity(wanted, np.ones(2), np.zeros(2), (np.full(2, 5.0), np.full(2, 5.0)), 7.0)

    assert taken.tolist() == [3.0, 4.0]


def test_equal_products_share_equally() -> None:
    """Two of a kind get half of the room each."""
    half = (np.full(2, 10.0), np.full(2, 10.0))

    assert within_capacity(np.full(2, 20.0), np.ones(2), np.zeros(2), half, 16.0).tolist() == [8.0, 8.0]


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.floats(0.1, 5.0), st.floats(1.0, 30.0)), min_size=2, max_size=6
    ),
    st.floats(0.05, 0.95),
)
def test_no_unit_left_out_would_save_more_than_one_taken(
    products: list[tuple[int, float, float]], share: float
) -> None:
    """Whole units, within the room, and moving one from any order to any other saves nothing."""
    wanted, worth, mean = (np.array(column, dtype=np.float64) for column in zip(*products, strict=True))
    position, variance = np.zeros_like(mean), 1.5 * mean
    room = share * float(wanted.sum())
    taken = within_capacity(wanted, worth, position, (mean, variance), room)

    assert float(taken.sum()) <= room
    assert (taken == np.floor(taken)).all()
    last = worth * (1.0 - demand_cdf(taken - 1.0, mean, variance))
    following = worth * (1.0 - demand_cdf(taken + 1.0, mean, variance))
    most_left_out = following[taken < wanted].max(initial=0.0)
    assert (last[taken > 0.0] >= most_left_out - 1e-6).all()
    assert float(taken.sum()) > room - 1.0 or (following[taken < wanted] < 1e-6).all(), "the room is used"
