"""What a single value may look like: text, keys, switches, numbers, URLs, names and paths.

A kind reads a value that came as text (from the environment) or as a plain Python value (from code) by the
same rule, and renders it back to the text that reads the same. What it refuses raises `Refused`, whose
message says how to mend it and never repeats the value, which may be a secret.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Protocol

MAX_SECONDS = 31_536_000.0
"""Longest duration a setting takes: a year. Waits beyond `threading.TIMEOUT_MAX` would raise instead."""

MAX_WHOLE = 1_000_000_000
"""Largest whole number a setting takes, so that none overflows a 32-bit or SQLite integer later."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?)(?P<port>:\d{1,5})?(?P<path>/[!-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_ENVIRONMENT = re.compile(r"(?!langfuse)[a-z0-9_-]{1,40}", re.ASCII)
_QUOTES = "\"'"
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LONGEST_NUMBER = 400
"""Characters of the longest number text looked at; longer digits cost quadratic time to convert."""


class Refused(ValueError):  # noqa: N818 - what happened to the value; callers turn it into a Fault
    """A value that the kind does not allow; the message says how to mend it, without the value."""


class Kind(Protocol):
    """How one sort of value is read, described and written."""

    @property
    def allowed(self) -> str:
        """What is accepted, to follow the words "allowed:"."""

    @property
    def empty(self) -> object:
        """The value of a variable that is not set and has no default text."""

    def read(self, value: object) -> object:
        """Return the checked value; text is trimmed first. Raises `Refused`."""

    def render(self, value: object) -> str:
        """Return the text that `read` turns into this value."""


def read_safely(kind: Kind, value: object) -> object:
    """Return the value as the kind reads it, refusing also what fails in a way of its own.

    Args:
        kind: Who reads.
        value: Text of a variable, or any object from code.

    Raises:
        Refused: For every value that is not allowed, and nothing else.
    """
    try:
        return kind.read(value)
    except Refused:
        text = value.strip() if isinstance(value, str) else ""
        # Docker's --env-file keeps the quotation marks that a .env file drops.
        if len(text) >= 2 and text[0] == text[-1] and text[0] in _QUOTES:
            raise Refused("remove the quotation marks around it") from None
        raise
    except Exception:  # an object of the user's may fail at any question put to it
        raise Refused("give it as text") from None


def text_of(value: object) -> str:
    """Return text without surrounding blanks, or refuse what is no encodable text."""
    if not isinstance(value, str):
        raise Refused("give it as text")
    text = value.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("write it in UTF-8") from None
    if any(not character.isprintable() for character in text):
        raise Refused("remove the control or invisible characters")
    return text


@dataclass(frozen=True, slots=True)
class Text:
    """Printable text on one line."""

    allowed: str = "printable text"
    empty: object = None

    def read(self, value: object) -> str:
        """Return the trimmed text."""
        return text_of(value)

    def render(self, value: object) -> str:
        """Return the text itself."""
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Key:
    """A credential that goes into HTTP Basic authentication and headers: printable ASCII, no blanks.

    Args:
        prefix: What Langfuse's keys of this sort begin with; another beginning is no fault, only a warning.
        colon: `:` may be part of it; in the first key of Basic it would end the key.
    """

    prefix: str
    colon: bool = True
    empty: object = None

    @property
    def allowed(self) -> str:
        """What is accepted."""
        without = "blanks or quotation marks" if self.colon else "blanks, quotation marks or colons"
        return f"{self.prefix}… in printable ASCII without {without}"

    def read(self, value: object) -> str:
        """Return the trimmed key."""
        if not isinstance(value, str):
            raise Refused("give it as text")
        key = value.strip()
        forbidden = _QUOTES if self.colon else f"{_QUOTES}:"
        if any(not "!" <= character <= "~" or character in forbidden for character in key):
            raise Refused(
                "copy the key again from Langfuse's project settings, for it holds a character no key can have"
            )
        return key

    def render(self, value: object) -> str:
        """Return the key itself."""
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    allowed: str = "true or false (also 1, 0, yes, no, on, off)"
    empty: object = False

    def read(self, value: object) -> bool:
        """Return the truth value."""
        if isinstance(value, bool):
            return value
        word = (
            value.strip().lower() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
        )
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise Refused("write true or false")

    def render(self, value: object) -> str:
        """Return `true` or `false`."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number within bounds.

    Args:
        low: Smallest value.
        high: Largest value.
        unit: What is counted, in the plural, for messages; "" for a bare number.
        whole: Only whole numbers; the value is then an int, else a float.
        above_low: `low` itself is excluded.
    """

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    above_low: bool = False
    empty: object = None

    @property
    def allowed(self) -> str:
        """What is accepted."""
        noun = "a whole number" if self.whole else "a number"
        noun = f"{noun} of {self.unit}" if self.unit else noun
        if self.above_low:
            return f"{noun} above {self.low:g}, at most {self.high:,.0f}"
        return f"{noun} from {self.low:g} to {self.high:,.0f}"

    def read(self, value: object) -> float:
        """Return the number."""
        number = _from_text(value) if isinstance(value, str) else _from_value(value)
        if not math.isfinite(number):
            raise Refused("write a finite number")
        if self.whole and not float(number).is_integer():
            raise Refused("write it without a fraction")
        if number < self.low or number > self.high or (self.above_low and number == self.low):
            raise Refused("choose a number within that range")
        return int(number) if self.whole else float(number)

    def render(self, value: object) -> str:
        """Return the shortest decimal text."""
        if value is None:
            return ""
        text = repr(value)
        return text.removesuffix(".0")


