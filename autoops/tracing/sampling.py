"""Which traces are sent by chance: the verdict when a trace begins, and how load lowers its rate.

The journal keeps every trace; sampling governs what is sent. What is sent whatever chance said: ``journal/worth.py``.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from autoops.tracing.serialize import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.config import LangfuseConfig

_LOW_64_BITS: Final = (1 << 64) - 1

HEAD: Final = "head"
"""Why a trace was sent or left out: chance, at the configured rate."""
THROTTLE: Final = "throttle"
"""Why a trace was left out: chance, at a rate lowered because the server takes no more."""
NONE: Final = "none"
"""Why a trace was left out: a general rate of 0 sends none, whatever it is worth."""


class Verdict(NamedTuple):
    """Whether a trace is sent, and what said so."""

    sampled: bool
    rate: float
    """The rate at which it was made, 0..1; 0 for one that came with a parent from elsewhere, whose rate is not known."""
    reason: str = HEAD
    is_roots: bool = True
    """Whether the process that began the trace made it."""


def joined(known: Verdict | None, other: Verdict) -> Verdict:
    """The verdict on a trace of which another process has recorded something too.

    The first one holds, but for a process that joined a trace before the one that began it could tell: what that one says
    counts too. Chance is nested, so being sent at either rate is being sent at the higher one: the rate stays the
    probability, and no trace is half sent.
    """
    if known is None:
        return other
    if known.is_roots or not other.is_roots:
        return known
    return Verdict(known.sampled or other.sampled, max(known.rate, other.rate), other.reason)


def head_rate(config: LangfuseConfig, root_name: object) -> float:
    """The rate, 0..1, for traces whose root bears ``root_name``: the first matching rule, else the general rate."""
    if config.sample_rate == 0.0:
        return 0.0
    if not config.sample_rules:
        return config.sample_rate
    # OpenTelemetry's doors take whatever is given as a name: it is judged by what will be recorded of it.
    root_name = text(root_name)
    for pattern, rate in config.sample_rules:
        if fnmatchcase(root_name, pattern):
            return rate
    return config.sample_rate


def is_sampled(trace_id: int, rate: float) -> bool:
    """Whether a trace is in the sample: the verdict of OpenTelemetry's ``TraceIdRatioBased`` for the same id and rate."""
    return (trace_id & _LOW_64_BITS) < round(rate * (1 << 64))


def reason_for(config: LangfuseConfig, trace_id: int, head: float, *, sampled: bool) -> str:
    """What made the verdict on a trace that begins; ``head`` is its rate, 0..1, before any throttling."""
    if sampled:
        return HEAD
    if config.sample_rate == 0.0:
        return NONE
    return THROTTLE if is_sampled(trace_id, head) else HEAD


class Throttle:
    """The rate for ordinary new traces while the server takes fewer spans than arrive.

    Lowered when arrivals were ahead of deliveries over a whole window, raised again once the backlog is small: the gap
    between the two conditions keeps the rate from swinging. A server that fails is no reason: an outage thins nothing.

    Args:
        window_s: Seconds over which arrivals and deliveries are compared.
        clock: Tells monotonic seconds.
    """

    LOWEST: Final = 0.001
    MARGIN: Final = 0.9
    """Share of what the server took that is asked of it next: the backlog is to shrink."""
    RAISE: Final = 1.5
    SMALL_BACKLOG_S: Final = 2.0
    """Seconds of delivery that a small backlog holds at the most: with more the rate may be lowered, with less raised."""
    IGNORED: Final = 1000
    """Spans that may wait without anything being done."""

    def __init__(self, window_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = 1.0
        self._window_s = window_s
        self._clock = clock
        self._samples: deque[tuple[float, int, int]] = deque()

    def anew(self) -> Throttle:
        """One that knows of no load yet, for another server."""
        return Throttle(self._window_s, self._clock)

    def step(self, *, arrived: int, delivered: int, is_healthy: bool, is_away: bool = False) -> float:
        """Look at the counts, about once a second.

        Args:
            arrived: Spans that have become due so far.
            delivered: Spans that were delivered so far.
            is_healthy: Whether the server takes what it is sent.
            is_away: Whether it is an outage, which thins nothing, rather than a moment's failure.

        Returns:
            The rate from now on, 0..1.
        """
        if not is_healthy:
            self._samples.clear()
            self.rate = 1.0 if is_away else self.rate
            return self.rate
        now = self._clock()
        self._samples.append((now, arrived, delivered))
        at = bisect_right(self._samples, now - self._window_s, key=lambda sample: sample[0])
        for _ in range(at - 1):
            self._samples.popleft()
        began, arrived_then, delivered_then = self._samples[0]
        if now - began < self._window_s:
            return self.rate
        came, went = arrived - arrived_then, delivered - delivered_then
        small = max(self.IGNORED, went / (now - began) * self.SMALL_BACKLOG_S)
        # A burst that the server clears in between is no overload, nor is what is always under way to a fast one.
        was_behind = all(came_by - went_by > small for _, came_by, went_by in list(self._samples)[1:])
        if came > went and was_behind:
            self.rate = max(self.LOWEST, self.rate * self.MARGIN * went / came)
            self._samples.clear()
        elif self.rate < 1.0 and arrived - delivered <= small:
            self.rate = min(1.0, self.rate * self.RAISE)
            self._samples.clear()
        return self.rate
