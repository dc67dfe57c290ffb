"""How far to mark down what expires tonight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import BoolArray, FloatArray

DEPTHS = np.array([0.0, 0.25, 0.40, 0.55])
"""Shares taken off that a shop has stickers for; the deepest is the guard rail of markdowns."""

CLEARANCE_ELASTICITY = -1.8
"""d log units / d log price of a sticker on the last day; assumed, as the data has no such stickers."""

DEEPEST = 0.55
"""Deepest share that a sticker may take off."""

PROMOTED = 0.05
"""Share under the reference price from which a planned price is a promotion, which no sticker may be put upon."""


def is_promoted(planned: FloatArray, reference: FloatArray) -> BoolArray:
    """Return where a planned price is a promotion; both in dollars, same shape."""
    result: BoolArray = planned < (1.0 - PROMOTED) * reference
    return result


def units_cleared(
    expiring: FloatArray, demand: FloatArray, depth: FloatArray, elasticity: float
) -> FloatArray:
    """Return units of tonight's expiring stock sold at each depth: what sells, at most what there is."""
    result: FloatArray = np.minimum(expiring, demand * (1.0 - depth) ** elasticity)
    return result


def best_markdown(
    expiring: FloatArray,
    demand: FloatArray,
    elasticity: float = CLEARANCE_ELASTICITY,
    spared: float = 0.0,
) -> FloatArray:
    """Return the depth off the price that earns most from what expires tonight, one of `DEPTHS`.

    Args:
        expiring: Units that expire tonight; any shape.
        demand: Units expected today at the full price; same shape.
        elasticity: Of demand for stickered units.
        spared: What it is worth beyond its revenue that a unit does not expire, as a share of the price.

    The cost is sunk, so revenue decides, alone unless waste is to be spared: max over m of min(expiring, demand (1-m)^e) (1-m), the single
    period clearance problem of Gallego and van Ryzin, Management Science 40 (1994), with known demand.
    """
    depth = DEPTHS.reshape(-1, *([1] * np.ndim(expiring)))
    revenue = units_cleared(expiring[None], demand[None], depth, elasticity) * (1.0 - depth + spared)
    result: FloatArray = DEPTHS[revenue.argmax(axis=0)]
    return result
