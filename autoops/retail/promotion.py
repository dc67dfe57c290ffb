"""Which products deserve the display slots that the plan has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
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


def best_swaps(
    share: FloatArray, value: FloatArray, hurdle: float, most: int, least: float = 0.1
) -> list[tuple[int, int]]:
    """Return pairs (product that gives its slot, product that takes it), most valuable first.

    The two exchange their shares, so that the displayed share of a cluster stays what the plan has.

    Args:
        share: (products,) displayed share of a cluster.
        value: (products,) dollars of a whole display.
        hurdle: Dollars that a swap must gain.
        most: Largest number of swaps.
        least: Displayed share from which a product holds a slot.
    """
    holders = sorted(np.flatnonzero(share >= least), key=lambda p: float(value[p]))
    takers = sorted(np.flatnonzero(share < least), key=lambda p: -float(value[p]))
    gains = [
        (float((share[giver] - share[taker]) * (value[taker] - value[giver])), int(giver), int(taker))
        for giver, taker in zip(holders, takers, strict=False)
    ]
    gains = sorted((gain for gain in gains if gain[0] > hurdle), key=lambda gain: -gain[0])
    return [(giver, taker) for _, giver, taker in gains[:most]]
