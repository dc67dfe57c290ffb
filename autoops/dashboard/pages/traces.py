"""The list of traces: newest first, filtered by the address, a page at a time, alive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request  # noqa: TC002 - NiceGUI reads the annotation
from nicegui import ui

from autoops.dashboard import queries, theme, words
from autoops.dashboard.elements.notice import empty_journal, no_journal, notice
from autoops.dashboard.elements.tags import button, link, tag
from autoops.dashboard.elements.trace_table import TraceTable
from autoops.dashboard.queries import SearchTooSlow
from autoops.dashboard.views import View
from autoops.errors import JournalError
from autoops.tracing.journal import figures

if TYPE_CHECKING:
    from autoops.dashboard.records import TraceList
    from autoops.dashboard.source import Source

FILTERS: Final = (("agent", "Agent"), ("type", "Type"), ("level", "Level"), ("decision", "Decision"))
CHIPS: Final = (("session", "Session", "session_id"), ("user", "User", "user_id"))
TYPING_S: Final = 0.4
"""Longest time between a letter typed and the list it leads to, in seconds."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the page shows; ``fault`` says why it shows no list."""

    page: TraceList | None = None
    total: int | None = None
    choices: dict[str, list[str]] | None = None
    fault: str | None = None
    kind: str = "list"


def register(source: Source) -> None:
    """Put the page at its address."""

    @ui.page("/", title="Traces · AutoOps", response_timeout=30)
    async def traces(request: Request) -> None:
        await _TracesPage(source, View.from_query(request.query_params)).build()


def load(source: Source, view: View) -> Loaded:
    """Read what the page shows."""
    try:
        store = source.store()
        known = figures.read(store).traces
        if not known:
            return Loaded(kind="empty")
        found = queries.list_traces(store, view.wanted, view.after)
        total = queries.count(store, view.wanted) if view.is_filtered else known
        kind = "list" if found.traces else "nothing"
        return Loaded(found, total, queries.choices(store), kind=kind)
    except SearchTooSlow:
        return Loaded(kind="slow", choices={})
    except JournalError as error:
        return Loaded(fault=str(error), kind="fault")


