"""The head verdict: OpenTelemetry's for the same id and rate, by rule of the root's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.sampling import head_rate, is_sampled


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
