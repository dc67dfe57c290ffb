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
from itertools import chain
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
_FEW: Final = 6  # items of a value whose lengths are looked at first
_MOST_AT_ONCE: Final = 4  # times the limit: to write so much and throw it away does no harm
_NUMBERS: Final = PLAIN - {str}
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
_referents = gc.get_referents  # all items of containers, in C, without running Python code


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
            written = None if plain is None or not _fits(plain, limit) else _write(plain)
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
        self._left -= 2 * len(value) + 2  # an empty one costs too: there may be no end of them
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
    """Tell whether orjson may write a value as it is: built-in types only, and at most a few times the limit.

    marshal, which knows built-in types only, looks at every item, in C: a look from Python takes several times as
    long as writing the JSON. But what stands in a value many times it writes once, and orjson each time: a small
    value may be gigabytes of JSON. Hence the count of the items that the JSON will have: a string, or a key, is
    at most as long as all that marshal wrote, which has each once (in JSON six times as long, if it is all control
    characters). What may be too much by that is counted exactly.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return kind in PLAIN and (kind is not str or len(value) <= limit)
    count = len(value)
    if count <= _FEW and (known := _known(value, limit)) is not None:
        return known
    if count > limit:
        return False
    try:
        size = len(_marshal(value))
    except Exception:  # another type
        return False
    most = _MOST_AT_ONCE * limit // size
    level = _referents(value) if count <= most else []
    for _ in range(MAX_DEPTH):
        if count > most:
            break
        # At most `most * size` items: no container has more than marshal wrote bytes.
        level = _referents(*level)
        if not level:
            return True
        count += len(level)
    return _fits(value, limit)


def _known(value: Any, limit: int) -> bool | None:
    """Tell of a few items, faster than marshal can, what `_is_plain` does; None if they need the full look."""
    text, nested = 0, False
    try:
        for item in value.values() if type(value) is dict else value:
            kind = type(item)
            if kind is str:
                text += len(item)
            elif kind in _CONTAINERS:
                if len(item) > limit:  # a large table: even marshal's look would take long
                    return False
                nested = True
            elif kind not in _NUMBERS:
                return False
    except RuntimeError:  # another thread changed it meanwhile
        return False
    return None if nested else text <= limit


def _fits(value: Any, limit: int) -> bool:
    """Tell whether the JSON of a value of built-in types would be within the limit if all were as short as can be.

    Counts the items and the characters of strings and keys, each as often as the JSON has it. The JSON has at
    least as many bytes, so what doesn't fit is to be cut; and it has at most 25 times as many (a float has up to
    24 characters and a comma, a control character 6 bytes), so what fits may be written.
    """
    level = [value]  # all that stands at one depth
    left = limit
    try:
        for _ in range(MAX_DEPTH):
            sized = [item for item in level if type(item) not in _NUMBERS]
            left -= sum(map(len, sized))
            if left < 0:
                return False
            containers = [item for item in sized if type(item) is not str]
            dicts = [item for item in containers if type(item) is dict]
            left -= sum(map(len, chain.from_iterable(dicts)))  # no more keys than items
            if not containers:
                return left >= 0
            level = _referents(*containers)
    except Exception:  # a key that is no string, or another thread changed it meanwhile
        return False
    return False


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
