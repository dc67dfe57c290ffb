"""Moving a journal's files out of the way: never thrown away, never mixed with the files that take their place."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

Identity = tuple[int, int]
"""Device and inode of a file: what tells it from another at the same path."""

LOG: Final = "-wal"
"""Added to a journal's name: its write-ahead log."""
INDEX: Final = "-shm"
"""Added to a journal's name: the index of its log, shared between processes."""


def beside(path: Path, suffix: str) -> Path:
    """The file that SQLite keeps beside a journal."""
    return path.with_name(path.name + suffix)


def identity(path: Path) -> Identity | None:
    """What lies at the path now; None if nothing does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path, fate: str, suffixes: tuple[str, ...] = ("", LOG, INDEX)) -> Path:
    """Rename a journal with its log and index. Call it with ``OPENING`` held.

    Args:
        path: The journal.
        fate: Why: a word of the new name.
        suffixes: Which of its files.

    Returns:
        The new path of the journal itself.
    """
    base = f"{path.name}.{fate}-{time.strftime('%Y%m%d-%H%M%S')}"
    aside = path.with_name(base)
    number = 1
    while any(beside(aside, suffix).exists() for suffix in ("", LOG, INDEX)):
        number += 1
        aside = path.with_name(f"{base}-{number}")
    for suffix in suffixes:
        source = beside(path, suffix)
        if source.exists():
            source.rename(beside(aside, suffix))
    return aside


def set_log_aside(path: Path) -> None:
    """Move away a log whose journal is gone: SQLite would read it into the next file that lies there.

    Call it with ``OPENING`` held.
    """
    suffixes = tuple(suffix for suffix in (LOG, INDEX) if beside(path, suffix).exists())
    if suffixes:
        aside = set_aside(path, "removed", suffixes)
        logger.warning("the log of a journal that was removed is kept as %s", beside(aside, LOG))
