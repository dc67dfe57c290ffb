"""The journal in figures: read once a second by the writer, shown by ``health_check()``."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autoops.tracing.journal import caretaker, outbox
from autoops.tracing.journal.prune import FULL, REASONS
from autoops.tracing.journal.retention import ALERT_AT
from autoops.tracing.journal.salvage import last_damage

if TYPE_CHECKING:
    from autoops.tracing.journal.retention import Limits
    from autoops.tracing.journal.store import Store


@dataclass(frozen=True, slots=True)
class Figures:
    """What the journal holds. Counts are the journal's, over all processes that wrote to it.

    ended = delivered + pending + local + sampled_out + rejected + pruned, at any moment.
    """

    path: str | None
    reason: str | None
    moved_aside: str | None
    damage: dict[str, Any] | None
    """What became of a damaged file that this one took the place of, whichever process met it."""
    sqlite_version: str
    error: str | None
    bytes: int
    spans: int
    traces: int
    ended: int
    delivered: int
    pending: int
    local: int
    sampled_out: int
    throttled: int
    """Of the sampled out ones, those of traces that were left out because the server took no more."""
    rejected: int
    pruned: int
    pruned_by: dict[str, int]
    """Of the pruned, how many why: ``age``, ``size``, ``full`` (over the size limit with nothing else left) or ``hand``."""
    lost: int
    """Of the pruned, how many had not been delivered and went because the journal was over its size limit."""
    oldest_pending_s: float | None
    scores_pending: int
    scores_delivered: int
    scores_rejected: int
    scores_pruned: int
    log_bytes: int
    read_at: float

    def as_dict(self) -> dict[str, Any]:
        """For ``health_check()``."""
        shown = asdict(self)
        del shown["read_at"]
        return shown


NOTHING = Figures(
    path=None,
    reason="not opened yet",
    moved_aside=None,
    damage=None,
    sqlite_version=sqlite3.sqlite_version,
    error=None,
    bytes=0,
    spans=0,
    traces=0,
    ended=0,
    delivered=0,
    pending=0,
    local=0,
    sampled_out=0,
    throttled=0,
    rejected=0,
    pruned=0,
    pruned_by={},
    lost=0,
    oldest_pending_s=None,
    scores_pending=0,
    scores_delivered=0,
    scores_rejected=0,
    scores_pruned=0,
    log_bytes=0,
    read_at=float("-inf"),
)
"""Before the first span."""


def read(store: Store, error: str | None = None) -> Figures:
    """Read the figures: a handful of rows, however large the journal is."""
    with store.reading() as connection:
        counts = outbox.counters(connection)
        damage = last_damage(connection)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        oldest = connection.execute(
            # Once for each destination: an order over all of them would sort the whole outbox.
            "SELECT MIN(s.end_ns) FROM destinations d JOIN spans s ON s.seq ="
            " (SELECT MIN(o.seq) FROM outbox o WHERE o.destination_id = d.id AND o.kind = 0)"
        ).fetchone()
    location = store.location
    return Figures(
        path=None if location.path is None else str(location.path),
        reason=location.reason,
        moved_aside=None if store.moved_aside is None else str(store.moved_aside),
        damage=damage,
        sqlite_version=sqlite3.sqlite_version,
        error=error,
        bytes=pages * page_size,
        spans=counts.get("spans", 0),
        traces=counts.get("traces", 0),
        ended=counts.get("ended", 0),
        delivered=counts.get("delivered", 0),
        pending=counts.get("pending", 0),
        local=counts.get("local", 0),
        sampled_out=counts.get("sampled_out", 0),
        throttled=counts.get("throttled", 0),
        rejected=counts.get("rejected", 0),
        pruned=counts.get("pruned", 0),
        pruned_by={reason: number for reason in REASONS if (number := counts.get(f"pruned_by_{reason}", 0))},
        lost=counts.get(f"lost_by_{FULL}", 0),
        oldest_pending_s=None if oldest[0] is None else max(0.0, time.time() - oldest[0] / 1e9),
        scores_pending=counts.get("scores_pending", 0),
        scores_delivered=counts.get("scores_delivered", 0),
        scores_rejected=counts.get("scores_rejected", 0),
        scores_pruned=counts.get("scores_pruned", 0),
        log_bytes=caretaker.log_bytes(store),
        read_at=time.monotonic(),
    )


def size_alert(held: Figures, limits: Limits) -> str | None:
    """What to say of a journal near its size limit; None if it is far from it, or may shrink without losing anything.

    What Langfuse has got goes first and is no loss: a journal that holds little else is left at its limit.
    """
    limit = limits.max_bytes()
    if limit is None or held.bytes < ALERT_AT * limit:
        return None
    only_here = held.pending + held.rejected + held.local + held.sampled_out
    if only_here < 0.1 * held.spans:
        return None
    undelivered = held.pending + held.rejected
    return (
        f"the journal takes {held.bytes / limit:.0%} of AUTOOPS_JOURNAL_MAX_MB={limits.max_mb:g}: beyond it the oldest"
        " traces are removed, "
        + (f"at last the {undelivered} undelivered spans: " if undelivered else "which are nowhere else: ")
        + "raise the limit"
        + (" or mend delivery" if undelivered else " or export them")
    )


class AgentOutcomes:
    """How agents' spans ended, over a window of time."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, str, bool]] = deque(maxlen=10_000)
        self._guard = threading.Lock()

    def add(self, agent: str, *, succeeded: bool) -> None:
        """Note the end of an agent's span."""
        with self._guard:
            self._ends.append((time.monotonic(), agent, succeeded))

    def failing(self, window_s: float, least_success: float) -> dict[str, float]:
        """Agents whose share of spans without an error was below ``least_success`` in the last ``window_s`` seconds."""
        since = time.monotonic() - window_s
        totals: dict[str, list[int]] = {}
        with self._guard:
            for when, agent, succeeded in self._ends:
                if when >= since:
                    counts = totals.setdefault(agent, [0, 0])
                    counts[0] += 1
                    counts[1] += succeeded
        shares = {agent: good / number for agent, (number, good) in totals.items()}
        return {agent: share for agent, share in shares.items() if share < least_success}
