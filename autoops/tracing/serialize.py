"""Any Python value to JSON, without ever failing the business that called us.

A value of plain dicts, lists, strings and numbers is written by one call of orjson. Of everything else such a
value is made first, by `render.QuickWalk`; by the thorough `render.Walk` if orjson then still refuses something,
writes null for a NaN, or the text is too long.

Why no `default=` hook, and why a look at the value before: orjson holds borrowed references while it walks, so
Python code that runs meanwhile (a hook, an enum's `value`, a time zone's `utcoffset`) lets another thread change
the dict under way, which crashes the process; so does such code that raises. orjson sees plain values only:
then no Python code runs and no other thread can come between. Its numpy option is off: it would import numpy,
and writes NaT as 1970.
"""

from __future__ import annotations

import gc
import marshal
import re
from typing import Any, Final

import orjson

from autoops.tracing.render import PLAIN, QuickWalk, Walk, brief, unreadable

MAX_PAYLOAD_BYTES: Final = 1_000_000
"""Bytes of JSON; a larger payload is cut and marked as cut."""

MAX_TEXT: Final = 2_000
"""Characters of a name or a status message."""

CUT: Final = "autoops.cut"
"""Key that marks a payload as cut; its value holds `bytes` (how large it was; null: not known) and `limit`."""

_MIN_LIMIT: Final = 256  # bytes; below it there would be no room for the mark itself
_MOST_PLAIN: Final = 20_000  # items looked at before a value is rendered: a cyclic one must not take long
_OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)

_UNWRITABLE: Final = b'"<unreadable>"'

_MARSHALLED: Final = frozenset({dict, list, tuple})
_marshal = marshal.dumps
_SHARED_CONTAINERS: Final = tuple(bytes([ord(kind) | 0x80]) for kind in "[{()")  # marshal's FLAG_REF
_dumps = orjson.dumps
_find_null = re.compile(b"null").search  # faster than `in`, which is half of what orjson takes
_is_tracked = gc.is_tracked


def dump(value: object, *, limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Write any value as JSON.

    Never raises (a `BaseException` such as KeyboardInterrupt passes through), never changes or consumes the value.

    Args:
        value: Anything. What JSON lacks is rendered readably: times in ISO 8601, decimals and integers beyond 64
            bits as text, NaN and the infinities as `"NaN"`, `"Infinity"`, `"-Infinity"`, bytes as their text or
            `"base64:…"`, sets as sorted lists, data classes and models as objects, tables as lists of rows,
            unknown objects as their repr.
        limit: Most bytes of the result, at least 256.

    Returns:
        Valid JSON in UTF-8. A value that needs more than `limit` bytes becomes
        `{"autoops.cut": {"bytes": …, "limit": …}, "beginning": …}`, where `beginning` has the value's shape and
        as much of it as fits, with a mark at each place where something is left out.
    """
    try:
        if type(value) in _MARSHALLED:
            written = _write_marshalled(value)
            if written is not None and len(written) <= limit and not _find_null(written):
                return written
        plain = value
        containers = _plain_containers(value, limit)
        written = _write(value) if containers else None
        if written is None:
            walk = QuickWalk(2 * _MOST_PLAIN)
            plain = walk.render(value)
            containers = [] if walk.cut else _plain_containers(plain, limit)
            written = _write(plain) if containers else None
        if written is None:
            return _render(value, limit, None)
        if len(written) > limit:
            return _render(value, limit, len(written) if plain is value else None)
        if _find_null(written) and _hold_nonfinite(containers):
            return _render(value, limit, None)
        return written
    except Exception:  # the caller's stack or memory is all but used up
        return _UNWRITABLE


def _write_marshalled(value: Any) -> bytes | None:
    """Write a value in which marshal finds nothing but exact built-in types, each container once; None for any other.

    marshal looks at every item in C and runs no Python code, in a seventh of the time that a look from Python takes.
    A container that is referred to from elsewhere too might be met many times over, and unfolded grow without bound:
    marshal flags its type. The same bytes may occur in text and numbers; then Python has to look after all.
    """
    try:
        seen = _marshal(value)
        for flagged in _SHARED_CONTAINERS:
            if seen.find(flagged, 1) >= 0:
                return None
        return _dumps(value, None, _OPTIONS)
    except Exception:  # another type, or what `_write` lists
        return None


def _write(plain: object) -> bytes | None:
    try:
        return _dumps(plain, None, _OPTIONS)
    except Exception:  # nested too deeply, keys that are no strings, lone surrogates, long integers
        return None


def text(value: object, *, limit: int = MAX_TEXT) -> str:
    """Write any value as one string for a name or a status message.

    Args:
        value: Anything; an exception as its type and message, a container as JSON.
        limit: Most characters of the result, at least 1.

    Returns:
        Text that is valid UTF-8; one that was cut ends in `…`.
    """
    if type(value) is str and len(value) <= limit and value.isascii():
        return value
    return brief(value, limit)


def _render(value: object, limit: int, size: int | None) -> bytes:
    """Write a value by way of a walk: whole if it fits, else its beginning, marked.

    Args:
        value: What to write.
        limit: Most bytes of the result.
        size: Bytes of the whole, if known already.
    """
    limit = max(limit, _MIN_LIMIT)
    budget = limit
    try:
        while budget > 0:
            walk = Walk(budget)
            plain = walk.render(value)
            cut = walk.cut or budget < limit
            written = _dumps({CUT: {"bytes": size, "limit": limit}, "beginning": plain} if cut else plain)
            if len(written) <= limit:
                return written
            size = size if cut else len(written)
            # The walk counts the least a value can need; long numbers and escapes need several times that.
            budget = min(budget - 100, int(budget * limit / len(written) * 0.95))
    except Exception as error:
        return _dumps(unreadable(value, error))
    return _dumps({CUT: {"bytes": size, "limit": limit}})


def _plain_containers(value: Any, limit: int) -> list[Any]:
    """Give the containers a plain value is made of, itself the first; empty if it isn't plain, or too large to tell.

    Plain are exact dicts, lists and tuples of each other and of strings, numbers, booleans and None. A dict that
    the garbage collector does not track holds neither containers nor objects of Python classes: that is known
    without looking at its items.
    """
    if type(value) in PLAIN:
        return [] if type(value) is str and len(value) > limit else [(value,)]
    containers = [value]
    room = _MOST_PLAIN
    try:
        for container in containers:
            kind = type(container)
            if kind is dict:
                if _is_tracked(container):
                    containers += [item for item in container.values() if type(item) not in PLAIN]
            elif kind is list or kind is tuple:
                containers += [item for item in container[:room] if type(item) not in PLAIN]
            else:
                return []
            room -= len(container) + 1
            if room < 0:
                return []
    except RuntimeError:  # another thread changed a dict meanwhile
        return []
    return containers


def _hold_nonfinite(containers: list[Any]) -> bool:
    """Tell whether a NaN or an infinity is among the items; orjson writes null for them as for None."""
    try:
        for container in containers:
            items = container.values() if type(container) is dict else container
            if [item for item in items if type(item) is float and item - item != 0]:
                return True
    except RuntimeError:  # another thread changed a dict meanwhile
        return True
    return False
