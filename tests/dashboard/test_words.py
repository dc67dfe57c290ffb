"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import pytest

from autoops.dashboard import words


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (-5, "0"),
        (0, "0"),
        (840, "840 ns"),
        (1_250, "1.25 µs"),
        (12_340_000, "12.3 ms"),
        (999_000_000, "999 ms"),
        (5_000_000_000, "5 s"),
        (59_900_000_000, "59.9 s"),
        (125_000_000_000, "2 min 05 s"),
        (3_720_000_000_000, "1 h 02 min"),
        (90_000_000_000_000, "1 d 01 h"),
    ],
)
def test_duration(ns: int, shown: str) -> None:
    """Three figures at most, and the unit that leaves a number one can compare."""
    assert words.duration(ns) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "just now"), (40, "40 s ago"), (200, "3 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_age(seconds: float, shown: str) -> None:
    """An age is told roughly."""
    assert words.age(seconds) == shown


def test_count_and_size() -> None:
    """Nouns agree with their number; bytes have decimal units."""
    assert [words.count(1, "span"), words.count(0, "span"), words.count(12_345, "span")] == [
        "1 span",
        "0 spans",
        "12,345 spans",
    ]
    assert [words.size(37), words.size(1_780_000), words.size(2.5e9)] == ["37 bytes", "1.78 MB", "2.5 GB"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('{"type":"low_stock","product":"Milk","units":3,"more":{"a":1}}', "Milk · units 3"),
        ('{"id":"e-1","multiplier":2.4,"cluster":"North","product":"Milk"}', "Milk · North · multiplier 2.4"),
        ('{"product_id":7,"type":"low_stock"}', "product_id 7, type low_stock"),
        ('"just a text"', "just a text"),
        ("[1,2]", "[1,2]"),
        ('{"cut": "in the mid', '{"cut": "in the mid'),
        ("{}", ""),
    ],
)
def test_brief(given: str, shown: str) -> None:
    """Of an object its simple values, those that tell it from others first; of the rest its beginning."""
    assert words.brief(given) == shown


def test_brief_is_brief() -> None:
    """What is too long ends in an ellipsis."""
    shown = words.brief(f'{{"text":"{"x" * 500}"}}')

    assert len(shown) == 120
    assert shown.endswith("…")
