"""What each answer asks for: the whole table, without a clock or a network."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.tracing.delivery.rules import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    LONGEST_RETRY_AFTER_S,
    PROBE_EVERY_S,
    PROBE_LATER_S,
    PROBE_OFTEN_FOR_S,
    Advance,
    Fallback,
    Outcome,
    Retry,
    Split,
    Verdict,
    backoff_s,
    next_step,
    probe_pause_s,
)

STATUSES = [None, *range(100, 600)]
RETRIED = {None, 408, 429, *range(500, 600)}
SPLIT = {400, 413, 422}


def kind(status: int | None) -> type[Verdict]:
    """The verdict that the contract gives a first try with this status."""
    if status is not None and 200 <= status < 300:
        return Advance
    if status in SPLIT:
        return Split
    return Retry if status in RETRIED else Fallback


def test_every_status_has_a_verdict() -> None:
    """2xx is a receipt, 400, 413 and 422 split, 408, 429, 5xx and no answer are tried again, the rest falls back."""
    for status in STATUSES:
        verdict = next_step(Outcome(status, "told"), 0, 3, 0.5)

        assert type(verdict) is kind(status), status
        assert not isinstance(verdict, Fallback) or verdict == Fallback("told", None)


def test_after_the_last_try_what_is_tried_again_falls_back() -> None:
    """With the tries used up nothing is tried again; everything else is as at the first."""
    for status in STATUSES:
        verdict = next_step(Outcome(status, "told"), 3, 3, 0.5)

        assert type(verdict) is (Fallback if kind(status) is Retry else kind(status)), status


def test_a_web_page_is_no_receipt() -> None:
    """A captive portal's 200 is none; only that a proxy finds the batch too large is believed from a page."""
    for status in STATUSES[1:]:
        verdict = next_step(Outcome(status, "a page", is_html=True), 0, 3, 0.5)

        expected = kind(status)
        if expected is Advance or (expected is Split and status != 413):
            expected = Fallback
        assert type(verdict) is expected, status


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_as_many_tries_as_set(retries: int) -> None:
    """`max_retries` tries after the first, then fallback."""
    verdicts = [next_step(Outcome(503, "busy"), attempt, retries, 0.0) for attempt in range(retries + 1)]

    assert [type(verdict) for verdict in verdicts] == [Retry] * retries + [Fallback]


@given(attempt=st.integers(0, 10_000), jitter=st.floats(0, 1))
def test_pauses_are_drawn_from_all_of_a_growing_interval(attempt: int, jitter: float) -> None:
    """Full jitter: between nothing and a bound that doubles with each try, up to the longest pause."""
    bound = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt, 16))

    assert 0 <= backoff_s(attempt, jitter) <= bound
    assert backoff_s(attempt, 0.0) == 0
    assert backoff_s(attempt, 1.0) == bound
    assert backoff_s(attempt, 0.5) == bound / 2


@pytest.mark.parametrize("status", [None, 408, 429, 500, 503])
@given(asked=st.floats(0, allow_nan=False))
def test_retry_after_wins_within_reason(status: int | None, asked: float) -> None:
    """The server's own pause counts instead of ours, an hour at the most, also when tries are used up."""
    outcome = Outcome(status, "busy", retry_after_s=asked)
    wanted = min(asked, LONGEST_RETRY_AFTER_S)

    assert next_step(outcome, 0, 3, 0.5) == Retry(wanted)
    assert next_step(outcome, 3, 3, 0.5) == Fallback("busy", wanted)
    assert math.isfinite(wanted)


def test_probes_come_often_at_first() -> None:
    """Every few seconds for ten minutes, then each minute."""
    assert probe_pause_s(0) == probe_pause_s(PROBE_OFTEN_FOR_S - 1) == PROBE_EVERY_S
    assert probe_pause_s(PROBE_OFTEN_FOR_S) == probe_pause_s(1e9) == PROBE_LATER_S


@pytest.mark.parametrize(
    ("outcome", "success"),
    [
        (Outcome(200, ""), True),
        (Outcome(207, ""), True),
        (Outcome(204, ""), True),
        (Outcome(299, ""), True),
        (Outcome(199, ""), False),
        (Outcome(300, ""), False),
        (Outcome(None, ""), False),
        (Outcome(200, "", is_html=True), False),
    ],
)
def test_success_means_a_receipt(outcome: Outcome, success: bool) -> None:  # noqa: FBT001 - a parameter
    """A 2xx that no web page came with."""
    assert outcome.is_success is success
