"""What is usual for a name, so that what is slow is known."""

from __future__ import annotations

from autoops.tracing.journal.worth import Durations


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
