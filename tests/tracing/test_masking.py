"""Nothing under a sensitive key is stored, and nothing else is touched."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import HARMLESS_KEYS, LEAK, SENSITIVE_KEYS, harmless_documents, sensitive_documents

from autoops.tracing.masking import MASKED, REMOVED, Masker
from autoops.tracing.serialize import dump
from autoops.variables import DEFAULT_MASK_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

UNFILTERED = "[\x00]"
"""A glob without letters: a masker that has it reads every payload, whatever its keys."""

PIECES = (
    *("pass", "word", "token", "api", "key", "card", "number", "secret", "s", "tokens", "usage", "jwt"),
    *(
        "_",
        "-",
        ".",
        " ",
        "K",
        "\u212a",
        "\u0130",
        "Å",
        '"',
        "\\",
        "\n",
        "/",
        "(str)",
        " (str)",
        "{",
        "[",
        "1",
    ),
)
"""What keys are glued from that match, or nearly."""


def encode(value: Any, *, ascii_only: bool = False) -> bytes:
    """Write compact JSON as the service does."""
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode("utf-8", "surrogatepass")


@pytest.fixture
def masker() -> Masker:
    """Give a masker with the default keys."""
    return Masker(DEFAULT_MASK_KEYS)


@pytest.mark.parametrize(
    "shape", [lambda table: table, lambda table: table.to_records()], ids=["frame", "records"]
)
def test_tables(masker: Masker, shape: Callable[[pd.DataFrame], Any]) -> None:
    """A table's column is masked by its name, whether pandas or numpy holds the table."""
    table = pd.DataFrame({"sku": ["A1", "A2"], "password": [LEAK, LEAK]})

    masked = json.loads(masker.payload(dump({"table": shape(table)})))["table"]

    assert [(row["sku"], row["password"]) for row in masked] == [("A1", MASKED), ("A2", MASKED)]


@pytest.mark.parametrize("key", SENSITIVE_KEYS)
def test_spellings(masker: Masker, key: str) -> None:
    """Case, camel case, separators and a dotted path make no difference; every kind of value is masked."""
    document = {
        key: "hush",
        "deep": [{"a": {key: ["hush"]}}, {key: {"b": "hush"}}, {key: 12}, {key: None}, {key: True}],
    }

    masked = masker.payload(encode(document))

    assert json.loads(masked) == {
        key: MASKED,
        "deep": [{"a": {key: MASKED}}, {key: MASKED}, {key: MASKED}, {key: MASKED}, {key: MASKED}],
    }
    assert masker.attributes({key: "hush", "n": 1}) == {key: MASKED, "n": 1}


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_harmless_keys(masker: Masker, key: str) -> None:
    """Keys that nearly match are left alone: the payload is the same object."""
    payload = encode({key: "password", "a": [{key: {"b": key}}]})

    assert masker.payload(payload) is payload
    assert masker.attributes({key: "x"}) == {key: "x"}


@given(sensitive_documents())
def test_no_secret_survives(document: Any) -> None:
    """Secrets are gone at every depth, also in strings that are JSON, from payloads and from attributes."""
    masker = Masker(DEFAULT_MASK_KEYS)

    masked = masker.payload(encode(document))
    attributes = masker.attributes({"metadata.a": json.dumps(document), "b": [json.dumps(document)]})

    assert LEAK.encode() not in masked
    assert LEAK not in json.dumps(attributes)
    assert_only_masked(document, json.loads(masked))
    assert masker.failures == 0


def assert_only_masked(before: Any, after: Any) -> None:
    """Assert that all but the values of sensitive keys is as it was."""
    if isinstance(before, dict):
        assert list(before) == list(after)
        for key, value in before.items():
            if key not in SENSITIVE_KEYS:
                assert_only_masked(value, after[key])
            elif type(value) is not int:  # a number may be a count
                assert after[key] == MASKED
    elif isinstance(before, list):
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            assert_only_masked(old, new)
    elif isinstance(before, str) and before != after:
        assert_only_masked(json.loads(before), json.loads(after))
    else:
        assert (before, type(before)) == (after, type(after))


