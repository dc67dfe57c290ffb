"""Reorder points and order-up-to levels: the newsvendor, the economic order, and what expires."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.distribution import demand_quantile, normal_quantile
from autoops.retail.reorder_levels import Ahead, Goods, LevelConstants, reorder_levels
from autoops.retail.replenishment import critical_ratio

PLAIN = LevelConstants(cover=(1.0, 1.0, 1.0), overage=(0.25, 0.25, 0.25), lead_risk=1.0, loss=(1.0, 1.0))


def goods(*, shelf_life: int = 0, order_line_cost: float = 0.0) -> Goods:
    """One product that costs a dollar and earns fifty cents, three days from order to delivery."""
    return Goods(
        shelf_life=np.array([shelf_life]),
        cost=np.array([1.0]),
        earned=np.array([0.5]),
        goodwill=1.0,
        order_line_cost=order_line_cost,
        holding_rate=0.002,
        lead_time_mean=3.0,
        lead_time_variance=0.0,
    )


def levels(
    what: Goods, constants: LevelConstants = PLAIN, *, daily: float = 10.0, variance: float = 60.0
) -> tuple[float, float]:
    """Return reorder point and order-up-to level at so many units a day."""
    ahead = Ahead(np.full((22, 1, 1), daily))
    interval, spread = np.array([4.0]), np.array([[variance]])
    trigger, top = reorder_levels(ahead, what, constants, interval, spread, 3.0 * spread)
    return float(trigger[0, 0]), float(top[0, 0])


def test_the_reorder_point_is_the_newsvendors() -> None:
    """Worked: a dollar lost a unit short, 25.2 cents a unit over: the 79.9th percentile of forty expected."""
    ratio = critical_ratio(np.array(1.0), np.array(0.252))
    known = demand_quantile(np.array(40.0), np.array(60.0), normal_quantile(ratio))

    assert float(ratio) == pytest.approx(0.7987, abs=1e-4)
    assert levels(goods())[0] == pytest.approx(float(known))


def test_a_costly_order_line_brings_more_days_at_once() -> None:
    """Harris: with 1.50 a line, ten a day and .2 cents a night an order brings sqrt(150) days, the first one included."""
    free, dear = levels(goods()), levels(goods(order_line_cost=1.5))

    assert free[1] == pytest.approx(free[0])
    assert dear[1] - dear[0] == pytest.approx(10.0 * (150.0**0.5 - 1.0))


def test_what_expires_is_not_stocked_beyond_its_life() -> None:
    """Three days on the shelf allow less than what keeps, and less still where an expired unit costs more."""
    keeps = levels(goods(order_line_cost=1.5))[1]
    expires = levels(goods(shelf_life=3, order_line_cost=1.5))[1]
    dearer = levels(goods(shelf_life=3, order_line_cost=1.5), replace(PLAIN, loss=(8.0, 8.0)))[1]

    assert dearer < expires < keeps


def test_a_day_that_is_expected_to_sell_more_is_ordered_for() -> None:
    """A display on the fourth day raises the level by what it sells."""
    daily = np.full((22, 1, 1), 10.0)
    shown = daily.copy()
    shown[3] = 30.0
    interval, spread = np.array([4.0]), np.array([[60.0]])
    plain, more = (
        reorder_levels(Ahead(units), goods(), PLAIN, interval, spread, spread)[0] for units in (daily, shown)
    )

    assert float(more[0, 0] - plain[0, 0]) == pytest.approx(20.0, abs=1.0)


def test_sums_stop_where_nothing_is_known() -> None:
    """Ten units a day over two days are twenty; beyond the last known day no more are counted."""
    ahead = Ahead(np.full((5, 1, 1), 10.0))

    assert float(ahead.sum(np.array(2.0))[0, 0]) == 20.0
    assert float(ahead.sum(np.array(9.0))[0, 0]) == 50.0
    assert float(ahead.noise(np.array(2.0), 1.5, 0.1)[0, 0]) == pytest.approx(1.5 * 20.0 + 0.1 * 200.0)


@given(
    daily=st.floats(0.01, 500.0),
    variance=st.floats(0.01, 1e5),
    life=st.sampled_from([0, 3, 5, 8, 14]),
    line=st.floats(0.0, 10.0),
)
def test_levels_are_finite_and_in_order(daily: float, variance: float, life: int, line: float) -> None:
    """No expectation gives a negative level, or an order-up-to level under the reorder point."""
    trigger, top = levels(goods(shelf_life=life, order_line_cost=line), daily=daily, variance=variance)

    assert 0.0 <= trigger <= top + 1e-6
    assert np.isfinite(top)
