"""Where delivery stands, as people and programs read it, and how it comes to stand there."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from autoops.tracing.delivery.rules import LONGEST_RETRY_AFTER_S, probe_pause_s

if TYPE_CHECKING:
    from autoops.tracing.delivery.rules import Outcome

logger = logging.getLogger(__name__)

TELL_EVERY_S: Final = 60.0
"""Shortest time between two lines of the log about the same."""


class Connection(StrEnum):
    """The connection to Langfuse as delivery sees it."""

    UNKNOWN = "unknown"
    """No answer yet: nothing was asked, or the first question is under way."""
    HEALTHY = "healthy"
    """The last request was accepted."""
    DEGRADED = "degraded"
    """The last request failed and is being tried again."""
    UNAVAILABLE = "unavailable"
    """Tries are used up, or the keys or the address are wrong: spans are recorded locally and the server is probed."""
    DISABLED = "disabled"
    """Nothing is to be delivered: switched off, or no credentials."""


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of delivery. Counts are this process's; times are ISO 8601 in UTC."""

    connection: Connection = Connection.UNKNOWN
    delivered: int = 0
    retries: int = 0
    rejected: int = 0
    scores_delivered: int = 0
    partial_success: int = 0
    last_success: str | None = None
    last_error: str | None = None
    scores_error: str | None = None
    """Why scores are not taken while spans are; None if they are."""
    hint: str | None = None
    next_attempt: str | None = None
    unavailable_since: str | None = None
    is_deliverer: bool = False


