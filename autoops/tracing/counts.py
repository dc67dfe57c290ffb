"""What was lost or left out, counted by reason: nothing is dropped silently."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


class Drop(StrEnum):
    """Why a span never reached the journal."""

    BUFFER_FULL = "buffer_full"
    """The buffer stayed full for ``LANGFUSE_MAX_LATENCY_MS``."""
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    """The journal could not be written and the buffer was full."""
    MEMORY_FULL = "memory_full"
    """A journal in memory made room for newer spans."""
    AFTER_SHUTDOWN = "after_shutdown"
    """The span ended after the process had closed its journal."""


NEVER_JOURNALLED: Final = (Drop.BUFFER_FULL, Drop.JOURNAL_UNAVAILABLE, Drop.AFTER_SHUTDOWN)
"""Reasons of spans that the journal never held."""


class Count:
    """One number that any thread, signal handler or finalizer may raise by one, without a lock: ``up()``.

    Python's own counter takes its step in one piece. It tells its number only by taking another, so looks are counted too.
    """

    __slots__ = ("_guard", "_looks", "up")

    def __init__(self) -> None:
        self.up: Callable[[], int] = itertools.count().__next__
        self._looks = 0
        self._guard = threading.RLock()

    @property
    def value(self) -> int:
        """How often it was raised."""
        with self._guard:
            looks, self._looks = self._looks, self._looks + 1
            return self.up() - looks


class Counts:
    """A few named counts that any thread may raise."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._guard = threading.RLock()
        _all.add(self)

    def after_fork(self) -> None:
        """In a forked child: a thread of the parent may have held the lock."""
        self._guard = threading.RLock()

    def add(self, name: str, number: int = 1) -> None:
        """Raise a count."""
        with self._guard:
            self._counts[name] += number

    def snapshot(self) -> dict[str, int]:
        """The counts above zero, as they are now."""
        with self._guard:
            return {str(name): number for name, number in sorted(self._counts.items()) if number}

    def __getitem__(self, name: str) -> int:
        """One count; 0 if it was never raised."""
        return self._counts[name]


_all: weakref.WeakSet[Counts] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for each in list(_all):
        each.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
