"""How long our own calls take on their callers' threads."""

from __future__ import annotations

from array import array
from typing import Final

KEPT: Final = 2048
"""Calls that the percentiles are taken over, the latest."""


class Latency:
    """The latest durations, in a ring. Written without a lock: a sample lost to a race changes no percentile."""

    def __init__(self, limit_s: float = 0.0) -> None:
        self._ring = array("d", bytes(8 * KEPT))
        self._next = 0
        self.limit_s = limit_s
        """Seconds from which a call is too long; 0 for none."""
        self.over = 0
        """Calls that took longer than the limit."""

    def add(self, seconds: float) -> None:
        """Note one call."""
        position = self._next
        self._ring[position % KEPT] = seconds
        self._next = position + 1
        if seconds > self.limit_s > 0:
            self.over += 1

    def percentiles_ms(self) -> dict[str, float | None]:
        """Median and 99th percentile in milliseconds; None before the first call."""
        number = min(self._next, KEPT)
        if not number:
            return {"p50": None, "p99": None}
        ordered = sorted(self._ring[:number])
        return {
            "p50": round(ordered[(number - 1) // 2] * 1e3, 4),
            "p99": round(ordered[min(number - 1, number * 99 // 100)] * 1e3, 4),
        }