@given(harmless_documents())
def test_harmless_documents(document: Any) -> None:
    """A document without sensitive keys is returned as the same object."""
    payload = dump(document)

    assert Masker(DEFAULT_MASK_KEYS).payload(payload) is payload


@st.composite
def documents_of_pieces(draw: st.DrawFn) -> bytes:
    """Draw JSON whose keys are glued from pieces, at random escaped, nested, spaced and cut."""
    keys = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
    nested = st.recursive(
        keys | st.integers(),
        lambda inner: st.one_of(
            st.dictionaries(keys, inner, max_size=3),
            st.lists(inner, max_size=2),
            inner.map(json.dumps),
        ),
        max_leaves=8,
    )
    text = json.dumps(draw(nested), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    if draw(st.booleans()):
        letter = draw(st.sampled_from("kpPtw"))
        text = re.sub(rf"(?<!\\){letter}", f"\\\\u{ord(letter):04x}", text)
    cut = draw(st.integers(0, len(text)))
    return (text[:cut] if draw(st.booleans()) else text).encode("utf-8", "surrogatepass")


@given(documents_of_pieces())
@example(b'{"\\u0070assword":1}')
@example('{"to\u212aen":1}'.encode())
@example(b'{"card - number":"1"}')
@example(b'{"token (str 2)":"1"}')
@example(b'"{\\"password\\":\\"a')
def test_the_quick_look_agrees_with_the_long_one(payload: bytes) -> None:
    """What decides that a payload needs no reading never overlooks a key."""
    quick = Masker(DEFAULT_MASK_KEYS)
    thorough = Masker((*DEFAULT_MASK_KEYS, UNFILTERED))

    assert quick.payload(payload) == thorough.payload(payload)


@given(
    st.lists(st.text(st.sampled_from("*?[]!-_.aBK é\u212a"), max_size=6), max_size=3),
    st.lists(st.text(st.sampled_from("-_. abBkK\u212aé"), max_size=6), max_size=4),
)
def test_any_globs(globs: list[str], keys: list[str]) -> None:
    """The same for whatever globs a user writes."""
    payload = encode([{key: "x"} for key in keys])

    assert Masker(tuple(globs)).payload(payload) == Masker((*globs, UNFILTERED)).payload(payload)


def test_no_other_letter_becomes_an_ascii_one() -> None:
    """The quick look knows all letters beyond ASCII whose lower case holds an ASCII letter."""
    known = [
        chr(code)
        for code in range(128, sys.maxunicode)
        if not chr(code).lower().isalpha() or chr(code).lower()[0].isascii()
    ]

    assert [each for each in known if any("a" <= letter <= "z" for letter in each.lower())] == [
        "\u0130",
        "\u212a",
    ]


@given(st.binary() | st.text().map(str.encode))
def test_what_is_no_json(payload: bytes) -> None:
    """Bytes that are no JSON are read as far as they go, without an error; with no key they stay the same object."""
    masker = Masker((*DEFAULT_MASK_KEYS, UNFILTERED), mask=lambda data: data)

    json.loads(masker.payload(payload))
    assert masker.failures == 0


class TestExactness:
    """What is not masked keeps every byte."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (
                '{"n":123456789012345678901234567890,"pwd":1}',
                '{"n":123456789012345678901234567890,"pwd":"***"}',
            ),
            ('{"n":1.10e400, "pwd" : {"a":[1,"}"]} }', '{"n":1.10e400, "pwd" : "***" }'),
            ('{"a":{"pwd":1},"a":2}', '{"a":{"pwd":"***"},"a":2}'),
            ('{"pwd":"a\\"b,","b":"\\ud800"}', '{"pwd":"***","b":"\\ud800"}'),
            ('{"pwd":"a","pwd":"b"}', '{"pwd":"***","pwd":"***"}'),
            ('[{"pwd":NaN},Infinity]', '[{"pwd":"***"},Infinity]'),
            ('{"pwd":""}', '{"pwd":"***"}'),
        ],
    )
    def test_bytes_around(self, masker: Masker, before: str, after: str) -> None:
        """Long numbers, spellings, spaces and repeated keys stand as they stood."""
        assert masker.payload(before.encode()) == after.encode()

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('{"a":{"pwd":"hu', '{"a":{"pwd":"***"'),
            ('{"pwd":{"a":[1,"hu', '{"pwd":"***"'),
            ('{"pwd":12', '{"pwd":"***"'),
            ('{"pwd":', '{"pwd":'),
            ('{"pw', '{"pw'),
            ('{"a":"{\\"pwd\\":\\"hu', '{"a":"{\\"pwd\\":\\"***\\""'),
            ('{"a":"{\\"pwd\\":\\"hu\\', '{"a":"{\\"pwd\\":\\"***\\""'),
            ('{"a":"{\\"pwd\\":\\"hu\\u00', '{"a":"***"'),
        ],
    )
    def test_text_that_was_cut(self, masker: Masker, before: str, after: str) -> None:
        """JSON cut anywhere is masked up to its end."""
        assert masker.payload(before.encode()) == after.encode()

    def test_a_payload_that_was_cut(self, masker: Masker) -> None:
        """What `dump` has cut is masked like any other, also where a text that holds JSON was cut."""
        value = {
            "password": "hush",
            "log": json.dumps({"pwd": "hush", "more": "x" * 2000}),
            "rows": [1] * 1000,
        }

        masked = masker.payload(dump(value, limit=1000))

        assert json.loads(masked)["beginning"]["password"] == MASKED
        assert b"hush" not in masked

    def test_keys_that_were_told_apart(self, masker: Masker) -> None:
        """Keys that `dump` numbers because they look alike are masked as if it hadn't."""
        assert json.loads(masker.payload(dump({"token": "a", b"token": "b"}))) == {
            "token": MASKED,
            "token (bytes)": MASKED,
        }


class TestCounts:
    """Numbers under usage and cost keys are no secrets, whatever the globs."""

    GREEDY = ("*token*", "*usage*", "*cost*", "input")

    def test_numbers_stay(self) -> None:
        """Counts stay; texts under the same keys don't."""
        masker = Masker(self.GREEDY)
        document = {
            "total_tokens": 7,
            "promptTokens": 1.5,
            "usage_details": {"input": 5, "token": 1, "note": "hush", "more": {"x": -1, "y": ["hush", 2]}},
            "cost_details": {"total": 0.01},
            "token": 5,
            "auth_tokens": ["hush"],
            "tokens": "hush",
        }

        assert json.loads(masker.payload(encode(document))) == {
            "total_tokens": 7,
            "promptTokens": 1.5,
            "usage_details": {"input": 5, "token": 1, "note": MASKED, "more": {"x": -1, "y": [MASKED, 2]}},
            "cost_details": {"total": 0.01},
            "token": MASKED,
            "auth_tokens": [MASKED],
            "tokens": MASKED,
        }

    def test_within_usage_that_is_not_masked(self) -> None:
        """A number under a sensitive key inside usage stays, a text doesn't."""
        payload = Masker(("token",)).payload(b'{"usage":{"token":5,"a":{"token":"hush"}},"token":5}')

        assert payload == b'{"usage":{"token":5,"a":{"token":"***"}},"token":"***"}'

    def test_attributes(self) -> None:
        """Usage in attributes, as numbers or as JSON text, stays too."""
        attributes = {
            "gen_ai.usage.input_tokens": 5,
            "langfuse.observation.usage_details": '{"input":5,"token":"hush"}',
            "langfuse.observation.cost_details": '{"total":0.5}',
            "llm.tokens": True,
        }

        assert Masker(self.GREEDY).attributes(attributes) == {
            "gen_ai.usage.input_tokens": 5,
            "langfuse.observation.usage_details": '{"input":5,"token":"***"}',
            "langfuse.observation.cost_details": '{"total":0.5}',
            "llm.tokens": MASKED,
        }


class TestAttributes:
    """Attributes are masked by their key, its last part, and inside texts."""

    def test_kinds_of_values(self, masker: Masker) -> None:
        """Sequences and JSON texts are looked into; the mapping given is not changed."""
        attributes = {
            "langfuse.observation.input": '{"pwd":"hush"}',
            "tags": ("a", '[{"pwd":"hush"}]'),
            "list": ["a"],
            "text": "password: no key",
            "nested": {"pwd": 1, "a": {"b": 1}},
            "flag": True,
            "\ud800pwd.token": "hush",
        }
        before = dict(attributes)

        assert masker.attributes(attributes) == {
            "langfuse.observation.input": '{"pwd":"***"}',
            "tags": ("a", '[{"pwd":"***"}]'),
            "list": ["a"],
            "text": "password: no key",
            "nested": {"pwd": MASKED, "a": {"b": 1}},
            "flag": True,
            "\ud800pwd.token": MASKED,
        }
        assert attributes == before


class TestMaskFunction:
    """A user's function sees what is left once the keys are masked."""

    def test_called_as_langfuse_does(self) -> None:
        """It is called as `mask(data=…)` with the decoded payload, and its result is stored."""
        seen = []

        def mask(*, data: Any) -> Any:
            seen.append(data)
            return {"mail": "redacted", "at": {1}}

        masked = Masker(("pwd",), mask).payload(
            b'{"pwd":"hush","mail":"a@b.c","n":123456789012345678901234567890}'
        )

        assert seen == [{"pwd": MASKED, "mail": "a@b.c", "n": 123456789012345678901234567890}]
        assert json.loads(masked) == {"mail": "redacted", "at": [1]}

    def test_one_that_raises_removes_the_payload(self) -> None:
        """Nothing of the payload is left, and the failure is counted."""

        def mask(*, data: Any) -> Any:
            raise LookupError(data)

        masker = Masker((), mask)

        assert json.loads(masker.payload(b'{"mail":"a@b.c"}')) == REMOVED
        assert masker.attributes({"langfuse.observation.metadata.mail": "a@b.c", "n": 1}) == {
            "langfuse.observation.metadata.mail": REMOVED,
            "n": 1,
        }
        assert masker.failures == 2

    def test_attributes_with_data(self) -> None:
        """Inputs, outputs and metadata go through it, decoded; what is returned is an attribute again."""
        masker = Masker((), lambda data: {"was": type(data).__name__} if isinstance(data, dict) else "***")

        assert masker.attributes(
            {
                "langfuse.observation.metadata.a": '{"b":1}',
                "langfuse.trace.input": "text",
                "session.id": "s1",
            }
        ) == {
            "langfuse.observation.metadata.a": '{"was":"dict"}',
            "langfuse.trace.input": "***",
            "session.id": "s1",
        }


def test_no_globs(masker: Masker) -> None:
    """Without globs nothing is masked; blanks around them don't count."""
    payload = b'{"password":"x","\\u0070wd":1}'

    assert Masker(()).payload(payload) is payload
    assert Masker(("", " ")).payload(payload) is payload
    assert Masker((" pass* ",)).payload(payload) == b'{"password":"***","\\u0070wd":1}'
    assert masker.payload(b'{"password":1}') == b'{"password":"***"}'


def test_letters_beyond_ascii() -> None:
    """Globs and keys may be in any alphabet, and case makes no difference there either."""
    masker = Masker(("*пароль*", "größe"))

    assert json.loads(
        masker.payload(encode({"Мой Пароль": "x", "GRÖßE": 1, "Größe2": 1}, ascii_only=True))
    ) == {
        "Мой Пароль": MASKED,
        "GRÖßE": MASKED,
        "Größe2": 1,
    }


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 200_000,
        b'{"usage":' * 100_000 + b"1" + b"}" * 100_000,
        b'"' * 200_001,
        b'"\\' * 200_000,
        b'{"password":' * 100_000,
    ],
    ids=["brackets", "usage", "quotes", "escapes", "keys"],
)
def test_monstrous_text(masker: Masker, payload: bytes) -> None:
    """Neither deep nesting nor endless quotes make masking fail, or take more than linear time."""
    thorough = Masker((*DEFAULT_MASK_KEYS, UNFILTERED))

    masked = masker.payload(payload)

    assert thorough.payload(payload) == masked
    assert (masker.failures, thorough.failures) == (0, 0)


