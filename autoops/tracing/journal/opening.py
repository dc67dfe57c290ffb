"""Opening a journal: where it works, at the right schema, whole; and anew when it was lost while in use."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalDamaged, JournalError, JournalLocked, JournalNewer
from autoops.tracing.journal import schema
from autoops.tracing.journal.aside import set_aside, set_log_aside
from autoops.tracing.journal.database import Database
from autoops.tracing.journal.location import (
    MEMORY_ASKED_FOR,
    Location,
    candidates,
    create_private,
    prepare_folder,
)
from autoops.tracing.journal.lock import OPENING
from autoops.tracing.journal.salvage import salvage
from autoops.tracing.journal.store import Store, lock_of, translated

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

REOPEN_S: Final = 0.2
"""Longest wait, in seconds, for a place that worked until now."""


def open_store(journal: str, patience_s: float = 0.0) -> Store:
    """Open the journal at the best place that works: memory always does.

    Args:
        journal: The setting ``AUTOOPS_JOURNAL``: a path, or ``off``.
        patience_s: Longest wait, in seconds, for a program that has a file locked.

    Raises:
        JournalLocked: A place that works is locked for longer. It is the right one all the same: what were written
            elsewhere meanwhile, nobody would look for there.
    """
    deadline = time.monotonic() + patience_s
    why = ""
    for location in candidates(journal):
        try:
            reason = location.reason and f"{location.reason}{why}"
            return _open_by(deadline, Location(location.path, reason), (JournalLocked,))
        except JournalLocked:
            raise
        except (OSError, sqlite3.Error, JournalError) as error:
            why = why or f" ({error})"
            logger.debug("no journal at %s: %s", location.path, error)
    raise JournalError("SQLite cannot even open a database in memory")


def _open_by(deadline: float, location: Location, passing: tuple[type[Exception], ...]) -> Store:
    """Open a place, again after what may pass until ``deadline`` (monotonic seconds)."""
    while True:
        try:
            return open_at(location)
        except passing as error:
            if time.monotonic() >= deadline:
                raise
            logger.debug("the journal could not be opened yet: %s", error)
            # Others may need the bytes of the lock file between the tries.
            threading.Event().wait(0.02)


def open_at(location: Location) -> Store:
    """Open or create the journal at one place; a damaged file is moved aside, a newer program's file is left alone.

    Raises:
        OSError, sqlite3.Error, JournalError: It cannot be opened there.
    """
    if location.path is None:
        store = Store(location)
        with store._writing.lock:  # noqa: SLF001 - a store being built
            schema.migrate(store._writing.connection())  # noqa: SLF001
        return store
    prepare_folder(location.path.parent)
    moved_aside = None
    with lock_of(location.path).waiting(OPENING):
        try:
            _create_or_migrate(location.path)
        except JournalNewer as error:
            own = location.path.with_name(f"{location.path.stem}.v{schema.VERSION}{location.path.suffix}")
            return open_at(Location(own, str(error)))
        except JournalDamaged:
            moved_aside = _set_damaged_aside(location.path)
            _create_or_migrate(location.path)
    return _with_what_was_saved(Store(location, moved_aside))


def repair(store: Store, *, damaged: bool) -> Store:
    """Open a journal anew after it was found damaged, removed or replaced while in use.

    Only the process that gets there first moves a damaged file: the others find a sound one.

    Returns:
        The journal opened anew. ``store`` itself if it cannot be opened now, for lack of space or of permission: whoever
        uses it is told why at once, until another ``repair`` succeeds.
    """
    path = store.location.path
    # Nobody in this process may open the file while it is moved: SQLite would mix the old one's log with the new.
    store.give_up(JournalError(f"{path} was removed, replaced or damaged while it was in use"))
    moved = None
    try:
        if path is not None and store.lock is not None:
            prepare_folder(path.parent)
            with store.lock.waiting(OPENING):
                if damaged and path.exists() and not is_sound(path):
                    moved = _set_damaged_aside(path)
                elif store.has_left_log():
                    set_log_aside(path)
        # Another process may still be letting go of the file that was moved.
        passing = (OSError, sqlite3.Error, JournalError)
        opened = _open_by(time.monotonic() + REOPEN_S, store.location, passing)
    except (OSError, sqlite3.Error, JournalError) as error:
        if moved is not None:
            store.moved_aside, store.salvaged = moved, None
        store.give_up(JournalError(f"{path} cannot be opened any more: {error}"))
        return store
    if moved is None and opened.moved_aside is None:
        opened.moved_aside, opened.salvaged = store.moved_aside, store.salvaged
    opened.moved_aside = moved or opened.moved_aside
    return _with_what_was_saved(opened)


def report(store: Store) -> None:
    """Log where a journal lies: aloud if that is not the place that was asked for."""
    if store.location.reason and store.location.path is None and store.location != MEMORY_ASKED_FOR:
        logger.warning("no trace journal on disk: %s", store.location.reason)
    elif store.location.reason and store.location.path is not None:
        logger.warning("the trace journal is at %s: %s", store.location.path, store.location.reason)
    else:
        logger.debug("the trace journal is at %s", store.location.path)


def _set_damaged_aside(path: Path) -> Path:
    aside = set_aside(path, "damaged")
    logger.error("the trace journal %s is damaged: moved to %s, a new one is begun", path, aside)
    return aside


def _with_what_was_saved(store: Store) -> Store:
    if store.moved_aside is not None and store.salvaged is None:
        store.salvaged = salvage(store.moved_aside, store)
    return store


def is_sound(path: Path) -> bool:
    """Whether every page of the file can be read and fits its neighbours, and the indexes their tables."""
    database = Database(path, read_only=True)
    try:
        with database.lock:
            (verdict,) = database.connection().execute("PRAGMA integrity_check(1)").fetchone()
            return bool(verdict == "ok")
    except sqlite3.DatabaseError:
        return False
    finally:
        database.close()


def _create_or_migrate(path: Path) -> None:
    if not path.exists():
        set_log_aside(path)
        create_private(path)
    database = Database(path)
    try:
        with database.lock, translated(Location(path)):
            connection = database.connection()
            connection.execute("PRAGMA busy_timeout = 5000")
            schema.migrate(connection)
            # Reading a page of each table tells a malformed file from a sound one without reading all of it.
            tables = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            ]
            for table in tables:
                connection.execute(f'SELECT 1 FROM "{table}" NOT INDEXED LIMIT 1').fetchall()
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise JournalError(f"{path} lies where SQLite cannot keep a write-ahead log")
    finally:
        database.close()
