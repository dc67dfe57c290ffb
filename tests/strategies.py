"""What property tests draw from: JSON, any Python value, and documents with secrets in them."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from hypothesis import strategies as st

LEAK = "LEAK"
"""Stands in every secret of `sensitive_documents` and in nothing else."""

SENSITIVE_KEYS = (
    *("password", "userPassword", "DB_PASSWORD", "password2", "secret", "client-secret", "Secret Word"),
    *("token", "Token", "access_token", "accessToken", "session.token", "api_key", "apiKey", "X-Api-Key"),
    *("OPENAI_API_KEY", "Authorization", "cookie", "card_number", "cardNumber", "langfuse.metadata.api_key"),
)
"""Keys that the default globs match, in the spellings people use."""

HARMLESS_KEYS = (
    *(
        "price",
        "name",
        "total_tokens",
        "tokens",
        "tokenizer",
        "monkey",
        "keyboard",
        "pass",
        "author",
        "discard",
    ),
    *("order_number", "usage", "cost", "confidence", "", "é", "a b", "x.y", "secre", "key", "note"),
)
"""Keys that no default glob matches, some of them nearly."""


def json_like(
    leaves: st.SearchStrategy[Any] | None = None, keys: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Any]:
    """Values that JSON keeps as they are; or containers of other leaves, or with other keys."""
    numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    plain = st.none() | st.booleans() | numbers | st.text()
    names = st.text(max_size=12) if keys is None else keys
    return st.recursive(
        plain if leaves is None else leaves,
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=6),
        max_leaves=25,
    )


def harmless_documents() -> st.SearchStrategy[Any]:
    """JSON documents without a sensitive key (Hypothesis takes texts from our own code, also the globs' words)."""
    return json_like(keys=st.sampled_from(HARMLESS_KEYS))


class Colour(enum.Enum):
    """An enumeration with values of several types."""

    RED = "red"
    DEEP = ("nested", 1)
    OBJECT = object()


class Failing(enum.Enum):
    """An enumeration whose value can't be had."""

    MEMBER = 1

    @property
    def value(self) -> int:
        """Fail."""
        raise ValueError


class NoZone(dt.tzinfo):
    """A time zone that fails."""

    def utcoffset(self, _when: dt.datetime | None) -> dt.timedelta:
        """Fail."""
        raise OSError

    def dst(self, _when: dt.datetime | None) -> dt.timedelta:
        """Fail."""
        raise OSError

    def tzname(self, _when: dt.datetime | None) -> str:
        """Fail."""
        raise OSError


class Hostile:
    """An object that fails at whatever it is asked but its class, with an exception of the given type."""

    def __init__(self, failure: type[Exception]) -> None:
        object.__setattr__(self, "failure", failure)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":  # Hypothesis asks for it
            return Hostile
        raise object.__getattribute__(self, "failure")(name)

    def __repr__(self) -> str:
        raise object.__getattribute__(self, "failure")

    def __str__(self) -> str:
        raise object.__getattribute__(self, "failure")

    def __len__(self) -> int:
        raise object.__getattribute__(self, "failure")

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


@dataclasses.dataclass
class Record:
    """A data class, one of whose fields may hold anything."""

    name: str
    value: Any


@dataclasses.dataclass(slots=True)
class Slotted:
    """A data class one of whose fields is never set."""

    value: Any
    missing: int = dataclasses.field(init=False)


class Point(collections.namedtuple("Point", "x y")):  # noqa: PYI024 (any value must fit in)
    """A named tuple."""

    __slots__ = ()


class Shelf(Mapping[Any, Any]):
    """A mapping that is no dict."""

    def __init__(self, items: Mapping[Any, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return 10**12


class Endless(Sequence[Any]):
    """A sequence without an end."""

    def __getitem__(self, index: Any) -> Any:
        return index

    def __len__(self) -> int:
        return 3


class Words(str):
    """A str of a subclass."""

    __slots__ = ()


class Table(dict[Any, Any]):
    """A dict of a subclass that lies about its items."""

    def items(self) -> Any:
        """Fail."""
        raise LookupError


def _leaves() -> st.SearchStrategy[Any]:
    """Single values, most of them foreign to JSON."""
    surrogates = st.text(st.characters(codec=None, categories=("Cs", "Lu", "Nd")), max_size=8)
    arrays = st.sampled_from(
        [
            np.array([[1, 2], [3, 4]]).T,
            np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
            np.array([1, "a", None], dtype=object),
            np.array([0.5, np.nan]),
            np.zeros((0, 3)),
            np.float32(0.1),
            np.longdouble(1),
            np.timedelta64(5, "D"),
        ]
    )
    return st.one_of(
        json_like(),
        surrogates,
        surrogates.map(Words),
        st.integers() | st.integers().map(lambda number: number**41),
        st.floats(),
        st.complex_numbers(),
        st.decimals(),
        st.fractions(),
        st.binary(),
        st.binary().map(bytearray),
        st.binary().map(lambda value: memoryview(value)),  # noqa: PLW0108 (the class is generic)
        st.datetimes(timezones=st.none() | st.timezones()),
        st.builds(lambda: dt.datetime(2026, 1, 1, tzinfo=NoZone())),
        st.dates() | st.times() | st.timedeltas(),
        st.uuids() | st.builds(lambda: object.__new__(uuid.UUID)),
        st.sampled_from([*Colour, Failing.MEMBER, int, dataclasses.fields, len, Colour, PurePosixPath("/a")]),
        st.builds(
            Hostile, st.sampled_from([ValueError, RecursionError, MemoryError, StopIteration, KeyError])
        ),
        st.builds(ValueError, st.text()),
        st.builds(lambda: (number for number in range(3))),
        st.just(range(10**12)) | st.builds(object) | st.just(decimal.Decimal("sNaN")),
        arrays,
    )


def any_value() -> st.SearchStrategy[Any]:
    """Any Python value, in any container, with any keys, cycles included."""
    keys = st.one_of(
        st.text(max_size=5),
        st.integers(-3, 3),
        st.sampled_from([None, True, "1", "None", "null", Colour.RED, (1, "a"), b"\xff", 0.5, float("nan")]),
        st.builds(Hostile, st.just(ValueError)),
    )

    def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        items = st.lists(inner, max_size=4)
        pairs = st.lists(st.tuples(keys, inner), max_size=4).map(dict)
        return st.one_of(
            items,
            pairs,
            items.map(tuple),
            items.map(collections.deque),
            items.map(_cyclic),
            pairs.map(Shelf) | pairs.map(Table) | pairs.map(MappingProxyType) | pairs.map(_cyclic_dict),
            st.builds(Record, st.text(max_size=3), inner),
            st.builds(Slotted, inner),
            st.builds(Point, inner, inner),
            st.sets(keys, max_size=4) | st.frozensets(keys, max_size=4),
        )

    return st.recursive(_leaves(), containers, max_leaves=12)


def _cyclic(items: list[Any]) -> list[Any]:
    items.append(items)
    return items


def _cyclic_dict(pairs: dict[Any, Any]) -> dict[Any, Any]:
    pairs["self"] = {"again": pairs}
    return pairs


def sensitive_documents() -> st.SearchStrategy[Any]:
    """JSON documents with secrets under sensitive keys at any depth, also in strings that are JSON themselves.

    `LEAK` stands in each secret, and nowhere else; what is harmless has harmless keys.
    """
    secrets = st.text(max_size=5).map(lambda text: f"{text}{LEAK}")
    secret = st.one_of(secrets, st.just(None), st.integers(), json_like(secrets))

    def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        harmless = st.dictionaries(st.sampled_from(HARMLESS_KEYS), inner, max_size=4)
        sensitive = st.dictionaries(st.sampled_from(SENSITIVE_KEYS), secret, min_size=1, max_size=3)
        return st.one_of(
            st.lists(inner, max_size=4),
            harmless,
            st.tuples(harmless, sensitive).map(lambda both: both[0] | both[1]),
            st.tuples(sensitive, harmless).map(lambda both: both[0] | both[1]),
            st.builds(json.dumps, inner, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1])),
        )

    return st.recursive(harmless_documents(), nodes, max_leaves=12)
