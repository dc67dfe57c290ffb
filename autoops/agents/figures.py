"""Numbers as they stand in the record: plain Python, without the noise of float arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray


def plain(value: float, digits: int = 2) -> float:
    """Return `value` rounded, whole numbers as such; numpy scalars become Python's."""
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def column(values: FloatArray, digits: int = 2) -> list[float]:
    """Return what `plain` makes of each of a row of numbers."""
    return [int(value) if value.is_integer() else value for value in np.round(values, digits).tolist()]


def probability(value: float) -> float:
    """Return a probability kept off 0 and 1, which no forecast may claim."""
    return round(min(max(float(value), 0.01), 0.99), 3)


def text(value: float) -> str:
    """Return a number as it reads in a sentence: 1,234 or 12.5."""
    return f"{plain(value):,}"


def counted(value: float, noun: str) -> str:
    """Return so many of something as it reads in a sentence: 1 unit, 12.5 units."""
    return f"{text(value)} {noun}" if plain(value) == 1 else f"{text(value)} {noun}s"


def money(value: float) -> str:
    """Return dollars as they read in a sentence: $1,234.50, -$3."""
    amount = plain(abs(value))
    return f"{'-' if value < 0 and amount else ''}${amount:,}"
