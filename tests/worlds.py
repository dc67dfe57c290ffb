"""A small world on the real data, made once for all tests that play in it."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.panel import Panel, PanelOptions, Split
from autoops.simulation.run import Options
from autoops.simulation.world import World, build_world

PRODUCTS, CLUSTERS = 30, 3
"""Its size."""

OPTIONS = Options(days=7, products=PRODUCTS, clusters=CLUSTERS, policies=("agents", "static"))
"""A week in it."""


@functools.cache
def panel_folder() -> Path:
    """Return a folder that keeps prepared panels for as long as the tests run."""
    folder = Path(tempfile.mkdtemp(prefix="autoops-panels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def small_panel() -> Panel:
    """Return 30 products in 3 clusters of the real data, fitted on weeks 2-26, played on 27-39."""
    return load_panel(PanelOptions(PRODUCTS, CLUSTERS, Split.of(27, 39)), panel_folder())


@functools.cache
def small_world() -> World:
    """Return the world on that panel."""
    return build_world(small_panel(), Assumptions())


@functools.cache
def other_world(name: str) -> World:
    """Return the world of a name on that panel."""
    return build_world(small_panel(), Assumptions(), name)
