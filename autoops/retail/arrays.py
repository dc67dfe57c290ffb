"""Type aliases of the arrays that the mathematics works on."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
"""Real figures; the docstring of each function says the shape and the unit."""

IntArray: TypeAlias = NDArray[np.int64]
"""Whole units, days or indices."""

BoolArray: TypeAlias = NDArray[np.bool_]
"""Yes or no for each cell."""
