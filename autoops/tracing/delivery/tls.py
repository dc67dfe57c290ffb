"""One thread at a time in OpenSSL's set-up, and none while the process forks or ends.

Making a TLS context takes OpenSSL's own locks with the interpreter's lock released. A process that ends meanwhile waits
for them in OpenSSL's clean-up for ever, and a child forked meanwhile inherits them held (both seen with gdb).
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Final

PATIENCE_S: Final = 1.0
"""Longest wait of a fork or an exit for a context under construction; it takes some ten milliseconds."""

set_up = threading.Lock()
"""Held while a TLS context is made."""

_quiet = False


def _before_fork() -> None:
    global _quiet
    _quiet = set_up.acquire(timeout=PATIENCE_S)


def _after_fork_in_parent() -> None:
    if _quiet:
        set_up.release()


def _after_fork_in_child() -> None:
    global set_up
    set_up = threading.Lock()


@atexit.register
def _stay_quiet() -> None:
    """Keep the lock for good: nobody may begin a set-up any more."""
    set_up.acquire(timeout=PATIENCE_S)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
