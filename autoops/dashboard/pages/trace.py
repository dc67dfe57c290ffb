"""One trace: its spans as a tree beside their time, and everything about the one that is chosen."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request  # noqa: TC002 - NiceGUI reads the annotation
from nicegui import ui

from autoops.dashboard import queries, theme, tree, words
from autoops.dashboard.elements.notice import no_journal, notice
from autoops.dashboard.elements.span_panel import span_panel
from autoops.dashboard.elements.tags import badge, copyable, link, tag
from autoops.dashboard.elements.trace_table import state
from autoops.dashboard.elements.waterfall import Waterfall
from autoops.dashboard.queries import SearchTooSlow
from autoops.dashboard.views import SHOWN, Sight, View
from autoops.errors import JournalError

if TYPE_CHECKING:
    from autoops.dashboard.records import SpanDetail, TraceLines
    from autoops.dashboard.source import Source

TYPING_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the page shows: the trace and the ids a filter found (None without one), or why there is none."""

    trace: TraceLines | None = None
    matching: frozenset[str] | None = None
    fault: str | None = None


def register(source: Source) -> None:
    """Put the page at its address."""

    @ui.page("/trace/{trace_id}", title="Trace · AutoOps", response_timeout=30)
    async def trace(request: Request, trace_id: str) -> None:
        await _TracePage(source, trace_id, Sight.from_query(request.query_params)).build()


def load(source: Source, trace_id: str, sight: Sight) -> Loaded:
    """Read what the page shows."""
    try:
        store = source.store()
        found = queries.trace_lines(store, trace_id)
        if found is None or not (sight.text or sight.only):
            return Loaded(found)
        matching = frozenset(line.span_id for line in found.lines if sight.lets_through(line))
        if sight.text:
            matching &= queries.matching_spans(store, found.summary.trace_id, sight.text)
        return Loaded(found, matching)
    except SearchTooSlow as error:
        return Loaded(fault=f"The search was {error}: choose a longer text.")
    except JournalError as error:
        return Loaded(fault=str(error))


