"""Which traces may go: those that are settled, in the order of their age.

A trace is as old as its latest moment says, and at least as old as its recording: a row dated in the future is not young
for ever. A trace with a span still open is never chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autoops.tracing.journal import prune
from autoops.tracing.journal.prune import Doomed
from autoops.tracing.journal.schema import OPEN, SCORE, SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.journal.store import Store

EARLIEST_S: Final = 1_735_689_600.0
"""2025-01-01: a clock that shows less has not been set, and tells no age."""
PAGE: Final = 1000
"""Rows read at once."""


def old_by_their_clock(store: Store, cutoff: float) -> Iterator[list[Doomed]]:
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
        yield from judged(store, old, may_be_undelivered=False)


def old_by_ours(store: Store, cutoff: float) -> Iterator[list[Doomed]]:
    """Settled traces all of which had been recorded by ``cutoff``, whatever their clocks say."""
    last_seq, _ = recorded_by(store, cutoff)
    for trace_ids in in_order(store, last_seq):
        yield from judged(store, trace_ids, may_be_undelivered=False, last_seq=last_seq)


def recorded_by(store: Store, moment: float) -> tuple[int, int]:
    """The latest ``seq`` of spans and of scores that are known to have been recorded by a moment."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT MAX(span_seq), MAX(score_seq) FROM recorded WHERE at <= ?", (moment,)
        ).fetchone()
    return row[0] or 0, row[1] or 0


def in_order(store: Store, last_seq: int | None) -> Iterator[list[str]]:
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


def judged(
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


def count(store: Store, trace_id: str) -> tuple[int, int]:
    """How many spans a trace has, and how many of them are still to be sent or were refused."""
    with store.reading() as connection:
        spans, undelivered = connection.execute(
            "SELECT COUNT(*), COALESCE(SUM("
            " EXISTS (SELECT 1 FROM destinations d JOIN outbox o ON o.destination_id = d.id"
            "  WHERE o.kind = ? AND o.seq = s.seq)"
            " OR EXISTS (SELECT 1 FROM destinations d JOIN rejected j ON j.destination_id = d.id"
            "  WHERE j.kind = ? AND j.seq = s.seq)), 0) FROM spans s WHERE s.trace_id = ?",
            (SPAN, SPAN, trace_id),
        ).fetchone()
    return spans, undelivered
