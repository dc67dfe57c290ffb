"""The list of traces: rows that change in place while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nicegui import ui

from autoops.dashboard import words
from autoops.dashboard.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.dashboard.records import ListedTrace

AGENTS_SHOWN: Final = 4
"""Agents named in a row; the others are counted."""


class TraceTable(ui.element, component="trace_table.js"):
    """Draws traces and keeps the reader's place: what arrives while someone reads further down waits behind a button.

    Args:
        traces: A page of the list.
        is_newest: Whether new ones may arrive on top of it.
    """

    def __init__(self, traces: Sequence[ListedTrace], *, is_newest: bool) -> None:
        super().__init__()
        self.show(traces, is_newest=is_newest, is_new_page=True)

    def show(self, traces: Sequence[ListedTrace], *, is_newest: bool, is_new_page: bool) -> None:
        """Show these traces; ``is_new_page`` tells another page from news of the same."""
        self.props["rows"] = [_row(trace) for trace in traces]
        self.props["newest"] = is_newest
        self.props["page"] = self.props.get("page", 0) + is_new_page
        self.update()


def state(summary_state: str, *, abandoned: bool) -> str:
    """A trace's state as it is shown: an open one whose process is gone is interrupted."""
    return "interrupted" if abandoned else summary_state


def _row(listed: ListedTrace) -> dict[str, Any]:
    trace = listed.summary
    shown = state(trace.state, abandoned=listed.abandoned)
    more = len(listed.agents) - AGENTS_SHOWN
    return {
        "id": trace.trace_id,
        "name": trace.name or "(no name)",
        "about": listed.about,
        "state": shown,
        "session": trace.session_id,
        "sessionHref": View().filtered(session=trace.session_id).url() if trace.session_id else None,
        "user": trace.user_id,
        "tags": list(trace.tags),
        "agents": [*listed.agents[:AGENTS_SHOWN], *([f"+{more}"] if more > 0 else [])],
        "spans": words.count(trace.spans, "span"),
        "errors": words.count(trace.errors, "error") if trace.errors else None,
        "warnings": words.count(trace.warnings, "warning") if trace.warnings else None,
        "sampled": trace.sampled,
        "startMs": trace.start_ns / 1e6,
        "duration": None
        if shown == "open" or trace.end_ns is None
        else words.duration(trace.end_ns - trace.start_ns),
    }
