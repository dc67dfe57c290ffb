"""Any Python value becomes readable JSON within the limit, and the business never notices."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import itertools
import json
import re
import subprocess
import sys
import threading
import types
import uuid
import weakref
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import (
    Endless,
    Failing,
    Hostile,
    NoZone,
    Point,
    Record,
    Shelf,
    Slotted,
    Words,
    any_value,
    json_like,
)

from autoops.tracing.serialize import CUT, MAX_PAYLOAD_BYTES, MAX_TEXT, dump, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UTC = dt.UTC


class Level(enum.IntEnum):
    """An enumeration of numbers."""

    HIGH = 3


class Product(pydantic.BaseModel):
    """A model as users write them."""

    sku: str
    since: dt.date
    price: decimal.Decimal = decimal.Decimal("2.990")
    key: pydantic.SecretStr = pydantic.SecretStr("hush")


class Slots:
    """An object without a `__dict__`."""

    __slots__ = ("sku",)

    def __init__(self, sku: str) -> None:
        self.sku = sku

    def __repr__(self) -> str:
        return f"Slots({self.sku!r})"


class EndlessMapping(collections.abc.Mapping[str, int]):
    """A mapping of three keys, so it says, that has every number."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[str]:
        return map(str, itertools.count())

    def __getitem__(self, key: str) -> int:
        return int(key)


