"""What a variable with many values may look like: lists, globs, rates by name, headers, attributes.

The kinds keep the contract of `autoops.variables.kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import cast

from autoops.variables.kinds import Number, Refused, text_of
from autoops.variables.textmap import TextMap

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?|", re.ASCII)
_RESERVED_HEADERS = {
    "authorization": "remove Authorization: it is made from LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY",
    "content-encoding": "remove Content-Encoding: it describes the body, which AutoOps makes",
    "content-length": "remove Content-Length: it describes the body, which AutoOps makes",
    "content-type": "remove Content-Type: it describes the body, which AutoOps makes",
    "transfer-encoding": "remove Transfer-Encoding: it describes the body, which AutoOps makes",
}
_RATE = Number(0, 1)


def _items(value: object) -> tuple[str, ...]:
    """Return the distinct, trimmed, non-empty items of a comma list, list, tuple or set."""
    if isinstance(value, str):
        items = [text_of(item) for item in value.split(",")]
    elif isinstance(value, list | tuple | AbstractSet):
        items = [text_of(item) for item in (sorted(value) if isinstance(value, AbstractSet) else value)]
        if any("," in item for item in items):
            raise Refused("give each name as an item of its own, without a comma")
    else:
        raise Refused("give it as a list or tuple of text")
    return tuple(dict.fromkeys(item for item in items if item))


@dataclass(frozen=True, slots=True)
class CommaList:
    """Names, in the order given."""

    allowed: str = "names separated by commas"
    empty: object = ()

    def read(self, value: object) -> tuple[str, ...]:
        """Return the distinct names."""
        return _items(value)

    def render(self, value: object) -> str:
        """Return the names with commas between."""
        return ",".join(cast("tuple[str, ...]", value))


@dataclass(frozen=True, slots=True)
class Globs:
    """Globs, some perhaps excluding with `!`; see `autoops.variables.selected` for their meaning.

    Args:
        always: Globs that are part of every value, in front of those given.
    """

    always: tuple[str, ...] = ()
    allowed: str = "globs separated by commas, such as pricing*,!*_test"

    @property
    def empty(self) -> tuple[str, ...]:
        """The globs that are part of every value."""
        return self.always

    def read(self, value: object) -> tuple[str, ...]:
        """Return the distinct globs."""
        globs = _items(value)
        if "!" in globs:
            raise Refused("write the glob to exclude directly after the !")
        return tuple(dict.fromkeys((*self.always, *globs)))

    def render(self, value: object) -> str:
        """Return the globs that are not part of every value, with commas between."""
        return ",".join(glob for glob in cast("tuple[str, ...]", value) if glob not in self.always)


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates by glob: pairs in the order given, of which the first that matches counts."""

    allowed: str = (
        "glob=rate pairs separated by commas, rates from 0 to 1, such as demand_spike=0.1,pricing_agent.*=1"
    )
    empty: object = ()

    def read(self, value: object) -> tuple[tuple[str, float], ...]:
        """Return (glob, rate) pairs; a mapping in code is taken in its order."""
        if isinstance(value, Mapping):
            pairs = list(value.items())
        elif isinstance(value, str):
            pairs = [_pair(item) for item in _items(value)]
        elif isinstance(value, list | tuple):
            pairs = [_two(item) for item in value]
        else:
            raise Refused("give it as pairs of glob and rate")
        rates = [(text_of(glob), _RATE.read(rate)) for glob, rate in pairs]
        names = [glob for glob, _ in rates]
        if any(not glob or "," in glob for glob in names):
            raise Refused("write a glob without a comma before each =")
        if len(set(names)) < len(names):
            raise Refused("give each glob once")
        return tuple(rates)

    def render(self, value: object) -> str:
        """Return `glob=rate` items with commas between."""
        pairs = cast("tuple[tuple[str, float], ...]", value)
        return ",".join(f"{glob}={_RATE.render(rate)}" for glob, rate in pairs)


