"""What to do after one request: pure rules, no clock and no network.

| the request | the verdict |
|---|---|
| 2xx with a complete body (JSON, protobuf or empty) | `Advance` |
| no answer in time, connection errors, 408, 429, 5xx | `Retry`, and after `max_retries` `Fallback` |
| 400, 413, 422 | `Split`: one span may spoil the batch |
| 401, 403, 404, redirects, HTML (but with 413), any other status | `Fallback`: the endpoint or the keys are wrong |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
LONGEST_RETRY_AFTER_S: Final = 3600.0
"""A server that asks for a longer pause is asked again after this."""
PROBE_EVERY_S: Final = 5.0
"""Pause between probes in the first ten minutes of an outage."""
PROBE_LATER_S: Final = 60.0
"""Pause between probes after that."""
PROBE_OFTEN_FOR_S: Final = 600.0

SPLIT: Final = frozenset({400, 413, 422})
RETRY: Final = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended.

    Attributes:
        status: HTTP status; None if there was no complete answer.
        reason: In words, for people: what the server said or what went wrong. Never a credential.
        retry_after_s: Seconds the server asked to wait.
        is_html: The body was a web page: a captive portal or a proxy answered, not Langfuse.
        rejected: Spans that the server said it left out of an accepted export (OTLP's partial success).
        hint: What to check.
    """

    status: int | None
    reason: str
    retry_after_s: float | None = None
    is_html: bool = False
    rejected: int = 0
    hint: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the receipt is in hand."""
        return self.status is not None and 200 <= self.status < 300 and not self.is_html


@dataclass(frozen=True, slots=True)
class Advance:
    """The batch was accepted."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the same batch again after ``wait_s`` seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Split:
    """Send the halves of the batch, to find what the server refuses."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Stop sending, record locally and probe; the first probe not before ``wait_s`` if the server said so."""

    reason: str
    wait_s: float | None = None


Verdict = Advance | Retry | Split | Fallback


def next_step(outcome: Outcome, attempt: int, max_retries: int, jitter: float) -> Verdict:
    """What to do after try number ``attempt`` (0 is the first).

    Args:
        outcome: How the try ended.
        attempt: Which try it was.
        max_retries: Tries after the first before fallback mode.
        jitter: Uniform in 0..1: the pause is drawn from all of the exponential interval ("full jitter").
    """
    if outcome.is_success:
        return Advance()
    # That a batch is too large is what a proxy says, and it says so with a page of its own.
    if outcome.status in SPLIT and (not outcome.is_html or outcome.status == 413):
        return Split()
    if outcome.status is None or outcome.status in RETRY or outcome.status >= 500:
        wait = None if outcome.retry_after_s is None else min(outcome.retry_after_s, LONGEST_RETRY_AFTER_S)
        if attempt >= max_retries:
            return Fallback(outcome.reason, wait)
        return Retry(backoff_s(attempt, jitter) if wait is None else wait)
    return Fallback(outcome.reason)


def backoff_s(attempt: int, jitter: float) -> float:
    """Seconds to wait after try ``attempt``: uniform below an exponentially growing bound (full jitter, Brooker 2015)."""
    return jitter * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempt, 16))


def probe_pause_s(outage_s: float) -> float:
    """Seconds between probes when the server has been away for ``outage_s``."""
    return PROBE_EVERY_S if outage_s < PROBE_OFTEN_FOR_S else PROBE_LATER_S
