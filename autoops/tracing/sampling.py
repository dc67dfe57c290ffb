"""Which traces are sent: a verdict by chance when a trace begins, and one by value once something of it shows worth.

The journal keeps every trace; sampling governs what is sent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from autoops.tracing import attributes as keys

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.rows import SpanRow
    from autoops.tracing.span import Span

_LOW_64_BITS: Final = (1 << 64) - 1

HEAD: Final = "head"
"""Why a trace was sent or left out: chance, at the configured rate."""
THROTTLE: Final = "throttle"
"""Why a trace was left out: chance, at a rate lowered because the server takes no more."""

ERROR: Final = "error"
WARNING: Final = "warning"
CONFLICT: Final = "conflict"
LOW_CONFIDENCE: Final = "low_confidence"
HIGH_IMPACT: Final = "high_impact"
SLOW: Final = "slow"


def head_rate(config: LangfuseConfig, root_name: str) -> float:
    """The rate, 0..1, for traces whose root bears ``root_name``: the first matching rule, else the general rate."""
    if config.sample_rate == 0.0:
        return 0.0
    for pattern, rate in config.sample_rules:
        if fnmatchcase(root_name, pattern):
            return rate
    return config.sample_rate


def is_sampled(trace_id: int, rate: float) -> bool:
    """Whether a trace is in the sample: the verdict of OpenTelemetry's ``TraceIdRatioBased`` for the same id and rate."""
    return (trace_id & _LOW_64_BITS) < round(rate * (1 << 64))


def value_of(span: Span, row: SpanRow, config: LangfuseConfig, durations: Durations) -> str | None:
    """Why a span is worth sending its trace for; None if it is an ordinary one.

    Args:
        span: The ended span.
        row: What is stored of it.
        config: Whose thresholds hold.
        durations: How long roots of its name usually take.
    """
    if row.level in {"ERROR", "WARNING"}:
        return ERROR if row.level == "ERROR" else WARNING
    if row.operation == keys.RESOLVE_CONFLICT:
        return CONFLICT
    if row.decision is not None:
        if row.confidence is not None and row.confidence < config.confidence_threshold:
            return LOW_CONFIDENCE
        impact = span.attributes.get(keys.IMPACT)
        threshold = config.impact_threshold
        if threshold is not None and isinstance(impact, int | float) and abs(impact) >= threshold:
            return HIGH_IMPACT
    if row.parent_span_id is None and durations.is_slow(row.name, (row.end_ns or 0) - row.start_ns):
        return SLOW
    return None


class Durations:
    """How long the latest roots of each name took, to know a slow one."""

    LEAST: Final = 200
    """Roots from which on a name's 99th percentile is known."""
    KEPT: Final = 1000
    MOST_NAMES: Final = 1000
    REFRESH: Final = 50
    """Roots after which a name's percentile is reckoned anew."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[int]] = {}
        self._p99: dict[str, int] = {}
        self._added: dict[str, int] = {}

    def add(self, name: str, duration_ns: int) -> None:
        """Note how long a root took."""
        latest = self._latest.get(name)
        if latest is None:
            if len(self._latest) >= self.MOST_NAMES:
                return
            latest = self._latest[name] = deque(maxlen=self.KEPT)
        latest.append(duration_ns)
        added = self._added[name] = self._added.get(name, 0) + 1
        if added >= self.LEAST and added % self.REFRESH == 0:
            ordered = sorted(latest)
            self._p99[name] = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]

    def is_slow(self, name: str, duration_ns: int) -> bool:
        """Whether a root took longer than 99 of 100 of its name; False while too few are known."""
        p99 = self._p99.get(name)
        return p99 is not None and duration_ns > p99


class Throttle:
    """The rate for ordinary new traces while the server takes fewer spans than arrive.

    Lowered when arrivals were ahead of deliveries over a whole window, raised again once the backlog is small: the gap
    between the two conditions keeps the rate from swinging. A server that fails is no reason: an outage thins nothing.

    Args:
        window_s: Seconds over which arrivals and deliveries are compared.
    """

    LOWEST: Final = 0.001
    MARGIN: Final = 0.9
    """Share of what the server took that is asked of it next: the backlog is to shrink."""
    RAISE: Final = 1.5
    SMALL_BACKLOG_S: Final = 2.0
    """Seconds of delivery that a backlog may hold when the rate is raised."""
    IGNORED: Final = 1000
    """Spans that may wait without anything being done."""

    def __init__(self, window_s: float = 30.0) -> None:
        self.rate = 1.0
        self._window_s = window_s
        self._samples: deque[tuple[float, int, int]] = deque()

    def step(
        self, now: float, *, arrived: int, delivered: int, is_healthy: bool, is_away: bool = False
    ) -> float:
        """Look at the counts, about once a second.

        Args:
            now: Monotonic seconds.
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
        self._samples.append((now, arrived, delivered))
        at = bisect_right(self._samples, now - self._window_s, key=lambda sample: sample[0])
        for _ in range(at - 1):
            self._samples.popleft()
        began, arrived_then, delivered_then = self._samples[0]
        if now - began < self._window_s:
            return self.rate
        came, went, waiting = arrived - arrived_then, delivered - delivered_then, arrived - delivered
        if came > went and waiting > self.IGNORED:
            self.rate = max(self.LOWEST, self.rate * self.MARGIN * went / came)
            self._samples.clear()
        elif self.rate < 1.0 and waiting <= max(self.IGNORED, went / (now - began) * self.SMALL_BACKLOG_S):
            self.rate = min(1.0, self.rate * self.RAISE)
            self._samples.clear()
        return self.rate
