"""The head verdict: OpenTelemetry's for the same id and rate, by rule of the root's name; the throttle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.sampling import Throttle, head_rate, is_sampled


@given(trace_id=st.integers(1, 2**128 - 1), rate=st.floats(0, 1))
def test_it_is_opentelemetrys(trace_id: int, rate: float) -> None:
    """Another service with OpenTelemetry's own sampler keeps the same traces."""
    theirs = TraceIdRatioBased(rate).should_sample(None, trace_id, "x").decision

    assert is_sampled(trace_id, rate) is (theirs is Decision.RECORD_AND_SAMPLE)


@given(st.integers(1, 2**128 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_keeps_what_a_lower_one_kept(trace_id: int, one: float, other: float) -> None:
    """Raising the rate loses no trace."""
    low, high = sorted((one, other))

    assert is_sampled(trace_id, high) or not is_sampled(trace_id, low)
    assert is_sampled(trace_id, 1.0)
    assert not is_sampled(trace_id, 0.0)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("pricing.reprice", 0.9), ("pricing.other", 0.2), ("inventory.order", 0.5), ("demand_spike", 0.5)],
)
def test_the_first_rule_that_matches_counts(name: str, rate: float) -> None:
    """Else the general rate."""
    config = LangfuseConfig(sample_rate=0.5, sample_rules=(("pricing.re*", 0.9), ("pricing.*", 0.2)))

    assert head_rate(config, name) == rate


def test_a_general_rate_of_zero_sends_none_at_all() -> None:
    """No rule brings any back."""
    assert head_rate(LangfuseConfig(sample_rate=0.0, sample_rules=(("*", 1.0),)), "x") == 0.0


class Load:
    """A throttle under a load of so many spans a second on a server that takes so many."""

    def __init__(self, offered: float, taken: float) -> None:
        self.throttle = Throttle()
        self.offered, self.taken = offered, taken
        self.now = self.arrived = self.delivered = 0.0
        self.rates: list[float] = []

    def run(self, seconds: int, *, is_healthy: bool = True, is_away: bool = False) -> float:
        """Let time pass; arrivals are thinned by the rate."""
        for _ in range(seconds):
            self.now += 1
            self.arrived += self.offered * self.throttle.rate
            if not is_away:
                self.delivered = min(self.arrived, self.delivered + self.taken)
            rate = self.throttle.step(
                self.now,
                arrived=int(self.arrived),
                delivered=int(self.delivered),
                is_healthy=is_healthy and not is_away,
                is_away=is_away,
            )
            self.rates.append(rate)
        return self.throttle.rate


class TestThrottle:
    """The rate under load."""

    def test_a_server_that_keeps_up_is_sent_all(self) -> None:
        """However much it is."""
        assert Load(10_000, 20_000).run(600) == 1.0

    def test_half_a_minute_is_waited(self) -> None:
        """A short rush is no reason."""
        load = Load(10_000, 1000)

        assert load.run(29) == 1.0
        assert load.run(2) < 0.2

    def test_ten_times_too_much_is_thinned_to_what_is_taken(self) -> None:
        """The backlog stops growing, and shrinks."""
        load = Load(10_000, 1000)
        load.run(120)
        waiting = load.arrived - load.delivered
        load.run(600)

        assert load.arrived - load.delivered < waiting
        assert load.delivered / load.now == pytest.approx(1000, rel=0.2)

    def test_the_rate_does_not_swing(self) -> None:
        """It stays near what the server takes, rather than going up and down by all of it."""
        load = Load(10_000, 1000)
        load.run(1200)
        load.rates.clear()
        load.run(1200)

        assert max(load.rates) <= 2.5 * min(load.rates)

    def test_it_is_raised_when_the_load_is_over(self) -> None:
        """All is sent again."""
        load = Load(10_000, 1000)
        load.run(300)
        load.offered = 100

        assert load.run(1200) == 1.0

    def test_an_outage_thins_nothing(self) -> None:
        """Neither while it lasts, nor for the backlog that it leaves."""
        load = Load(5000, 8000)
        load.run(60)
        load.run(600, is_away=True)
        load.run(600)

        assert set(load.rates) == {1.0}

    def test_an_outage_ends_it(self) -> None:
        """What is recorded then is sent later."""
        load = Load(10_000, 1000)
        assert load.run(60) < 1.0

        assert load.run(1, is_away=True) == 1.0

    def test_a_moments_failure_changes_nothing(self) -> None:
        """A 429 is what an overloaded server answers."""
        load = Load(10_000, 1000)
        rate = load.run(40)

        assert load.run(5, is_healthy=False) == rate

    def test_bursts_that_are_cleared_are_no_overload(self) -> None:
        """However large, and whenever the window's ends fall."""
        load = Load(0, 5000)
        for _ in range(40):
            load.offered = 10_000
            load.run(2)
            load.offered = 0
            load.run(20)

        assert set(load.rates) == {1.0}

    def test_few_spans_are_no_load(self) -> None:
        """A slow server with a handful of spans in line is left alone."""
        assert Load(10, 1).run(60) == 1.0
