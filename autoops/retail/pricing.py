"""Prices within guard rails: the best change of one price, and the best set of changes that keeps the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

STEPS = 41
"""Prices tried between the two rails; at a rail of 10 % they lie half a per cent apart."""

BISECTIONS = 40
"""Halvings of the index's multiplier; what is left of the interval is under a billionth of a dollar."""

MOST_MULTIPLIER = 1e12
"""Dollars an index point; at this price of the index no product is dearer than planned."""


@dataclass(frozen=True, slots=True)
class PriceProblem:
    """What a price change is weighed by; every field has shape (products,)."""

    price: FloatArray
    """Dollars planned."""
    cost: FloatArray
    """Dollars a unit costs."""
    demand: FloatArray
    """Units expected at the planned price."""
    elasticity: FloatArray
    """d log units / d log price, negative."""
    diverted: FloatArray
    """Dollars of margin that a unit gained takes from its neighbours in the category."""
    dearer: float = 1.0
    """Factor on the elasticity of a price above plan."""


def contribution(problem: PriceProblem, change: FloatArray) -> FloatArray:
    """Return dollars earned at log price changes `change`, shape (products, …) as `change`.

    Constant elasticity, as in Phillips, *Pricing and Revenue Optimization* (2005), chapter 3; units gained
    are charged what they take from the category.
    """
    shape = (-1, *([1] * (change.ndim - 1)))
    price, cost, demand, elasticity, diverted = (
        array.reshape(shape)
        for array in (problem.price, problem.cost, problem.demand, problem.elasticity, problem.diverted)
    )
    steeper = np.where(change > 0.0, problem.dearer, 1.0)
    units = demand * np.exp(elasticity * steeper * change)
    result: FloatArray = units * (price * np.exp(change) - cost) - (units - demand) * diverted
    return result


def best_changes(problem: PriceProblem, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return each product's best log price change between its rails, each for itself.

    Inside the rails this is Lerner's rule: price = cost * e / (1 + e), elasticity e < -1 (Lerner 1934).
    """
    grid = _grid(low, high, np.zeros_like(low))
    return _chosen(grid, contribution(problem, grid))


@dataclass(frozen=True, slots=True)
class IndexRules:
    """What a set of price changes must keep to; arrays have shape (products,)."""

    low: FloatArray
    """Lowest log change allowed."""
    high: FloatArray
    """Highest log change allowed."""
    weight: FloatArray
    """Fixed weights of the index. Fixed, for weights that drift with sales can be gamed."""
    standing: FloatArray
    """Log change in force now."""
    label_cost: float
    """Dollars that a change other than the standing one costs."""


def index_neutral_changes(problem: PriceProblem, rules: IndexRules) -> FloatArray:
    """Return the (products,) log price changes that earn most while the weighted index does not rise.

    Lagrangian relaxation with one multiplier found by bisection: Everett, Operations Research 11 (1963).
    """
    grid = _grid(rules.low, rules.high, rules.standing)
    value = contribution(problem, grid) - rules.label_cost * (grid != rules.standing[:, None])
    burden = rules.weight[:, None] * grid

    def rise(multiplier: float) -> float:
        return float((rules.weight * _chosen(grid, value - multiplier * burden)).sum())

    if rise(0.0) <= 0.0:
        return _chosen(grid, value)
    least, most = 0.0, 1.0
    while rise(most) > 0.0 and most < MOST_MULTIPLIER:
        most *= 4.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (least + most)
        if rise(middle) > 0.0:
            least = middle
        else:
            most = middle
    return _chosen(grid, value - most * burden)


def price_rails(price: FloatArray, cost: FloatArray, rail: float) -> tuple[FloatArray, FloatArray]:
    """Return the lowest and highest shelf price allowed around the planned `price`, in dollars.

    The rail is a share of the plan, and nothing goes under cost; where the plan is under cost, it stands.
    """
    low = np.maximum(price * (1.0 - rail), np.minimum(cost, price))
    return low, price * (1.0 + rail)


def price_inside(wanted: FloatArray, plan: FloatArray, cost: FloatArray, rail: float) -> FloatArray:
    """Return the price in whole cents nearest to the `wanted` one and inside its rails, in dollars; NaN stays NaN.

    Half a cent beyond a rail is outside: the last cent inside is taken, the plan if there is none.
    """
    low, high = price_rails(plan, cost, rail)
    inside = np.round(np.clip(wanted, low, high), 2)
    inside = np.clip(inside, np.ceil(100.0 * low - 1e-6) / 100.0, np.floor(100.0 * high + 1e-6) / 100.0)
    result: FloatArray = np.where((inside < low - 1e-6) | (inside > high + 1e-6), plan, inside)
    return result


def _grid(low: FloatArray, high: FloatArray, standing: FloatArray) -> FloatArray:
    """Return (products, STEPS + 2) changes from `low` to `high`, with none at all and the standing one if allowed."""
    steps = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, STEPS)[None, :]
    none, kept = np.clip(0.0, low, high), np.clip(standing, low, high)
    return np.column_stack([none, kept, steps])


def _chosen(grid: FloatArray, value: FloatArray) -> FloatArray:
    """Return each product's change of largest value, the first of equals."""
    result: FloatArray = np.take_along_axis(grid, value.argmax(axis=1)[:, None], axis=1)[:, 0]
    return result