def _from_text(text: str) -> float:
    text = text.strip()
    if _DECIMAL_COMMA.fullmatch(text):
        raise Refused("write the decimal point as a point")
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise Refused("write it in digits, without a unit")
    return float(text)


def _from_value(value: object) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise Refused("give it as a number")
    try:
        return float(value)
    except Exception:  # a number type of anybody's may fail in its own way
        raise Refused("give it as a number that fits a float") from None


@dataclass(frozen=True, slots=True)
class Url:
    """Base URL of a server: http or https, a path if need be, no credentials, query or fragment."""

    allowed: str = "an http:// or https:// URL without user, password, query or fragment"
    empty: object = None

    def read(self, value: object) -> str:
        """Return the URL with scheme and host in lower case and without trailing slashes."""
        text = text_of(value)
        match = _URL.fullmatch(text)
        if (
            match is None
            or not set("?#").isdisjoint(text)
            or int((match["port"] or ":1")[1:]) not in range(1, 65536)
        ):
            raise Refused(_url_remedy(text))
        authority = f"{match['scheme']}://{match['host']}".lower()
        return f"{authority}{match['port'] or ''}{match['path'] or ''}".rstrip("/")

    def render(self, value: object) -> str:
        """Return the URL itself."""
        return str(value)


def _url_remedy(text: str) -> str:
    if "@" in text:
        return "put the keys into LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, not into the URL"
    if "://" not in text:
        return "begin it with https:// (or http://)"
    return "write it as https://cloud.langfuse.com or http://localhost:3000"


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """Langfuse's rule for the name of an environment; a server would silently file others elsewhere."""

    allowed: str = "at most 40 lower-case letters, digits, - and _, not beginning with langfuse"
    empty: object = None

    def read(self, value: object) -> str:
        """Return the name."""
        name = text_of(value)
        if _ENVIRONMENT.fullmatch(name):
            return name
        if _ENVIRONMENT.fullmatch(name.lower()):
            raise Refused("write it in lower case")
        raise Refused("choose a name such as production, staging or development")

    def render(self, value: object) -> str:
        """Return the name itself."""
        return str(value)


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """Where the trace journal lies: a path as given, or `off` for memory only."""

    allowed: str = "a path, or off to keep the journal in memory"
    empty: object = None

    def read(self, value: object) -> str:
        """Return the path unchanged, or `off`."""
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        place = text_of(value)
        if place.lower() == "off":
            return "off"
        if place.lower() in _TRUE | _FALSE:
            raise Refused("write off, or a path (./ before the name if the file is really called that)")
        return place

    def render(self, value: object) -> str:
        """Return the path itself."""
        return str(value)
