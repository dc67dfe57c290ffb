"""Single values: what each kind takes, what it refuses, and the way it tells how to mend it."""

from __future__ import annotations

import string
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.variables import BY_FIELD
from autoops.variables.kinds import EnvironmentName, JournalPlace, Key, Number, Refused, Switch, Text, Url

SECONDS = Number(0, 1000, "seconds", above_low=True)
COUNT = Number(1, 1000, whole=True)


@pytest.mark.parametrize("text", ["true", "TRUE", " Yes ", "on", "1"])
def test_on(text: str) -> None:
    """Every usual word for yes turns a switch on, in any case."""
    assert Switch().read(text) is True


@pytest.mark.parametrize("text", ["false", "False", " NO ", "off", "0"])
def test_off(text: str) -> None:
    """Every usual word for no turns it off."""
    assert Switch().read(text) is False


@pytest.mark.parametrize("value", ["maybe", "2", "truee", 2, 1.0, [], b"true"])
def test_neither_on_nor_off(value: object) -> None:
    """What is neither is refused, not taken for truthy."""
    with pytest.raises(Refused, match="true or false"):
        Switch().read(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.5", 0.5), (" 2 ", 2.0), (".5", 0.5), ("5.", 5.0), ("+1e-3", 0.001), ("1E2", 100.0)],
)
def test_numbers(text: str, number: float) -> None:
    """Decimal numbers are read as Python writes them."""
    assert SECONDS.read(text) == number


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "Infinity", "1e999", "1_000", "0x10", "5s", "٣", "1e", ".", "9" * 999]
)
def test_what_looks_like_a_number(text: str) -> None:
    """Not-a-number, infinity, units and the liberties of Python's own parser are refused."""
    with pytest.raises(Refused):
        SECONDS.read(text)


@pytest.mark.parametrize(
    "value", [True, float("nan"), Decimal("Infinity"), 10**400, b"1", None, 1j, "0", 0, -1, 1001]
)
def test_values_that_are_no_number_of_seconds(value: object) -> None:
    """Code gets the same rule: finite, within the bounds, and a truth value is no number."""
    with pytest.raises(Refused):
        SECONDS.read(value)


def test_a_decimal_comma_gets_a_message_of_its_own() -> None:
    """`0,5` is what half the world writes."""
    with pytest.raises(Refused, match="point"):
        SECONDS.read("0,5")


def test_whole_numbers() -> None:
    """A whole number is an int, also from `15.0`; a fraction is refused."""
    assert [type(COUNT.read(value)) for value in ("15", "15.0", 15.0)] == [int, int, int]
    with pytest.raises(Refused, match="fraction"):
        COUNT.read("1.5")


@given(st.floats(0, 1))
def test_rates_come_back(rate: float) -> None:
    """A rate written as text is the same rate when read."""
    number = Number(0, 1)

    assert number.read(number.render(rate)) == rate


@given(st.integers(1, 1000))
def test_counts_come_back(count: int) -> None:
    """So is a count."""
    assert COUNT.read(COUNT.render(count)) == count


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (Number(0, 1), "a number from 0 to 1"),
        (SECONDS, "a number of seconds above 0, at most 1,000"),
        (COUNT, "a whole number from 1 to 1,000"),
    ],
)
def test_bounds_are_told(number: Number, words: str) -> None:
    """The message has the bounds and the unit."""
    assert number.allowed == words


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://cloud.langfuse.com/", "https://cloud.langfuse.com"),
        (" HTTP://LocalHost:3000// ", "http://localhost:3000"),
        ("https://shop.example/tools/Langfuse/", "https://shop.example/tools/Langfuse"),
        ("http://langfuse-web:3000", "http://langfuse-web:3000"),
        ("http://[::1]:3000/x", "http://[::1]:3000/x"),
    ],
)
def test_urls(text: str, url: str) -> None:
    """Scheme and host become lower case, slashes at the end go, the path stays."""
    assert Url().read(text) == url


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("cloud.langfuse.com", "https://"),
        ("localhost:3000", "https://"),
        ("https://pk:sk@cloud.langfuse.com", "LANGFUSE_SECRET_KEY"),
        ("ftp://host", "write it as"),
        ("https://", "write it as"),
        ("https://host?x=1", "write it as"),
        ("https://host/#x", "write it as"),
        ("https://host:0", "write it as"),
        ("https://host:70000", "write it as"),
        ("https://ho st", "write it as"),
        ("https://host/a b", "write it as"),
        ("https://bücher.example", "write it as"),
        ("https://-host", "write it as"),
        ("https://host\n.example", "control"),
    ],
)
def test_no_urls(text: str, remedy: str) -> None:
    """What could not be called is refused, with the likely remedy."""
    with pytest.raises(Refused, match=remedy):
        Url().read(text)


