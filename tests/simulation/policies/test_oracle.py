"""The oracle is exact where it says so, keeps everybody's books, and nobody beats it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import other_world, small_world

from autoops.simulation.days import Evening
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.oracle import Lots, best_lots, run_oracle
from autoops.simulation.policies.registry import POLICIES, play
from autoops.simulation.variants import WORLDS

SEEDS = (1, 2, 3)


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


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_nobody_beats_the_oracle(name: str) -> None:
    """In every world, on every seed, no policy's objective is larger than the clairvoyant's."""
    world = other_world(name)
    for seed in SEEDS:
        best, best_of_four_weeks = (run_oracle(world, seed, days).figures.objective for days in (91, 28))
        for policy in POLICIES:
            # Policies of agents are slow: four weeks, and those that lack a part in one world only.
            if policy in CREWS and (policy == "agents" or name == "base"):
                assert play(world, policy, seed, 28).figures.objective <= best_of_four_weeks, policy
            elif policy not in CREWS:
                assert play(world, policy, seed, 91).figures.objective <= best, policy


def test_the_oracle_keeps_everybodys_books() -> None:
    """Units delivered are sold, wasted or on hand; products add up to the objective; the rails hold."""
    world, evenings = small_world(), list[Evening]()
    run = run_oracle(world, 1, 91, evenings.append)
    received = sum(evening.facts.received for evening in evenings)
    gone = sum(evening.facts.sale.sold + evening.facts.wasted for evening in evenings)

    assert world.opening_store(1).stock + received == pytest.approx(gone + evenings[-1].facts.stock)
    assert sum(run.by_product) == pytest.approx(run.figures.objective)
    assert run.figures.price_index <= 1.001
    planned = world.calendar.display[:13].sum(axis=1).mean()
    shown = np.mean([evening.facts.display.sum(axis=0) for evening in evenings])
    assert shown == pytest.approx(planned)


def test_fewer_days_are_no_better_known() -> None:
    """The oracle of a shorter run plans for its own end; its figures are of its own days."""
    run = run_oracle(small_world(), 1, 14)

    assert len(run.days) == 14
    assert run.figures.fill_rate > 0.9
