"""Which traces the journal lets go: the old ones, and the oldest of a journal that is too large.

Settled traces go first. Age never takes a span that Langfuse has not got; size does when nothing else is left, and counts
it. A trace with a span still open is never taken.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.journal import caretaker, outbox, prune
from autoops.tracing.journal.prune import Doomed, Removed
from autoops.tracing.journal.schema import OPEN, SCORE, SPAN
from autoops.tracing.journal.slices import Pace

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from autoops.tracing.config import LangfuseConfig
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
LOOK_EVERY_S: Final = 10.0
"""How often the size is looked at."""
NOTE_EVERY_S: Final = 3600.0
"""How often it is noted what has been recorded by now."""
EARLIEST_S: Final = 1_735_689_600.0
"""2025-01-01: a clock that shows less has not been set, and tells no age."""
PAGE: Final = 1000
"""Rows read at once."""


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
        return now - self.days * DAY_S if self.days > 0 else None

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

    def step(self, store: Store, limits: Limits, busy: threading.Event, budget_s: float = 1.0) -> None:
        """Do what there is to do, until ``busy`` is set or the time is up; the next call goes on with the rest."""
        deadline = time.monotonic() + budget_s
        if self._store is not store:
            # The file was replaced, or this is the first call.
            self._store, self._work = store, None
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
            logger.info("%d traces with %d spans were pruned", removed.traces, removed.spans)


def removal(store: Store, limits: Limits, removed: Removed) -> Iterator[float]:
    """Bring a journal within its limits, slice by slice.

    Yields:
        How long the slice held other writers up, in seconds.
    """
    before, pace = removed.spans, Pace()
    yield from prune.remove_doomed(store, removed, pace)
    cutoff = limits.older_than(time.time())
    if cutoff is not None and cutoff > EARLIEST_S:
        for choice in (_old_by_their_clock(store, cutoff), _old_by_ours(store, cutoff)):
            for traces in choice:
                prune.doom(store, traces, prune.AGE)
                yield from prune.remove_doomed(store, removed, pace)
                yield 0.0
        _forget(store, cutoff)
    if excess(store, limits) > 0:
        yield from prune.give_back_space(store)
        if excess(store, limits) > 0:
            yield from _shrink(store, limits, prune.SIZE, removed, pace)
            yield from _shrink(store, limits, prune.FULL, removed, pace)
    if removed.spans > before:
        yield from prune.give_back_space(store)


def excess(store: Store, limits: Limits) -> float:
    """By how many bytes the journal's file is over its limit; negative below it."""
    limit = limits.max_bytes()
    return float("-inf") if limit is None else sum(_bytes(store)) - limit


def note_recorded(store: Store) -> None:
    """Note what has been recorded by now, if that was not done lately or nothing is new."""
    now = time.time()
    if now < EARLIEST_S:
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


def _old_by_their_clock(store: Store, cutoff: float) -> Iterator[list[Doomed]]:
    """Settled traces whose latest moment is before ``cutoff``, some at a time; some may be none."""
    cutoff_ns = int(cutoff * 1e9)
    after = (int(EARLIEST_S * 1e9), "")
    while True:
        with store.reading() as connection:
            found = connection.execute(
                "SELECT start_ns, trace_id, MAX(start_ns, COALESCE(end_ns, 0)) FROM traces"
                " WHERE (start_ns, trace_id) > (?, ?) AND start_ns < ? ORDER BY start_ns, trace_id LIMIT ?",
                (*after, cutoff_ns, PAGE),
            ).fetchall()
        if not found:
            return
        after = found[-1][:2]
        old = [trace_id for _, trace_id, latest_ns in found if latest_ns < cutoff_ns]
        yield from _judged(store, old, may_be_undelivered=False)


def _old_by_ours(store: Store, cutoff: float) -> Iterator[list[Doomed]]:
    """Settled traces all of which had been recorded by ``cutoff``, whatever their clocks say."""
    with store.reading() as connection:
        (last_seq,) = connection.execute(
            "SELECT MAX(span_seq) FROM recorded WHERE at <= ?", (cutoff,)
        ).fetchone()
    for trace_ids in _in_order(store, last_seq or 0):
        yield from _judged(store, trace_ids, may_be_undelivered=False, last_seq=last_seq)


