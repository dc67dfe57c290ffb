"""The head verdict: OpenTelemetry's for the same id and rate, by rule of the root's name; the throttle."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from desk import Desk
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal.opening import open_store
from autoops.tracing.sampling import (
    HEAD,
    NONE,
    THROTTLE,
    Throttle,
    Verdict,
    head_rate,
    is_sampled,
    joined,
    reason_for,
)
from autoops.tracing.serialize import text


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


@pytest.mark.parametrize(("odd", "rate"), [(None, 0.5), (5, 0.2), (b"pricing", 0.9), (["x"], 0.5), ("", 0.5)])
def test_an_odd_name_is_judged_by_its_text(odd: Any, rate: float) -> None:
    """OpenTelemetry's `start_span` takes anything as a name: nothing raises, and nothing is lost."""
    rules = (("pricing", 0.9), ("5", 0.2))
    assert head_rate(LangfuseConfig(sample_rate=0.5, sample_rules=rules), odd) == rate

    desk = Desk(open_store("off"), sample_rate=0.5, sample_rules=rules)
    desk.provider.get_tracer("theirs").start_span(odd).end()
    (span,) = desk.pile.finished
    assert span.trace.sample_rate == rate
    desk.commit()
    assert desk.rows("SELECT name FROM spans") == [(text(odd),)]


def test_a_general_rate_of_zero_sends_none_at_all() -> None:
    """No rule brings any back."""
    assert head_rate(LangfuseConfig(sample_rate=0.0, sample_rules=(("*", 1.0),)), "x") == 0.0


def test_a_verdict_says_what_made_it() -> None:
    """Chance at the configured rate, at one lowered by load, or settings that send none."""
    config, in_sample = LangfuseConfig(sample_rate=0.5), 1

    assert reason_for(config, in_sample, 0.5, sampled=True) == HEAD
    assert reason_for(config, in_sample, 0.5, sampled=False) == THROTTLE
    assert reason_for(config, (1 << 64) - 1, 0.5, sampled=False) == HEAD
    assert reason_for(LangfuseConfig(sample_rate=0.0), in_sample, 0.0, sampled=False) == NONE


@given(trace_id=st.integers(1, 2**128 - 1), first=st.floats(0, 1), root=st.floats(0, 1))
def test_a_verdict_of_two_is_chances_at_the_higher_rate(trace_id: int, first: float, root: float) -> None:
    """When another process tells of a trace before the one that began it: the rate is the probability still."""
    early = Verdict(is_sampled(trace_id, first), first, is_roots=False)
    late = Verdict(is_sampled(trace_id, root), root)

    verdict = joined(early, late)

    assert verdict.rate == max(first, root)
    assert verdict.sampled is is_sampled(trace_id, verdict.rate)


def test_the_first_verdict_holds() -> None:
    """Of the process that began the trace against all others, and among the others."""
    of_root, others = Verdict(sampled=False, rate=0.1), Verdict(sampled=True, rate=1.0, is_roots=False)
    another = Verdict(sampled=False, rate=0.5, is_roots=False)

    assert joined(None, others) == others
    assert joined(of_root, others) == of_root
    assert joined(others, another) == others


class Load:
    """A throttle under a load of so many spans a second on a server that takes so many."""

    def __init__(self, offered: float, taken: float, window_s: float = 30.0) -> None:
        self.now = self.arrived = self.delivered = 0.0
        self.throttle = Throttle(window_s, lambda: self.now)
        self.offered, self.taken = offered, taken
        self.rates: list[float] = []

    def run(self, seconds: int, *, is_healthy: bool = True, is_away: bool = False) -> float:
        """Let time pass; arrivals are thinned by the rate."""
        for _ in range(seconds):
            self.now += 1
            self.arrived += self.offered * self.throttle.rate
            if not is_away:
                self.delivered = min(self.arrived, self.delivered + self.taken)
            rate = self.throttle.step(
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

    @pytest.mark.parametrize("offered", [1050, 1500, 3000, 10_000])
    def test_it_decides_once_a_window(self, offered: float) -> None:
        """Also near the point where it would be switched on and off: no flapping."""
        load = Load(offered, 1000)
        load.run(1200)

        changed = [at for at in range(1, len(load.rates)) if load.rates[at] != load.rates[at - 1]]
        assert changed
        assert min((b - a for a, b in itertools.pairwise(changed)), default=30) >= 30

    def test_it_is_raised_when_the_load_is_over(self) -> None:
        """Step by step to all, and stays there."""
        load = Load(10_000, 1000)
        load.run(300)
        load.offered = 100
        load.rates.clear()

        assert load.run(1200) == 1.0
        assert load.rates == sorted(load.rates)
        assert set(load.rates[-600:]) == {1.0}

    def test_the_window_may_be_shorter(self) -> None:
        """In code: it decides after as many seconds."""
        load = Load(10_000, 1000, window_s=4.0)

        assert load.run(4) == 1.0
        assert load.run(1) < 0.2

    def test_another_server_begins_anew(self) -> None:
        """At the full rate, with the same window and clock."""
        load = Load(10_000, 1000, window_s=4.0)
        load.run(5)
        load.throttle = load.throttle.anew()

        assert load.throttle.rate == 1.0
        assert load.run(4) == 1.0

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

    @pytest.mark.parametrize("offered", [5000, 20_000])
    def test_what_is_always_under_way_is_no_backlog(self, offered: int) -> None:
        """A fast server has thousands of spans in line at any moment, now some more and now some less."""
        now = 0.0
        throttle = Throttle(clock=lambda: now)
        for second in range(600):
            now += 1
            arrived = offered * (second + 1)
            throttle.step(
                arrived=arrived, delivered=arrived - offered // 3 - second % 7 * 100, is_healthy=True
            )

            assert throttle.rate == 1.0

    def test_few_spans_are_no_load(self) -> None:
        """A slow server with a handful of spans in line is left alone."""
        assert Load(10, 1).run(60) == 1.0
