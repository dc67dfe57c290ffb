"""Best prices against Lerner's rule, and an index that never rises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.pricing import (
    IndexRules,
    PriceProblem,
    best_changes,
    contribution,
    index_neutral_changes,
    price_rails,
)


def _problem(elasticity: list[float], price: float = 2.0, cost: float = 1.4) -> PriceProblem:
    """Return products that differ in elasticity alone."""
    count = len(elasticity)
    return PriceProblem(
        np.full(count, price),
        np.full(count, cost),
        np.full(count, 100.0),
        np.array(elasticity),
        np.zeros(count),
    )


def _rules(problem: PriceProblem, label_cost: float = 0.0, standing: float = 0.0) -> IndexRules:
    """Return rails of ten per cent, equal weights and a standing change."""
    count = len(problem.price)
    return IndexRules(
        np.full(count, np.log(0.9)),
        np.full(count, np.log(1.1)),
        np.full(count, 1.0 / count),
        np.full(count, standing),
        label_cost,
    )


def test_lerners_rule() -> None:
    """At elasticity -2 the best price is twice the cost, inside the rails."""
    problem = _problem([-2.0], price=2.0, cost=1.02)
    change = best_changes(problem, np.array([-0.3]), np.array([0.3]))

    assert float(2.0 * np.exp(change)[0]) == pytest.approx(2.04, rel=0.01)


def test_inelastic_demand_hits_the_rail() -> None:
    """Under elasticity -1 every price rises to its rail: why an index rule is needed."""
    assert best_changes(_problem([-0.8]), np.array([-0.1]), np.array([0.1])) == pytest.approx([0.1])


def test_the_index_pays_raises_with_cuts() -> None:
    """Prices rise where demand answers least and fall where it answers most, and the index does not rise."""
    problem = _problem([-0.5, -4.0])
    change = index_neutral_changes(problem, _rules(problem))

    assert change[0] > 0.0 > change[1]
    assert float(change.sum()) <= 1e-12
    assert contribution(problem, change).sum() > contribution(problem, np.zeros(2)).sum()


def test_labels_that_do_not_pay_are_not_changed() -> None:
    """With dear labels the standing prices stand."""
    problem = _problem([-0.5, -4.0])

    assert index_neutral_changes(problem, _rules(problem, label_cost=1e6)).tolist() == [0.0, 0.0]
    standing = index_neutral_changes(problem, _rules(problem, label_cost=1e6, standing=-0.05))
    assert standing == pytest.approx([-0.05, -0.05])


@given(st.lists(st.floats(-5.0, -0.2), min_size=2, max_size=30), st.floats(0.0, 5.0), st.floats(0.5, 1.9))
def test_the_index_never_rises(elasticity: list[float], label_cost: float, cost: float) -> None:
    """Whatever the elasticities, costs and labels, changes stay in their rails and the index at or under plan."""
    problem = _problem(elasticity, cost=cost)
    rules = _rules(problem, label_cost)
    change = index_neutral_changes(problem, rules)

    assert float((rules.weight * change).sum()) <= 1e-9
    assert (change >= rules.low - 1e-12).all()
    assert (change <= rules.high + 1e-12).all()


def test_cannibalised_units_earn_less() -> None:
    """What a gained unit takes from its neighbours is charged to it."""
    taken = PriceProblem(
        np.array([2.0]), np.array([1.0]), np.array([10.0]), np.array([-3.0]), np.array([0.5])
    )
    alone = PriceProblem(
        np.array([2.0]), np.array([1.0]), np.array([10.0]), np.array([-3.0]), np.array([0.0])
    )
    cut = np.array([-0.1])

    assert contribution(taken, cut)[0] < contribution(alone, cut)[0]


def test_rails_keep_to_the_plan_and_over_cost() -> None:
    """Ten per cent around the plan, not under cost; where the plan is under cost, it may not fall further."""
    low, high = price_rails(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.9, 2.5]), 0.1)

    assert low == pytest.approx([1.8, 1.9, 2.0])
    assert high == pytest.approx([2.2, 2.2, 2.2])
