"""What all pages share: the style sheet, the header with its navigation, and the state of delivery in it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nicegui import app, ui

from autoops.dashboard import queries
from autoops.dashboard.diagnosis import Diagnosis, Tone, diagnose
from autoops.dashboard.elements.tags import icon, link, tag
from autoops.errors import JournalError
from autoops.tracing.journal import figures, reader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from autoops.dashboard.source import Source

ASSETS: Final = Path(__file__).parent / "assets"
NAVIGATION: Final = (("Traces", "/"), ("Health", "/health"))
REFRESH_S: Final = 1.0
"""Time between two looks for news, in seconds."""
REST: Final = 10
"""A refresh that took long is not repeated before ten times that long: a busy journal comes first."""
NO_JOURNAL: Final = Diagnosis(Tone.QUIET, "No journal", "There is no journal yet")


def install() -> None:
    """Serve the style sheet and the script, and put them into every page."""
    app.add_static_files("/assets", ASSETS, max_cache_age=0)
    ui.add_head_html(
        '<link rel="stylesheet" href="/assets/theme.css"><script src="/assets/theme.js"></script>'
        '<meta name="referrer" content="no-referrer">',
        shared=True,
    )


@contextmanager
def frame(source: Source, active: str) -> Iterator[None]:
    """The page around its content.

    Args:
        source: The journal, for the state of delivery.
        active: The address in ``NAVIGATION`` that this page belongs to.
    """
    tag("a", "Skip to content", "skip", href="#main")
    with tag("header", classes="top"):
        with tag("a", classes="wordmark", href="/", aria_label="AutoOps, traces"):
            icon("logo")
            tag("span", "AutoOps")
        with tag("nav", aria_label="Pages"):
            for name, address in NAVIGATION:
                entry = link(name, address, "top-link")
                if address == active:
                    entry.props["aria-current"] = "page"
        tag("span", classes="top-space")
        state = tag("a", classes="delivery is-quiet", href="/health", title="Delivery to Langfuse")
        tag("button", classes="theme-switch", type="button", aria_label="Colours", title="Colours").on(
            "click", js_handler="(event) => window.autoops.nextTheme(event.currentTarget)"
        )
    with tag("div", id_="main", tabindex="-1"):
        yield

    def show(diagnosis: Diagnosis) -> None:
        state.classes(replace=f"delivery is-{diagnosis.tone}")
        state.props["title"] = diagnosis.headline
        state.set_text(diagnosis.short)

    async def look() -> None:
        show(await asyncio.to_thread(judge, source))

    watch(source, look)


def judge(source: Source) -> Diagnosis:
    """Where delivery stands, for the header."""
    try:
        store = source.store()
        return diagnose(figures.read(store), reader.processes(store), time.time())
    except JournalError:
        return NO_JOURNAL


def watch(source: Source, refresh: Callable[[], Awaitable[None]], every_s: float = 5.0) -> None:
    """Call ``refresh`` once the reader is there, whenever the journal has news, and at least each ``every_s`` seconds.

    Args:
        source: The journal.
        refresh: Draws what has changed.
        every_s: For what changes with time alone, such as a process that falls silent.
    """
    seen: int | None = None
    due = rest_until = 0.0

    async def look() -> None:
        nonlocal seen, due, rest_until
        now = time.monotonic()
        if now < rest_until:
            return
        number = await asyncio.to_thread(pulse, source)
        if number == seen and now < due:
            return
        began = time.monotonic()
        await refresh()
        took = time.monotonic() - began
        seen, due, rest_until = number, began + every_s, began + REST * took

    ui.timer(REFRESH_S, look)


def pulse(source: Source) -> int | None:
    """A number that changes with the journal; None if there is none."""
    try:
        return queries.pulse(source.store())
    except JournalError:
        return None