class TestExemptions:
    """`!` before a glob."""

    def test_an_exempt_key_stays(self) -> None:
        """It wins over every other glob, in any spelling of the key; what it does not match is masked as before."""
        masker = Masker(("*secret*", "!secretary", "!*_secretary"))

        masked = masker.payload(b'{"secretary":"Ann","Head-Secretary":"Bob","secret":"x"}')

        assert masked == b'{"secretary":"Ann","Head-Secretary":"Bob","secret":"***"}'
        assert masker.attributes({"a.secretary": "Ann", "a.secret": "x"}) == {
            "a.secretary": "Ann",
            "a.secret": "***",
        }

    def test_all_keys_may_be_exempt(self) -> None:
        """`!*` masks nothing, and masks no key of its own making."""
        document = b'{"_x":"a","password":"b"}'

        assert Masker(("*password*", "!*")).payload(document) == document


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://h.example/p?token=secret123", "https://h.example/p?token=***"),
        (
            "https://h.example/?page=2&api_key=secret123&x=1#top",
            "https://h.example/?page=2&api_key=***&x=1#top",
        ),
        ("/target?apiKey=secret123&password=secret123", "/target?apiKey=***&password=***"),
        ("token=secret123&page=2", "token=***&page=2"),
        ("a=1;token=secret123;secret123", "a=1;token=***"),
        ("?user%5Bpassword%5D=secret123", "?user%5Bpassword%5D=***"),
        ("?api%5Fkey=secret123", "?api%5Fkey=***"),
        ("https://h.example/#access_token=secret123", "https://h.example/#access_token=***"),
        ("401 for https://h.example/?token=secret123 again", "401 for https://h.example/?token=*** again"),
        (["https://h.example/?token=secret123"], ["https://h.example/?token=***"]),
        (("x", "?token=secret123"), ("x", "?token=***")),
    ],
)
def test_secrets_in_the_queries_of_urls(masker: Masker, given: Any, kept: Any) -> None:
    """Instrumented clients and servers record the whole URL: the values of sensitive parameters are masked."""
    for key in ("http.url", "url.full", "url.query", "http.target", "custom"):
        assert masker.attributes({key: given}) == {key: kept}