@given(
    st.sampled_from(["http", "https", "HTTPS"]),
    st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True),
    st.none() | st.integers(1, 65535),
    st.from_regex(r"(/[a-zA-Z0-9._~@-]{0,8}){0,3}", fullmatch=True),
)
def test_urls_come_back(scheme: str, host: str, port: int | None, path: str) -> None:
    """Every sound URL is taken, and reading it twice changes nothing more."""
    url = Url().read(f"{scheme}://{host}{'' if port is None else f':{port}'}{path}")

    assert Url().read(url) == url
    assert url.endswith(path.rstrip("/"))


@pytest.mark.parametrize("name", ["production", "prod-eu_2", "a" * 40, "default"])
def test_environments(name: str) -> None:
    """Langfuse's rule."""
    assert EnvironmentName().read(name) == name


@pytest.mark.parametrize("name", ["a" * 41, "prod eu", "a.b", "langfuse", "langfuse-prod", "ümlaut", "a\nb"])
def test_no_environments(name: str) -> None:
    """What a server would silently file under another name is refused."""
    with pytest.raises(Refused):
        EnvironmentName().read(name)


def test_capitals_in_an_environment() -> None:
    """The commonest mistake is told by name."""
    with pytest.raises(Refused, match="lower case"):
        EnvironmentName().read("Production")


@given(st.text(string.ascii_letters + string.digits + "-_.:+/=", min_size=1))
def test_keys_come_back(key: str) -> None:
    """Whatever may stand in a header is taken; what a key begins with is no fault."""
    assert Key("sk-lf-").read(f" {key}\n") == key


@pytest.mark.parametrize(
    "key", ["sk-lf-a b", "sk-lf-a\tb", "sk-lf-ä", "sk-lf-\x00", "sk-lf-\u200b1", '"sk-lf-1"', 5]
)
def test_keys_that_could_not_be_sent(key: object) -> None:
    """Blanks, control and non-ASCII characters are faults; the message doesn't repeat the key."""
    with pytest.raises(Refused) as caught:
        Key("sk-lf-").read(key)

    assert "lf-" not in str(caught.value)


def test_a_colon_ends_the_first_key_of_basic_authentication() -> None:
    """So the public key may not have one, and the secret key may."""
    assert Key("sk-lf-").read("a:b") == "a:b"
    with pytest.raises(Refused):
        Key("pk-lf-", colon=False).read("a:b")


@pytest.mark.parametrize("quoted", ['"15"', "'15'"])
def test_quotation_marks(quoted: str) -> None:
    """Docker's --env-file keeps quotation marks: the message says so for every variable that can't have them."""
    with pytest.raises(Refused, match="quotation marks"):
        BY_FIELD["flush_at"].read(quoted)
    with pytest.raises(Refused, match="quotation marks"):
        BY_FIELD["secret_key"].read(quoted)


@pytest.mark.parametrize("place", ["off", "OFF", " Off "])
def test_journal_off(place: str) -> None:
    """`off` keeps the journal in memory, in any case."""
    assert JournalPlace().read(place) == "off"


def test_journal_paths_stay_as_given() -> None:
    """A path is kept as it is, from text and from pathlib."""
    assert JournalPlace().read("~/a b/journal.db") == "~/a b/journal.db"
    assert JournalPlace().read(Path("x") / "off") == str(Path("x") / "off")


@pytest.mark.parametrize("place", ["false", "No", "0", "true", "a\x00b", b"journal.db", 3])
def test_no_journal_paths(place: object) -> None:
    """`false` is no file name that anybody means."""
    with pytest.raises(Refused):
        JournalPlace().read(place)


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\ud800", "a\u202eb", 5])
def test_text_that_cannot_be_shown(text: object) -> None:
    """Control characters, lone surrogates and marks that turn the direction of writing are refused."""
    with pytest.raises(Refused):
        Text().read(text)
