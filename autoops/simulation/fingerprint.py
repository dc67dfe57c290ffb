"""What a world is, in a few characters: whoever changes the world changes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autoops.simulation.world import World

DIGITS = 6
"""Digits of the numbers that are hashed; what machines differ in lies beyond."""


def truth_record(world: World) -> dict[str, Any]:
    """Return the parameters of the truth, rounded: noise, response by percentiles, demand by week."""
    truth, percentiles = world.truth, (10, 25, 50, 75, 90)
    elasticity, lift = truth.response.beta[:, 0], truth.response.beta[:, 1]
    weekly = truth.planned.sum(axis=(1, 2)).reshape(-1, 7).sum(axis=1)
    return {
        "phi": round(truth.phi, DIGITS),
        "alpha": round(truth.alpha, DIGITS),
        "elasticity": np.percentile(elasticity, percentiles).round(DIGITS).tolist(),
        "display_lift": np.percentile(lift, percentiles).round(DIGITS).tolist(),
        "units_a_week": weekly.round(2).tolist(),
    }


def fingerprint(world: World) -> str:
    """Return twelve characters for the world: products, clusters, weeks, assumptions, variant and truth."""
    parts = {
        "products": [product.id for product in world.shop.products],
        "clusters": [asdict(cluster) for cluster in world.shop.clusters],
        "weeks": [*world.panel.split.fit, *world.panel.split.test],
        "assumptions": world.assumed.record(),
        "world": asdict(world.variant),
        "truth": truth_record(world),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
