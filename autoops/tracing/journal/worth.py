"""What makes a trace worth sending whatever chance said."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from autoops.tracing import attributes as keys

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.rows import SpanRow
    from autoops.tracing.span import Span

ERROR: Final = "error"
WARNING: Final = "warning"
CONFLICT: Final = "conflict"
LOW_CONFIDENCE: Final = "low_confidence"
HIGH_IMPACT: Final = "high_impact"
SLOW: Final = "slow"


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
        if _is_over(span.attributes.get(keys.IMPACT), config.impact_threshold):
            return HIGH_IMPACT
    if row.parent_span_id is None and durations.is_slow(row.name, (row.end_ns or 0) - row.start_ns):
        return SLOW
    return None


def _is_over(impact: object, threshold: float | None) -> bool:
    is_number = isinstance(impact, int | float) and not isinstance(impact, bool)
    return threshold is not None and is_number and abs(impact) > threshold  # type: ignore[arg-type]


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
