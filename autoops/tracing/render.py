"""One bounded walk that copies any Python value into plain JSON values.

The walk never raises an `Exception`, never imports, consumes or changes what it is shown, marks what it leaves
out, and stops when its budget is spent. Only exact types are trusted; everything else is read through its class,
so that an object that lies or fails in `__class__`, `__len__` or `__getattr__` spoils its own place only.
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
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 200
"""Nested containers; orjson refuses to write 255."""

MAX_REPR: Final = 10_000
"""Characters of an unknown object's repr."""

PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""The types of leaves that JSON has, but for some numbers and strings."""

_MAX_KEY: Final = 1_000  # characters of a key that is no plain string
_MAX_INT_BITS: Final = 10_000  # CPython refuses to write much longer ones in decimal

CYCLE: Final = "<cycle>"
"""Stands for a container inside itself."""

TOO_DEEP: Final = "<nested too deeply>"
"""Stands for a container `MAX_DEPTH` containers down."""


class Walk:
    """A walk over one value.

    Args:
        budget: Bytes that the JSON text should not exceed. The walk counts the least that each value can need
            (escapes and letters beyond ASCII need more), so the text may be longer, but nothing that would have
            fitted is left out.

    Attributes:
        cut: Whether something was left out because the budget was spent.
    """

    __slots__ = ("_above", "_left", "cut")

    def __init__(self, budget: int) -> None:
        self._left = budget
        self._above: set[int] = set()  # ids of the containers around the current value
        self.cut = False

    def render(self, value: Any, depth: int = 0) -> Any:
        """Give the plain JSON value that stands for `value`, which lies in `depth` containers."""
        self._left -= 2  # a character and a comma
        kind = type(value)
        if kind is str:
            if len(value) <= self._left and value.isascii():
                self._left -= len(value)
                return value
            return self.string(value)
        if value is None or kind is bool or (kind is int and -(2**63) <= value < 2**64):
            return value
        if kind is float and math.isfinite(value):
            self._left -= 2  # a float has three characters at least
            return value
        try:
            if (write := _TEXTS.get(kind)) is not None:
                return self.string(write(value))
            return self._container(kind, value, depth)
        except Exception as error:
            return unreadable(value, error)

    def string(self, value: str) -> str:
        """Give the string as far as the budget allows, valid as UTF-8."""
        if len(value) > self._left:
            self.cut = True
            kept = max(self._left, 0)
            value = f"{value[:kept]}… <{len(value) - kept} more characters>"
        self._left -= len(value)
        return value if value.isascii() else utf8(value)

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        if id(value) in self._above:
            return CYCLE
        if depth >= MAX_DEPTH:
            return TOO_DEEP
        self._above.add(id(value))
        try:
            # Exact dicts, lists and tuples are copied in C first: another thread can't interfere.
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

    def _items(self, items: Iterable[Any], count: int | None, depth: int) -> list[Any]:
        """Render the first items of a container of `count` (None: not known, as many as there are)."""
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
        numbers: dict[str, int] = {}
        for key, value in pairs:
            if self._left <= 0:
                self.cut = True
                plain["…"] = "<more keys>" if count is None else f"<{count - len(plain)} more keys>"
                break
            name = self._key(key)
            if name in plain:
                name = _free_name(name, key, plain, numbers)
            plain[name] = self.render(value, depth + 1)
        return plain

    def _key(self, key: Any) -> str:
        if type(key) is not str:
            key = brief(key, _MAX_KEY)
        self._left -= len(key) + 3
        if self._left < -_MAX_KEY:  # a key that alone is too large
            self.cut = True
            key = key[:_MAX_KEY] + "…"
        return key if key.isascii() else utf8(key)

    def _bytes(self, value: bytes | bytearray | memoryview, _depth: int) -> str:
        view = memoryview(value)
        view = view.cast("B") if view.contiguous else memoryview(view.tobytes())
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

    def _set(self, value: AbstractSet[Any], depth: int) -> list[Any]:
        return sorted(self._sequence(value, depth), key=_order)

    def _sequence(self, value: Iterable[Any], depth: int) -> list[Any]:
        if type(value).__module__ in {"builtins", "collections"}:
            # Taken at once, in C: another thread can't interfere. One more than there is room for tells of more.
            value = list(itertools.islice(value, self._room() + 1))
        # Of others one by one: each may be large, and made only now.
        return self._items(value, None, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        if isinstance(value, dict):  # past whatever a subclass overrides
            copy = dict.copy(value)
            return self._pairs(copy.items(), len(copy), depth)
        keys = list(itertools.islice(value, self._room() + 1))  # one more than there is room for
        return self._pairs(((key, value[key]) for key in keys), None, depth)

    def _tuple(self, value: tuple[Any, ...], depth: int) -> Any:
        names = getattr(type(value), "_fields", None)
        if names is None:
            return self._items(tuple.__getitem__(value, slice(self._room())), tuple.__len__(value), depth)
        return self._pairs(zip(names, tuple.__iter__(value), strict=False), len(names), depth)

    def _fields(self, value: Any, names: Sequence[str], depth: int) -> dict[str, Any]:
        """Render attributes by name; one that fails must not take the others with it."""
        plain: dict[str, Any] = {}
        for name in names:
            self._left -= len(name) + 3
            try:
                plain[name] = self.render(getattr(value, name), depth + 1)
            except Exception as error:
                plain[name] = f"<unreadable: {name_of(type(error))}>"
        return plain

    def _foreign(self, kind: type, value: Any, depth: int) -> Any:
        """Render records, models, numpy, pandas; everything unknown by its repr."""
        if (fields := getattr(kind, "__dataclass_fields__", None)) is not None:
            return self._fields(value, list(fields), depth)
        if (fields := getattr(kind, "__attrs_attrs__", None)) is not None:
            return self._fields(value, [field.name for field in fields], depth)
        if callable(getattr(kind, "model_dump", None)):  # pydantic
            return self.render(value.model_dump(warnings=False), depth + 1)
        numpy = sys.modules.get("numpy")  # if it isn't imported, the value can't be one of its own
        if numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic)):
            return self._numpy(numpy, value, depth)
        if kind.__module__.partition(".")[0] == "pandas":
            return self._pandas(kind.__name__, value, depth)
        return self._repr(value, depth)

    def _repr(self, value: object, _depth: int) -> str:
        shown = repr(value)
        return self.string(shown if len(shown) <= MAX_REPR else shown[:MAX_REPR] + "…")

    def _numpy(self, numpy: Any, value: Any, depth: int) -> Any:
        if type(value).__name__ == "MaskedConstant":  # whose item is 0
            return None
        if value.dtype.names is not None:
            return self._records(value, depth)
        if value.ndim == 0:
            # A long double is its own item; a time's item is a number without its unit.
            scalar = str(value) if value.dtype.kind in "mM" else value.item()
            return self.render(str(scalar) if isinstance(scalar, numpy.generic) else scalar, depth)
        row = value.size // len(value) if len(value) else 0
        if row > self._room():
            return self._items(numpy.asarray(value), len(value), depth)
        head = value[: self._room() // (row + 1) + 1]
        head = head.astype(str) if value.dtype.kind in "mM" else head
        return self._items(head.tolist(), len(value), depth)

    def _records(self, value: Any, depth: int) -> Any:
        """Render a structured array as rows, each an object, so that masking finds its fields by name."""
        if value.ndim:
            return self._items(iter(value), len(value), depth)
        names = value.dtype.names
        return self._pairs(((name, value[name]) for name in names), len(names), depth)

    def _pandas(self, name: str, value: Any, depth: int) -> Any:
        if name == "DataFrame":
            return self._frame(value, depth)
        if name == "Series" and type(value.index).__name__ != "RangeIndex":
            head = value.iloc[: self._room()]
            return self._pairs(zip(head.index.tolist(), head.tolist(), strict=True), len(value), depth)
        if hasattr(type(value), "tolist"):  # other series, indexes, arrays
            return self._items(value[: self._room()].tolist(), len(value), depth)
        return self.string(str(value))

    def _frame(self, value: Any, depth: int) -> list[Any]:
        """Render a table as rows, each an object, so that masking finds its columns by name."""
        head = value.iloc[: self._room() // (len(value.columns) + 1) + 1]
        names = self._names(head.columns.tolist())
        rows: Iterable[dict[str, Any]] = (
            dict(zip(names, row, strict=True)) for row in head.itertuples(index=False, name=None)
        )
        if type(head.index).__name__ != "RangeIndex":
            label = _free_name("index", "", names, {}) if "index" in names else "index"
            rows = ({label: at, **row} for at, row in zip(head.index.tolist(), rows, strict=True))
        return self._items(rows, len(value), depth)

    def _names(self, columns: Iterable[Any]) -> dict[str, None]:
        """Give each column of a table a name of its own, in order."""
        names: dict[str, None] = {}
        numbers: dict[str, int] = {}
        for column in columns:
            name = self._key(column)
            names[_free_name(name, column, names, numbers) if name in names else name] = None
        return names


def brief(value: object, limit: int) -> str:
    """Give any value as one string of at most `limit` characters; a container as JSON, None as `null`."""
    try:
        plain = Walk(4 * limit).render(value)
        shown = plain if isinstance(plain, str) else orjson.dumps(plain).decode()
    except Exception as error:
        shown = unreadable(value, error)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def unreadable(value: object, error: BaseException) -> str:
    """Say that a value could not be rendered, and why, without touching it again."""
    return f"<{name_of(type(value))}: unreadable, {name_of(type(error))}>"


def name_of(thing: Any) -> str:
    """Give a class's or function's qualified name, with its module unless it is a built-in."""
    try:
        module, name = thing.__module__, thing.__qualname__
        return utf8(name if module in {"builtins", None} else f"{module}.{name}")
    except Exception:
        return "object"


def utf8(value: str) -> str:
    r"""Give the same text, with lone surrogates written as escapes (`\ud800`)."""
    return value.encode("utf-8", "backslashreplace").decode()


def _integer(value: int) -> str:
    return str(value) if value.bit_length() <= _MAX_INT_BITS else f"<integer of {value.bit_length()} bits>"


def _nonfinite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _free_name(name: str, key: object, taken: Container[str], numbers: dict[str, int]) -> str:
    """Give a key that is written like an earlier one a name of its own: `1 (int)`, `1 (int 2)`.

    Args:
        name: How the key is written.
        key: The key.
        taken: The names that others have.
        numbers: The last number that was tried for each name; updated here. To count from the start for each of
            many keys that are written alike would take quadratic time.
    """
    stem = utf8(f"{name} ({type(key).__name__}")
    for number in itertools.count(numbers.get(stem, 0) + 1):
        free = f"{stem})" if number == 1 else f"{stem} {number})"
        if free not in taken:
            break
    numbers[stem] = number
    return free


def _order(item: Any) -> tuple[bool, float, bytes]:
    """Order a set's rendered items the same way in every process: numbers by value, the rest by their text."""
    number = type(item) in {int, float}
    return not number, item if number else 0, b"" if number else orjson.dumps(item)


