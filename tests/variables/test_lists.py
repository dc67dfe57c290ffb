"""Values of many items: comma lists, globs, rates, headers and attributes."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.variables import DEFAULT_MASK_KEYS, TextMap
from autoops.variables.kinds import Refused
from autoops.variables.lists import Attributes, CommaList, Globs, Headers, Rates

names = st.text(
    st.characters(codec="ascii", exclude_characters=",=!", categories=("L", "N", "P", "S")), min_size=1
)
header_names = st.from_regex(r"X-[A-Za-z0-9-]{1,8}", fullmatch=True)
header_values = st.from_regex(r"[!-~]([ -~]{0,8}[!-~])?", fullmatch=True) | st.just("")
any_text = st.text(st.characters(codec="utf-8"))


def test_comma_lists() -> None:
    """Items are trimmed, empty ones and repetitions dropped, the order kept; code may give a sequence or set."""
    assert CommaList().read(" b , a,,b,") == ("b", "a")
    assert CommaList().read(["b", " a ", ""]) == ("b", "a")
    assert CommaList().read({"b", "a"}) == ("a", "b")


@pytest.mark.parametrize("value", [5, b"a", {"a": 1}, ["a,b"], [1], ["a\nb"], iter("ab")])
def test_no_lists(value: object) -> None:
    """What is no list of text is refused."""
    with pytest.raises(Refused):
        CommaList().read(value)


@given(st.lists(names, unique=True))
def test_comma_lists_come_back(items: list[str]) -> None:
    """A list written as text is the same list when read."""
    value = CommaList().read(items)

    assert CommaList().read(CommaList().render(value)) == value == tuple(items)


def test_a_lone_exclamation_mark() -> None:
    """`! x` excludes nothing that anybody meant."""
    with pytest.raises(Refused, match="directly after"):
        Globs().read("a,!,b")


def test_masked_keys_are_added_to_the_default_ones() -> None:
    """A short list of one's own does not uncover passwords, and reading the result again adds nothing."""
    kind = Globs(always=DEFAULT_MASK_KEYS)
    value = kind.read("customer_email, !secretary, token")

    assert value == (*DEFAULT_MASK_KEYS, "customer_email", "!secretary")
    assert kind.render(value) == "customer_email,!secretary"
    assert kind.read(value) == value


def test_rates() -> None:
    """Pairs keep their order; the last = divides; code may give a mapping or pairs."""
    expected = (("competitor_price", 0.1), ("inventory_agent.*", 0.5))

    assert Rates().read("competitor_price=0.1, inventory_agent.* = 0.5,") == expected
    assert Rates().read(dict(expected)) == Rates().read([list(pair) for pair in expected]) == expected
    assert Rates().read("a=b=1") == (("a=b", 1.0),)


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("a", "glob=rate"),
        ("=0.5", "glob"),
        ("a=2", "range"),
        ("a=nan", "digits"),
        ("a=", "digits"),
        ("a=0.1,a=0.2", "once"),
        ([("a", 1, 2)], "pairs"),
        (["ab"], "pairs"),
        ({"a,b": 1}, "comma"),
        (5, "pairs"),
        ({1: 1}, "text"),
    ],
)
def test_no_rates(value: object, remedy: str) -> None:
    """What is no rate by glob is refused with its remedy."""
    with pytest.raises(Refused, match=remedy):
        Rates().read(value)


@given(st.dictionaries(names, st.floats(0, 1)))
def test_rates_come_back(rates: dict[str, float]) -> None:
    """Rules written as text are the same rules when read."""
    value = Rates().read(rates)

    assert Rates().read(Rates().render(value)) == value == tuple(rates.items())


@given(st.dictionaries(header_names, header_values))
def test_headers_come_back(headers: dict[str, str]) -> None:
    """Headers written as JSON are the same when read; the mapping is read-only and its own copy."""
    distinct = {name.lower(): (name, value) for name, value in headers.items()}
    headers = dict(distinct.values())
    value = Headers().read(headers)
    text = Headers().render(value)

    assert value == headers
    assert (Headers().read(text) if text else Headers().empty) == value
    assert not isinstance(value, dict)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '"x"',
        "{'X-A': 'b'}",
        '{"X-A": 1}',
        '{"X-A": null}',
        '{"X-A": {"b": "c"}}',
        '{"X A": "b"}',
        '{"": "b"}',
        '{"X-Ä": "b"}',
        '{"X-A": "b\\r\\nX-B: c"}',
        '{"X-A": " b"}',
        '{"X-A": "ä"}',
        '{"X-A": "1", "x-a": "2"}',
        '{"X-A": "1", "X-A": "2"}',
        "[" * 100_000,
    ],
)
def test_no_headers(text: str) -> None:
    """What is no JSON object of sendable headers is refused: types, injection, repetition, depth."""
    with pytest.raises(Refused):
        Headers().read(text)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", "Content-Length"])
def test_headers_of_ours(name: str) -> None:
    """Authorization, in any case, and what describes the body stay ours; the message names the header."""
    with pytest.raises(Refused, match=f"(?i){name}"):
        Headers().read(json.dumps({name: "x"}))


def test_header_values_are_not_repeated() -> None:
    """A refused value is not in the message, for it may be a token."""
    with pytest.raises(Refused) as caught:
        Headers().read({"X-Token": "hush\n"})

    assert "hush" not in str(caught.value)


def test_headers_from_code_are_any_mapping() -> None:
    """A mapping proxy is as good as a dict; a list is not."""
    assert Headers().read(MappingProxyType({"X-A": "b"})) == {"X-A": "b"}
    with pytest.raises(Refused, match="mapping"):
        Headers().read([("X-A", "b")])


def test_resource_attributes() -> None:
    """As OpenTelemetry reads them: trimmed, percent-decoded, an = may stand in a value, the last one counts."""
    text = " deployment.region = eu%20west ,a=b=c,,empty=,a=%C3%A9"

    assert Attributes().read(text) == {"deployment.region": "eu west", "a": "é", "empty": ""}


@pytest.mark.parametrize(
    "value", ["a", "=b", "a=1,b", "a\n=b", {"a": 1}, {"a,b": "c"}, {"a": "\ud800"}, 5, {1: "a"}]
)
def test_no_resource_attributes(value: object) -> None:
    """What is no list of names and texts is refused."""
    with pytest.raises(Refused):
        Attributes().read(value)


@given(st.dictionaries(names, any_text))
def test_resource_attributes_come_back(attributes: dict[str, str]) -> None:
    """Attributes written as text are the same when read, whatever their values hold."""
    value = Attributes().read(attributes)
    text = Attributes().render(value)

    assert value == attributes
    assert (Attributes().read(text) if text else Attributes().empty) == value


def test_text_maps_are_values() -> None:
    """A text map is equal to a dict of the same items, hashable, and does not follow what it was made from."""
    source = {"a": "b"}
    made = TextMap(source)
    source["a"] = "c"

    assert made == {"a": "b"} == dict(made)
    assert {made: 1}[TextMap({"a": "b"})] == 1
    assert repr(made) == "{'a': 'b'}"
