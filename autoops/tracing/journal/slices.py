"""Long work on the journal in slices: each holds other writers up for moments only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD_S: Final = 0.015
"""How long a slice aims to hold other writers up; a slow disk may make it three times as long."""
AT_ONCE: Final = 16
"""Rows, or pages, between two looks at the clock."""


class Pace:
    """How many rows fit into a transaction of ``HOLD_S``, learned from those before."""

    def __init__(self, first: int = 200, most: int = 20_000) -> None:
        self.rows = first
        self._most = most

    def took(self, seconds: float) -> None:
        """Note how long a transaction with as many rows as fit was held."""
        self.rows = max(1, min(self._most, int(self.rows * min(2.0, HOLD_S / max(seconds, 1e-6)))))


def work_through(slices: Iterator[float]) -> None:
    """Do all of a work that tells after each slice how long it held others up: they then have the file for as long."""
    pause = threading.Event()
    for held_s in slices:
        pause.wait(held_s)
