"""The real data that a simulation stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation import assumptions

if TYPE_CHECKING:
    from autoops.agents.shop import Cluster, Product
    from autoops.retail.arrays import FloatArray, IntArray


FIRST_WEEK, LAST_WEEK = 2, 52
"""Full weeks of the data: week 1 has two days, week 53 one. Monday to Sunday."""

FIRST_SIMULATED = 14
"""Under twelve weeks to learn from, no product's response can be told from noise."""

HELD_OUT = 40
"""Weeks from here on tune nothing; figures for them come from `benchmarks/decisions.py` alone."""


@dataclass(frozen=True, slots=True)
class Split:
    """Which weeks are learnt from and which are simulated; both ends included."""

    fit: tuple[int, int] = (2, 26)
    test: tuple[int, int] = (27, 39)

    @property
    def test_days(self) -> int:
        """Return how many days can be simulated."""
        return 7 * (self.test[1] - self.test[0] + 1)

    @classmethod
    def of(cls, first: int, last: int) -> Split:
        """Return the split that simulates weeks `first` to `last` and learns from all full weeks before."""
        return cls((FIRST_WEEK, first - 1), (first, last))

    @property
    def weeks(self) -> IntArray:
        """Return all week numbers, fit and test."""
        return np.arange(self.fit[0], self.test[1] + 1)

    @property
    def fit_weeks(self) -> int:
        """Return how many weeks the fit has."""
        return self.fit[1] - self.fit[0] + 1


@dataclass(frozen=True, slots=True)
class PanelOptions:
    """What a panel is made of."""

    products: int = 200
    clusters: int = 8
    split: Split = Split()
    first_rank: int = 1
    """Rank of the first product by sales in the fit's weeks; 201 with 200 products are ranks 201 to 400."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The real data that a simulation stands on; the last axis of every array is weeks, `split.weeks`."""

    split: Split
    products: tuple[Product, ...]
    clusters: tuple[Cluster, ...]
    units: FloatArray
    """(products, clusters, weeks) units really sold."""
    price: FloatArray
    """(products, weeks) mean price paid at the shelf, loyalty discount taken off, dollars."""
    list_price: FloatArray
    """(products, weeks) the same before the discount."""
    display: FloatArray
    """(products, clusters, weeks) share of a cluster's stores, by their sales, with the product on display."""
    mailer: FloatArray
    """(products, weeks) share of stores with the product in the weekly mailer."""
    weekday: FloatArray
    """(2, 7) factor on mean daily demand, Monday first: row 0 what keeps, row 1 perishables; fit's weeks only."""
    daily: FloatArray
    """(products, clusters, days) units really sold by the day; `units` are their weekly sums."""
    half: FloatArray
    """(products, clusters, weeks) units really sold to one random half of the households."""

    @property
    def reference_price(self) -> FloatArray:
        """(products,) median shelf price in the fit's weeks, dollars."""
        return np.median(self.price[:, : self.split.fit_weeks], axis=1)

    @property
    def cost(self) -> FloatArray:
        """(products,) dollars a unit costs: an assumed margin on the median list price of the fit's weeks."""
        margin = np.array([assumptions.MARGINS[product.department] for product in self.products])
        return np.median(self.list_price[:, : self.split.fit_weeks], axis=1) * (1.0 - margin)
