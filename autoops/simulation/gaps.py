"""Where a policy stands between the textbook and the feasible ceiling, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.retail.arrays import FloatArray
    from autoops.simulation.days import Run

FLOOR, CEILING = "static", "ceiling"
"""Policies at either end."""

RESAMPLES = 2000
"""Bootstrap samples; the ends of an interval then move by less than a hundredth of its width."""


@dataclass(frozen=True, slots=True)
class GapShare:
    """Share of the gap from floor to ceiling, with 95 % bootstrap intervals; None where there is one draw only."""

    mean: float
    over_seeds: tuple[float, float] | None
    over_products: tuple[float, float] | None

    def record(self) -> dict[str, Any]:
        """Return it for a script, rounded."""
        seeds, products = (
            None if ends is None else [round(end, 4) for end in ends]
            for ends in (self.over_seeds, self.over_products)
        )
        return {"mean": round(self.mean, 4), "ci95": seeds, "ci95_products": products}


def gap_share(runs: Sequence[Run], policy: str, low: str = FLOOR, high: str = CEILING) -> GapShare | None:
    """Return a policy's share of the gap between the mean objectives of two others.

    None if one of them did not run, or if there is no gap: the high one earned no more than the low one.

    The ratio of means, not the mean of ratios, whose denominators may be small. Intervals by the percentile
    bootstrap (Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13), over seeds and over
    products.
    """
    tables = [_objectives(runs, name) for name in (policy, low, high)]
    if any(len(table) == 0 for table in tables) or tables[2].sum() <= tables[1].sum():
        return None
    seeds, products = tables[0].shape
    rng = np.random.default_rng(0)
    by_seed, by_product = ([table.sum(axis=1) for table in tables], [table.mean(axis=0) for table in tables])
    return GapShare(
        mean=float(_share(*(table.sum() for table in tables))),
        over_seeds=_interval(by_seed, rng.integers(seeds, size=(RESAMPLES, seeds))) if seeds > 1 else None,
        over_products=_interval(by_product, rng.integers(products, size=(RESAMPLES, products))),
    )


def _objectives(runs: Sequence[Run], name: str) -> FloatArray:
    """Return (seeds, products) objectives of a policy."""
    return np.array([run.by_product for run in runs if run.policy == name])


def _share(policy: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the share of the gap; not a number where there is none."""
    gap = np.asarray(high - low)
    result: FloatArray = np.divide(policy - low, gap, out=np.full(gap.shape, np.nan), where=gap != 0.0)
    return result


def _interval(tables: list[FloatArray], drawn: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the share over samples `drawn` (samples, draws) of the tables' rows."""
    policy, low, high = (table[drawn].sum(axis=1) for table in tables)
    ends = np.nanpercentile(_share(policy, low, high), (2.5, 97.5))
    return float(ends[0]), float(ends[1])