def _shrink(store: Store, limits: Limits, reason: str, removed: Removed, pace: Pace) -> Iterator[float]:
    """Remove the oldest traces until the journal is within its limit again."""
    chosen: list[Doomed] = []
    wanted = _traces_too_many(store, limits)
    for trace_ids in _in_order(store, None):
        for traces in _judged(store, trace_ids, may_be_undelivered=reason == prune.FULL, at_once=1):
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


def _in_order(store: Store, last_seq: int | None) -> Iterator[list[str]]:
    """Ids of traces in the order in which they were recorded, some at a time."""
    after = 0
    seen: set[str] = set()
    while True:
        with store.reading() as connection:
            rows = connection.execute(
                "SELECT seq, trace_id FROM spans WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
                (after, (1 << 62) if last_seq is None else last_seq, PAGE),
            ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        trace_ids = dict.fromkeys(row[1] for row in rows if row[1] not in seen)
        seen.update(trace_ids)
        if len(seen) > 100 * PAGE:
            # Some may then be looked at twice.
            seen.clear()
        yield list(trace_ids)


_JUDGE: Final = f"""
SELECT COUNT(*), MAX(seq), MAX(span_id), MAX(state = {OPEN}), MAX(
    EXISTS (SELECT 1 FROM destinations d JOIN outbox o ON o.destination_id = d.id
        WHERE o.kind = {SPAN} AND o.seq = page.seq)
    OR EXISTS (SELECT 1 FROM destinations d JOIN rejected j ON j.destination_id = d.id
        WHERE j.kind = {SPAN} AND j.seq = page.seq))
FROM (SELECT seq, span_id, state FROM spans WHERE trace_id = ? AND span_id > ? ORDER BY span_id LIMIT {PAGE}) AS page
"""
_SCORES_WAIT: Final = f"""
SELECT EXISTS (SELECT 1 FROM scores c JOIN destinations d
    LEFT JOIN outbox o ON o.destination_id = d.id AND o.kind = {SCORE} AND o.seq = c.seq
    LEFT JOIN rejected j ON j.destination_id = d.id AND j.kind = {SCORE} AND j.seq = c.seq
    WHERE c.trace_id = ? AND (o.seq IS NOT NULL OR j.seq IS NOT NULL))
"""


def _judged(
    store: Store,
    trace_ids: list[str],
    *,
    may_be_undelivered: bool,
    last_seq: int | None = None,
    at_once: int = prune.DOOMED_AT_ONCE,
) -> Iterator[list[Doomed]]:
    """Those of the traces that may go, some at a time; none while a large one is being read.

    Args:
        store: The journal.
        trace_ids: Which ones to look at.
        may_be_undelivered: Also those that are still to be sent, or were refused.
        last_seq: None that has later rows.
        at_once: How many to give at once.
    """
    chosen: list[Doomed] = []
    for trace_id in trace_ids:
        highest, after, may_go, is_read = 0, "", True, False
        while may_go and not is_read:
            with store.reading() as connection:
                number, seq, span_id, is_open, waits = connection.execute(
                    _JUDGE, (trace_id, after)
                ).fetchone()
                if number < PAGE and not may_be_undelivered:
                    waits = waits or connection.execute(_SCORES_WAIT, (trace_id,)).fetchone()[0]
            highest, after = max(highest, seq or 0), span_id or after
            may_go = not is_open and (may_be_undelivered or not waits)
            may_go = may_go and (last_seq is None or highest <= last_seq)
            is_read = number < PAGE
            if not is_read:
                yield []
        if may_go:
            chosen.append(Doomed(trace_id, highest))
        if len(chosen) >= at_once:
            yield chosen
            chosen = []
    yield chosen


def _forget(store: Store, cutoff: float) -> None:
    """Let go what is told of moments that no trace is left of."""
    with store.transaction() as connection:
        connection.execute(
            "DELETE FROM recorded WHERE at < (SELECT MAX(at) FROM recorded WHERE at <= ?)", (cutoff,)
        )
        connection.execute(
            "UPDATE processes SET health = '{}' WHERE heartbeat_at < ? AND health <> '{}'", (cutoff,)
        )
