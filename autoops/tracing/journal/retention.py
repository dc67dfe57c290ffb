"""Which traces the journal lets go: the old ones, and the oldest of a journal that is too large.

Settled traces go first. Age never takes a span that Langfuse has not got; size does when nothing else is left, and counts
it. A trace with a span still open is never taken.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.journal import caretaker, choice, outbox, prune
from autoops.tracing.journal.lock import CARETAKER
from autoops.tracing.journal.prune import Doomed, Removed
from autoops.tracing.journal.slices import Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.flag import Flag
    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

DAY_S: Final = 86_400.0
MB: Final = 1_000_000
ALERT_AT: Final = 0.8
"""Share of the size limit from which an alert is raised."""
DOWN_TO: Final = 0.95
"""Share of the size limit to which a journal that is over it is brought."""
AGE_EVERY_S: Final = 3600.0
"""How often traces that have become too old are looked for."""
LOOK_EVERY_S: Final = 2.0
"""How often the size is looked at."""
NOTE_EVERY_S: Final = 3600.0
"""How often it is noted what has been recorded by now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much is kept; 0 is without a limit.

    Attributes:
        days: Age from which settled traces go.
        max_mb: Size of the journal in megabytes (10^6 bytes).
    """

    days: float = 0.0
    max_mb: float = 0.0

    @classmethod
    def of(cls, config: LangfuseConfig) -> Limits:
        """The limits that a configuration sets."""
        return cls(config.retention_days, config.journal_max_mb)

    def older_than(self, now: float) -> float | None:
        """The moment, in seconds since the epoch, before which traces are too old; None if none are."""
        # A clock that was never set tells no age.
        return now - self.days * DAY_S if self.days > 0 and now > choice.EARLIEST_S else None

    def max_bytes(self) -> float | None:
        """The size limit in bytes; None if there is none."""
        return self.max_mb * MB if self.max_mb > 0 else None


class Retention:
    """Keeps a journal within its limits, a little at a time, for the process that cares for it."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._work: Iterator[float] | None = None
        self._removed = Removed()
        self._looked_at = self._aged_at = float("-inf")
        self._in_vain_at = 0.0

    def step(self, store: Store, limits: Limits, busy: Flag, budget_s: float = 1.0) -> None:
        """Do what there is to do, until ``busy`` is set or the time is up; the next call goes on with the rest."""
        deadline = time.monotonic() + budget_s
        if self._store is not store:
            # The file was replaced, or this is the first call.
            self._store, self._work = store, None
            self._looked_at = self._aged_at = float("-inf")
        if self._work is None:
            self._work = self._begin(store, limits)
        try:
            while self._work is not None:
                held_s = next(self._work, None)
                if held_s is None:
                    self._end(store, limits)
                    return
                if held_s:
                    caretaker.bound_log(store)
                # As long as writers were held up they now have the file for themselves.
                if busy.wait(held_s) or time.monotonic() >= deadline:
                    return
        except JournalError:
            self._work, self._aged_at = None, float("-inf")
            raise

    def _begin(self, store: Store, limits: Limits) -> Iterator[float] | None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_EVERY_S:
            return None
        self._looked_at = now
        note_recorded(store)
        is_time = now - self._aged_at >= AGE_EVERY_S
        # What was too large with nothing to remove is looked at again when it has grown.
        is_too_large = excess(store, limits) > self._in_vain_at
        if not (is_time or is_too_large or prune.has_doomed(store)):
            return None
        if is_time:
            self._aged_at = now
        return removal(store, limits, self._removed)

    def _end(self, store: Store, limits: Limits) -> None:
        self._work = None
        removed, self._removed = self._removed, Removed()
        self._in_vain_at = 1.05 * max(0.0, excess(store, limits))
        if removed.undelivered:
            logger.warning(
                "the trace journal was over AUTOOPS_JOURNAL_MAX_MB: %d spans that had not been delivered were removed",
                removed.undelivered,
            )
        if removed.traces:
            store.checkpoint("TRUNCATE")
            logger.info("%d traces with %d spans were pruned", removed.traces, removed.spans)