class Progress:
    """The status of one deliverer as its requests change it; each change of mode is one line of the log.

    Args:
        host: The server, for the log.

    Attributes:
        now: The status; replaced as a whole, so that readers need no lock.
        retry_at: When the request that failed is sent again, on the monotonic clock.
        probe_at: When to probe next while the server is unavailable, on the monotonic clock.
        refused_at: When the server last refused every part of a batch; None once it has accepted a span. That it answers a
            probe is then no sign of health.
        held: Why nothing is to be sent, if somebody asked for that.
    """

    def __init__(self, host: str) -> None:
        self.now = Status()
        self.retry_at = 0.0
        self.probe_at = 0.0
        self.refused_at: float | None = None
        self.held: str | None = None
        self._host = host
        self._guard = threading.Lock()
        self._outage_began: float | None = None
        self._rejections = Seldom()
        self._left_out = Seldom()

    @property
    def connection(self) -> Connection:
        """The connection now."""
        return self.now.connection

    @property
    def is_refused(self) -> bool:
        """Whether the server answers, but refused everything that it was sent of late."""
        return self.refused_at is not None

    def healthy(self) -> None:
        """The server is well: a request was accepted, or nothing waits of what it refused."""
        self._outage_began = self.refused_at = None
        self._set(
            connection=Connection.HEALTHY,
            last_success=_utc(),
            next_attempt=None,
            unavailable_since=None,
            hint=None,
        )

    def delivered(self, spans: int, *, left_out: int = 0, reason: str = "") -> None:
        """Spans were accepted; the server said of ``left_out`` of them, and why, that it did not take them."""
        self._set(delivered=self.now.delivered + spans, partial_success=self.now.partial_success + left_out)
        told = self._left_out.add(left_out)
        if told:
            logger.warning("the server accepted a batch but left out %d of its spans: %s", told, reason)
        self.healthy()

    def scores_taken(self, number: int) -> None:
        """The endpoint of scores answered, and took so many."""
        if self.now.scores_error is not None:
            logger.warning("Langfuse takes scores again")
        self._set(scores_delivered=self.now.scores_delivered + number, scores_error=None)
        self.healthy()

    def scores_failed(self, outcome: Outcome) -> None:
        """A request with scores failed and will be tried again."""
        logger.debug("scores were not taken (%s), they are sent again", outcome.reason)
        self._set(retries=self.now.retries + 1, last_error=f"scores: {outcome.reason}")

    def scores_refused(self, outcome: Outcome) -> None:
        """The endpoint of scores fails for good while the server takes spans."""
        if self.now.scores_error is None:
            logger.warning(
                "Langfuse takes spans but no scores: %s%s. They are kept in the journal and sent later.",
                outcome.reason,
                f" ({outcome.hint})" if outcome.hint else "",
            )
        self._set(scores_error=outcome.reason, last_error=f"scores: {outcome.reason}")
        if not self.is_refused:
            self.healthy()

    def degraded(self, outcome: Outcome, wait_s: float) -> None:
        """A request failed and is tried again in ``wait_s`` seconds."""
        logger.debug("a request failed (%s), it is sent again in %.1f s", outcome.reason, wait_s)
        self.retry_at = time.monotonic() + wait_s
        self._set(
            connection=Connection.DEGRADED,
            retries=self.now.retries + 1,
            last_error=outcome.reason,
            hint=outcome.hint or None,
            next_attempt=_utc(wait_s),
        )

    def unavailable(
        self, reason: str, *, hint: str = "", wait_s: float | None = None, took_s: float = 0.0
    ) -> None:
        """The server cannot be delivered to.

        It is probed after ``wait_s`` seconds if it asked for that, else as the outage's age has it, counted from the
        beginning of what showed this ``took_s`` seconds later.
        """
        now = time.monotonic()
        if self._outage_began is None:
            self._outage_began = now
        if wait_s is None:
            pause = max(0.0, probe_pause_s(now - self._outage_began) - took_s)
        else:
            pause = min(wait_s, LONGEST_RETRY_AFTER_S)
        self.probe_at = now + pause
        self._set(
            connection=Connection.UNAVAILABLE,
            last_error=reason,
            hint=hint or None,
            next_attempt=_utc(pause),
            unavailable_since=self.now.unavailable_since or _utc(),
        )

    def refused(self, outcome: Outcome) -> None:
        """Every part of a batch was refused: the fault is the endpoint's until another span is accepted."""
        self.refused_at = time.monotonic()
        self.unavailable(f"every part of a batch was refused ({outcome.reason})", hint=outcome.hint)

    def hold(self, reason: str | None) -> None:
        """Count as unavailable for a reason, whatever a request under way may say, until called with None."""
        self.held = reason
        if reason is not None:
            self.unavailable(reason)
        self.probe_at = 0.0

    def rejected(self, number: int, about: str, words: str) -> None:
        """Rows were refused for good; one of them, and the words about it, for the log."""
        self._set(rejected=self.now.rejected + number)
        told = self._rejections.add(number)
        if told:
            logger.warning(
                "%s set aside as rejected, the latest %s: %s. `autoops traces list --rejected` shows all.",
                "1 row is" if told == 1 else f"{told} rows are",
                about,
                words,
            )

    def deliverer(self, *, is_deliverer: bool) -> None:
        """Whether it is this process's turn to send."""
        if is_deliverer is not self.now.is_deliverer:
            self._set(is_deliverer=is_deliverer)

    def _set(self, **changes: object) -> None:
        with self._guard:
            before = self.now
            if self.held is not None:
                changes |= {
                    "connection": Connection.UNAVAILABLE,
                    "last_error": self.held,
                    "next_attempt": None,
                    "unavailable_since": before.unavailable_since or _utc(),
                }
            self.now = replace(before, **changes)  # type: ignore[arg-type]
        if before.connection is not self.now.connection:
            self._log(before.connection)

    def _log(self, before: Connection) -> None:
        now = self.now
        if now.connection is Connection.UNAVAILABLE:
            logger.warning(
                "fallback mode: Langfuse does not take traces: %s%s. They are kept in the journal and sent later.",
                now.last_error,
                f" ({now.hint})" if now.hint else "",
            )
        elif before is Connection.UNAVAILABLE and now.connection is Connection.HEALTHY:
            logger.warning("fallback mode is over: Langfuse takes traces again at %s", self._host)
        else:
            logger.debug("the connection to Langfuse is %s", now.connection)


class Seldom:
    """Counts what may happen often and is worth a line of the log seldom."""

    def __init__(self) -> None:
        self._untold = 0
        self._told_at: float | None = None

    def add(self, number: int) -> int:
        """Count more of it. Returns how many to tell of now, those since the last time included; mostly none."""
        self._untold += number
        now = time.monotonic()
        if not self._untold or (self._told_at is not None and now - self._told_at < TELL_EVERY_S):
            return 0
        self._told_at = now
        told, self._untold = self._untold, 0
        return told


def _utc(in_s: float = 0.0) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=in_s)).isoformat(timespec="milliseconds")
