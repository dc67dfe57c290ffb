"""What calls are given, checked at the door: nothing raises, everything wrong is named, counted and lost nothing for."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autoops.tracing import attributes as keys
from autoops.tracing.counts import Counts
from autoops.tracing.ids import parse_span_id, parse_trace_id
from autoops.tracing.serialize import MAX_TEXT, text

if TYPE_CHECKING:
    from autoops.tracing.span import Span
    from autoops.tracing.trace import Trace

logger = logging.getLogger(__name__)

MOST_COMPLAINTS: Final = 1000
"""Different complaints that are logged; the rest are counted only."""


MOST_TAGS: Final = 100
"""Tags a trace takes: an endless iterable must not hold its giver."""
MOST_AGENTS: Final = 1000
"""Agents of one collaboration, each as often as it is named: an endless iterable must not hold its giver."""
LONGEST_S: Final = 1e9


class About(NamedTuple):
    """What belongs to a whole trace."""

    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]

    def put_on(self, trace: Trace) -> None:
        """Put it on the trace; what is None stays as it is."""
        trace.session_id = self.session_id or trace.session_id
        trace.user_id = self.user_id or trace.user_id
        trace.tags = tuple(dict.fromkeys((*trace.tags, *self.tags)))


class Arguments:
    """Checks the arguments of one service's calls and keeps what it had to complain of.

    Attributes:
        counts: Complaints by kind: ``wrong_arguments``, ``unknown_ids``, ``faults`` (of our own).
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._said: set[tuple[str, str]] = set()

    def complain(self, kind: str, call: str, message: str, error: BaseException | None = None) -> None:
        """Count something a call could not use; warn of it the first time."""
        self.counts.add(kind)
        level = logging.DEBUG
        if (call, message) not in self._said and len(self._said) < MOST_COMPLAINTS:
            self._said.add((call, message))
            level = logging.WARNING
        logger.log(level, "%s: %s", call, message, exc_info=error if level == logging.DEBUG else None)

    def fault(self, call: str, error: Exception) -> None:
        """Count and warn of a fault of ours."""
        self.complain("faults", call, f"tracing failed: {text(error, limit=300)}", error)

    def wrong(self, call: str, argument: str, allowed: str, value: object) -> None:
        """Warn of an argument that a call cannot use."""
        given = f"{text(value, limit=60)!r} ({type(value).__name__})"
        self.complain("wrong_arguments", call, f"{argument} must be {allowed}, not {given}")

    def trace_id(self, value: object, call: str, argument: str = "trace_id") -> int | None:
        """A trace id; None, with a warning, if it is none."""
        number = parse_trace_id(value)
        if number is None:
            self.wrong(call, argument, "32 hex digits, not all zero", value)
        return number

    def span_id(self, value: object, call: str, argument: str = "span_id") -> int | None:
        """A span id; None, with a warning, if it is none."""
        number = parse_span_id(value)
        if number is None:
            self.wrong(call, argument, "16 hex digits, not all zero", value)
        return number

    def name(self, value: object, call: str, argument: str) -> str:
        """A name, cut to ``MAX_TEXT`` characters; something like one, with a warning, if it is none."""
        if type(value) is str and 0 < len(value) <= MAX_TEXT and value.isascii():
            return value
        if not isinstance(value, str) or not value:
            self.wrong(call, argument, "a name", value)
        return text(value) or argument

    def agents(self, value: object, call: str) -> list[str]:
        """Names of agents, each once, in their order; of more than ``MOST_AGENTS`` the first ones, with a warning."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            self.wrong(call, "agents", "a list of names", value)
            value = [value] if isinstance(value, str) else []
        given = list(itertools.islice(value, MOST_AGENTS + 1))
        if len(given) > MOST_AGENTS:
            self.wrong(call, "agents", f"at most {MOST_AGENTS:,} names", value)
        return list(dict.fromkeys(self.name(agent, call, "agents") for agent in given[:MOST_AGENTS]))

    def observation_type(self, value: object, call: str, otherwise: str) -> str:
        """An observation type of Langfuse."""
        if isinstance(value, str) and value in keys.OBSERVATION_TYPES:
            return value
        self.wrong(call, "as_type", "an observation type of Langfuse", value)
        return otherwise

    def set_level(self, span: Span, level: object, call: str) -> None:
        """Set a span's level, if it is one."""
        if isinstance(level, str) and level.upper() in keys.LEVELS:
            span.level = level.upper()
        else:
            self.wrong(call, "level", "DEBUG, DEFAULT, WARNING or ERROR", level)

    def about(self, session_id: object, user_id: object, tags: Any, call: str) -> About:
        """What belongs to a whole trace; read before the trace begins, for odd data must not leave one open."""
        return About(
            None if session_id is None else self._label(session_id, call, "session_id"),
            None if user_id is None else self._label(user_id, call, "user_id"),
            self._tags(tags, call),
        )

    def seconds(self, value: object, call: str, otherwise: float) -> float:
        """A timeout in seconds."""
        if isinstance(value, int | float) and not math.isnan(value):
            return float(max(0, min(value, LONGEST_S)))
        self.wrong(call, "timeout", "seconds", value)
        return otherwise

    def _tags(self, tags: Any, call: str) -> tuple[str, ...]:
        if tags is None:
            return ()
        if isinstance(tags, str) or not isinstance(tags, Iterable):
            self.wrong(call, "tags", "a list of labels", tags)
            return (text(tags, limit=keys.MAX_TRACE_TEXT),)
        labels = list(itertools.islice(tags, MOST_TAGS))
        odd = next((label for label in labels if not isinstance(label, str)), None)
        if odd is not None:
            self.wrong(call, "tags", "a list of labels", odd)
        return tuple(dict.fromkeys(text(label, limit=keys.MAX_TRACE_TEXT) for label in labels))

    def _label(self, value: object, call: str, argument: str) -> str:
        if not isinstance(value, str):
            self.wrong(call, argument, "text", value)
        return text(value, limit=keys.MAX_TRACE_TEXT)
