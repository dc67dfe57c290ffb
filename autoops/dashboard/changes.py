"""What a decision changes, found in its payload wherever it says ``before`` and ``after``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from autoops.dashboard import words

MOST: Final = 100
"""Changes that are shown; a payload with more has them all in its JSON."""
_OWN: Final = frozenset({"before", "after", "note", "figures", "conflict_id"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes another."""

    subject: str
    before: Any
    after: Any
    note: str = ""


def changes(payload: Any) -> list[Change]:
    """Find changes: the payload itself, or the items of a list directly in it. At most ``MOST``."""
    if not isinstance(payload, dict):
        return []
    if _is_change(payload):
        return [_change(payload, "")]
    found = [_change(value, key) for key, value in payload.items() if _is_change(value)]
    for value in payload.values():
        if isinstance(value, list):
            found += [_change(item, "") for item in value if _is_change(item)]
    return found[:MOST]


def _is_change(value: Any) -> bool:
    return isinstance(value, dict) and "before" in value and "after" in value


def _change(item: dict[str, Any], name: str) -> Change:
    simple = (
        value for key, value in item.items() if key not in _OWN and isinstance(value, str | int | float)
    )
    subject = name or ", ".join(words.plain(value) for value in simple if value != "")
    note = item.get("note")
    return Change(subject, item["before"], item["after"], "" if note is None else words.plain(note))
