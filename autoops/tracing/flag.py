"""A flag that may be raised from anywhere."""

from __future__ import annotations

import contextlib
from queue import Empty, SimpleQueue


class Flag:
    """An event for one thread to wait for.

    Unlike ``threading.Event`` it may be set by a signal handler, or a finalizer, that interrupts another ``set`` of the same
    thread: Python's simple queue is made for that.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._calls: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        """Whether it is raised."""
        return self._is_set

    def set(self) -> None:
        """Raise it, and wake who waits."""
        if not self._is_set:
            self._is_set = True
            self._calls.put(None)

    def clear(self) -> None:
        """Lower it."""
        self._is_set = False
        try:
            while True:
                self._calls.get_nowait()
        except Empty:
            pass

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is raised, or for so many seconds. Returns whether it is."""
        if not self._is_set:
            with contextlib.suppress(Empty):
                self._calls.get(timeout=None if timeout is None else max(0.0, timeout))
        return self._is_set