class EmptyLists(collections.abc.Sequence[list[int]]):
    """A sequence of empty lists without end."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, at: Any) -> Any:
        return []


class Pages(collections.abc.Sequence[str]):
    """A million pages of 100 kB, each read when it is asked for."""

    read = 0

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, at: Any) -> Any:
        self.read += 1
        return "x" * 100_000


class Alike:
    """An object that looks like all others of its class."""

    def __repr__(self) -> str:
        return "same"


@dataclasses.dataclass
class Inherited(Record):
    """A data class with a private field."""

    _stock: int = 4


class Half:
    """A record one of whose properties fails."""

    __dataclass_fields__ = ("good", "bad")  # what marks a data class for those who look
    good = 1

    @property
    def bad(self) -> int:
        """Fail."""
        raise LookupError


RECORDS = np.array(
    [(1, "a", "2026-03-01"), (2, "b", "NaT")],
    dtype=[("id", "i4"), ("password", "U5"), ("at", "datetime64[D]")],
)

READABLE: list[tuple[Any, Any]] = [
    # times
    (dt.datetime(2026, 3, 1, 12, 30, 0, 250, UTC), "2026-03-01T12:30:00.000250+00:00"),
    (dt.datetime(2026, 3, 1, 12, 30), "2026-03-01T12:30:00"),  # noqa: DTZ001 (a naive time is the case)
    (dt.date(2026, 3, 1), "2026-03-01"),
    (dt.time(8, 5, tzinfo=UTC), "08:05:00+00:00"),
    (dt.timedelta(days=1, seconds=5), "1 day, 0:00:05"),
    # numbers
    (decimal.Decimal("2.990"), "2.990"),
    (fractions.Fraction(1, 3), "Fraction(1, 3)"),
    (2**70, "1180591620717411303424"),
    (-(2**70), "-1180591620717411303424"),
    (2**64 - 1, 2**64 - 1),
    (10**20_000, "<integer of 66439 bits>"),
    (float("nan"), "NaN"),
    ([float("inf"), -float("inf"), None], ["Infinity", "-Infinity", None]),
    ({"a": (1, float("nan")), "b": None}, {"a": [1, "NaN"], "b": None}),
    (1 + 2j, "(1+2j)"),
    (Level.HIGH, 3),
    (True, True),
    # text and bytes
    (Words("word"), "word"),
    ("\ud800x", "\\ud800x"),
    ({"\udfff": "é"}, {"\\udfff": "é"}),
    (collections.UserString("word"), "word"),
    ("Grüße".encode(), "Grüße"),
    (b"\xff\xfe", "base64://4="),
    (bytearray(b"abc"), "abc"),
    (memoryview(b"abcdef")[::2], "ace"),
    # containers
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a", 2}), [2, "a", "b"]),
    ((1, (2,)), [1, [2]]),
    (Point(1, {"z": 2}), {"x": 1, "y": {"z": 2}}),
    (collections.deque([1, 2]), [1, 2]),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (collections.ChainMap({"a": 1}), {"a": 1}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (Shelf({"a": {1}}), {"a": [1]}),
    (range(10**12), "range(0, 1000000000000)"),
    # keys
    ({None: 1, True: 2, 2.5: 3, ("a", 1): 4}, {"null": 1, "true": 2, "2.5": 3, '["a",1]': 4}),
    ({1: "int", "1": "str"}, {"1": "int", "1 (str)": "str"}),
    ({dt.date(2026, 3, 1): 1, Level.HIGH: 2, b"k": 3}, {"2026-03-01": 1, "3": 2, "k": 3}),
    # records and objects
    (Record("a", {1}), {"name": "a", "value": [1]}),
    (Inherited("a", 1), {"name": "a", "value": 1, "_stock": 4}),
    (Slotted(1), {"value": 1, "missing": "<unreadable: AttributeError>"}),
    (Half(), {"good": 1, "bad": "<unreadable: LookupError>"}),
    (
        Product(sku="A1", since=dt.date(2026, 3, 1)),
        {"sku": "A1", "since": "2026-03-01", "price": "2.990", "key": "SecretStr('**********')"},
    ),
    (Slots("A1"), "Slots('A1')"),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (PurePosixPath("/srv/data"), "/srv/data"),
    (ValueError("no stock"), "ValueError: no stock"),
    (KeyError(), "KeyError"),
    (json.JSONDecodeError("bad", "", 0), "json.decoder.JSONDecodeError: bad: line 1 column 1 (char 0)"),
    (collections.Counter, "collections.Counter"),
    (json.dumps, "json.dumps"),
    (len, "len"),
    # what fails
    (Failing.MEMBER, "<strategies.Failing: unreadable, ValueError>"),
    (dt.datetime(2026, 1, 1, tzinfo=NoZone()), "<datetime.datetime: unreadable, OSError>"),
    ([Hostile(KeyError), 1], ["<strategies.Hostile: unreadable, KeyError>", 1]),
    ([Hostile(RecursionError), 1], ["<strategies.Hostile: unreadable, RecursionError>", 1]),
    ([Hostile(MemoryError), 1], ["<strategies.Hostile: unreadable, MemoryError>", 1]),
    # numpy
    (np.float64(1.5), 1.5),
    (np.int8(-3), -3),
    (np.bool_(True), True),
    (np.float64("nan"), "NaN"),
    (np.str_("x"), "x"),
    (np.longdouble(1), "1.0"),
    (np.datetime64("2026-03-01"), "2026-03-01"),
    (np.datetime64("NaT"), "NaT"),
    (np.timedelta64(5, "D"), "5 days"),
    (np.array([[1, 2], [3, 4]]).T, [[1, 3], [2, 4]]),
    (np.array(["2026-03-01", "NaT"], dtype="datetime64[D]"), ["2026-03-01", "NaT"]),
    (np.array([1, "a", None, {2}], dtype=object), [1, "a", None, [2]]),
    (np.array([1.0, np.nan]), [1.0, "NaN"]),
    (np.array([1, 2], dtype=">i4"), [1, 2]),
    (np.array(3), 3),
    (np.zeros((0, 3)), []),
    (np.ma.masked_array([1, 2], mask=[False, True]), [1, None]),
    (RECORDS, [{"id": 1, "password": "a", "at": "2026-03-01"}, {"id": 2, "password": "b", "at": "NaT"}]),
    (RECORDS[0], {"id": 1, "password": "a", "at": "2026-03-01"}),
    (RECORDS[:1].reshape(1, 1), [[{"id": 1, "password": "a", "at": "2026-03-01"}]]),
    (RECORDS[:0], []),
    (RECORDS[1:].view(np.recarray)[["id", "at"]], [{"id": 2, "at": "NaT"}]),
    (
        np.array((1, (2, [3, 4])), [("a", "i1"), ("b", [("c", "i1"), ("d", "i1", 2)])]),
        {"a": 1, "b": {"c": 2, "d": [3, 4]}},
    ),
    (np.ma.masked_array(RECORDS[:1], mask=[(False, True, True)]), [{"id": 1, "password": None, "at": None}]),
    (np.ma.masked, None),
    # pandas
    (pd.Timestamp("2026-03-01", tz="UTC"), "2026-03-01T00:00:00+00:00"),
    (pd.NaT, "NaT"),
    (pd.NA, "<NA>"),
    (pd.Period("2026-03"), "2026-03"),
    (pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}), [{"a": 1, "b": 0.5}, {"a": 2, "b": "NaN"}]),
    (pd.DataFrame({"a": [1]}, index=["x"]), [{"index": "x", "a": 1}]),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), [{"a": 1, "a (str)": 2}]),
    (pd.DataFrame({"a": [1, 2]}).to_records(), [{"index": 0, "a": 1}, {"index": 1, "a": 2}]),
    (pd.Series([1, 2]), [1, 2]),
    (pd.Series([1, 2], index=["x", "y"]), {"x": 1, "y": 2}),
    (pd.Index(["a", "b"]), ["a", "b"]),
    (pd.Categorical(["a", "b"]), ["a", "b"]),
    (pd.date_range("2026-03-01", periods=1), ["2026-03-01T00:00:00"]),
]


@pytest.mark.parametrize(("value", "expected"), READABLE, ids=[type(value).__name__ for value, _ in READABLE])
def test_readable(value: Any, expected: Any) -> None:
    """What JSON lacks is rendered as a reader would write it, alone and inside other values."""
    assert json.loads(dump(value)) == expected
    assert json.loads(dump({"at": [value], "when": dt.date(2026, 1, 1)})) == {
        "at": [expected],
        "when": "2026-01-01",
    }


@given(json_like())
def test_json_survives(value: Any) -> None:
    """What JSON has comes back as it was."""
    assert json.loads(dump(value)) == value


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_value(), st.integers(256, 2_000))
def test_any_value(value: Any, limit: int) -> None:
    """The result is JSON in UTF-8 within the limit, whatever the value; a text is UTF-8 within its own."""
    whole, cut = dump(value), dump(value, limit=limit)

    json.loads(whole.decode(), parse_constant=pytest.fail)
    json.loads(cut.decode(), parse_constant=pytest.fail)
    assert len(cut) <= limit
    assert cut == whole or (len(whole) > limit and CUT in json.loads(cut))
    assert len(text(value).encode()) <= 4 * MAX_TEXT
    assert len(text(value, limit=5)) <= 5


@given(any_value())
def test_same_in_company(value: Any) -> None:
    """A value is rendered alike by each of the ways: alone, beside what only a walk can render, and beside a NaN."""
    alone = json.loads(dump(value))

    assert json.loads(dump([value, dt.date(2026, 1, 1)]))[0] == alone
    assert json.loads(dump([value, float("nan")]))[0] == alone


def test_sets_are_stable_across_processes() -> None:
    """A set is written in the same order whatever the hash seed."""
    code = "from autoops.tracing.serialize import dump; print(dump({'a', 'b', 'c', 'd', 3, (1,), None}).decode())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert printed == {b'[3,"a","b","c","d",[1],null]\n'}


def test_nothing_is_imported() -> None:
    """Neither numpy nor pandas nor pydantic is imported for a value that isn't theirs."""
    code = (
        "import sys; from autoops.tracing.serialize import dump; dump([object(), 1.5, {1}]);"
        "print({'numpy', 'pandas', 'pydantic'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout == "set()\n"


class TestNeverInTheWay:
    """The business's values and control flow are left alone."""

    def test_iterators_are_not_consumed(self, tmp_path: Path) -> None:
        """Generators, iterators and open files still have all their items."""
        generator = (number for number in range(3))
        listed = iter([1, 2])
        path = tmp_path / "lines"
        path.write_text("a\nb\n")
        with path.open() as file:
            shown = json.loads(dump([generator, listed, file, io.BytesIO(b"x"), map(str, listed)]))

            assert (list(generator), list(listed), list(file)) == ([0, 1, 2], [1, 2], ["a\n", "b\n"])
        assert all(isinstance(each, str) for each in shown)
        assert "generator" in shown[0]

    def test_values_are_not_changed(self) -> None:
        """A dump leaves the value as it was, a default dict included."""
        value = collections.defaultdict(list, {"a": [dt.date(2026, 1, 1), {1}]})

        dump(value)

        assert value == {"a": [dt.date(2026, 1, 1), {1}]}

    def test_locks_weakrefs_and_partials(self) -> None:
        """Objects nobody can look into are shown by their repr."""
        shown = json.loads(dump([threading.Lock(), weakref.ref(Record), functools.partial(len, "a")]))

        assert [re.search(r"lock|weakref|partial", each) is not None for each in shown] == [True] * 3

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_interruptions_pass(self, interruption: type[BaseException]) -> None:
        """What is no `Exception` is not ours to catch."""

        class Interrupting:
            def __repr__(self) -> str:
                raise interruption

        with pytest.raises(interruption):
            dump([Interrupting()])

    def test_an_exhausted_stack(self) -> None:
        """Where the caller has hardly any stack left, there is still JSON or a mark, and no error."""
        value = {"a": [{"b": (dt.date(2026, 1, 1), {1: 2})}]}
        deep = len(list(_frames()))
        limit = sys.getrecursionlimit()
        results = []
        for left in range(12, 40):
            sys.setrecursionlimit(deep + left)
            try:
                results.append(dump(value))
            finally:
                sys.setrecursionlimit(limit)

        assert results[-1] == b'{"a":[{"b":["2026-01-01",{"1":2}]}]}'
        assert all(json.loads(result) for result in results)

    def test_a_changing_dict(self) -> None:
        """Another thread may change the value meanwhile: the process lives, every result is JSON.

        Run in a process of its own: orjson alone, given an enum or a hook, crashes it within these 3000 rounds.
        """
        code = """
import enum, json, sys, threading
from autoops.tracing.serialize import dump

Colour = enum.Enum("Colour", "RED BLUE")
shared, done = {}, threading.Event()

def change():
    while not done.is_set():
        shared["rows"] = [{f"k{j}": Colour.RED, "set": {j}} for j in range(20)]
        shared["more"] = Colour.BLUE
        del shared["more"]

sys.setswitchinterval(1e-6)
thread = threading.Thread(target=change)
thread.start()
for _ in range(3000):
    json.loads(dump(shared))
done.set()
thread.join()
print("alive")
"""
        ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

        assert (ran.returncode, ran.stdout) == (0, "alive\n"), ran.stderr


def _frames() -> Iterator[types.FrameType]:
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


class TestBounds:
    """Too much is cut and marked, where it is and as a whole."""

    def test_cycles(self) -> None:
        """A container inside itself is marked there; one that merely stands twice is written twice."""
        value: dict[str, Any] = {"a": [1]}
        value["again"] = value["a"]
        value["a"].append(value)

        assert json.loads(dump(value)) == {
            "a": [1, "<cycle>"],
            "again": [1, "<cycle>"],
        }

    def test_depth(self) -> None:
        """Deep nesting ends in a mark."""
        value: Any = "bottom"
        for _ in range(100_000):
            value = [value]

        shown = dump(value)

        assert shown.count(b"[") == 200
        assert shown.strip(b"[]") == b'"<nested too deeply>"'
        assert dump([float("nan"), value[0]]) == shown.replace(b"[", b'["NaN",', 1)

    def test_a_limit_that_just_fits(self) -> None:
        """What has exactly the bytes allowed is not cut, one more is, with its size."""
        value = {"text": "é" * 500}
        size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

        assert json.loads(dump(value, limit=size)) == value
        assert json.loads(dump(value, limit=size - 1))[CUT] == {"bytes": size, "limit": size - 1}

    def test_what_is_cut_keeps_its_shape(self) -> None:
        """The beginning of each part is there, under its own keys, and each cut says how much is missing."""
        shown = json.loads(dump({"first": 1, "rows": list(range(1000)), "last": 2}, limit=600))["beginning"]

        assert (shown["first"], shown["rows"][:3]) == (1, [0, 1, 2])
        kept = len(shown["rows"]) - 1
        assert shown["rows"][-1] == f"… <{1000 - kept} more items>"
        assert shown["…"] == "<1 more keys>"

    def test_text_is_cut_between_letters(self) -> None:
        """A text is cut after a whole character, as a whole in UTF-8 within the limit."""
        shown = json.loads(dump("€" * 1000, limit=500))

        assert shown[CUT] == {"bytes": None, "limit": 500}
        kept, rest = shown["beginning"].split("… ")
        assert (set(kept), rest) == ({"€"}, f"<{1000 - len(kept)} more characters>")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: "x" * 50_000_000,
            lambda: {"blob": bytes(100_000_000)},
            lambda: list(range(2_000_000)),
            lambda: {"rows": [[1, 2.5, "x"]] * 1_000_000},
            lambda: np.zeros(10_000_000),
            lambda: np.zeros((2, 2_000_000)),
            lambda: pd.DataFrame({"a": range(500_000)}),
            lambda: np.zeros(500_000, dtype=[("a", "i4"), ("b", "f8")]),
            lambda: functools.reduce(lambda inner, _: [inner] * 10, range(12), list[Any]([1])),
            lambda: functools.reduce(
                lambda inner, _: {"a": inner, "b": inner, "c": 1}, range(40), dict[Any, Any]()
            ),
            lambda: "\x00" * 3_000_000,
            lambda: {f"key {number}": {number} for number in range(100_000)},
            lambda: {"k" * 5_000_000: 1, 2: "k" * 5_000_000},
            Endless,
            EndlessMapping,
            EmptyLists,
        ],
        ids=[
            "str",
            "bytes",
            "list",
            "rows",
            "array",
            "matrix",
            "frame",
            "records",
            "dag of lists",
            "dag of dicts",
            "escapes",
            "keys",
            "key",
            "endless",
            "endless mapping",
            "empty lists without end",
        ],
    )
    def test_enormous_values(self, make: Callable[[], Any]) -> None:
        """Work is bounded by the limit and not by the value: a value that would fill the memory is cut."""
        shown = dump(make())

        assert 0 < len(shown) <= MAX_PAYLOAD_BYTES
        assert CUT in json.loads(shown)

    def test_what_stands_in_a_value_many_times(self) -> None:
        """A small value whose JSON would be gigabytes is cut without being written whole.

        In a process of its own, with 1 GB of memory: writing any of these whole takes more and ends it.
        """
        code = """
import datetime, functools, json, resource
from autoops.tracing.serialize import CUT, MAX_PAYLOAD_BYTES, dump

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
prompt = "You are a pricing agent. " * 8_000
day = datetime.date(2026, 3, 1)

def grown(bottom, wrap, levels=26):
    return functools.reduce(lambda inner, _: wrap(inner), range(levels), bottom)

values = {
    "one prompt in many rows": {"products": [{"id": at, "prompt": prompt} for at in range(20_000)]},
    "beside what only a walk can render": {"rows": [{"prompt": prompt, "day": day} for _ in range(19_000)]},
    "one level": {f"product {at}": prompt for at in range(20_000)},
    "keys": [{prompt: at} for at in range(20_000)],
    "the last is empty": grown({"name": "leaf"}, lambda node: {"left": node, "right": node, "tags": []}),
    "the last is a number": grown([1], lambda node: [node, node, 0]),
    "beside others": [grown({}, lambda node: {"x": node, "y": node}, 150), [], 1],
    "long lists": [[0] * 50_000] * 50_000,
    "three levels": {f"{at}": {"pages": [[prompt] * 300] * 300} for at in range(9)},
}
for name, value in values.items():
    shown = dump(value)
    if len(shown) > MAX_PAYLOAD_BYTES or CUT not in json.loads(shown):
        print(name, len(shown), shown[:100])
print("done")
"""
        ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

        assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr

    @pytest.mark.parametrize("count", [3, 30, 300, 3_000])
    def test_much_that_fits(self, count: int) -> None:
        """Rows that share keys, texts and containers are written whole as long as they fit."""
        shared = {"store": "north", "prompt": "p" * 200}
        value = {"rows": [{"at": at, "shop": shared, "pair": [at, 0.5]} for at in range(count)], "errors": []}

        assert json.loads(dump(value)) == value

    @pytest.mark.parametrize(
        ("make", "last"),
        [
            (lambda: {Alike(): at for at in range(20_000)}, '"same (Alike 19999)":19999'),
            (lambda: {float("nan"): at for at in range(20_000)}, '"NaN (float 19999)":19999'),
            (lambda: pd.DataFrame(np.zeros((1, 5_000)), columns=["a"] * 5_000), '"a (str 4999)":0.0'),
        ],
        ids=["objects", "numbers", "columns"],
    )
    def test_keys_that_are_written_alike(self, make: Callable[[], Any], last: str) -> None:
        """Any number of keys with one text get names of their own, without counting anew for each."""
        assert last in dump(make()).decode()

    def test_a_mapping_without_end(self) -> None:
        """Of a mapping whose keys never end, whatever its length says, the beginning is kept, and marked."""
        shown = json.loads(dump(EndlessMapping(), limit=300))

        assert shown[CUT] == {"bytes": None, "limit": 300}
        assert shown["beginning"]["0"] == 0
        assert shown["beginning"]["…"] == "<more keys>"
        assert text([EndlessMapping()], limit=20) == '[{"0":0,"1":1,"2":2…'

    def test_items_made_one_by_one(self) -> None:
        """No more items of a sequence are asked for than there is room for."""
        pages = Pages()

        shown = json.loads(dump(pages))

        assert CUT in shown
        assert pages.read < 30

    def test_a_long_repr(self) -> None:
        """An object's repr is cut at ten thousand characters."""

        class Loud:
            def __repr__(self) -> str:
                return "x" * 1_000_000

        assert json.loads(dump(Loud())) == "x" * 10_000 + "…"

    @pytest.mark.parametrize("limit", [-1, 0, 1, 255])
    def test_tiny_limits(self, limit: int) -> None:
        """Below 256 bytes there is no room for the mark; the limit is then 256."""
        assert len(dump(list(range(1000)), limit=limit)) <= 256


class TestText:
    """`text` makes names and messages."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("demand spike", "demand spike"),
            ("a\ud800", "a\\ud800"),
            (None, "null"),
            (7, "7"),
            (2**70, str(2**70)),
            (b"abc", "abc"),
            (ValueError("no stock"), "ValueError: no stock"),
            ({"a": (1, None)}, '{"a":[1,null]}'),
            (Hostile(OSError), "<strategies.Hostile: unreadable, OSError>"),
        ],
        ids=range(9),
    )
    def test_readable(self, value: Any, expected: str) -> None:
        """A string stays itself, anything else becomes what one would call it."""
        assert text(value) == expected

    def test_long(self) -> None:
        """What is longer than the limit ends in an ellipsis within it."""
        assert text("abcdef", limit=4) == "abc…"
        assert len(text("é" * 10_000)) == MAX_TEXT
        assert len(text(list(range(10_000)), limit=50)) == 50
