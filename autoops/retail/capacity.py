"""Which orders to place when not all of them can be received."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray


def within_capacity(wanted: FloatArray, saved: FloatArray, room: float) -> FloatArray:
    """Return the whole units of each order that are taken so that all fit: whole orders, best saving a unit first.

    The first order that does not fit gets what is left, those after it nothing: an order in parts costs a line twice.

    Args:
        wanted: (products,) units to order.
        saved: (products,) dollars that each order saves.
        room: Units that can be received.

    Source: the greedy solution of the knapsack that takes parts, Dantzig, "Discrete-Variable Extremum Problems",
    Operations Research 5 (1957), 266-288.
    """
    if float(wanted.sum()) <= room:
        return wanted
    order = np.argsort(-saved / np.maximum(wanted, 1e-9), kind="stable")
    before = np.cumsum(wanted[order]) - wanted[order]
    taken = np.zeros_like(wanted)
    taken[order] = np.floor(np.clip(room - before, 0.0, wanted[order]))
    return taken
