"""What a decision changes, found in its payload wherever it says ``before`` and ``after``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from autoops.dashboard import words

MOST: Final = 200
"""Changes that are shown; a payload with more has them all in its JSON."""
_NOT_NAMES: Final = frozenset({"before", "after", "note", "unit"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes another.

    Attributes:
        subject: What changes: the texts beside ``before`` and ``after``, or the key they stand under.
        before: As it was.
        after: As it is to be.
        note: What else is said of it.
    """

    subject: str
    before: Any
    after: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that a payload changes, and the unit it names, if any."""

    items: tuple[Change, ...]
    unit: str | None = None


def changes(payload: Any, given: Any = None) -> Changes:
    """Find changes: the payload itself, or the items of a list directly in it. At most ``MOST``.

    Args:
        payload: What was decided.
        given: What it was decided on: names the subject of a payload that is one change.
    """
    if not isinstance(payload, dict):
        return Changes(())
    unit = payload.get("unit")
    found = [_change(value, key) for key, value in payload.items() if _is_change(value)]
    for value in payload.values():
        if isinstance(value, list):
            found += [_change(item) for item in value if _is_change(item)]
    if _is_change(payload):
        names = [
            given[key] for key in words.TELLING if isinstance(given, dict) and isinstance(given.get(key), str)
        ]
        found.insert(0, Change(", ".join(names), payload["before"], payload["after"], _texts(payload)))
    return Changes(tuple(found[:MOST]), unit if isinstance(unit, str) else None)


def _is_change(value: Any) -> bool:
    return isinstance(value, dict) and "before" in value and "after" in value


def _change(item: dict[str, Any], name: str = "") -> Change:
    note = item.get("note")
    return Change(
        name or _texts(item), item["before"], item["after"], "" if note is None else words.plain(note)
    )


def _texts(item: dict[str, Any]) -> str:
    return ", ".join(
        value for key, value in item.items() if key not in _NOT_NAMES and isinstance(value, str) and value
    )