def _exception(value: BaseException) -> str:
    message = str(value)
    return f"{name_of(type(value))}: {message}" if message else name_of(type(value))


_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    int: _integer,
    float: _nonfinite,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: str,
    decimal.Decimal: str,
    uuid.UUID: str,
    complex: str,
    range: repr,
    types.FunctionType: name_of,
    types.BuiltinFunctionType: name_of,
    type: name_of,
}
"""How leaves of these exact types are written; of int and float, what JSON has no number for."""

_BY_BASE: Final[tuple[tuple[Any, Callable[[Walk, Any, int], Any]], ...]] = (
    (enum.Enum, lambda walk, value, depth: walk.render(value.value, depth + 1)),
    (str, lambda walk, value, _: walk.string(str.__str__(value))),
    (int, lambda walk, value, depth: walk.render(int.__int__(value), depth)),
    (float, lambda walk, value, depth: walk.render(float.__float__(value), depth)),
    ((bytes, bytearray, memoryview), Walk._bytes),  # noqa: SLF001 (the walk's own table)
    (dt.date, lambda walk, value, _: walk.string(value.isoformat())),
    (dt.timedelta, lambda walk, value, _: walk.string(str(value))),
    (BaseException, lambda walk, value, _: walk.string(_exception(value))),
    (type, lambda walk, value, _: walk.string(name_of(value))),
    ((pathlib.PurePath, collections.UserString), lambda walk, value, _: walk.string(str(value))),
    (tuple, Walk._tuple),  # noqa: SLF001 (as above)
    (Mapping, Walk._mapping),  # noqa: SLF001
    (AbstractSet, Walk._set),  # noqa: SLF001
    (Iterator, Walk._repr),  # noqa: SLF001 (taking an item would consume it)
    (Sequence, Walk._sequence),  # noqa: SLF001
)
"""How values of these classes and their subclasses are rendered; the first that fits."""
