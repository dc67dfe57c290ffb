"""Type aliases of the arrays that the mathematics works on, and how a record keeps its arrays from being written to."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FloatArray: TypeAlias = NDArray[np.float64]
"""Real figures; the docstring of each function says the shape and the unit."""

IntArray: TypeAlias = NDArray[np.int64]
"""Whole units, days or indices."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""Yes or no for each cell."""


def freeze_arrays(record: DataclassInstance) -> None:
    """Make the arrays of a frozen dataclass read-only, as the last step of its making; who gave them keeps writable ones."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray) and value.flags.writeable:
            seen = value.view()
            seen.setflags(write=False)
            object.__setattr__(record, field.name, seen)