def _pair(item: str) -> tuple[object, object]:
    glob, equals, rate = item.rpartition("=")
    if not equals:
        raise Refused("write each item as glob=rate")
    return glob, rate


def _two(item: object) -> tuple[object, object]:
    if isinstance(item, list | tuple) and len(item) == 2:
        return item[0], item[1]
    raise Refused("give it as pairs of glob and rate")


@dataclass(frozen=True, slots=True)
class Headers:
    """HTTP headers that go out with every request; names differ from each other without regard to case."""

    allowed: str = 'a JSON object of text values, such as {"X-Custom-Header": "value"}, without Authorization'

    @property
    def empty(self) -> TextMap:
        """No items."""
        return TextMap()

    def read(self, value: object) -> TextMap:
        """Return a read-only mapping of header names to values."""
        pairs = _json_pairs(value) if isinstance(value, str) else _mapping_pairs(value)
        headers: dict[str, str] = {}
        seen: set[str] = set()
        for name, content in pairs:
            if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
                raise Refused("write header names in letters, digits and hyphens")
            if not isinstance(content, str) or not _HEADER_VALUE.fullmatch(content):
                raise Refused(f"write the value of {name} as one line of ASCII text")
            if name.lower() in _RESERVED_HEADERS:
                raise Refused(_RESERVED_HEADERS[name.lower()])
            if name.lower() in seen:
                raise Refused(f"give {name} once; header names ignore case")
            seen.add(name.lower())
            headers[name] = content
        return TextMap(headers)

    def render(self, value: object) -> str:
        """Return the JSON object; an empty one as nothing."""
        import json

        headers = cast("Mapping[str, str]", value)
        return json.dumps(dict(headers)) if headers else ""


def _json_pairs(text: str) -> list[tuple[object, object]]:
    import json

    try:
        # Objects become lists of pairs, so that a name given twice is seen.
        parsed = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise Refused("write it as a JSON object with double quotes around names and values") from None
    if not isinstance(parsed, _Pairs):
        raise Refused("write it as a JSON object: names and values within { }")
    return list(parsed)


class _Pairs(list[tuple[object, object]]):
    """Members of a JSON object in their order."""


def _mapping_pairs(value: object) -> list[tuple[object, object]]:
    if not isinstance(value, Mapping):
        raise Refused("give it as a mapping of header names to values")
    return list(value.items())


@dataclass(frozen=True, slots=True)
class Attributes:
    """OpenTelemetry's resource attributes: `key=value` items, values percent-encoded where needed."""

    allowed: str = "key=value pairs separated by commas, values percent-encoded where needed"

    @property
    def empty(self) -> TextMap:
        """No items."""
        return TextMap()

    def read(self, value: object) -> TextMap:
        """Return a read-only mapping of attribute names to values; of a name given twice the last counts."""
        if isinstance(value, str):
            from urllib.parse import unquote

            items = [item.partition("=") for item in text_of(value).split(",") if item.strip()]
            if not all(equals for _, equals, _ in items):
                raise Refused("write each item as key=value")
            pairs: list[tuple[object, object]] = [(name, unquote(text.strip())) for name, _, text in items]
        elif isinstance(value, Mapping):
            pairs = list(value.items())
        else:
            raise Refused("give it as a mapping of names to text")
        attributes: dict[str, str] = {}
        for name, text in pairs:
            key = text_of(name)
            if not key or not set(",=").isdisjoint(key):
                raise Refused("write a name without comma before each =")
            attributes[key] = _encodable(text)
        return TextMap(attributes)

    def render(self, value: object) -> str:
        """Return the items with every sign that could be misread percent-encoded."""
        from urllib.parse import quote

        attributes = cast("Mapping[str, str]", value)
        return ",".join(f"{name}={quote(text, safe='')}" for name, text in attributes.items())


def _encodable(text: object) -> str:
    if not isinstance(text, str):
        raise Refused("give each value as text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("write it in UTF-8") from None
    return text
