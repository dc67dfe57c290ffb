"""The real data that a simulation stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation import assumptions

if TYPE_CHECKING:
    from autoops.agents.shop import Cluster, Product
    from autoops.retail.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Split:
    """Which weeks are learnt from and which are simulated; both ends included."""

    fit: tuple[int, int] = (2, 26)
    test: tuple[int, int] = (27, 39)

    @property
    def test_days(self) -> int:
        """Return how many days can be simulated."""
        return 7 * (self.test[1] - self.test[0] + 1)

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

    products: int = 120
    clusters: int = 6
    split: Split = Split()


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

    @property
    def reference_price(self) -> FloatArray:
        """(products,) median shelf price in the fit's weeks, dollars."""
        return np.median(self.price[:, : self.split.fit_weeks], axis=1)

    @property
    def cost(self) -> FloatArray:
        """(products,) dollars a unit costs: an assumed margin on the median list price of the fit's weeks."""
        margin = np.array([assumptions.MARGINS[product.department] for product in self.products])
        return np.median(self.list_price[:, : self.split.fit_weeks], axis=1) * (1.0 - margin)
