"""Numbers of whatever type become plain ones."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.tracing.scalars import number, plain


class Grade(IntEnum):
    """A number with a name."""

    GOOD = 3


class Faulty(Fraction):
    """A number that cannot be read."""

    def __float__(self) -> float:
        raise KeyError


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (3, 3),
        (0.5, 0.5),
        (Grade.GOOD, 3),
        (np.int64(3), 3),
        (np.uint64(2**64 - 1), float(2**64 - 1)),
        (np.float32(1.5), 1.5),
        (np.float64(1.5), 1.5),
        (np.longdouble(1.5), 1.5),
        (np.array(7), 7),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (2**63 - 1, 2**63 - 1),
        (2**63, float(2**63)),
        (-(2**63) - 1, -float(2**63)),
        (10**30, 1e30),
    ],
)
def test_a_number_is_read_whatever_its_type(given: Any, read: float) -> None:
    """As a plain int while it fits 64 bits, else as a float."""
    found = number(given)

    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    "given",
    [
        None,
        True,
        np.bool_(True),
        "3",
        b"3",
        1j,
        [1],
        np.array([1]),
        np.datetime64("2026-01-01"),
        float("nan"),
        float("inf"),
        np.float32("inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("1e400"),
        10**400,
        Fraction(10**400),
        Faulty(1),
        object(),
    ],
)
def test_what_is_no_finite_number_is_none(given: Any) -> None:
    """Neither truths nor text nor what no float can hold."""
    assert number(given) is None


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_plain_numbers_stay(value: float) -> None:
    """To the last digit, while they fit."""
    found = number(value)

    assert found == (value if isinstance(value, float) or -(2**63) <= value < 2**63 else float(value))


def test_a_scalar_is_unwrapped_and_nothing_else() -> None:
    """A truth of numpy's is a truth; an array stays one."""
    array = np.array([1])

    assert plain(np.bool_(True)) is True
    assert plain(array) is array
    assert plain("text") == "text"