class _TracesPage:
    """One reader's list."""

    def __init__(self, source: Source, view: View) -> None:
        self.source = source
        self.view = view
        self.shown = Loaded()
        self.table: TraceTable | None = None
        self.selects: dict[str, tuple[ui.element, list[str]]] = {}

    async def build(self) -> None:
        """Draw the page."""
        loaded = await asyncio.to_thread(load, self.source, self.view)
        with theme.frame(self.source, "/"):
            with tag("div", classes="title-row"):
                tag("h1", "Traces")
                self.total = tag("span", "", "title-note")
            self._filters(loaded)
            self.body = tag("div")
            with tag("nav", classes="pager", aria_label="Pages of the list"):
                self.newest = button("Newest", self._to_newest)
                self.newer = button("Newer", self._to_newer)
                self.older = button("Older", self._to_older)
        self._show(loaded, is_new_page=True)
        theme.watch(self.source, self._refresh)

    def _filters(self, loaded: Loaded) -> None:
        with tag("form", classes="filters", role="search", aria_label="Filter the list").on(
            "submit", js_handler="(event) => event.preventDefault()"
        ):
            search = tag(
                "input", classes="field search", type="search", placeholder="Search names, payloads, ids …"
            )
            search.props.update({"aria-label": "Search", "^value": self.view.wanted.text or "", "name": "q"})
            search.on(
                "input",
                lambda event: self._filter("q", event.args),
                throttle=TYPING_S,
                leading_events=False,
                js_handler="(event) => emit(event.target.value)",
            )
            for name, label in FILTERS:
                select = tag("select", classes="field", name=name, aria_label=label)
                select.on(
                    "change",
                    lambda event, name=name: self._filter(name, event.args),
                    js_handler="(event) => emit(event.target.value)",
                )
                self.selects[name] = (select, [])
                self._offer(name, label, (loaded.choices or {}).get(name, []))
            self.chips = tag("span", classes="chips")

    def _offer(self, name: str, label: str, values: list[str]) -> None:
        """Fill a choice; untouched while its values are the same, for it may be open."""
        select, offered = self.selects[name]
        chosen = getattr(self.view.wanted, name)
        values = sorted({*values, *([chosen] if chosen else [])})
        if offered and values == offered[1:]:
            return
        offered[:] = ["", *values]
        select.clear()
        with select:
            for value in offered:
                option = tag("option", value or f"{label}: any", value=value)
                if value == (chosen or ""):
                    option.props["^selected"] = "selected"

    async def _filter(self, name: str, value: Any) -> None:
        await self._go(self.view.filtered(**{name: str(value or "").strip()}), replace=name == "q")

    async def _to_newest(self) -> None:
        await self._go(View(self.view.wanted))

    async def _to_newer(self) -> None:
        await self._go(self.view.newer())

    async def _to_older(self) -> None:
        if self.shown.page is not None and self.shown.page.older is not None:
            await self._go(self.view.older(self.shown.page.older))

    async def _go(self, view: View, *, replace: bool = False) -> None:
        if view == self.view:
            return
        self.view = view
        history = ui.navigate.history
        (history.replace if replace else history.push)(view.url())
        loaded = await asyncio.to_thread(load, self.source, view)
        if view == self.view:
            # Otherwise the reader has gone on: the later view draws itself.
            self._show(loaded, is_new_page=True)

    async def _refresh(self) -> None:
        view = self.view
        loaded = await asyncio.to_thread(load, self.source, view)
        if view == self.view:
            self._show(loaded, is_new_page=False)

    def _show(self, loaded: Loaded, *, is_new_page: bool) -> None:
        if loaded == self.shown and not is_new_page:
            return
        before, self.shown = self.shown, loaded
        self._show_total()
        self._show_chips()
        if loaded.choices:
            for name, label in FILTERS:
                self._offer(name, label, loaded.choices[name])
        is_newest = self.view.after is None
        self.newest.set_visibility(not is_newest)
        self.newer.set_visibility(not is_newest)
        self.older.set_visibility(loaded.page is not None and loaded.page.older is not None)
        if loaded.page is not None and loaded.kind == "list":
            if self.table is None or before.kind != "list":
                self.body.clear()
                with self.body:
                    self.table = TraceTable(loaded.page.traces, is_newest=is_newest)
            else:
                self.table.show(loaded.page.traces, is_newest=is_newest, is_new_page=is_new_page)
            return
        self.table = None
        self.body.clear()
        with self.body:
            self._explain(loaded)

    def _explain(self, loaded: Loaded) -> None:
        if loaded.kind == "fault":
            no_journal(self.source, loaded.fault or "")
        elif loaded.kind == "empty":
            empty_journal()
        elif loaded.kind == "slow":
            text = (
                f"The search was stopped after {queries.SEARCH_S:g} s: a text is looked for in every payload."
                " Narrow it by agent, decision or session."
            )
            notice("This takes too long", text, back=("Show all traces", "/"))
        else:
            notice("No trace is like this", "Change or clear the filters.", back=("Show all traces", "/"))

    def _show_total(self) -> None:
        total = self.shown.total
        if self.shown.kind not in {"list", "nothing"}:
            self.total.set_text("")
        elif total is None:
            self.total.set_text("many match")
        else:
            matching = (
                " match"
                if self.view.is_filtered and total != 1
                else " matches"
                if self.view.is_filtered
                else ""
            )
            self.total.set_text(words.count(total, "trace") + matching)

    def _show_chips(self) -> None:
        self.chips.clear()
        with self.chips:
            for name, label, field in CHIPS:
                value = getattr(self.view.wanted, field)
                if value:
                    with tag("a", f"{label}: {value}", "chip", href=self.view.filtered(**{name: None}).url()):
                        tag("span", "✕", aria_label="remove")
            if self.view.wanted.rejected:
                tag("span", "Refused by Langfuse", "chip")
            if self.view.is_filtered:
                link("Clear", "/", "quiet-link")
