"""What calls are given, checked at the door: nothing raises, everything wrong is named, counted and lost nothing for."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from autoops.tracing import attributes as keys
from autoops.tracing.counts import Counts
from autoops.tracing.ids import parse_span_id, parse_trace_id
from autoops.tracing.serialize import text

if TYPE_CHECKING:
    from autoops.tracing.span import Span, Trace

logger = logging.getLogger(__name__)

MOST_COMPLAINTS: Final = 1000
"""Different complaints that are logged; the rest are counted only."""


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
        """A name; something like one, with a warning, if it is none."""
        if type(value) is str and value and value.isascii():
            return value
        if not isinstance(value, str) or not value:
            self.wrong(call, argument, "a name", value)
        return text(value) or argument

    def observation_type(self, value: object, call: str, otherwise: str) -> str:
        """An observation type of Langfuse."""
        if value in keys.OBSERVATION_TYPES:
            return str(value)
        self.wrong(call, "as_type", "an observation type of Langfuse", value)
        return otherwise

    def set_level(self, span: Span, level: object, call: str) -> None:
        """Set a span's level, if it is one."""
        if isinstance(level, str) and level.upper() in keys.LEVELS:
            span.level = level.upper()
        else:
            self.wrong(call, "level", "DEBUG, DEFAULT, WARNING or ERROR", level)

    def describe(self, trace: Trace, session_id: object, user_id: object, tags: Any, call: str) -> None:
        """Put what belongs to the whole trace on it."""
        if session_id is not None:
            trace.session_id = self._label(session_id, call, "session_id")
        if user_id is not None:
            trace.user_id = self._label(user_id, call, "user_id")
        if tags:
            if isinstance(tags, str) or not isinstance(tags, Iterable):
                self.wrong(call, "tags", "a list of labels", tags)
                tags = [text(tags)]
            trace.tags = tuple(
                dict.fromkeys((*trace.tags, *(self._label(tag, call, "tags") for tag in tags)))
            )

    def seconds(self, value: object, call: str, otherwise: float) -> float:
        """A timeout in seconds."""
        if isinstance(value, int | float) and not math.isnan(value):
            return float(value)
        self.wrong(call, "timeout", "seconds", value)
        return otherwise

    def _label(self, value: object, call: str, argument: str) -> str:
        if not isinstance(value, str):
            self.wrong(call, argument, "text", value)
        return text(value, limit=keys.MAX_TRACE_TEXT)
