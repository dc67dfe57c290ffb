"""Numbers, times and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson

_BELOW_A_SECOND: Final = ((1e3, 1.0, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms"))
TELLING: Final = ("product", "cluster")
"""Keys whose values tell one event or decision from its neighbours: said first."""
_COMMON: Final = frozenset({"type", "id", "source", "product_id"})
"""Keys left out: said already, or of no use to a reader."""
_SIZES: Final = ("bytes", "kB", "MB", "GB", "TB")


def duration(ns: float) -> str:
    """A duration in nanoseconds with three figures at most: ``840 µs``, ``12.3 ms``, ``2 min 05 s``."""
    if ns <= 0:
        return "0"
    for below, unit, name in _BELOW_A_SECOND:
        if ns < below:
            return f"{_figures(ns / unit)} {name}"
    seconds = ns / 1e9
    if seconds < 60:
        return f"{_figures(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"


def age(seconds: float) -> str:
    """How long ago, roughly: ``just now``, ``40 s ago``, ``3 min ago``."""
    if seconds < 1:
        return "just now"
    for below, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < below:
            return f"{int(seconds // unit)} {name} ago"
    return f"{int(seconds // 86_400)} d ago"


def size(number: float) -> str:
    """Bytes in decimal units."""
    for unit in _SIZES[:-1]:
        if number < 1000:
            return f"{_figures(number)} {unit}"
        number /= 1000
    return f"{_figures(number)} {_SIZES[-1]}"


def count(number: float, noun: str | None = None) -> str:
    """A whole number with thin groups of three, and its noun in the right number."""
    digits = f"{number:,.0f}"
    if noun is None:
        return digits
    return f"{digits} {noun}" if number == 1 else f"{digits} {noun}s"


def moment(ns: float) -> str:
    """A time in nanoseconds since the epoch, on this machine's clock, to the millisecond."""
    when = datetime.fromtimestamp(ns / 1e9, tz=UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03d}"


def clock(seconds: float) -> str:
    """A time in seconds since the epoch, on this machine's clock; with the date unless it is today."""
    when = datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    today = datetime.now(tz=UTC).astimezone().date()
    return f"{when:%H:%M:%S}" if when.date() == today else f"{when:%Y-%m-%d %H:%M:%S}"


def share(value: float) -> str:
    """A share of one as a percentage."""
    return f"{value * 100:.0f} %"


def plain(value: Any) -> str:
    """A decoded JSON value on one line: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:,.6g}"
    return orjson.dumps(value, default=str).decode()


def brief(json_text: str, limit: int = 120) -> str:
    """The simple values of a JSON object in one line, ``product Milk · multiplier 2.4``; of others, the beginning.

    What tells it from its neighbours comes first; a ``type`` is left out, for its trace or span bears it as its name.
    """
    try:
        value = orjson.loads(json_text)
    except orjson.JSONDecodeError:
        value = json_text
    if isinstance(value, dict):
        simple = {key: each for key, each in value.items() if isinstance(each, str | int | float)}
        names = [plain(simple[key]) for key in TELLING if key in simple]
        others = [f"{key} {plain(each)}" for key, each in simple.items() if key not in {*TELLING, *_COMMON}]
        text = " · ".join((*names, *others)) or ", ".join(
            f"{key} {plain(each)}" for key, each in simple.items()
        )
    else:
        text = plain(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _figures(value: float) -> str:
    """Three significant figures without an exponent or trailing zeros."""
    if value >= 100:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
