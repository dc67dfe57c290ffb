"""Which units to order when not all of them can be received."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import demand_quantile, normal_quantile

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

BISECTIONS = 40
"""Halvings of what the last unit saves; what is left of the interval is under a billionth of a dollar."""


def within_capacity(
    wanted: FloatArray,
    worth: FloatArray,
    position: FloatArray,
    demand: tuple[FloatArray, FloatArray],
    room: float,
) -> FloatArray:
    """Return the whole units of each order that are taken so that all fit: those that save most shortage first.

    A unit more at position x saves its worth if demand exceeds x; each order is filled while its next unit saves more
    than a threshold that is the same for all.

    Args:
        wanted: (products,) units to order.
        worth: (products,) dollars lost by a unit short.
        position: (products,) units on hand and under way.
        demand: Mean and variance, (products,) each, of the units wanted until the next order could arrive.
        room: Units that can be received.

    Source: the newsvendor of many items under one constraint, Hadley and Whitin, *Analysis of Inventory Systems*
    (1963), section 6-6, with the multiplier found by bisection.
    """
    if float(wanted.sum()) <= room:
        return wanted
    mean, variance = demand
    least, most = 0.0, float(worth.max(initial=0.0))

    def taken(threshold: float) -> FloatArray:
        exceeded = np.clip(threshold / np.maximum(worth, 1e-9), 1e-9, 1.0 - 1e-9)
        filled = demand_quantile(mean, variance, normal_quantile(1.0 - exceeded)) - position
        result: FloatArray = np.floor(np.where(threshold < worth, np.clip(filled, 0.0, wanted), 0.0))
        return result

    for _ in range(BISECTIONS):
        middle = 0.5 * (least + most)
        if float(taken(middle).sum()) > room:
            least = middle
        else:
            most = middle
    # What lies between the two thresholds saves the same; the dearest of it comes first.
    sure, dearest = taken(most), np.argsort(-worth, kind="stable")
    even = (taken(least) - sure)[dearest]
    left = np.floor(room) - float(sure.sum())
    sure[dearest] += np.clip(left - (np.cumsum(even) - even), 0.0, even)
    return sure
