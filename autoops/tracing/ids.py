"""Trace and span ids, from the operating system's entropy.

Never from ``random``: a business that calls ``random.seed(42)`` must not repeat its ids.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from functools import lru_cache
from typing import Final

_LOW_64_BITS: Final = (1 << 64) - 1
_TRACE_DIGITS: Final = 32
_stock: deque[int] = deque()
"""Random words of 64 bits: each call to the operating system gives up the interpreter's lock, so they are fetched by the
hundred. A forked child starts with an empty stock."""
_FETCH: Final = 256


def new_trace_id() -> int:
    """A random trace id of 128 bits, not zero."""
    return (new_span_id() << 64) | new_span_id()


def new_span_id() -> int:
    """A random span id of 64 bits, not zero."""
    try:
        return _stock.popleft()
    except IndexError:
        _stock.extend(word or 1 for word in struct.unpack(f"{_FETCH}Q", os.urandom(8 * _FETCH)))
        return int.from_bytes(os.urandom(8)) or 1


def new_uuid() -> str:
    """A random UUID, version 4 of RFC 9562, as text."""
    number = new_trace_id() & ~(0xF000 << 64 | 0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def root_span_id(trace_id: int) -> int:
    """The id of the root span of a trace that we began.

    Derived from the trace id, so that another process which was handed the trace id alone can put its spans under the
    right parent without asking anyone.
    """
    return ((trace_id >> 64) ^ trace_id) & _LOW_64_BITS or 1


def parse_trace_id(text: object) -> int | None:
    """The trace id in 32 hex digits, or None if ``text`` is not one."""
    # The same trace is named for each of its spans; what is too long to be an id is not worth remembering.
    return (
        _known_trace_id(text)
        if type(text) is str and len(text) == _TRACE_DIGITS
        else _parse(text, _TRACE_DIGITS)
    )


def parse_span_id(text: object) -> int | None:
    """The span id in 16 hex digits, or None if ``text`` is not one."""
    return _parse(text, 16)


@lru_cache(maxsize=1024)
def _known_trace_id(text: str) -> int | None:
    return _parse(text, _TRACE_DIGITS)


def _parse(text: object, length: int) -> int | None:
    # Python's own reading of hexadecimal numbers takes signs, underscores, "0x" and other scripts' digits too.
    if not isinstance(text, str) or len(text) != length or not text.isalnum():
        return None
    try:
        return int.from_bytes(bytes.fromhex(text)) or None
    except ValueError:
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stock.clear)
