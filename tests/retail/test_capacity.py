"""Orders that do not all fit are placed by what a unit of them saves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.capacity import within_capacity


def test_what_fits_is_taken_whole() -> None:
    """No limit that binds, no change."""
    wanted = np.array([3.0, 4.0])

    assert within_capacity(wanted, np.ones(2), 7.0).tolist() == [3.0, 4.0]


def test_a_worked_example() -> None:
    """Dantzig's rule by hand: 6, 5 and 2 dollars a unit, room for twelve; the second takes what the first leaves."""
    wanted, saved = np.array([10.0, 8.0, 5.0]), np.array([20.0, 40.0, 30.0])

    assert within_capacity(wanted, saved, 12.0).tolist() == [0.0, 7.0, 5.0]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.floats(0.0, 90.0)), min_size=1, max_size=6),
    st.floats(0.0, 0.99),
)
def test_no_unit_left_out_would_save_more_than_one_taken(
    orders: list[tuple[int, float]], share: float
) -> None:
    """Whole units within the room, all of it used but for a part of one, and none better left out."""
    wanted, saved = (np.array(column, dtype=np.float64) for column in zip(*orders, strict=True))
    room = share * float(wanted.sum())
    taken = within_capacity(wanted, saved, room)

    assert room - 1.0 < float(taken.sum()) <= room or float(wanted.sum()) <= room
    assert (taken == np.floor(taken)).all()
    each = saved / np.maximum(wanted, 1e-9)
    assert each[taken > 0.0].min(initial=np.inf) >= each[taken < wanted].max(initial=0.0)
    assert ((taken > 0.0) & (taken < wanted)).sum() <= 1
