"""How figures and Markdown are written on the page of decisions."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.simulation.report import Estimate

IMAGES = "images"
"""Folder of the plots, beside the page."""

WIDTH = 120
"""Characters of a line of prose."""


def dollars(estimate: Estimate) -> str:
    """Dollars with half the width of their interval."""
    half = "" if estimate.ci95 is None else f" ± {estimate.ci95[1] - estimate.mean:,.0f}"
    return f"{estimate.mean:,.0f}{half}"


def change(estimate: Estimate) -> str:
    """A relative difference with its interval, in per cent."""
    ends = "" if estimate.ci95 is None else f" ({estimate.ci95[0]:+.1%} to {estimate.ci95[1]:+.1%})"
    return f"{estimate.mean:+.1%}{ends}"


def rate(estimate: Estimate) -> str:
    """A share with its interval, in per cent."""
    ends = "" if estimate.ci95 is None else f" ({estimate.ci95[0]:.1%} to {estimate.ci95[1]:.1%})"
    return f"{estimate.mean:.1%}{ends}"


def span(ends: tuple[float, float] | None) -> str:
    """An interval by itself."""
    return "-" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table and the empty line after it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def prose(*sentences: str) -> list[str]:
    """A paragraph and the empty line after it."""
    return [_wrapped(sentences), ""]


def item(*sentences: str) -> str:
    """A line of a list."""
    return _wrapped(sentences, "- ", "  ")


def heading(text: str) -> list[str]:
    """A section's heading and the empty line after it."""
    return [f"## {text}", ""]


def plot(name: str, meaning: str) -> list[str]:
    """A plot and the empty line after it."""
    return [f"![{meaning}]({IMAGES}/decisions-{name}.svg)", ""]


def _wrapped(sentences: Sequence[str], first: str = "", later: str = "") -> str:
    return textwrap.fill(
        " ".join(sentences),
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
