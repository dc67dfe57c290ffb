"""Locks between processes, a byte each in a file beside the journal.

POSIX record locks fit what a journal needs: the kernel releases them when their holder dies, and a forked child does not
inherit them. Their trap is that closing *any* descriptor of the file drops them all, so each process opens a lock file
once, and closes it only while it holds nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final

from autoops.tracing.journal.aside import identity
from autoops.tracing.journal.location import create_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no record locks of this kind
    fcntl = None  # type: ignore[assignment]

CARETAKER: Final = 0
"""Byte held by the one process that checkpoints, ends interrupted spans and prunes."""
OPENING: Final = 1
"""Byte held while a file is created, migrated or moved aside."""
FIRST_DESTINATION: Final = 16
"""Byte ``FIRST_DESTINATION + id`` is held by the one deliverer to a destination."""

_files: dict[str, LockFile] = {}
_files_guard = threading.Lock()


class LockFile:
    """The bytes that this process holds in one lock file, open while it holds any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._held: set[int] = set()
        self._guard = threading.Lock()

    def acquire(self, byte: int) -> bool:
        """Take ``byte`` if nobody else has it. False if another thread or process does."""
        with self._guard:
            if byte in self._held:
                return False
            if fcntl is not None:
                try:
                    fcntl.lockf(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                except OSError:
                    self._close_if_idle()
                    return False
            self._held.add(byte)
            return True

    def release(self, byte: int) -> None:
        """Give ``byte`` back; nothing happens if it is not held."""
        with self._guard:
            if byte not in self._held:
                return
            self._held.discard(byte)
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.lockf(self._open(), fcntl.LOCK_UN, 1, byte)
            self._close_if_idle()

    def holds(self, byte: int) -> bool:
        """Whether this process has ``byte``."""
        return byte in self._held

    @contextlib.contextmanager
    def waiting(self, byte: int) -> Iterator[None]:
        """Hold ``byte`` for the block, waiting for another *process* as long as it takes.

        Only for work that is short by nature: creating or moving a file.
        """
        with self._guard:
            if fcntl is not None:
                fcntl.lockf(self._open(), fcntl.LOCK_EX, 1, byte)
            try:
                yield
            finally:
                if fcntl is not None:
                    fcntl.lockf(self._open(), fcntl.LOCK_UN, 1, byte)
                self._close_if_idle()

    def _open(self) -> int:
        if self._descriptor is None:
            create_private(self._path)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        return self._descriptor

    def _close_if_idle(self) -> None:
        """Close the file once no byte is held: until then, closing would drop them all."""
        if self._descriptor is not None and not self._held:
            # In this order: a child that another thread forks in between must not take the number for the file, for it is
            # closed, or another's by then.
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def renew(self) -> None:
        """Let go of a lock file that was removed or replaced: what is held in it keeps nobody out."""
        with self._guard:
            if self._descriptor is None:
                return
            held = os.fstat(self._descriptor)
            if identity(self._path) != (held.st_dev, held.st_ino):
                self._held.clear()
                self._close_if_idle()

    def forget(self) -> None:
        """In a forked child: what the parent holds is the parent's."""
        self._held.clear()
        self._guard = threading.Lock()


def lock_file(path: Path) -> LockFile:
    """The process's only handle on the lock file at ``path``."""
    with _files_guard:
        # The same file by another name is the same lock: the process's, which it would think it could take twice.
        key = os.path.realpath(path)
        if key not in _files:
            _files[key] = LockFile(path)
        return _files[key]


def _forget_all() -> None:
    global _files_guard
    _files_guard = threading.Lock()
    for each in _files.values():
        each.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
