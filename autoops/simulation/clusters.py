"""Stores grouped into clusters that sell alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray, IntArray

RESTARTS = 8
"""Starts of the clustering; the best is kept."""

ROUNDS = 50
"""Most rounds of one start; it usually settles within 15."""


def cluster_stores(features: FloatArray, weight: FloatArray, count: int, seed: int = 0) -> IntArray:
    """Return each store's cluster, 0 to count - 1, largest by weight first.

    Args:
        features: (stores, features) figures of each store; standardised here.
        weight: (stores,) sales, so that large stores pull harder.
        count: Clusters wanted; at most the number of stores.
        seed: Of the starts.

    Weighted k-means: Lloyd, IEEE Transactions on Information Theory 28 (1982), started as k-means++ (Arthur and
    Vassilvitskii 2007).
    """
    mean = np.average(features, axis=0, weights=weight)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weight))
    scaled = (features - mean) / np.maximum(spread, 1e-9)
    rng = np.random.default_rng(seed)
    best: tuple[float, IntArray] | None = None
    for _ in range(RESTARTS):
        cost, label = _lloyd(scaled, weight, _spread_out(scaled, weight, count, rng))
        if best is None or cost < best[0]:
            best = cost, label
    assert best is not None  # noqa: S101 - RESTARTS is at least one
    label = best[1]
    sizes = np.bincount(label, weights=weight, minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    result: IntArray = rank[label]
    return result


def _spread_out(points: FloatArray, weight: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Return starting centres, each drawn in proportion to its squared distance from those before it."""
    centres = [points[rng.choice(len(points), p=weight / weight.sum())]]
    while len(centres) < count:
        distance = np.min([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        # Where every store lies on a centre already, any may be the next.
        chance = distance * weight if distance.any() else weight
        centres.append(points[rng.choice(len(points), p=chance / chance.sum())])
    return np.array(centres)


def _lloyd(points: FloatArray, weight: FloatArray, centres: FloatArray) -> tuple[float, IntArray]:
    """Return the weighted cost and labels after moving the centres until they rest; no cluster is left empty."""
    label = np.zeros(len(points), dtype=np.int64)
    for _ in range(ROUNDS):
        distance = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
        new = distance.argmin(axis=1)
        for empty in np.setdiff1d(np.arange(len(centres)), new):
            spare = np.bincount(new, minlength=len(centres))[new] > 1
            new[np.where(spare, distance[np.arange(len(points)), new], -1.0).argmax()] = empty
        if (new == label).all():
            break
        label = new
        centres = np.array(
            [np.average(points[label == k], axis=0, weights=weight[label == k]) for k in range(len(centres))]
        )
    distance = ((points - centres[label]) ** 2).sum(axis=1)
    return float((weight * distance).sum()), label
