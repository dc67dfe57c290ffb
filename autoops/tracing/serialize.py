"""Any Python value to JSON, without ever failing the business that called us.

`dump` first lets orjson write the value as it stands: one call in C, during which no Python code runs, so that
no other thread can change the value halfway. Only what orjson refuses, or would lose (NaN becomes null), is
rebuilt by `_Walk` out of plain lists, dicts, strings and numbers that belong to us, and written then. Both give
the same text for what both can write.

There is deliberately no `default=` hook: Python code that runs while orjson walks a dict or list lets another
thread change it, and orjson, which holds borrowed references, then crashes the process. For the same reason
dataclasses are passed through (orjson crashes on a slot that was never set), and numpy's option is off (it
imports numpy, and writes NaT as 1970).
"""

from __future__ import annotations

import base64
import codecs
import collections
import datetime as dt
import decimal
import enum
import itertools
import math
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final

import orjson

MAX_PAYLOAD_BYTES: Final = 1_000_000
"""Bytes of JSON; a larger payload is cut and marked as cut."""

MAX_TEXT: Final = 2_000
"""Characters of a name or a status message."""

CUT: Final = "autoops.cut"
"""Key that marks a payload as cut; its value says how large the payload was (null: not known) and the limit."""

_MIN_LIMIT: Final = 256  # bytes; below it there would be no room for the mark itself
_MAX_DEPTH: Final = 200  # nested containers; orjson refuses 255
_MAX_REPR: Final = 10_000  # characters of an unknown object's repr
_MAX_KEY: Final = 1_000  # characters of a key
_MAX_INT_BITS: Final = 10_000  # CPython refuses to write longer ones in decimal
_CYCLE: Final = "<cycle>"
_TOO_DEEP: Final = "<nested too deeply>"
_SIZED: Final = frozenset({str, list, tuple, dict, bytes, bytearray})
_NEVER_NAN: Final = frozenset({str, int, bool, type(None), dt.datetime, dt.date, dt.time, uuid.UUID})

_dumps = orjson.dumps
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS


def dump(value: object, *, limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Write any value as JSON.

    Never raises (a `BaseException` such as KeyboardInterrupt passes through), never changes or consumes the value.

    Args:
        value: Anything. What JSON lacks is rendered readably: dates in ISO 8601, decimals and integers beyond 64
            bits as text, NaN and the infinities as `"NaN"`, `"Infinity"`, `"-Infinity"`, sets as sorted lists,
            data classes and models as objects (a field whose name begins with an underscore included), tables as
            lists of rows, unknown objects as their repr.
        limit: Most bytes of the result, at least 256.

    Returns:
        Valid JSON in UTF-8. A value that needs more than `limit` bytes becomes
        `{"autoops.cut": {"bytes": …, "limit": …}, "beginning": …}`, where `beginning` keeps the value's shape and
        holds as much of it as fits.
    """
    if not (type(value) in _SIZED and len(value) > limit):  # type: ignore[arg-type]  # all of _SIZED have a length
        try:
            written = _dumps(value, None, _OPTIONS)
        except Exception:  # what orjson refuses is rendered below
            return _render(value, limit)
        if len(written) > limit:
            return _render_cut(value, limit, len(written))
        if b"null" in written and _may_hold_nan(value, len(written)):
            return _render(value, limit)
        return written
    return _render(value, limit)


def text(value: object, *, limit: int = MAX_TEXT) -> str:
    """Write any value as one string for a name or a status message.

    Args:
        value: Anything; a container is written as JSON.
        limit: Most characters of the result, at least 1.

    Returns:
        Text that is valid UTF-8; one that was cut ends in `…`.
    """
    if type(value) is str and len(value) <= limit and value.isascii():
        return value
    try:
        plain = _Walk(max(4 * limit, _MIN_LIMIT)).render(value, 0)
        shown = plain if isinstance(plain, str) else _dumps(plain).decode()
    except Exception as error:
        shown = _unreadable(value, error)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _render(value: object, limit: int) -> bytes:
    """Write a value the slow way, whole if it fits."""
    try:
        walk = _Walk(max(limit, _MIN_LIMIT))
        plain = walk.render(value, 0)
        if not walk.cut:
            written = _dumps(plain)
            if len(written) <= max(limit, _MIN_LIMIT):
                return written
            return _render_cut(value, limit, len(written))
    except Exception as error:
        return _dumps(_unreadable(value, error))
    return _render_cut(value, limit, None)


def _render_cut(value: object, limit: int, size: int | None) -> bytes:
    """Write the beginning of a value that is too large, in its own shape, with the mark."""
    limit = max(limit, _MIN_LIMIT)
    mark = {"bytes": size, "limit": limit}
    budget = limit - 100  # bytes of the mark
    try:
        while budget > 0:
            written = _dumps({CUT: mark, "beginning": _Walk(budget).render(value, 0)})
            if len(written) <= limit:
                return written
            # the walk counts characters; escapes and other alphabets need up to six bytes for one
            budget = min(budget - 1, int(budget * limit / len(written) * 0.95))
    except Exception as error:
        return _dumps({CUT: mark, "beginning": _unreadable(value, error)})
    return _dumps({CUT: mark})


def _may_hold_nan(value: object, most: int) -> bool:
    """Tell whether a null in the output can stand for a NaN or an infinity; values orjson wrote only.

    Args:
        value: What was written.
        most: Values to look at before giving up: another thread may make the value a cyclic one meanwhile.
    """
    pending: list[Any] = [value]
    for _ in range(most):
        if not pending:
            return False
        item = pending.pop()
        kind = type(item)
        if kind is float:
            if not math.isfinite(item):
                return True
        elif kind is dict:
            pending.extend(item.values())
        elif kind is list or kind is tuple:
            pending.extend(item)
        elif kind not in _NEVER_NAN:
            return True
    return bool(pending)


def _unreadable(value: object, error: BaseException) -> str:
    return f"<{_name(type(value))}: unreadable, {_name(type(error))}>"


def _name(kind: type) -> str:
    """Give a class's or function's qualified name, valid as UTF-8 even if someone assigned nonsense."""
    try:
        module, name = kind.__module__, kind.__qualname__
        return _utf8(name if module in {"builtins", "__main__", None} else f"{module}.{name}")
    except Exception:
        return "object"


def _utf8(value: str) -> str:
    """Give the same text, with lone surrogates written as escapes (`\\ud800`)."""
    return value.encode("utf-8", "backslashreplace").decode()


class _Walk:
    """One bounded walk over a value, which copies it into plain JSON values.

    Args:
        budget: About how many bytes the result may take; a container stops taking items once it is spent.
    """

    __slots__ = ("_above", "_left", "cut")

    def __init__(self, budget: int) -> None:
        self._left = budget
        self._above: set[int] = set()  # ids of the containers around the current value
        self.cut = False

    def render(self, value: Any, depth: int) -> Any:
        """Give the plain JSON value that stands for `value`; never raises an `Exception`."""
        self._left -= 2
        kind = type(value)
        if kind is str:
            return self._string(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return _integer(value)
        if kind is float:
            return value if math.isfinite(value) else _nonfinite(value)
        try:
            return self._container(kind, value, depth)
        except Exception as error:
            return _unreadable(value, error)

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        if kind in _SCALARS:
            return self._string(_SCALARS[kind](value))
        if id(value) in self._above:
            return _CYCLE
        if depth >= _MAX_DEPTH:
            return _TOO_DEEP
        self._above.add(id(value))
        try:
            if kind is dict:
                return self._pairs(value.copy().items(), len(value), depth)
            if kind is list or kind is tuple:
                return self._items(value[: self._room()], len(value), depth)
            for base, render in _BY_BASE:
                if issubclass(kind, base):
                    return render(self, value, depth)
            return self._foreign(kind, value, depth)
        finally:
            self._above.discard(id(value))

    def _room(self) -> int:
        """Give how many more items are worth taking: each needs a character and a comma at least."""
        return max(self._left, 0) // 2 + 1

    def _string(self, value: str) -> str:
        if len(value) > self._left:
            self.cut = True
            kept = max(self._left, 0)
            value = f"{value[:kept]}… <{len(value) - kept} more characters>"
        self._left -= len(value)
        return value if value.isascii() else _utf8(value)

    def _bytes(self, value: bytes | bytearray | memoryview, _depth: int = 0) -> str:
        view = memoryview(value).cast("B") if isinstance(value, memoryview) else value
        head = bytes(view[: max(self._left, 0)])
        more = len(view) - len(head)
        try:
            shown = codecs.getincrementaldecoder("utf-8")().decode(head, final=not more)
        except UnicodeDecodeError:
            shown = "base64:" + base64.b64encode(head).decode()
        self._left -= len(shown)
        if not more:
            return shown
        self.cut = True
        return f"{shown}… <{more} more bytes>"

    def _items(self, items: Iterable[Any], count: int | None, depth: int) -> list[Any]:
        plain: list[Any] = []
        for item in items:
            if self._left <= 0:
                break
            plain.append(self.render(item, depth + 1))
        else:
            if count is None or len(plain) >= count:
                return plain
        self.cut = True
        plain.append("… <more items>" if count is None else f"… <{count - len(plain)} more items>")
        return plain

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], count: int | None, depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, value in pairs:
            if self._left <= 0:
                self.cut = True
                plain["…"] = "<more keys>" if count is None else f"<{count - len(plain)} more keys>"
                break
            name = self._key(key)
            if name in plain:
                name = _free_name(name, key, plain)
            plain[name] = self.render(value, depth + 1)
        return plain

    def _key(self, key: Any) -> str:
        if type(key) is str and len(key) < _MAX_KEY:
            self._left -= len(key) + 3
            return key if key.isascii() else _utf8(key)
        shown = text(key, limit=_MAX_KEY)
        self._left -= len(shown) + 3
        return shown

    def _set(self, value: Set[Any], depth: int) -> list[Any]:
        return sorted(self._sequence(value, depth), key=_order)

    def _sequence(self, value: Iterable[Any], depth: int) -> list[Any]:
        room = self._room() + 1
        taken = list(itertools.islice(value, room))
        return self._items(taken, len(taken) if len(taken) < room else None, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        if isinstance(value, dict):
            pairs: Iterable[tuple[Any, Any]] = dict.copy(value).items()
        else:
            pairs = [(key, value[key]) for key in itertools.islice(value, self._room() + 1)]
        return self._pairs(pairs, None, depth)

    def _tuple(self, value: tuple[Any, ...], depth: int) -> Any:
        names = getattr(type(value), "_fields", None)
        if names is None:
            return self._items(tuple.__getitem__(value, slice(self._room())), tuple.__len__(value), depth)
        return self._pairs(zip(names, tuple.__iter__(value), strict=False), None, depth)

    def _enum(self, value: enum.Enum, depth: int) -> Any:
        return self.render(value.value, depth + 1)

    def _fields(self, value: Any, names: Iterable[str], depth: int) -> dict[str, Any]:
        """Render named attributes, each on its own: one that fails must not take the others with it."""
        plain: dict[str, Any] = {}
        for name in names:
            try:
                plain[name] = self.render(getattr(value, name), depth + 1)
            except Exception as error:
                plain[name] = f"<unreadable, {_name(type(error))}>"
        return plain

    def _foreign(self, kind: type, value: Any, depth: int) -> Any:
        """Render data classes, models, numpy, pandas, and everything unknown by its repr."""
        for attribute in ("__dataclass_fields__", "__struct_fields__"):  # data classes; msgspec
            if (names := getattr(kind, attribute, None)) is not None:
                return self._fields(value, list(names), depth)
        if (fields := getattr(kind, "__attrs_attrs__", None)) is not None:
            return self._fields(value, [field.name for field in fields], depth)
        if callable(getattr(kind, "model_dump", None)):  # pydantic
            return self.render(value.model_dump(warnings=False), depth + 1)
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic)):
            return self._numpy(numpy, value, depth)
        if kind.__module__.partition(".")[0] == "pandas":
            return self._pandas(kind.__name__, value, depth)
        return self._string(_utf8(repr(value))[:_MAX_REPR])

    def _numpy(self, numpy: Any, value: Any, depth: int) -> Any:
        if value.dtype.kind in "mM":  # times as ISO text; their own integers would mean nothing
            value = value.astype(str) if value.ndim else str(value)
        elif value.ndim == 0:
            value = value.item()
            value = str(value) if isinstance(value, numpy.generic) else value
        if not isinstance(value, numpy.ndarray):
            return self.render(value, depth)
        if value.ndim == 1 or value.size <= self._room():
            head = value[: self._room()].tolist()
            return self._items(head, len(value), depth)
        return self._items(numpy.asarray(value), len(value), depth)

    def _pandas(self, name: str, value: Any, depth: int) -> Any:
        if name == "DataFrame":
            return self._frame(value, depth)
        if name == "Series":
            head = value.iloc[: self._room()]
            if type(value.index).__name__ == "RangeIndex":
                return self._items(head.tolist(), len(value), depth)
            return self._pairs(zip(head.index.tolist(), head.tolist(), strict=True), len(value), depth)
        if hasattr(type(value), "tolist"):
            return self._items(value[: self._room()].tolist(), len(value), depth)
        return self._string(str(value))

    def _frame(self, value: Any, depth: int) -> list[Any]:
        """Render a table as rows, each an object, so that masking finds its columns by name."""
        head = value.iloc[: self._room() // (len(value.columns) + 1) + 1]
        names = list(head.columns)
        numbered = type(head.index).__name__ == "RangeIndex"
        rows = (
            dict(enumerate(row)) if len(set(names)) < len(names) else dict(zip(names, row, strict=True))
            for row in head.itertuples(index=False, name=None)
        )
        if not numbered:
            labels = [text(label) for label in head.index.tolist()]
            rows = ({"index": label, **row} for label, row in zip(labels, rows, strict=True))
        return self._items(rows, len(value), depth)


def _integer(value: int) -> int | str:
    if -(2**63) <= value < 2**64:
        return value
    return str(value) if value.bit_length() <= _MAX_INT_BITS else f"<integer of {value.bit_length()} bits>"


def _nonfinite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _free_name(name: str, key: object, taken: Mapping[str, Any]) -> str:
    """Give a second key that is written like a first one a name of its own: `1 (int)`, `1 (int 2)`."""
    kind = type(key).__name__
    name = f"{name} ({kind})"
    for number in itertools.count(2):
        if name not in taken:
            return name
        name = f"{name.rpartition(' (')[0]} ({kind} {number})"
    raise AssertionError


def _order(item: Any) -> tuple[int, float, bytes]:
    """Order a set's rendered items the same way in every process: numbers by value, the rest by their text."""
    if type(item) in {int, float}:
        return 0, item, b""
    return 1, 0, _dumps(item)


def _exception(value: BaseException) -> str:
    message = str(value)
    return f"{_name(type(value))}: {message}" if message else _name(type(value))


_SCALARS: Final[dict[type, Callable[[Any], str]]] = {
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: str,
    decimal.Decimal: str,
    uuid.UUID: str,
    complex: str,
    types.FunctionType: _name,
    types.BuiltinFunctionType: _name,
    type: _name,
}

_BY_BASE: Final[list[tuple[Any, Callable[[_Walk, Any, int], Any]]]] = [
    (enum.Enum, _Walk._enum),
    (str, lambda walk, value, _: walk._string(str.__str__(value))),
    (bool, lambda _walk, value, _depth: bool(value)),
    (int, lambda walk, value, depth: walk.render(int.__int__(value), depth)),
    (float, lambda walk, value, depth: walk.render(float.__float__(value), depth)),
    ((bytes, bytearray, memoryview), _Walk._bytes),
    (dt.date, lambda walk, value, _: walk._string(value.isoformat())),
    (dt.timedelta, lambda walk, value, _: walk._string(str(value))),
    (BaseException, lambda walk, value, _: walk._string(_exception(value))),
    (type, lambda walk, value, _: walk._string(_name(value))),
    (pathlib.PurePath, lambda walk, value, _: walk._string(str(value))),
    (collections.UserString, lambda walk, value, _: walk._string(str(value))),
    (tuple, _Walk._tuple),
    (Mapping, _Walk._mapping),
    (Set, _Walk._set),
    (range, lambda walk, value, _: walk._string(repr(value))),
    (Iterator, lambda walk, value, _: walk._string(repr(value))),
    (Sequence, _Walk._sequence),
]