def removal(store: Store, limits: Limits, removed: Removed) -> Iterator[float]:
    """Bring a journal within its limits, slice by slice.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    before, pace = removed.spans, Pace()
    yield from prune.remove_doomed(store, removed, pace)
    for traces in _too_old(store, limits):
        prune.doom(store, traces, prune.AGE)
        yield from prune.remove_doomed(store, removed, pace)
        yield 0.0
    cutoff = limits.older_than(time.time())
    if cutoff is not None:
        yield from prune.remove_lone_scores(store, choice.recorded_by(store, cutoff)[1])
        _forget(store, cutoff)
    if excess(store, limits) > 0:
        yield from prune.give_back_space(store)
        if excess(store, limits) > 0:
            yield from _shrink(store, limits, prune.SIZE, removed, pace)
            yield from _shrink(store, limits, prune.FULL, removed, pace)
    if removed.spans > before:
        yield from prune.give_back_space(store)


def run(store: Store, limits: Limits) -> Removed:
    """Bring a journal within its limits now, whoever cares for it."""
    removed = Removed()
    note_recorded(store)
    pause = threading.Event()
    # Only who cares for the log may write it back into the file; with nobody there that is us.
    is_ours = store.lock is not None and store.lock.acquire(CARETAKER)
    try:
        for held_s in removal(store, limits, removed):
            if is_ours and held_s:
                caretaker.bound_log(store)
            pause.wait(held_s)
    finally:
        if is_ours and store.lock is not None:
            store.lock.release(CARETAKER)
    if removed.spans:
        prune.empty_log(store)
    return removed


def foresee(store: Store, limits: Limits) -> Removed:
    """What ``run`` would remove, by age exactly and by size about: as if all spans were of one size."""
    removed = Removed()
    going: set[str] = set()

    def add(traces: list[Doomed]) -> None:
        new = [each.trace_id for each in traces if each.trace_id not in going]
        going.update(new)
        for trace_id in new:
            spans, undelivered = choice.count(store, trace_id)
            removed.traces += 1
            removed.spans += spans
            removed.undelivered += undelivered

    for traces in _too_old(store, limits):
        add(traces)
    limit = limits.max_bytes()
    used, free = _bytes(store)
    with store.reading() as connection:
        a_span = used / max(1, outbox.counters(connection).get("spans", 0))
    if limit is None or used + free - removed.spans * a_span <= limit:
        return removed
    for may_be_undelivered in (False, True):
        for trace_ids in choice.in_order(store, None):
            for traces in choice.judged(store, trace_ids, may_be_undelivered=may_be_undelivered, at_once=1):
                if used - removed.spans * a_span <= DOWN_TO * limit:
                    return removed
                add(traces)
    return removed


def _too_old(store: Store, limits: Limits) -> Iterator[list[Doomed]]:
    cutoff = limits.older_than(time.time())
    if cutoff is not None:
        yield from choice.old_by_their_clock(store, cutoff)
        yield from choice.old_by_ours(store, cutoff)


def excess(store: Store, limits: Limits) -> float:
    """By how many bytes the journal's file is over its limit; negative below it."""
    limit = limits.max_bytes()
    return float("-inf") if limit is None else sum(_bytes(store)) - limit


def note_recorded(store: Store) -> None:
    """Note what has been recorded by now, if that was not done lately or nothing is new."""
    now = time.time()
    if now < choice.EARLIEST_S:
        return
    with store.reading() as connection:
        latest = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
        row = connection.execute("SELECT MAX(at), MAX(span_seq), MAX(score_seq) FROM recorded").fetchone()
    seqs = (latest.get("spans", 0), latest.get("scores", 0))
    at, *noted = row
    if at is not None and (0 <= now - at < NOTE_EVERY_S or tuple(noted) == seqs):
        return
    with store.transaction() as connection:
        # A clock was wrong, then or now; of two, the earlier is believed, else rows would stay young.
        connection.execute("DELETE FROM recorded WHERE at > ?", (now,))
        connection.execute("INSERT OR REPLACE INTO recorded VALUES (?, ?, ?)", (now, *seqs))


def _shrink(store: Store, limits: Limits, reason: str, removed: Removed, pace: Pace) -> Iterator[float]:
    """Remove the oldest traces until the journal is within its limit again."""
    chosen: list[Doomed] = []
    wanted = _traces_too_many(store, limits)
    for trace_ids in choice.in_order(store, None):
        for traces in choice.judged(store, trace_ids, may_be_undelivered=reason == prune.FULL, at_once=1):
            if not wanted:
                return
            chosen += traces
            if len(chosen) >= wanted:
                prune.doom(store, chosen, reason)
                chosen = []
                yield from prune.remove_doomed(store, removed, pace)
                wanted = _traces_too_many(store, limits)
            yield 0.0
    prune.doom(store, chosen, reason)
    yield from prune.remove_doomed(store, removed, pace)


def _traces_too_many(store: Store, limits: Limits) -> int:
    """How many traces of the usual size are to go next."""
    limit = limits.max_bytes()
    used, _ = _bytes(store)
    if limit is None or used <= DOWN_TO * limit:
        return 0
    with store.reading() as connection:
        number = outbox.counters(connection).get("traces", 0)
    return min(prune.DOOMED_AT_ONCE, 1 + int(number * (used - DOWN_TO * limit) / used))


def _bytes(store: Store) -> tuple[int, int]:
    """Bytes of the file that are used, and that are free."""
    with store.reading() as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size, free * size


def _forget(store: Store, cutoff: float) -> None:
    """Let go what is told of moments that no trace is left of."""
    with store.transaction() as connection:
        connection.execute(
            "DELETE FROM recorded WHERE at < (SELECT MAX(at) FROM recorded WHERE at <= ?)", (cutoff,)
        )
        connection.execute(
            "UPDATE processes SET health = '{}' WHERE heartbeat_at < ? AND health <> '{}'", (cutoff,)
        )
