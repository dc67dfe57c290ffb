"""Connections to a journal file that outlive neither a fork nor their file.

SQLite must not be carried across a fork: a child's new connection would share, through the library's own tables, locks
that only the parent holds. So all connections are closed for the moment of a fork and opened again when next needed.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
import weakref
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.journal import schema
from autoops.tracing.journal.aside import LOG, Identity, beside, identity

if TYPE_CHECKING:
    from pathlib import Path

_readable_text: Final = functools.partial(str, encoding="utf-8", errors="replace")

FORK_PATIENCE_S: Final = 5.0
"""Longest wait of a fork for a transaction in progress: a child made in the midst of one cannot use the file at all."""

_opening = threading.RLock()
"""Held while a connection is opened, and over a fork."""
_opening_held = False
_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_forbidden: set[Path] = set()
"""Files that this process must not open: it inherited a connection to them in the middle of a transaction."""
_abandoned: list[sqlite3.Connection] = []
"""Connections that a child inherited in use: closing one would close the parent's files' locks."""


class Database:
    """One connection, opened when needed, used under ``lock``.

    Args:
        path: The file; None for a database in memory.
        read_only: Refuse to write.
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._file: Identity | None = None
        self._log: Identity | None = None
        self._quiet: bool | None = None
        """During a fork: whether nobody was in the middle of using it; None if that was not asked."""
        _databases.add(self)

    def connection(self) -> sqlite3.Connection:
        """The open connection. Call it with ``lock`` held.

        Raises:
            JournalError: A fork happened in the middle of a transaction, so this process cannot use the file; or the file
                was removed or replaced.
            sqlite3.Error: SQLite cannot open it.
        """
        if self.path in _forbidden:
            raise JournalError(f"{self.path} was in use at the moment of the fork that made this process")
        if self._connection is None:
            if not self.is_in_place():
                raise JournalError(f"{self.path} was removed or replaced while it was in use")
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return self._connect(":memory:")
        # Never made here: a file that was removed must not come back empty, nor readable by everybody.
        uri = self.path.absolute().as_uri()
        try:
            return self._connect(f"{uri}?mode=rw")
        except sqlite3.OperationalError:
            # Where nothing may be written there is no place for the log's index, and none to be: nobody writes.
            if not self._read_only or os.access(self.path.parent, os.W_OK) or beside(self.path, LOG).exists():
                raise
            return self._connect(f"{uri}?mode=ro&immutable=1")

    def _connect(self, target: str) -> sqlite3.Connection:
        with _opening:
            return self._connect_alone(target)

    def _connect_alone(self, target: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            target, timeout=0.2, isolation_level=None, check_same_thread=False, uri=True
        )
        # Damage within a text must not keep all others from being read.
        connection.text_factory = _readable_text
        try:
            schema.configure(connection)
            if self._read_only:
                connection.execute("PRAGMA query_only = ON")
            if self.path is not None:
                # Reading opens the log.
                connection.execute("PRAGMA user_version").fetchone()
                self._file = identity(self.path)
                self._log = identity(beside(self.path, LOG))
        except BaseException:
            connection.close()
            raise
        return connection

    def is_in_place(self) -> bool:
        """Whether the file that was opened still lies at its path: SQLite goes on writing to an unlinked one silently."""
        return self.path is None or self._file is None or identity(self.path) == self._file

    def close(self) -> None:
        """Close the connection; the next use opens the same file again."""
        with self.lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def follow(self) -> None:
        """Have the next use open whatever lies at the path by then."""
        with self.lock:
            self.close()
            self._file = self._log = None

    def left_log(self) -> bool:
        """Whether the log at the path belongs to the file that was opened, which is gone: SQLite would read it into another."""
        if self.path is None or self._log is None or self.is_in_place():
            return False
        return identity(beside(self.path, LOG)) == self._log

    def _before_fork(self) -> None:
        self._quiet = self.lock.acquire(timeout=FORK_PATIENCE_S)
        if self._quiet and self.path is not None:
            self.close()

    def _after_fork_in_parent(self) -> None:
        if self._quiet:
            self.lock.release()
        self._quiet = None

    def _after_fork_in_child(self) -> None:
        self.lock = threading.RLock()
        if self._connection is not None:
            _abandoned.append(self._connection)
            self._connection = None
        if self._quiet is False and self.path is not None:
            _forbidden.add(self.path)
        self._quiet = None


def _before_fork() -> None:
    global _opening_held
    known = set(_databases)
    for each in known:
        each._before_fork()  # noqa: SLF001 - this module's own class
    # From here on no thread opens a connection; those that were made meanwhile and never opened hold nothing.
    _opening_held = _opening.acquire(timeout=FORK_PATIENCE_S)
    for each in set(_databases) - known:
        if each._connection is not None or not _opening_held:  # noqa: SLF001
            each._before_fork()  # noqa: SLF001


def _after_fork_in_parent() -> None:
    if _opening_held:
        _opening.release()
    for each in set(_databases):
        each._after_fork_in_parent()  # noqa: SLF001


def _after_fork_in_child() -> None:
    global _opening
    _opening = threading.RLock()
    for each in set(_databases):
        each._after_fork_in_child()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
