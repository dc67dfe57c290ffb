"""The journal as the page opens it: it may not exist yet, may vanish, may be replaced."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from autoops.errors import JournalError
from autoops.tracing.journal.location import candidates
from autoops.tracing.journal.reader import open_journal

if TYPE_CHECKING:
    from autoops.tracing.journal.store import Store


class Source:
    """Opens the journal when it is first needed and again when another file takes its place.

    Args:
        journal: The setting ``AUTOOPS_JOURNAL``: a path, or ``off``.
        only_there: Somebody named this very file: do not look where a journal goes that cannot be written there.
    """

    def __init__(self, journal: str, *, only_there: bool = False) -> None:
        self.journal = journal
        self._only_there = only_there
        self._guard = threading.Lock()
        self._store: Store | None = None

    @property
    def path(self) -> Path | None:
        """Where the journal lies, or would: the first place of ``AUTOOPS_JOURNAL``'s that has one. None if it is off."""
        if self._only_there and self.journal != "off":
            return Path(self.journal).expanduser().absolute()
        places = [place.path for place in candidates(self.journal) if place.path is not None]
        return next((place for place in places if _has_content(place)), places[0] if places else None)

    def store(self) -> Store:
        """The open journal.

        Raises:
            JournalError: There is none, or it cannot be opened.
        """
        with self._guard:
            path = self.path
            if self._store is not None and (self._store.location.path != path or not _has_content(path)):
                # SQLite would make an empty file where the journal was.
                self._store.close()
                self._store = None
            if self._store is None:
                try:
                    self._store = open_journal("off" if path is None else str(path))
                except OSError as error:
                    raise JournalError(f"{path} cannot be opened: {error.strerror or error}") from error
            return self._store


def _has_content(path: Path | None) -> bool:
    try:
        return path is not None and path.is_file() and path.stat().st_size > 0
    except OSError:
        return False
