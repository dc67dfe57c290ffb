"""Does delivery work, since when not, why, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoops.dashboard.diagnosis import Life, Tone, diagnose, life, summed, told_at
from autoops.tracing.journal.figures import NOTHING, Figures
from autoops.tracing.journal.reader import ProcessRecord

NOW = 1_800_000_000.0


def process(heartbeat_s: float = 3.0, ended_s: float | None = None, **health: Any) -> ProcessRecord:
    """Make a process whose last sign was some seconds ago."""
    return ProcessRecord(
        7, "shop.py", NOW - 900, NOW - heartbeat_s, None if ended_s is None else NOW - ended_s, health
    )


def figures(**changes: Any) -> Figures:
    """Make a journal with 100 ended spans."""
    return replace(NOTHING, **{"spans": 100, "traces": 10, "ended": 100, **changes})


FAILING: dict[str, Any] = {
    "connection_status": "unavailable",
    "fallback_mode": True,
    "host": "https://langfuse.example",
    "delivery": {
        "last_error": "HTTP 401: Invalid credentials",
        "hint": "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
        "unavailable_since": "2027-01-15T07:48:00+00:00",
        "next_attempt": NOW + 30,
    },
}


def test_delivering() -> None:
    """A running process that the server answers."""
    told = diagnose(figures(delivered=100), [process(connection_status="healthy")], NOW)

    assert (told.tone, told.short, told.advice) == (Tone.GOOD, "Delivering", ())


def test_failing_says_since_when_why_and_what_to_do() -> None:
    """The server's words, the hint, and that nothing is lost."""
    told = diagnose(figures(pending=40, delivered=60), [process(**FAILING)], NOW)

    assert told.tone is Tone.BAD
    assert "(12 min ago)" in told.headline
    assert told.why == "https://langfuse.example: HTTP 401: Invalid credentials"
    assert told.advice[0] == "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"
    assert told.advice[1].startswith("Nothing is lost: 40 spans wait in the journal")


@pytest.mark.parametrize("gone", [process(120.0, **FAILING), process(1.0, 1.0, **FAILING)])
def test_a_process_that_is_gone_says_nothing_of_now(gone: ProcessRecord) -> None:
    """What waits, waits for somebody to deliver it."""
    told = diagnose(figures(pending=40), [gone], NOW)

    assert (told.tone, told.headline) == (Tone.WARNING, "40 spans wait, and no process delivers them")
    assert "autoops traces deliver" in told.advice[0]


def test_one_failing_process_outweighs_a_healthy_one() -> None:
    """Two destinations, one of which fails."""
    told = diagnose(figures(), [process(connection_status="healthy"), process(**FAILING)], NOW)

    assert told.tone is Tone.BAD


@pytest.mark.parametrize(
    ("known", "health", "tone", "short"),
    [
        (figures(local=100), {"mode": "local", "connection_status": "disabled"}, Tone.QUIET, "Local only"),
        (figures(pending=3), {"connection_status": "unknown"}, Tone.QUIET, "Connecting"),
        (figures(pending=3), {"connection_status": "degraded"}, Tone.WARNING, "Retrying"),
        (figures(delivered=100), {"connection_status": "disabled"}, Tone.GOOD, "All delivered"),
        (replace(NOTHING), {}, Tone.QUIET, "Nothing yet"),
        (figures(pending=3), {}, Tone.WARNING, "Waiting"),
    ],
)
def test_other_states(known: Figures, health: dict[str, Any], tone: Tone, short: str) -> None:
    """Each has its word, also when the process has told little or nothing."""
    told = diagnose(known, [process(**health)], NOW)

    assert (told.tone, told.short) == (tone, short)


def test_losses_are_said_though_delivery_works() -> None:
    """Refused and dropped spans ask for attention."""
    healthy = process(connection_status="healthy", dropped={"buffer_full": 4})

    told = diagnose(figures(delivered=90, rejected=10), [healthy], NOW)

    assert told.tone is Tone.WARNING
    assert "refused 10 spans" in told.advice[0]
    assert "4 spans never reached the journal" in told.advice[1]
    assert summed([healthy, healthy], "dropped") == {"buffer_full": 8}


def test_wrong_settings_come_first() -> None:
    """With the faults themselves."""
    told = diagnose(
        figures(), [process(configuration_errors=["LANGFUSE_TIMEOUT (environment): received -1"])], NOW
    )

    assert told.tone is Tone.BAD
    assert told.why == "LANGFUSE_TIMEOUT (environment): received -1"


def test_health_of_another_shape_is_no_fault() -> None:
    """A process of another version may tell anything."""
    odd = process(connection_status=3, delivery="?", dropped=[1], alerts=5, configuration_errors="x")

    assert diagnose(figures(pending=1), [odd], NOW).tone is Tone.WARNING


def test_life() -> None:
    """Running, ended with a goodbye, or silent."""
    assert [life(each, NOW) for each in (process(), process(200, 200), process(61))] == [
        Life.RUNNING,
        Life.ENDED,
        Life.SILENT,
    ]


def test_times_that_are_told() -> None:
    """ISO 8601, seconds, or nothing that can be understood."""
    told: list[Any] = ["1970-01-01T00:01:00+00:00", 60, None, True, "soon", {}]

    assert [told_at(each) for each in told] == [60.0, 60.0, None, None, None, None]
