"""A small world on the real data, made once for all tests that play in it."""

from __future__ import annotations

import functools

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.panel import Panel, PanelOptions
from autoops.simulation.world import World, build_world

PRODUCTS, CLUSTERS = 30, 3
"""Its size."""


@functools.cache
def small_panel() -> Panel:
    """Return 30 products in 3 clusters of the real data, fitted on weeks 2-26, played on 27-39."""
    return load_panel(PanelOptions(PRODUCTS, CLUSTERS))


@functools.cache
def small_world() -> World:
    """Return the world on that panel."""
    return build_world(small_panel(), Assumptions())
