"""Any Python value to JSON, without ever failing the business that called us.

A value of plain dicts, lists, strings and numbers is written by one call of orjson. Of everything else such a
value is made first, by `_QuickWalk`; by `render.Walk`, the thorough one, if orjson then still refuses something,
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
import math
import re
from typing import Any, Final

import orjson

from autoops.tracing.render import CYCLE, MAX_DEPTH, PLAIN, TOO_DEEP, Walk, brief, unreadable

MAX_PAYLOAD_BYTES: Final = 1_000_000
"""Bytes of JSON; a larger payload is cut and marked as cut."""

MAX_TEXT: Final = 2_000
"""Characters of a name or a status message."""

CUT: Final = "autoops.cut"
"""Key that marks a payload as cut; its value holds `bytes` (how large it was; null: not known) and `limit`."""

_MIN_LIMIT: Final = 256  # bytes; below it there would be no room for the mark itself
_QUICK_BUDGET: Final = (
    40_000  # a larger value goes to the thorough walk at once: it is cut more often than not
)
_NO_FLOATS: Final = PLAIN - {float}
_CONTAINERS: Final = frozenset({dict, list, tuple})
_OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_APPEND_NEWLINE  # see `_json`
)
_UNWRITABLE: Final = b'"<unreadable>"'

_marshal = marshal.dumps
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
        plain = value
        written = _write(value) if _is_plain(value, limit) else None
        if written is None:
            plain = _plain(value)
            written = None if plain is None else _write(plain)
        if written is None:
            return _render(value, limit, None)
        if len(written) > limit:
            return _render(value, limit, len(written) if plain is value else None)
        if _find_null(written) and _holds_nonfinite(plain):
            return _render(value, limit, None)
        return written
    except Exception:  # the caller's stack or memory is all but used up
        return _UNWRITABLE


def _plain(value: object) -> object | None:
    """Give a plain value that stands for another; None if it is too large for the quick walk."""
    try:
        walk = _QuickWalk(_QUICK_BUDGET)
        plain = walk.render(value)
    except Exception:  # the stack's end: the thorough walk marks where that is
        return None
    return None if walk.cut else plain


def _json(plain: object) -> bytes:
    """Write a plain value.

    All but the newline at its end is copied: what the JSON library returns stays as large as its buffer had grown, several
    times what it needs, and holding that costs the caller more in page faults than all of the writing.
    """
    return _dumps(plain, None, _OPTIONS)[:-1]


def _write(plain: object) -> bytes | None:
    try:
        return _json(plain)
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


class _QuickWalk(Walk):
    """A walk that takes on trust what JSON most likely has, several times as fast.

    It leaves strings, numbers and keys as they are; orjson then refuses those that JSON hasn't, or writes null for
    them, and the caller has to notice both. What is too large is left out, and `cut` says so.
    """

    __slots__ = ()

    def render(self, value: Any, depth: int = 0) -> Any:
        """Give the value with all but plain leaves rendered; may raise at the end of the stack."""
        kind = type(value)
        if kind is not dict and kind is not list and kind is not tuple:
            return super().render(value, depth)
        self._left -= 2 * len(value)
        if self._left < 0:
            self.cut = True
            return None
        plain: Any
        if kind is dict:
            plain = value.copy()
            odd = [key for key, item in plain.items() if type(item) not in PLAIN]
        else:
            plain = list(value)
            odd = [at for at, item in enumerate(plain) if type(item) not in PLAIN]
        return self._replace(value, plain, odd, depth) if odd else plain

    def _replace(self, value: Any, plain: Any, odd: list[Any], depth: int) -> Any:
        if id(value) in self._above:
            return CYCLE
        if depth >= MAX_DEPTH:
            return TOO_DEEP
        self._above.add(id(value))
        for at in odd:
            plain[at] = self.render(plain[at], depth + 1)
        self._above.discard(id(value))
        return plain


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
            written = _json({CUT: {"bytes": size, "limit": limit}, "beginning": plain} if cut else plain)
            if len(written) <= limit:
                return written
            size = size if cut else len(written)
            # The walk counts the least a value can need; long numbers and escapes need several times that.
            budget = min(budget - 100, int(budget * limit / len(written) * 0.95))
    except Exception as error:
        return _json(unreadable(value, error))
    return _json({CUT: {"bytes": size, "limit": limit}})


def _is_plain(value: Any, limit: int) -> bool:
    """Tell whether a value holds nothing but exact built-in types, so that orjson runs no Python code for it.

    A dict that the garbage collector does not track holds neither mutable containers nor objects of Python classes;
    in all else marshal, which knows built-in types only, looks at every item. Both do it in C: a look from Python
    takes several times as long as writing the JSON.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return kind in PLAIN and (kind is not str or len(value) <= limit)
    if kind is dict and not _is_tracked(value):
        return len(value) <= limit
    if _may_explode(value, limit):
        return False
    try:
        _marshal(value)
    except Exception:  # another type
        return False
    return True


def _may_explode(value: Any, limit: int) -> bool:
    """Tell whether containers that stand in others many times may make the JSON far larger than the value.

    marshal writes them once and would not notice. One path down is enough for the shapes such values have
    (`[[[…] * 9] * 9] * 9`): by the last item of a list, and by the last container in a dict.
    """
    items, container = 1, value
    try:
        for _ in range(MAX_DEPTH):
            items *= len(container) or 1
            if items > limit:
                return True
            if type(container) is not dict:
                container = container[-1] if container else None
                if type(container) not in _CONTAINERS:
                    return False
                continue
            for item in reversed(container.values()):
                if type(item) in _CONTAINERS:
                    container = item
                    break
            else:
                return False
    except (RuntimeError, IndexError):  # another thread changed it meanwhile
        return True
    return True


def _holds_nonfinite(value: Any) -> bool:
    """Tell whether a value that orjson wrote holds a NaN or an infinity; it writes null for them as for None."""
    containers: list[Any] = [(value,)]
    try:
        for container in containers:
            if len(containers) > _QUICK_BUDGET:  # large, or made cyclic by another thread meanwhile
                return True
            items = container.values() if type(container) is dict else container
            for item in [item for item in items if type(item) not in _NO_FLOATS]:
                if type(item) is not float:
                    containers.append(item)
                elif not math.isfinite(item):
                    return True
    except RuntimeError:  # another thread changed a dict meanwhile
        return True
    return False
