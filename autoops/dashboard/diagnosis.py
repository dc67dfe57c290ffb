"""Does delivery work, since when not, why, and what to do: judged from the journal and what its processes told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from autoops.dashboard import words
from autoops.tracing.journal.caretaker import DEAD_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autoops.tracing.journal.figures import Figures
    from autoops.tracing.journal.reader import ProcessRecord


class Tone(StrEnum):
    """How much attention something asks for."""

    GOOD = "good"
    """It works."""
    QUIET = "quiet"
    """Nothing is wrong and nothing is to be seen."""
    WARNING = "warning"
    """It should be looked at."""
    BAD = "bad"
    """It does not work."""


class Life(StrEnum):
    """Whether a process still writes."""

    RUNNING = "running"
    ENDED = "ended"
    """It said goodbye."""
    SILENT = "silent"
    """Its heartbeat stopped: it was killed, or the machine was."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer in words.

    Attributes:
        tone: How bad it is.
        short: Two or three words for the header.
        headline: One sentence.
        why: What is known of the cause; None if there is none.
        advice: What to do, a sentence each; empty if there is nothing to do.
    """

    tone: Tone
    short: str
    headline: str
    why: str | None = None
    advice: tuple[str, ...] = ()


DELIVER = "start a process that has the keys, or run `uv run autoops traces deliver`"


def life(process: ProcessRecord, now: float) -> Life:
    """Whether a process still writes, ``now`` in seconds since the epoch."""
    if process.ended_at is not None:
        return Life.ENDED
    return Life.RUNNING if now - process.heartbeat_at < DEAD_AFTER_S else Life.SILENT


def diagnose(figures: Figures, processes: Sequence[ProcessRecord], now: float) -> Diagnosis:
    """Judge a journal and its processes, ``now`` in seconds since the epoch."""
    running = [process.health for process in processes if life(process, now) is Life.RUNNING]
    told = [health for health in running if health]
    verdict = _delivery(figures, told, now)
    advice = (*verdict.advice, *_losses(figures, processes))
    faults = [str(fault) for health in told for fault in listed(health, "configuration_errors")]
    if faults:
        why = "\n".join(dict.fromkeys(faults))
        headline = "The settings are wrong: recording goes on without Langfuse"
        return Diagnosis(
            Tone.BAD, "Settings wrong", headline, why, ("mend the settings named above", *advice)
        )
    if (figures.rejected or _dropped(processes)) and verdict.tone in {Tone.GOOD, Tone.QUIET}:
        return Diagnosis(Tone.WARNING, verdict.short, verdict.headline, verdict.why, advice)
    return Diagnosis(verdict.tone, verdict.short, verdict.headline, verdict.why, advice)


def told_at(value: Any) -> float | None:
    """A time as health tells it (ISO 8601, or seconds since the epoch), in seconds since the epoch."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError):
        return None


def section(health: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of what a process told of its health; empty if it said nothing of it."""
    found = health.get(name)
    return found if isinstance(found, dict) else {}


def listed(health: dict[str, Any], name: str) -> list[Any]:
    """A list in what a process told; empty if it said nothing of it."""
    found = health.get(name)
    return list(found) if isinstance(found, list | tuple) else []


def summed(processes: Iterable[ProcessRecord], name: str) -> dict[str, int]:
    """Counts by reason, such as ``dropped``, over all processes; the most frequent first."""
    totals: dict[str, int] = {}
    for process in processes:
        for reason, number in section(process.health, name).items():
            if isinstance(number, int):
                totals[reason] = totals.get(reason, 0) + number
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def _delivery(figures: Figures, told: list[dict[str, Any]], now: float) -> Diagnosis:
    waiting = words.count(figures.pending, "span")
    failing = next((health for health in told if _status(health) == "unavailable"), None)
    if failing is not None:
        return _unavailable(failing, waiting, now)
    degraded = next((health for health in told if _status(health) == "degraded"), None)
    if degraded is not None:
        headline = "A delivery failed and is being tried again"
        return Diagnosis(Tone.WARNING, "Retrying", headline, _why(degraded), _hints(degraded))
    healthy = [health for health in told if _status(health) == "healthy"]
    if healthy:
        last = max(filter(None, (told_at(_told(health, "last_success")) for health in healthy)), default=None)
        since = "" if last is None else f": the last answer came at {words.clock(last)}"
        return Diagnosis(Tone.GOOD, "Delivering", f"Delivery works{since}")
    if any(_status(health) == "unknown" for health in told):
        return Diagnosis(
            Tone.QUIET, "Connecting", "Langfuse has not answered yet: the first try is under way"
        )
    return _undelivered(figures, waiting)


def _undelivered(figures: Figures, waiting: str) -> Diagnosis:
    """Nobody who is running delivers: is there anything to deliver?"""
    if figures.pending:
        return Diagnosis(
            Tone.WARNING, "Waiting", f"{waiting} wait, and no process delivers them", None, (DELIVER,)
        )
    if not figures.ended:
        return Diagnosis(Tone.QUIET, "Nothing yet", "Nothing has been recorded to deliver")
    if figures.delivered:
        return Diagnosis(Tone.GOOD, "All delivered", "Everything that was to be sent was delivered")
    advice = "to send traces to Langfuse, set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in .env"
    return Diagnosis(Tone.QUIET, "Local only", "Recorded locally: nothing is to be sent", None, (advice,))


def _unavailable(health: dict[str, Any], waiting: str, now: float) -> Diagnosis:
    since = told_at(_told(health, "unavailable_since"))
    headline = "Langfuse does not take traces"
    if since is not None:
        headline = f"Langfuse has not taken traces since {words.clock(since)} ({words.age(now - since)})"
    again = told_at(_told(health, "next_attempt"))
    kept = f"Nothing is lost: {waiting} wait in the journal and are sent once it answers"
    if again is not None and again > now:
        kept += f"; the next try is at {words.clock(again)}"
    return Diagnosis(Tone.BAD, "Not delivering", headline, _why(health), (*_hints(health), kept))


def _losses(figures: Figures, processes: Sequence[ProcessRecord]) -> list[str]:
    advice = []
    if figures.rejected:
        advice.append(f"Langfuse refused {words.count(figures.rejected, 'span')}: its words are below")
    dropped = _dropped(processes)
    if dropped:
        advice.append(
            f"{words.count(dropped, 'span')} never reached the journal: raise LANGFUSE_BUFFER_SIZE or"
            " LANGFUSE_MAX_LATENCY_MS if the reason below is a full buffer"
        )
    return advice


def _dropped(processes: Sequence[ProcessRecord]) -> int:
    return sum(summed(processes, "dropped").values())


def _status(health: dict[str, Any]) -> str:
    if health.get("fallback_mode") is True:
        return "unavailable"
    return str(health.get("connection_status", ""))


def _told(health: dict[str, Any], name: str) -> Any:
    return section(health, "delivery").get(name)


def _why(health: dict[str, Any]) -> str | None:
    error = _told(health, "last_error")
    host = health.get("host")
    if not error:
        return None
    return f"{host}: {error}" if host else str(error)


def _hints(health: dict[str, Any]) -> tuple[str, ...]:
    hint = _told(health, "hint")
    return (str(hint),) if hint else ()
