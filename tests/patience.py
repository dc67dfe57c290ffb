"""Waiting for what happens on another thread: until it holds, never for a guessed while."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from loopback import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S = 0.01


def eventually(holds: Callable[[], object], what: str, timeout: float = PATIENCE_S) -> None:
    """Return once `holds()` is true.

    Raises:
        AssertionError: It was not within `timeout` seconds; the message says `what` was awaited.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        pause.wait(POLL_S)
