"""How long our own calls take."""

from __future__ import annotations

from autoops.tracing.latency import KEPT, Latency


def test_before_the_first_call_nothing_is_known() -> None:
    """Not even nought."""
    assert Latency().percentiles_ms() == {"p50": None, "p99": None}


def test_percentiles_in_milliseconds() -> None:
    """Of a hundred calls of 1 to 100 ms; those over the limit are counted."""
    latency = Latency(0.0905)
    for number in range(1, 101):
        latency.add(number / 1e3)

    assert latency.percentiles_ms() == {"p50": 50.0, "p99": 100.0}
    assert latency.over == 10


def test_a_limit_of_nought_is_none() -> None:
    """`LANGFUSE_MAX_LATENCY_MS=0` means never to wait, not to complain of each call."""
    latency = Latency()
    latency.add(1.0)

    assert latency.over == 0


def test_only_the_latest_are_kept() -> None:
    """A slow hour long ago does not stay for ever."""
    latency = Latency()
    for seconds in [9.0] * KEPT + [0.001] * KEPT:
        latency.add(seconds)

    assert latency.percentiles_ms() == {"p50": 1.0, "p99": 1.0}
