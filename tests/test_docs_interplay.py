"""`docs/interplay.md` says what is so: its programs run, and their traces are as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from children import env_for, run_python

if TYPE_CHECKING:
    from loopback import LoopbackServer

TEXT = (Path(__file__).parents[1] / "docs" / "interplay.md").read_text(encoding="utf-8")
PLACE = "http://prices.example/v1"
"""What the page calls a server that a test has on loopback."""
TREES = {
    "Instrumented libraries": ["fetch_prices", "fetch_prices > GET"],
    "An OpenTelemetry set-up of your own": ["request", "request > decide"],
    "Threads": [
        "new_week",
        "new_week > inventory.forecast milk",
        "quotes",
        "quotes > quote bread",
        "quotes > quote milk",
    ],
    "Processes": ["new_week", "new_week > inventory.forecast"],
    "Generators": [
        "compare",
        "compare > difference",
        "compare > difference",
        "compare > price_feed",
        "compare > price_feed",
        "price_feed > north day 0",
        "price_feed > north day 1",
        "price_feed > south day 0",
        "price_feed > south day 1",
    ],
}


def programs() -> dict[str, str]:
    """The page's programs by the heading they stand under."""
    sections = re.split(r"^## (.*)\n", TEXT, flags=re.MULTILINE)[1:]
    found = {
        heading: re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
    }
    return {heading: blocks[0] for heading, blocks in found.items() if blocks}


def test_every_program_is_run_below() -> None:
    """One that is added to the page needs its tree here."""
    assert list(programs()) == list(TREES)


@pytest.mark.parametrize("heading", TREES)
def test_a_program_records_what_the_page_says(server: LoopbackServer, heading: str) -> None:
    """Each runs as it stands, in a process of its own, and what it delivers has the parents it should."""
    program = programs()[heading].replace(PLACE, f"{server.url}/api/public/health")
    Path("program.py").write_text(program, encoding="utf-8")
    run_python("import runpy; runpy.run_path('program.py', run_name='__main__')", env=env_for(server))

    spans = server.wait_for_spans(len(TREES[heading]))
    names = {span.span_id: span.name for span in spans}
    told = [
        f"{names[span.parent_span_id]} > {span.name}" if span.parent_span_id else span.name for span in spans
    ]
    assert sorted(told) == TREES[heading]


def test_its_links_lead_somewhere() -> None:
    """Each anchor of the page is one of its headings."""
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= anchors
