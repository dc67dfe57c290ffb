"""Every assumption is stated, with its source, wherever one may look for it."""

from __future__ import annotations

from pathlib import Path

from autoops.simulation.assumptions import MARGINS, SHELF_LIFE_BY_CATEGORY, Assumptions, assumption_table

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"


def test_every_assumption_has_a_value_a_meaning_and_a_source() -> None:
    """A source, or the word assumed."""
    for name, value, meaning, source in Assumptions().rows():
        assert name
        assert value[0].isdigit() or value[0] == "-"
        assert meaning
        assert source


def test_margins_and_shelf_lives_are_among_them() -> None:
    """They are assumptions like the others."""
    names = {row[0] for row in Assumptions().rows()}

    assert {f"margin {department}" for department in MARGINS} <= names
    assert {f"shelf life {category}" for category in SHELF_LIFE_BY_CATEGORY} <= names


def test_the_page_prints_all_of_them() -> None:
    """The table in the documentation is the one that the code would print."""
    assert assumption_table() in PAGE.read_text(encoding="utf-8")


def test_the_headline_names_what_matters_most() -> None:
    """Scale and margins stand in one line, for above the money."""
    line = Assumptions(scale=5.0).headline()

    assert line.startswith("Simulated: real 2017 demand \N{MULTIPLICATION SIGN} 5, margins assumed")
    assert "\n" not in line
