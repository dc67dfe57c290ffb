"""Who has entered an operation and not left it: threads, tasks and generators may share one, and each leaves its own."""

from __future__ import annotations

import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token
    from types import CodeType, FrameType

    from opentelemetry.context import Context

    from autoops.tracing.span import Span

_SUSPENDED: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Code whose frames outlast a step, and may go on in another context or thread."""


class Entry:
    """One time that an operation was entered.

    Attributes:
        within: The entries that it is one of; None once it was left.
        span: Its span; None if nothing is recorded.
        token: What makes current again what was current before.
        frame: The identity of the frame that entered. The frame itself would keep its callers' locals alive.
        code: That frame's code: another frame may have the same identity later.
        outer: The entry that was the innermost of its context before.
    """

    __slots__ = ("code", "frame", "outer", "span", "token", "within")

    within: Entries | None
    span: Span | None
    token: Token[Context] | None
    frame: int
    code: CodeType
    outer: Entry | None


_innermost: ContextVar[Entry | None] = ContextVar("autoops_innermost_entry", default=None)
"""The last entry of the current context, into whatever operation; it may have been left elsewhere."""


class Entries:
    """The entries of one operation."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[Entry] = []

    def __len__(self) -> int:
        """How often it was entered and not left."""
        return len(self._open)

    def add(self, frame: FrameType, span: Span | None, token: Token[Context] | None) -> None:
        """Note that the code of ``frame`` has entered."""
        entry = Entry()
        entry.within = self
        entry.span = span
        entry.token = token
        entry.frame = id(frame)
        entry.code = frame.f_code
        outer = _innermost.get()
        entry.outer = outer if outer is None or outer.within is not None else _still_open(outer)
        self._open.append(entry)
        _innermost.set(entry)

    def take(self, frame: FrameType) -> tuple[Span | None, Token[Context] | None] | None:
        """The span and the token of the entry that the code of ``frame`` leaves; None if all were left before."""
        last = taken = _innermost.get()
        # Nearly always it is the last one: the caller waits.
        if (
            taken is None
            or taken.within is not self
            or taken.frame != id(frame)
            or taken.code is not frame.f_code
            or not self._claim(taken)
        ):
            taken = next(filter(self._claim, self._likeliest(frame)), None)
            if taken is None:
                return None
        left = taken.span, taken.token
        # Contexts that were copied meanwhile keep the entry: it must not keep anything in its turn.
        taken.within = taken.span = taken.token = None
        if last is not None and last.within is None:
            outer = last.outer
            _innermost.set(outer if outer is None or outer.within is not None else _still_open(outer))
        return left

    def _claim(self, entry: Entry) -> bool:
        """Whether the entry was open till now: only one of several threads is told so."""
        try:
            self._open.remove(entry)
        except ValueError:
            return False
        return True

    def _likeliest(self, frame: FrameType) -> Iterator[Entry]:
        """The entries that may be meant, the likeliest first."""
        everyones = self._open[::-1]
        own = [entry for entry in _outwards(_innermost.get()) if entry.within is self]
        # A `with` statement's frame enters and leaves. Those of plain functions stay in their context, and only there
        # can their identity be trusted: a frame that is gone may have passed it on.
        place = everyones if frame.f_code.co_flags & _SUSPENDED else own
        yield from (entry for entry in place if _is_of(entry, frame))
        yield from own
        # Entered in another context. What records nothing comes first: no span ends too early by it.
        current = get_current_span()
        yield from (entry for entry in everyones if entry.span is current)
        yield from (entry for entry in everyones if entry.span is None)
        yield from everyones


def _is_of(entry: Entry, frame: FrameType) -> bool:
    return entry.frame == id(frame) and entry.code is frame.f_code


def _outwards(entry: Entry | None) -> Iterator[Entry]:
    while entry is not None:
        yield entry
        entry = entry.outer


def _still_open(entry: Entry | None) -> Entry | None:
    """The innermost entry that was not left, from this one outwards."""
    while entry is not None and entry.within is None:
        entry = entry.outer
    return entry
