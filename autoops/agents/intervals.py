"""Whether tomorrow's demand falls into the intervals that the agents expect it in, counted evening by evening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import demand_cdf, demand_variance

if TYPE_CHECKING:
    from autoops.agents.forecast import Forecast
    from autoops.agents.shop import Observation
    from autoops.retail.arrays import BoolArray, FloatArray

LEVELS = (0.5, 0.8, 0.95)
"""Nominal probabilities of the central intervals that are counted."""


@dataclass(frozen=True, slots=True)
class IntervalCoverage:
    """How often demand fell into central predictive intervals; sums, so that days and runs add up."""

    cells: int = 0
    """Cells' days that were forecast."""
    seen: tuple[int, ...] = (0,) * len(LEVELS)
    """How many of them show whether demand fell inside, by level."""
    inside: tuple[float, ...] = (0.0,) * len(LEVELS)
    """How many of those did, by level; a count on an interval's edge is inside in part."""

    def __add__(self, other: IntervalCoverage) -> IntervalCoverage:
        """Return the counts of both."""
        return IntervalCoverage(
            self.cells + other.cells,
            tuple(a + b for a, b in zip(self.seen, other.seen, strict=True)),
            tuple(a + b for a, b in zip(self.inside, other.inside, strict=True)),
        )

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Return the share inside, by level; None of nothing."""
        return tuple(
            inside / seen if seen else None for inside, seen in zip(self.inside, self.seen, strict=True)
        )


def day_coverage(
    mean: FloatArray, variance: FloatArray, stock: FloatArray, sold: FloatArray, counts: BoolArray
) -> IntervalCoverage:
    """Return a day's coverage; every array is (products, clusters).

    Demand is predicted as gamma (`retail.distribution`) and comes in whole units: a count stands for the probabilities
    of half a unit on either side, and is inside by the share of them that lies between the interval's ends.
    Only cells whose stock in the morning reaches the interval's upper end are counted: there, what was sold tells
    whether demand fell inside, even if the shelf was emptied. Whether a cell counts is known before its demand is.

    Source: the nonrandomised probability integral transform of Czado, Gneiting and Held, "Predictive Model Assessment
    for Count Data", Biometrics 65 (2009), 1254-1261.

    Args:
        mean: Units expected.
        variance: Of demand, what is not known about the mean included.
        stock: Units on the shelf in the morning.
        sold: Units sold.
        counts: Which cells to count at all.
    """
    at = np.stack([sold - 0.5, sold + 0.5, stock - 0.5])
    low, high, top = np.where(at < 0.0, 0.0, demand_cdf(at, mean, variance))
    seen, inside = [], []
    for level in LEVELS:
        lower, upper = 0.5 - level / 2.0, 0.5 + level / 2.0
        shown = counts & (top >= upper)
        share = (np.minimum(high, upper) - np.maximum(low, lower)) / np.maximum(high - low, 1e-12)
        seen.append(int(shown.sum()))
        inside.append(float(np.where(shown, np.clip(share, 0.0, 1.0), 0.0).sum()))
    return IntervalCoverage(int(mean.size), tuple(seen), tuple(inside))


class IntervalTally:
    """One per run: what each morning expected of its day, against what its evening showed."""

    def __init__(self) -> None:
        self.coverage = IntervalCoverage()
        self._expected: tuple[FloatArray, FloatArray, BoolArray] | None = None

    def expect(self, forecast: Forecast, markdown: FloatArray) -> None:
        """Remember what today should bring; cells under a sticker (products, clusters) sell more than demand."""
        mean = forecast.daily[0]
        variance = demand_variance(mean, forecast.phi, forecast.alpha) + forecast.unsure[0] * mean**2
        self._expected = mean, variance, markdown <= 0.0

    def learn(self, observation: Observation) -> None:
        """Count the day, once."""
        if self._expected is None:
            return
        mean, variance, plain = self._expected
        stock = observation.sold + observation.wasted + observation.stock
        counts = plain & (observation.cleared <= 0.0)
        self.coverage += day_coverage(mean, variance, stock, observation.sold, counts)
        self._expected = None
