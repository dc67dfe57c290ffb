"""What lies in memory between the caller and the journal: bounded in spans and in bytes."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from autoops.tracing.counts import Counts, Drop
from autoops.tracing.flag import Flag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from autoops.tracing.span import Span

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes held at the most, payloads and a rough share for the rest."""
COMMIT_BYTES: Final = 8 * 1024 * 1024
"""Bytes taken for one commit: on their way into the file they are held several times over."""
MOST_LOST: Final = 10_000
"""Traces of which it is known how many spans they lost, until that stands in the journal."""
RESERVED: Final = 5
"""One part in ``RESERVED`` is kept for errors and decisions."""
MOST_BARE: Final = 10_000
"""Roots taken beyond the capacity, without their data: without its root a trace could not say what it lost."""
DATA_DROPPED: Final = "its data was dropped: the journal's buffer was full"
"""Status message of such a root."""


class Buffer:
    """Ended spans (and scores) on their way to the journal.

    Args:
        capacity: Most spans held, those in the commit under way included.
        patience_s: Longest wait of a caller for room before its span is dropped and counted.
        dropped: Where spans that are dropped are counted, by reason.
        dropped_scores: The same for scores.
    """

    def __init__(
        self, capacity: int, patience_s: float, dropped: Counts, dropped_scores: Counts | None = None
    ) -> None:
        self.patience_s = patience_s
        self.dropped = dropped
        self.dropped_scores = Counts() if dropped_scores is None else dropped_scores
        self.failing = False
        """Set while the journal cannot be written: waiting would not help the caller."""
        self.closed = False
        self.emptied_by: int | None = None
        """The thread that takes."""
        self.filled = Flag()
        """Set by the first item, for the writer that waits."""
        self.half_full = Flag()
        """Set when a commit should not wait for company."""
        # Item, bytes, whether it is a score: plain tuples, for the caller pays for making one.
        self._waiting: deque[tuple[Any, int, bool]] = deque()
        self._taken: list[tuple[Any, int, bool]] = []
        self._held = 0
        self._bytes = 0
        self._scores = 0
        self._lost: dict[str, int] = {}
        self._lost_before: dict[str, int] = {}
        # A signal handler or a finalizer may record while its thread is within the lock: that is set aside till later.
        self._lock = threading.RLock()
        self._is_locked_here: Callable[[], bool] = self._lock._is_owned  # type: ignore[attr-defined]  # noqa: SLF001 - as Condition does
        self._aside: deque[Span] = deque()
        self._room = threading.Condition(self._lock)
        self.resize(capacity)
        self.accepted = 0
        """Items taken so far; with ``settled`` it tells a flush when its items are committed."""
        self.settled = 0

    def resize(self, capacity: int) -> None:
        """Hold so many spans from now on."""
        with self._lock:
            self.capacity = capacity
            self._ordinary = max(1, capacity - capacity // RESERVED)
            self._room.notify_all()

    def put(self, span: Span) -> bool:
        """Take a span. False if there was no room in time: it is dropped and counted."""
        if self._is_locked_here():
            self._aside.append(span)
            return True
        size, number = span.size, 0
        with self._lock:
            # The way of nearly every span, without a call: the caller pays for it.
            if self._held < self._ordinary and self._bytes + size <= MAX_BYTES and not self.closed:
                waiting = self._waiting
                waiting.append((span, size, False))
                self._held += 1
                self._bytes += size
                self.accepted += 1
                number = len(waiting)
                if number > 1 and number * 2 < self.capacity and self._bytes * 2 < MAX_BYTES:
                    return True
        if number:
            self._wake(number)
            if self._aside:
                self._take_aside()
            return True
        if threading.get_ident() == self.emptied_by:
            # A finalizer that runs in the writer's own thread: nobody else would make room for it.
            self._aside.append(span)
            return True
        urgent = span.decision is not None or span.is_error
        if self._put(span, size, self.dropped, urgent=urgent, may_be_bare=span.is_root):
            return True
        self._note_lost(span.trace_id)
        return False

    def take_lost(self, spans: Iterable[Span]) -> dict[str, int]:
        """Spans dropped since the last call, by trace; and earlier ones of the traces that ``spans`` are of."""
        with self._lock:
            lost, self._lost = self._lost, {}
            if self._lost_before:
                for trace_id in {span.trace_id for span in spans} & self._lost_before.keys():
                    lost[trace_id] = lost.get(trace_id, 0) + self._lost_before.pop(trace_id)
        return lost

    def put_back_lost(self, lost: Mapping[str, int]) -> None:
        """What was taken could not be written."""
        for trace_id, number in lost.items():
            self._note_lost(trace_id, number)

    def keep_lost(self, lost: Mapping[str, int]) -> None:
        """What was taken of traces that the journal has not met: none of their spans has come through so far."""
        with self._lock:
            for trace_id, number in lost.items():
                self._lost_before[trace_id] = self._lost_before.get(trace_id, 0) + number
            while len(self._lost_before) > MOST_LOST:
                del self._lost_before[next(iter(self._lost_before))]

    def _note_lost(self, trace_id: str, number: int = 1) -> None:
        with self._lock:
            if not self.closed and (trace_id in self._lost or len(self._lost) < MOST_LOST):
                self._lost[trace_id] = self._lost.get(trace_id, 0) + number

    def put_score(self, score: Any) -> bool:
        """Take a score, with the right of way of a decision."""
        return self._put(score, 512, self.dropped_scores, urgent=True)

    def _put(self, item: Any, size: int, dropped: Counts, *, urgent: bool, may_be_bare: bool = False) -> bool:
        with self._lock:
            if self.closed:
                dropped.add(Drop.AFTER_SHUTDOWN)
                return False
            if not self._fits(size, urgent=urgent) and not self._wait_for_room(size, urgent=urgent):
                if self.closed or not may_be_bare or self._held >= self.capacity + MOST_BARE:
                    dropped.add(self._why_dropped())
                    return False
                size = _bare(item)
            is_score = dropped is self.dropped_scores
            self._waiting.append((item, size, is_score))
            self._held += 1
            self._bytes += size
            self._scores += is_score
            self.accepted += 1
            number = len(self._waiting)
        self._wake(number)
        return True

    def _wake(self, waiting: int) -> None:
        if waiting == 1:
            self.filled.set()
        if waiting * 2 >= self.capacity or self._bytes * 2 >= MAX_BYTES:
            self.half_full.set()

    def _take_aside(self) -> None:
        """Take what came while its own thread was within the lock."""
        for _ in range(len(self._aside)):
            try:
                span = self._aside.popleft()
            except IndexError:
                return
            self.put(span)

    def take(self) -> list[Any]:
        """What waits, as much of it as one commit should hold; it counts as held until ``done``."""
        self._take_aside()
        with self._lock:
            taken = self._taken
            size = 0
            while self._waiting and (not taken or size + self._waiting[0][1] <= COMMIT_BYTES):
                held = self._waiting.popleft()
                taken.append(held)
                size += held[1]
            if not self._waiting:
                self.filled.clear()
                self.half_full.clear()
            return [item for item, _, _ in taken]

    def done(self) -> None:
        """What was taken is committed."""
        with self._lock:
            self.settled += len(self._taken)
            self._held -= len(self._taken)
            self._bytes -= sum(size for _, size, _ in self._taken)
            self._scores -= sum(is_score for _, _, is_score in self._taken)
            self._taken = []
            self._room.notify_all()

    def put_back(self) -> None:
        """What was taken could not be committed: it is first in line again."""
        with self._lock:
            self._waiting.extendleft(reversed(self._taken))
            self._taken = []
            self.filled.set()
            self._room.notify_all()

    def wait_settled(self, mark: int, deadline: float) -> bool:
        """Wait until item number ``mark`` is committed, or until ``deadline`` on the monotonic clock."""
        with self._room:
            while self.settled < mark:
                left = deadline - time.monotonic()
                if left <= 0 or not self._room.wait(left):
                    return self.settled >= mark
            return True

    def close(self) -> None:
        """Take nothing more."""
        with self._lock:
            self.closed = True
            self._room.notify_all()

    def __len__(self) -> int:
        """Items held, those in the commit under way included."""
        return self._held + len(self._aside)

    @property
    def spans(self) -> int:
        """Spans held, those in the commit under way included."""
        with self._lock:
            return len(self) - self._scores

    def _fits(self, size: int, *, urgent: bool) -> bool:
        held = self._held
        if held >= (self.capacity if urgent else self._ordinary):
            return False
        # One item is always taken, however large: it could never fit otherwise.
        return held == 0 or self._bytes + size <= MAX_BYTES

    def _why_dropped(self) -> Drop:
        if self.closed:
            return Drop.AFTER_SHUTDOWN
        return Drop.JOURNAL_UNAVAILABLE if self.failing else Drop.BUFFER_FULL

    def _wait_for_room(self, size: int, *, urgent: bool) -> bool:
        if self.failing or self.patience_s <= 0:
            return False
        self.filled.set()
        self.half_full.set()
        deadline = time.monotonic() + self.patience_s
        while not self._fits(size, urgent=urgent):
            left = deadline - time.monotonic()
            if left <= 0 or self.closed or self.failing:
                return False
            self._room.wait(left)
        return True


def _bare(root: Span) -> int:
    """Take the data off a root. Returns the bytes that it holds then."""
    root.input = root.output = None
    root.attributes, root.events, root.links = {}, None, ()
    root.level = root.level or ("ERROR" if root.is_error else "WARNING")
    root.status_message = root.status_message or DATA_DROPPED
    return root.size
