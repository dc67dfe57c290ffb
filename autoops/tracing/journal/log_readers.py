"""Who keeps the write-ahead log from being emptied.

A read transaction sees the journal as it was when it began, so as long as it lasts SQLite can neither bring later pages into
the file nor begin the log anew: the log grows by all that is written. Ours last for a page of results. Another tool's may
last for days, and nothing but its end helps; so it is told by its number who it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from autoops.tracing.journal.aside import INDEX, beside

LOCKS: Final = Path("/proc/locks")
"""Linux's table of file locks."""
READ_MARKS: Final = range(123, 128)
"""Bytes of the log's index that readers lock, by SQLite's "WAL-mode file format", section 2.3.1."""
OVERGROWN: Final = 128 * 1024 * 1024
"""Bytes of log at which something is said: without a long reader it stays far below."""


def why_it_grows(journal: Path, log_bytes: int) -> str | None:
    """What to say of a log that cannot be emptied, and what to do; None while it is of ordinary size."""
    if log_bytes < OVERGROWN:
        return None
    pids = ", ".join(map(str, reading_now(journal)))
    who = f"end the read of process {pids}" if pids else "end what reads the journal"
    return (
        f"the journal's log has grown to {log_bytes / 1e6:.0f} MB, for a read that has not ended keeps it from being"
        f" emptied: {who}"
    )


def reading_now(journal: Path, locks: Path = LOCKS) -> tuple[int, ...]:
    """Ids of the processes that are in the middle of a read, this one included; none where the system does not tell.

    A short read is among them too: ask when a checkpoint was held up.
    """
    try:
        inode = beside(journal, INDEX).stat().st_ino
        lines = locks.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    found = set()
    for line in lines:
        # 5: POSIX ADVISORY READ 4553 fe:00:2491068 123 123
        fields = line.split()
        if len(fields) != 8 or fields[1] != "POSIX" or fields[3] != "READ":
            continue
        pid, file, first = fields[4], fields[5], fields[6]
        if file.rpartition(":")[2] == str(inode) and first.isdigit() and int(first) in READ_MARKS:
            found.add(int(pid))
    # Of a process in another container there is no number.
    return tuple(sorted(pid for pid in found if pid > 0))
