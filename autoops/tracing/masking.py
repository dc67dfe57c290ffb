"""Values under sensitive keys become `***` before anything is stored.

The JSON text is scanned, not parsed and written again: what is not masked keeps every byte (long integers, the
spelling of floats, repeated keys), and text that was cut in the middle is masked like any other. Most payloads
are never scanned: a few substring searches tell that none of their keys can match.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from autoops.tracing import query
from autoops.tracing.serialize import dump

MASKED: Final = "***"
"""What a sensitive value becomes."""

REMOVED: Final = "<removed: masking failed>"
"""What a payload becomes when it could not be masked."""

_MASKED_JSON: Final = orjson.dumps(MASKED)
_REMOVED_JSON: Final = orjson.dumps(REMOVED)
_MOST_REMEMBERED: Final = 10_000  # verdicts on keys; data used as keys must not fill the memory
_LONGEST_REMEMBERED: Final = 200

# A JSON string, or one that was cut before its closing quote; with the colon behind it, it is a key.
_STRING: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)([ \t\r\n]*:)?', re.DOTALL)
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SCALAR: Final = re.compile(rb"[^,\]}\s]*")
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+-]*")
_BLANK: Final = re.compile(rb"[ \t\r\n]*")
# A string that may hold JSON: its first character, perhaps after blanks, is { [ or ", or an escape.
_MAY_HOLD_JSON: Final = re.compile(rb'(?:\s|\\[nrt])*(?:[{\[]|\\["u])')

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS: Final = re.compile(r"[ !#-/:-@\[\]^_`{-~]+")  # printable, and written in JSON as they are
_WILDCARD: Final = re.compile(r"\[!?\]?[^\]]*\]|[*?]")
_WORDS: Final = re.compile(r"[a-z0-9]+(?:_+[a-z0-9]+)*")
_SECOND_KEY: Final = re.compile(r" \(\w+( \d+)?\)\Z")  # how render.py tells keys apart that look alike
_USAGE: Final = re.compile(r"(?:.*_)?(?:usage|cost|tokens)(?:_details)?\Z", re.DOTALL)
_MASKABLE: Final = frozenset({"input", "output", "metadata"})

_SENSITIVE: Final = 1
_COUNTS: Final = 2  # the key holds usage or cost figures


class Masker:
    """Masks JSON payloads and attributes.

    Args:
        keys: Globs of sensitive keys, case-insensitive; `api_key` is also found as `apiKey`, `Api-Key` and `x.api_key`.
            `!` before a glob exempts the keys it matches, whatever else they match.
        mask: A function of the user's, called as `mask(data=…)` with each decoded payload after its keys are
            masked; what it returns is stored instead. One that raises removes the payload.

    Attributes:
        failures: Payloads and attributes removed because they could not be masked.
    """

    def __init__(self, keys: tuple[str, ...], mask: Callable[..., Any] | None = None) -> None:
        self.failures = 0
        self._mask = mask
        given = {key.strip() for key in keys} - {"", "!"}
        globs = {glob for glob in given if not glob.startswith("!")}
        self._sensitive = _any_of(globs)
        self._exempt = _any_of({glob[1:] for glob in given - globs})
        self._hint = _hint(globs)
        self._verdicts: dict[bytes, int] = {}

    def payload(self, json: bytes) -> bytes:
        """Mask one JSON payload.

        Args:
            json: JSON text; anything else is scanned as if it were.

        Returns:
            The same object if nothing was to be masked, else JSON with `"***"` in place of each sensitive value.
            Numbers under usage and cost keys stay. Never raises.
        """
        try:
            if self._may_match(json):
                json = self._scan(json)
            return json if self._mask is None else dump(self._mask(data=_decode(json)))
        except Exception:
            self.failures += 1
            return _REMOVED_JSON

    def attributes(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Mask span attributes: by the whole key and by its dotted parts' last, and inside JSON texts and URLs' queries.

        Args:
            attrs: OpenTelemetry attributes.

        Returns:
            A new dict; the mask function is applied to inputs, outputs and metadata only.
        """
        masked: dict[str, Any] = {}
        for key, value in attrs.items():
            try:
                masked[key] = self._attribute(key, value)
            except Exception:
                self.failures += 1
                masked[key] = REMOVED
        return masked

    def _attribute(self, key: str, value: Any) -> Any:
        verdict = self._verdict(key.encode("utf-8", "surrogatepass"), key)
        if verdict & _SENSITIVE:
            counts = bool(verdict & _COUNTS)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if counts and isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
                return _without_words(value.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
            return value if counts and number else MASKED
        value = self._inside(value)
        if self._mask is None or _MASKABLE.isdisjoint(key.split(".")):
            return value
        holds_json = isinstance(value, str) and value.lstrip()[:1] in {"{", "["}
        result = self._mask(data=_decode(value.encode("utf-8", "surrogatepass")) if holds_json else value)
        return result if isinstance(result, (str, bool, int, float)) else dump(result).decode()

    def _inside(self, value: Any) -> Any:
        if isinstance(value, str):
            if value.lstrip()[:1] not in {"{", "[", '"'}:
                return query.masked(value, MASKED, self._is_secret)
            data = value.encode("utf-8", "surrogatepass")
            if not self._may_match(data):
                return value
            found = self._scan(data)
            return value if found is data else found.decode("utf-8", "surrogatepass")
        if isinstance(value, Mapping):
            return self.attributes(value)
        if isinstance(value, (list, tuple)):
            items = [self._inside(item) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        return value

    def _is_secret(self, name: str, value: str) -> bool:
        """Tell whether a parameter of a URL is to be masked; figures under usage and cost names stay."""
        long = len(name) > _LONGEST_REMEMBERED
        verdict = self._judge(name) if long else self._verdict(name.encode("utf-8", "surrogatepass"), name)
        return bool(verdict & _SENSITIVE) and not (
            verdict & _COUNTS and _NUMBER.fullmatch(value.encode("utf-8", "replace"))
        )

    def _may_match(self, data: bytes) -> bool:
        r"""Tell, without reading the JSON, whether some key can match; True if in doubt.

        A key that matches a glob holds the glob's letters as they are, whatever its case and separators, unless
        one is escaped (`\u0070assword`) or is one of the two characters whose lower case holds an ASCII letter.
        """
        if self._hint is None or self._hint.search(data.lower()):
            return True
        if b"\\" in data and b"\\u" in data:
            return True
        return not data.isascii() and (b"\xe2\x84\xaa" in data or b"\xc4\xb0" in data)

    def _scan(self, data: bytes) -> bytes:
        """Mask by one pass over the strings of a JSON text; the same object if nothing was masked."""
        parts: list[bytes] = []
        copied = at = counts_until = 0
        while found := _STRING.search(data, at):
            at = found.end()
            if found.group(2) is None:
                replacement = self._nested(found.group(1))
                start, end = found.span()
            else:
                verdict = self._verdict(found.group(1))
                if not verdict:
                    continue
                if not verdict & _SENSITIVE and at < counts_until:
                    continue  # nested counts: to measure each again would take quadratic time
                start, end = _value_span(data, at)
                if verdict & _COUNTS:
                    counts_until = max(counts_until, end)
                if not verdict & _SENSITIVE:
                    continue
                replacement = _masked(
                    data[start:end], counts=start < counts_until, within=bool(verdict & _COUNTS)
                )
            if replacement is not None:
                parts += data[copied:start], replacement
                copied = at = end
        return b"".join((*parts, data[copied:])) if parts else data

    def _nested(self, content: bytes) -> bytes | None:
        """Mask inside a JSON string that holds JSON; None if there is nothing to mask."""
        if not _MAY_HOLD_JSON.match(content) or not self._may_match(content):
            return None
        text = _unescape(content)
        if text is None:  # cut in the middle of an escape, or no JSON: it can't be told what it holds
            return _MASKED_JSON
        inner = text.encode("utf-8", "surrogatepass")
        masked = self._scan(inner)
        return (
            None
            if masked is inner
            else dump(masked.decode("utf-8", "surrogatepass"), limit=len(masked) * 6 + 2)
        )

    def _verdict(self, key: bytes, name: str | None = None) -> int:
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= _MOST_REMEMBERED:
                self._verdicts.clear()
            if name is None:
                name = _unescape(key)
            verdict = self._judge(key.decode("utf-8", "replace") if name is None else name)
            self._verdicts[key] = verdict
        return verdict

    def _judge(self, key: str) -> int:
        parts = key.split(".")
        names = {key, parts[-1], _SECOND_KEY.sub("", key), _SECOND_KEY.sub("", parts[-1])}
        forms = names | {_snake(name) for name in names}
        exempt = any(self._exempt.match(form.lower()) for form in forms)
        sensitive = not exempt and any(self._sensitive.match(form.lower()) for form in forms)
        counts = any(_USAGE.match(_snake(part)) for part in parts)
        return sensitive * _SENSITIVE + counts * _COUNTS


def _masked(value: bytes, *, counts: bool, within: bool) -> bytes | None:
    """Give what stands for a sensitive value: numbers that are counts stay, also within a container."""
    if counts and _NUMBER.fullmatch(value):
        return None
    if within and value[:1] in {b"{", b"["}:
        return _without_words(value)
    return _MASKED_JSON if value else None


def _without_words(value: bytes) -> bytes:
    """Mask every string of a container that holds counts, and leave its keys and numbers."""
    return _STRING.sub(lambda found: _MASKED_JSON if found.group(2) is None else found.group(), value)


def _value_span(data: bytes, at: int) -> tuple[int, int]:
    """Give where the value that follows a key begins and ends; one that was cut ends with the text."""
    blank = _BLANK.match(data, at)
    start = blank.end() if blank else at
    first = data[start : start + 1]
    if first == b'"':
        string = _STRING_OR_BRACKET.match(data, start)
        return start, string.end() if string else len(data)
    if first not in {b"{", b"["}:
        scalar = _SCALAR.match(data, start)
        return start, scalar.end() if scalar else start
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(data, start):
        token = found.group()
        if token in {b"{", b"["}:
            depth += 1
        elif token in {b"}", b"]"}:
            depth -= 1
            if not depth:
                return start, found.end()
    return start, len(data)


def _unescape(content: bytes) -> str | None:
    """Give the text of a JSON string's content; None if it isn't one."""
    try:
        if b"\\" not in content:
            return content.decode("utf-8", "surrogatepass")
        value = json.loads(b'"' + content + b'"', strict=False)
        return value if isinstance(value, str) else None
    except ValueError:
        return None


def _decode(data: bytes) -> Any:
    """Give the value for the user's mask; text that is no JSON is given as text."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def _snake(key: str) -> str:
    """Give `user_password` for `userPassword`, `User-Password` and `user password`."""
    return _SEPARATORS.sub("_", _CAMEL.sub("_", key)).strip("_").lower()


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    """Compile globs into one expression for a key in lower case, as it stands or in snake case."""
    forms = {form for glob in globs for form in (glob.lower(), _snake_glob(glob))}
    return re.compile("|".join(map(fnmatch.translate, sorted(forms))) or r"(?!)")


def _snake_glob(glob: str) -> str:
    """Do the same to a glob, and leave its wildcards."""
    literals = (_SEPARATORS.sub("_", _CAMEL.sub("_", part)).lower() for part in _WILDCARD.split(glob))
    return "".join(map("".join, zip(literals, (*_WILDCARD.findall(glob.lower()), ""), strict=True)))


def _hint(globs: Iterable[str]) -> re.Pattern[bytes] | None:
    """Compile what is found in the lower-case text of every JSON that has a matching key.

    Of each glob the longest words are sought, and a colon after the string they stand in (or a backslash: a key
    inside a string, whose end can't be told here). None: a glob holds no words, so any key may match.
    """
    by_letter: dict[str, list[str]] = {}
    for glob in globs:
        *_, tail = literals = _WILDCARD.split(_snake_glob(glob))
        words = max((found for literal in literals for found in _WORDS.findall(literal)), key=len, default="")
        if not words:
            return None
        # Nothing but separators can follow words that end the glob, so that `token` leaves total_tokens alone.
        ends = tail.rstrip("_").endswith(words)
        rest = r'(?:[^a-z0-9"\\][^"\\]*)?' if ends else r'[^"\\]*'
        by_letter.setdefault(words[0], []).append(re.sub("_+", r'[^a-z0-9"\\\\]*', words[1:]) + rest)
    # Grouped by first letter, it is twice as fast as one flat list.
    groups = (f"{letter}(?:{'|'.join(sorted(set(ends)))})" for letter, ends in sorted(by_letter.items()))
    hint = "|".join(groups)
    return re.compile(rf'(?:{hint})(?:\\|"[ \t\r\n]*:)'.encode() if hint else b"(?!)")