class _TracePage:
    """One reader's look at a trace."""

    def __init__(self, source: Source, trace_id: str, sight: Sight) -> None:
        self.source = source
        self.trace_id = trace_id
        self.sight = sight
        self.shown = Loaded()
        self.detail: SpanDetail | None = None

    async def build(self) -> None:
        """Draw the page."""
        loaded = await asyncio.to_thread(load, self.source, self.trace_id, self.sight)
        found = loaded.trace
        with theme.frame(self.source, "/"):
            if found is None:
                self._explain(loaded)
                return
            self.trace_id = found.summary.trace_id
            ui.page_title(f"{found.summary.name or 'Trace'} · AutoOps")
            self.head = tag("div", classes="trace-head")
            self._filters()
            self.note = tag("p", classes="trace-note", role="status")
            with tag("div", classes="trace-body"):
                with tag("section", classes="trace-tree", aria_label="Spans"):
                    self.waterfall = Waterfall(self._select)
                self.panel = tag("section", classes="trace-panel", aria_label="Span", aria_live="polite")
        self._choose_first(found)
        await self._show(loaded)
        theme.watch(self.source, self._refresh)

    def _explain(self, loaded: Loaded) -> None:
        if loaded.fault is not None:
            no_journal(self.source, loaded.fault)
        else:
            text = f"The journal knows no trace {self.trace_id}. It may have been pruned, or belong to another journal."
            notice("No such trace", text, back=("Show all traces", "/"))

    def _filters(self) -> None:
        with tag("form", classes="filters", role="search", aria_label="Filter the spans").on(
            "submit", js_handler="(event) => event.preventDefault()"
        ):
            search = tag(
                "input", classes="field search", type="search", placeholder="Only spans with …", name="q"
            )
            search.props.update({"aria-label": "Search in this trace", "^value": self.sight.text})
            search.on(
                "input",
                lambda event: self._filter(text=str(event.args or "").strip()),
                throttle=TYPING_S,
                leading_events=False,
                js_handler="(event) => emit(event.target.value)",
            )
            with tag("select", classes="field", name="only", aria_label="Spans to show").on(
                "change",
                lambda event: self._filter(only=str(event.args or "")),
                js_handler="(event) => emit(event.target.value)",
            ):
                for value, label in SHOWN.items():
                    option = tag("option", label, value=value)
                    if value == self.sight.only:
                        option.props["^selected"] = "selected"

    def _choose_first(self, found: TraceLines) -> None:
        """Without a span in the address, or with an unknown one, the first is chosen; the address stays."""
        known = {line.span_id for line in found.lines}
        self.missing = self.sight.span_id if self.sight.span_id and self.sight.span_id not in known else None
        self.chosen = self.sight.span_id if self.sight.span_id in known else None
        if self.chosen is None and found.lines:
            self.chosen = tree.arrange(found.lines)[0].line.span_id

    async def _filter(self, **changes: str) -> None:
        sight = replace(self.sight, **changes)
        if sight == self.sight:
            return
        self.sight = sight
        ui.navigate.history.replace(sight.url(self.trace_id))
        loaded = await asyncio.to_thread(load, self.source, self.trace_id, sight)
        if sight == self.sight:
            await self._show(loaded)

    async def _select(self, span_id: str) -> None:
        self.chosen = span_id
        self.missing = None
        self.sight = replace(self.sight, span_id=span_id)
        ui.navigate.history.replace(self.sight.url(self.trace_id))
        await self._show_panel()

    async def _refresh(self) -> None:
        sight = self.sight
        loaded = await asyncio.to_thread(load, self.source, self.trace_id, sight)
        if sight == self.sight and loaded.fault is None:
            is_open = loaded.trace is not None and loaded.trace.summary.state == "open"
            if loaded != self.shown or is_open:
                await self._show(loaded)
            else:
                await self._show_panel()

    async def _show(self, loaded: Loaded) -> None:
        self.shown = loaded
        found = loaded.trace
        if found is None:
            self.note.set_text(loaded.fault or "The trace is gone from the journal.")
            return
        nodes = tree.arrange(found.lines)
        if loaded.matching is not None:
            nodes = tree.reduced(nodes, loaded.matching)
        start_ns = min((line.start_ns for line in found.lines), default=found.summary.start_ns)
        end_ns = max((line.end_ns or 0 for line in found.lines), default=0)
        if found.summary.state == "open" and not found.abandoned:
            end_ns = max(end_ns, time.time_ns())
        self.waterfall.show(
            nodes,
            start_ns=start_ns,
            end_ns=end_ns,
            selected=self.chosen,
            matching=loaded.matching,
            filter_key=f"{self.sight.only}:{self.sight.text}",
        )
        self._show_head(found, end_ns - start_ns)
        self._show_note(found, loaded)
        await self._show_panel()

    def _show_head(self, found: TraceLines, length_ns: int) -> None:
        summary = found.summary
        shown = state(summary.state, abandoned=found.abandoned)
        self.head.clear()
        with self.head:
            link("Traces", "/", "crumb")
            with tag("div", classes="title-row"):
                tag("h1", summary.name or "(no name)")
                if shown == "open":
                    badge("Running", "live")
                elif shown == "interrupted":
                    badge("Interrupted", "warning", "The process that recorded it is gone")
                problems = Sight(only="problems").url(self.trace_id)
                if summary.errors:
                    link(words.count(summary.errors, "error"), problems, "badge is-bad")
                if summary.warnings:
                    link(words.count(summary.warnings, "warning"), problems, "badge is-warning")
            with tag("div", classes="facts"):
                _fact("Started", words.moment(summary.start_ns))
                _fact("Took" if shown != "open" else "So far", words.duration(length_ns))
                _fact("Spans", words.count(summary.spans))
                if summary.session_id:
                    with tag("span", "Session ", "fact"):
                        link(summary.session_id, View().filtered(session=summary.session_id).url())
                if summary.user_id:
                    with tag("span", "User ", "fact"):
                        link(summary.user_id, View().filtered(user=summary.user_id).url())
                if not summary.sampled:
                    badge("Sampled out", "quiet", f"Kept here, not sent: sample rate {summary.sample_rate:g}")
                for each in summary.tags:
                    tag("span", each, "trace-tag")
                for score in (score for score in found.scores if score.span_id is None):
                    _fact(score.name, words.plain(score.value))
                copyable(summary.trace_id, "the trace's id")

    def _show_note(self, found: TraceLines, loaded: Loaded) -> None:
        notes = []
        if self.missing:
            notes.append(f"This trace has no span {self.missing}.")
        if found.truncated:
            notes.append(
                f"Truncated: the first {words.count(len(found.lines))} of {words.count(found.summary.spans)} spans"
                " are shown."
            )
        if loaded.matching is not None:
            number = len(loaded.matching)
            notes.append(
                f"{words.count(number, 'span')} found, with the spans above."
                if number
                else "No span is like this."
            )
        self.note.set_text(" ".join(notes))

    async def _show_panel(self) -> None:
        """Draw the chosen span anew if anything about it has changed: what is unfolded in it would close."""
        found = self.shown.trace
        if found is None or self.chosen is None:
            return
        span_id = self.chosen
        detail = await asyncio.to_thread(_detail, self.source, self.trace_id, span_id)
        if detail is None or detail == self.detail or span_id != self.chosen:
            return
        self.detail = detail
        self.panel.clear()
        with self.panel:
            scores = [score for score in found.scores if score.span_id == span_id]
            span_panel(self.trace_id, detail, scores)


def _detail(source: Source, trace_id: str, span_id: str) -> SpanDetail | None:
    try:
        return queries.span_detail(source.store(), trace_id, span_id)
    except JournalError:
        return None


def _fact(name: str, value: Any) -> None:
    with tag("span", f"{name} ", "fact"):
        tag("b", str(value))
