"""Lot sizing is exact: compared with every set of delivery days."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoops.retail.lot_sizing import Lots, best_lots


def _value(lots: Lots, deliveries: tuple[int, ...]) -> float:
    """Return the most that deliveries on these days can gain, each day served by the best of them or by none."""
    gained = -lots.order_cost * len(deliveries)
    for day in range(len(lots.demand)):
        gains = [
            float(lots.worth[day, 0, 0] - (day - came) * lots.holding[0])
            for came in deliveries
            if came <= day < came + int(lots.life[0])
        ]
        gained += float(lots.demand[day, 0, 0]) * max([0.0, *gains])
    return gained


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_lots_are_the_best_there_are(data: st.DataObject) -> None:
    """On problems of up to seven days no set of delivery days gains more, all of them tried."""
    days = data.draw(st.integers(1, 7))
    numbers = st.lists(st.integers(0, 9), min_size=days, max_size=days)
    lots = Lots(
        demand=np.array(data.draw(numbers), dtype=np.float64).reshape(-1, 1, 1),
        worth=np.array(data.draw(numbers), dtype=np.float64).reshape(-1, 1, 1) / 4.0,
        open=np.array(data.draw(st.lists(st.booleans(), min_size=days, max_size=days))).reshape(-1, 1),
        holding=np.array([data.draw(st.sampled_from([0.01, 0.2, 0.5]))]),
        life=np.array([data.draw(st.integers(1, 8))]),
        order_cost=data.draw(st.sampled_from([0.1, 1.5, 6.0])),
    )
    allowed = np.flatnonzero(lots.open[:, 0]).tolist()
    sets = (set_ for size in range(len(allowed) + 1) for set_ in itertools.combinations(allowed, size))
    plan = best_lots(lots)

    assert float(plan.value[0, 0]) == pytest.approx(max(_value(lots, set_) for set_ in sets))
    assert plan.received.sum() == plan.served.sum()
    assert (np.cumsum(plan.received, axis=0) >= np.cumsum(plan.served, axis=0)).all()


def test_a_worked_example_of_lot_sizing() -> None:
    """Wagner and Whitin's (1958) twelve periods, with their set-up costs made equal: served in full by few lots."""
    demand = np.array([69, 29, 36, 61, 61, 26, 34, 67, 45, 67, 79, 56], dtype=np.float64)
    lots = Lots(
        demand=demand.reshape(-1, 1, 1),
        worth=np.full((12, 1, 1), 1000.0),
        open=np.ones((12, 1), dtype=np.bool_),
        holding=np.array([1.0]),
        life=np.array([12]),
        order_cost=85.0,
    )
    best = min(
        85.0 * len(days) + sum(units * (t - max(d for d in days if d <= t)) for t, units in enumerate(demand))
        for size in range(12)
        for rest in itertools.combinations(range(1, 12), size)
        for days in [(0, *rest)]
    )

    assert float(best_lots(lots).value[0, 0]) == pytest.approx(1000.0 * demand.sum() - best)
