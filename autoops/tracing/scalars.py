"""Numbers of whatever type, numpy's and exact ones too, as plain ones that JSON has."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Integral, Real
from typing import Final

_MOST: Final = 1 << 63
"""Whole numbers from here on are written as floats: JSON's readers keep no more of their digits."""


def plain(value: object) -> object:
    """The Python value of a numpy scalar, or of an array without dimensions; any other value as it is."""
    if type(value).__module__ == "builtins" or getattr(value, "ndim", None) != 0:
        return value
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def number(value: object) -> int | float | None:
    """A real and finite number as an int of at most 64 bits or as a float; None if it is none, or a boolean."""
    try:
        value = plain(value)
        if isinstance(value, bool) or not isinstance(value, Real | Decimal):
            return None
        if isinstance(value, Integral) and -_MOST <= int(value) < _MOST:
            return int(value)
        as_float = float(value)
    except Exception:
        # Theirs may raise anything; a fraction of two huge numbers is too large for a float.
        return None
    return as_float if math.isfinite(as_float) else None
