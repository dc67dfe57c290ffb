"""The journal's file as the rest of the house sees it: open it somewhere, write in transactions, read beside them."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from autoops.errors import JournalDamaged, JournalError, JournalLocked, JournalNewer
from autoops.tracing.journal import schema
from autoops.tracing.journal.aside import beside, identity, set_log_aside
from autoops.tracing.journal.database import Database
from autoops.tracing.journal.lock import CARETAKER, OPENING, LockFile, lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autoops.tracing.journal.aside import Identity
    from autoops.tracing.journal.location import Location

logger = logging.getLogger(__name__)

DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Salvaged(NamedTuple):
    """What became of the rows that waited: spans and scores together."""

    saved: int
    unreadable: int
    """Known to have waited, and lost."""
    complete: bool
    """Whether the whole list of what waited could be read."""


class Store:
    """An open journal.

    Attributes:
        location: Where it lies, and why there.
        moved_aside: The damaged file that this one replaces, if any.
        salvaged: What was saved from it.
        lock: The bytes this process holds beside the file; None for a journal in memory, and for a mere reader.
    """

    def __init__(
        self, location: Location, moved_aside: Path | None = None, *, read_only: bool = False
    ) -> None:
        self.location = location
        self.moved_aside = moved_aside
        self.salvaged: Salvaged | None = None
        self.lock: LockFile | None = None
        self._given_up: JournalError | None = None
        self._damage: JournalDamaged | None = None
        self._admitted = schema.VERSION
        self._writing = Database(location.path)
        # A database in memory is one connection: another would be another database.
        self._reading = self._writing if location.path is None else Database(location.path, read_only=True)
        if location.path is not None and not read_only:
            self.lock = lock_of(location.path)

    @contextlib.contextmanager
    def transaction(self, patience_s: float = 5.0) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end of the block, undone if it raises.

        Args:
            patience_s: Longest wait, in seconds, for another writer.

        Raises:
            JournalLocked: Another writer held the file for longer.
            JournalDamaged: The file is no database, or its pages are malformed.
            JournalNewer: A newer program has taken the file over.
            JournalError: The file was removed or replaced, or SQLite failed otherwise (full disk, I/O error).
        """
        with self._writing.lock, translated(self.location):
            self._check_in_place(self._writing)
            if self._damage is not None:
                raise self._damage
            connection = self._writing.connection()
            _begin(connection, patience_s)
            try:
                self._check_version(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            # Else the file went away meanwhile, and what was committed with it.
            self._check_in_place(self._writing)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with; take what you need and leave: a long reader lets the log grow without bound.

        Raises:
            JournalError: As ``transaction``.
        """
        with self._reading.lock, translated(self.location):
            if self.lock is None and not self._reading.is_in_place():
                self._follow()
            self._check_in_place(self._reading)
            try:
                yield self._reading.connection()
            except sqlite3.DatabaseError as error:
                if _is_damage(error):
                    # Whoever writes next is told, for it can mend it.
                    self._damage = JournalDamaged(f"{self.location.path}: {error}")
                raise

    def rewrite(self) -> None:
        """Write the file anew without its free space and its pages' gaps; other writers wait meanwhile.

        Raises:
            JournalLocked: Another writer is at work.
            JournalError: As ``transaction``.
        """
        with self._writing.lock, translated(self.location):
            self._check_in_place(self._writing)
            self._writing.connection().execute("VACUUM")

    def checkpoint(self, mode: str = "PASSIVE") -> bool:
        """Move the log's pages into the file. Only the process that holds ``CARETAKER`` may.

        Args:
            mode: ``PASSIVE``, or ``TRUNCATE`` to give the log's space back too.

        Returns:
            Whether all of it was moved; False while a reader still needs the file as it was.
        """
        if self.location.path is None:
            return True
        with self._writing.lock, translated(self.location):
            self._check_in_place(self._writing)
            connection = self._writing.connection()
            # Most of the work, with writers free to go on; the other modes keep them out from beginning to end.
            busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if mode != "PASSIVE" and pages == moved:
                connection.execute("PRAGMA busy_timeout = 0")
                try:
                    busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
                finally:
                    connection.execute("PRAGMA busy_timeout = 200")
            return not busy and bool(pages == moved)

    def is_in_place(self) -> bool:
        """Whether the file that was opened still lies at its path and may be written; ``repair`` opens another if not."""
        return self._given_up is None and self._writing.is_in_place()

    def identity(self) -> Identity | None:
        """What tells the file at the journal's path from another; None in memory, or if there is none."""
        return None if self.location.path is None else identity(self.location.path)

    def close(self) -> None:
        """Close both connections."""
        self._reading.close()
        self._writing.close()

    def give_up(self, error: JournalError) -> None:
        """Close both connections for good: whoever still uses this store is told ``error`` at once."""
        with self._writing.lock, self._reading.lock:
            self._given_up = error
            self.close()
        if self.lock is not None:
            self.lock.release(CARETAKER)
            self.lock.renew()

    def has_left_log(self) -> bool:
        """Whether the log at the path belongs to a file that was there before, and no longer is."""
        return self._writing.left_log() or self._reading.left_log()

    def _check_in_place(self, database: Database) -> None:
        if self._given_up is not None:
            raise self._given_up
        if not database.is_in_place():
            database.close()
            raise JournalError(f"{self.location.path} was removed or replaced while it was in use")

    def _check_version(self, connection: sqlite3.Connection) -> None:
        """A newer program may have migrated the file since it was opened, and have forbidden us to write to it."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > self._admitted:
            try:
                schema.migrate(connection)
            except JournalNewer as error:
                self._given_up = error
                raise
            self._admitted = version

    def _follow(self) -> None:
        """Have a mere reader see the file that lies at the path now."""
        path = self.location.path
        if path is not None and path.exists() and self._reading.left_log():
            with lock_of(path).waiting(OPENING):
                if self._reading.left_log():
                    set_log_aside(path)
        self._reading.follow()


def lock_of(path: Path) -> LockFile:
    """The process's handle on the lock file beside a journal."""
    return lock_file(beside(path, ".lock"))


def _begin(connection: sqlite3.Connection, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    pause = threading.Event()
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _code(error) not in BUSY or time.monotonic() >= deadline:
                raise
            pause.wait(0.001)  # shorter than a busy writer's rest
        else:
            return


@contextlib.contextmanager
def translated(location: Location) -> Iterator[None]:
    """SQLite's errors in the house's words; the only place that knows them."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            raise JournalDamaged(f"{location.path}: {error}") from error
        if _code(error) in BUSY:
            raise JournalLocked(f"{location.path} is locked by another program") from error
        raise JournalError(f"{location.path}: {error}") from error


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in DAMAGE


def _code(error: sqlite3.Error) -> int:
    """SQLite's own number for an error; 0 for one of Python's module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
