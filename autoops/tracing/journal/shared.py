"""One writer for each journal of a process, however many services name it."""

from __future__ import annotations

import os
import threading

from autoops.tracing.journal.location import real_name
from autoops.tracing.journal.writer import Writer

_writers: dict[str, Writer] = {}
_guard = threading.Lock()


def writer_for(journal: str, *, buffer_size: int, patience_s: float) -> Writer:
    """The process's writer of a journal; each user of it calls ``leave`` when done. Journals in memory are not shared."""
    key = "off" if journal == "off" else real_name(journal)
    with _guard:
        writer = _writers.get(key) if key != "off" else None
        if writer is None:
            writer = Writer(key, buffer_size=buffer_size, patience_s=patience_s)
            if key != "off":
                _writers[key] = writer
        writer.users += 1
        return writer


def leave(writer: Writer, deadline: float) -> None:
    """Stop using a writer; the last user's leaving stops it, by ``deadline`` (monotonic seconds)."""
    with _guard:
        writer.users -= 1
        last = writer.users <= 0
        if last and _writers.get(writer.journal) is writer:
            del _writers[writer.journal]
    if last:
        writer.stop(deadline)
    else:
        writer.flush(deadline)


def _after_fork_in_child() -> None:
    global _guard
    _guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
