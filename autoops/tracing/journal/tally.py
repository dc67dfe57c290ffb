"""What became of the spans that a process has begun: each is somewhere, and the sum shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from autoops.tracing.counts import NEVER_JOURNALLED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from autoops.tracing.journal.buffer import Buffer
    from autoops.tracing.provider import TracerProvider


class Tally(NamedTuple):
    """begun = ended + open + buffered + filtered + dropped, whenever no call is under way."""

    begun: int = 0
    """Spans asked for, also those that the settings left out."""
    ended: int = 0
    """Ended spans that stand in the journal."""
    open: int = 0
    buffered: int = 0
    """Ended spans on their way to the journal."""
    filtered: int = 0
    dropped: int = 0
    """Ended spans that never reached the journal."""


def take(providers: Iterable[TracerProvider], buffer: Buffer, ended: int) -> Tally:
    """The tally as it is now.

    Args:
        providers: All that record to the buffer.
        buffer: What waits for the journal.
        ended: Spans that the journal has taken so far.
    """
    filtered = sum(each.filtered.value for each in providers)
    return Tally(
        begun=filtered + sum(each.begun.value for each in providers),
        ended=ended,
        open=sum(len(each.spans) + len(each.idle) for each in providers),
        buffered=buffer.spans,
        filtered=filtered,
        dropped=sum(buffer.dropped[reason] for reason in NEVER_JOURNALLED),
    )


def settled(tally: Tally) -> Tally:
    """The tally without what is still open or on its way: where a new file's counts begin."""
    return tally._replace(begun=tally.ended + tally.filtered + tally.dropped, open=0, buffered=0)


def write(connection: sqlite3.Connection, process_id: int, now: Tally, before: Tally) -> None:
    """Bring a process's row up to ``now``; ``before`` is what this writer has put there already.

    Added to, not replaced: a process that leaves the journal and comes back goes on with its row.
    """
    connection.execute(
        "UPDATE processes SET begun = begun + ?, ended = ended + ?, filtered = filtered + ?, dropped = dropped + ?,"
        " open = ?, buffered = ? WHERE id = ?",
        (
            now.begun - before.begun,
            now.ended - before.ended,
            now.filtered - before.filtered,
            now.dropped - before.dropped,
            now.open,
            now.buffered,
            process_id,
        ),
    )
