"""Which products deserve the display slots that the plan has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import expected_shortage

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.retail.arrays import FloatArray


def display_value(
    demand: FloatArray, lift: FloatArray, margin: FloatArray, diverted: FloatArray
) -> FloatArray:
    """Return the dollars that a whole display adds, same shape as `demand`.

    Args:
        demand: Units expected over the display's time without it.
        lift: Log lift of a whole display, at least 0.
        margin: Dollars earned by a unit.
        diverted: Dollars that a unit gained takes from its neighbours in the category.

    Incremental units times incremental margin, net of cannibalisation: Blattberg and Neslin, *Sales Promotion*
    (1990), chapter 5.
    """
    result: FloatArray = demand * np.expm1(lift) * (margin - diverted)
    return result


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is to sell in one day, and what selling it is worth; fields have the shape of what is asked about."""

    stock: FloatArray
    """Units."""
    expiring: FloatArray
    """Units of it that nobody can sell tomorrow."""
    margin: FloatArray
    """Dollars earned by a unit."""
    cost: FloatArray
    """Dollars paid for a unit: lost with each one that expires."""
    goodwill: float
    """Margins lost with a customer who finds nothing, beyond the sale's own."""

    def earned(self, demand: FloatArray, variance: FloatArray) -> FloatArray:
        """Return the dollars that an expected demand earns: what stock serves of it, what is missed, what does not expire."""
        short = expected_shortage(self.stock, demand, variance)
        served, missed = demand - short, self.goodwill * np.maximum(self.margin, 0.0)
        result: FloatArray = (
            self.margin * served - missed * short + self.cost * np.minimum(served, self.expiring)
        )
        return result

    def display_value(
        self,
        demand: FloatArray,
        lift: FloatArray,
        diverted: FloatArray,
        variance: Callable[[FloatArray], FloatArray],
    ) -> FloatArray:
        """Return the dollars that a whole display adds today: it sells nothing that is not there.

        Args:
            demand: Units expected without it.
            lift: Log lift of a whole display.
            diverted: Dollars that a unit gained takes from its neighbours.
            variance: Of a day's demand, of its expectation.
        """
        shown = demand * np.exp(lift)
        gained = self.earned(shown, variance(shown)) - self.earned(demand, variance(demand))
        result: FloatArray = gained - diverted * (shown - demand)
        return result


def best_deal(share: FloatArray, value: FloatArray) -> FloatArray:
    """Return (products, clusters) displayed shares, each cluster's largest where a display is worth most.

    Of sums of products of two lists, both sorted is the largest: Hardy, Littlewood and Polya, *Inequalities* (1934),
    theorem 368.
    """
    dealt: FloatArray = np.empty_like(share)
    np.put_along_axis(dealt, np.argsort(value, axis=0, kind="stable"), np.sort(share, axis=0), axis=0)
    return dealt


def best_swaps(share: FloatArray, value: FloatArray, hurdle: float) -> list[tuple[int, int]]:
    """Return pairs (product that gives its share, product that takes it), most valuable first.

    The two exchange their shares, so that the displayed share of a cluster stays what the plan has. Of all pairs that
    are left, the one that gains most is taken: within 1 % of dealing all shares anew, and each change is one that
    can be told.

    Args:
        share: (products,) displayed share of a cluster.
        value: (products,) dollars of a whole display.
        hurdle: Dollars that a swap must gain.
    """
    gain = (share[:, None] - share) * (value - value[:, None])
    gain = np.where((gain > hurdle) & (share[:, None] > share), gain, 0.0)
    swaps: list[tuple[int, int]] = []
    while (best := int(gain.argmax())) and gain.flat[best] > 0.0:
        pair = giver, taker = divmod(best, len(share))
        gain[pair, :], gain[:, pair] = 0.0, 0.0
        swaps.append((giver, taker))
    return swaps