@pytest.mark.parametrize(
    "harmless",
    [
        "https://h.example/p?page=2&x=1",
        "https://h.example/token=1/p",
        "price = 3, token",
        "?token=",
        "?max_tokens=100",
        "?" + "n" * 500 + "=1",
        "==&&==??",
    ],
)
def test_other_texts_with_an_equals_sign_stay(masker: Masker, harmless: str) -> None:
    """Only what stands behind a sensitive parameter's name is touched."""
    assert masker.attributes({"http.url": harmless})["http.url"] is harmless


QUERY = st.lists(
    st.sampled_from([*"?&;#= \n/%+ab1", "token", "page", "%5F", "é", "\ud800"]), max_size=30
).map("".join)


@given(st.sampled_from(["https://h.example/p?", "", "/t?x=1&", "see #"]), st.lists(QUERY, max_size=5), QUERY)
def test_nothing_else_of_a_url_changes(head: str, parts: list[str], tail: str) -> None:
    """Put the secrets back in place of the marks, and the text is what it was."""
    masker = Masker(DEFAULT_MASK_KEYS)
    text = head + "&".join(parts) + tail
    kept = masker.attributes({"url.full": text})["url.full"]

    literal = "(?s:.*)".join(map(re.escape, kept.split(MASKED)))
    assert re.fullmatch(literal, text)
    names = re.findall(r"(?:(?<=[?&;#])|\A)([^\s?&;#=]+)=\*\*\*", kept)
    assert len(names) == kept.count(MASKED)
    assert all("token" in name for name in names)
    assert masker.attributes({"url.full": kept}) == {"url.full": kept}
    assert masker.failures == 0


@given(st.text(st.characters(exclude_characters=" \t\r\n&#", exclude_categories=["Z", "C"]), min_size=1))
def test_no_secret_of_a_query_is_left(secret: str) -> None:
    """Whatever it is made of: all of it goes."""
    masker = Masker(DEFAULT_MASK_KEYS)

    assert masker.attributes({"url.full": f"https://h.example/?a=1&password={secret}&b=2#c"}) == {
        "url.full": "https://h.example/?a=1&password=***&b=2#c"
    }
