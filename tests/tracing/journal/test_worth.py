"""What is usual for a name, so that what is slow is known."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from desk import Desk

from autoops.tracing import decisions
from autoops.tracing.journal.opening import open_store
from autoops.tracing.journal.rows import span_row
from autoops.tracing.journal.worth import HIGH_IMPACT, Durations, value_of
from autoops.tracing.masking import Masker


class TestDurations:
    """What is slow for its name."""

    def test_nothing_is_slow_before_enough_are_known(self) -> None:
        """A percentile of few is a guess."""
        durations = Durations()
        for _ in range(Durations.LEAST - 1):
            durations.add("event", 10)

        assert not durations.is_slow("event", 10**12)
        durations.add("event", 10)
        assert durations.is_slow("event", 11)
        assert not durations.is_slow("event", 10)

    def test_each_name_has_its_own(self) -> None:
        """What is slow for one is usual for another."""
        durations = Durations()
        for _ in range(Durations.LEAST):
            durations.add("quick", 10)
            durations.add("slow", 1000)

        assert durations.is_slow("quick", 500)
        assert not durations.is_slow("slow", 500)

    def test_the_latest_count(self) -> None:
        """A system that has become slower is usual again after a while."""
        durations = Durations()
        for duration in (10, 1000):
            for _ in range(Durations.KEPT):
                durations.add("event", duration)

        assert not durations.is_slow("event", 1000)

    def test_names_are_bounded(self) -> None:
        """A name for each trace must not fill the memory."""
        durations = Durations()
        for number in range(Durations.MOST_NAMES + 10):
            for _ in range(Durations.LEAST):
                durations.add(f"event {number}", 10)

        assert durations.is_slow("event 0", 11)
        assert not durations.is_slow(f"event {Durations.MOST_NAMES}", 11)


class TestImpact:
    """A decision's impact against `AUTOOPS_IMPACT_THRESHOLD`."""

    @staticmethod
    def worth(impact: Any) -> str | None:
        """What makes a decision of that impact notable, if 100 is the threshold."""
        desk = Desk(open_store("off"), impact_threshold=100.0)
        span = desk.begin("pricing.reprice", operation="reprice")
        span.decision = "reprice"
        decisions.write(span, {"type": "reprice", "impact": impact})
        span.end()
        row = span_row(span, 1, Masker(()))
        return value_of(span, row, desk.provider.config, Durations())

    @pytest.mark.parametrize(
        "impact",
        [
            101,
            100.5,
            -1000,
            10**30,
            float("inf"),
            np.int64(1000),
            np.float32(1000),
            np.float64(1000),
            Decimal(1000),
            Fraction(1000),
        ],
    )
    def test_a_number_of_any_type_counts(self, impact: Any) -> None:
        """By its size, a loss like a gain."""
        assert self.worth(impact) == HIGH_IMPACT

    @pytest.mark.parametrize(
        "impact", [100, 100.0, -100, 5, np.int64(5), True, "1000", None, float("nan"), []]
    )
    def test_what_is_not_larger_does_not_count(self, impact: Any) -> None:
        """The threshold itself is not over the threshold; text is no number."""
        assert self.worth(impact) is None
