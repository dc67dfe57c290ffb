"""What is looked at, as the URL's query holds it: of the list, and of one trace. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from autoops.tracing.journal.reader import TraceFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoops.dashboard.records import SpanLine

Cursor = tuple[int, str]

_NAMES: Final = {
    "q": "text",
    "agent": "agent",
    "type": "type",
    "level": "level",
    "decision": "decision",
    "session": "session_id",
    "user": "user_id",
}
"""The query's names and the filter's fields."""
_TRAIL: Final = 40
"""Pages whose beginnings the URL remembers, so that one can walk back: about 2 kB."""
_LAST_NS: Final = 2**63 - 1
"""The latest time that SQLite can hold."""
SHOWN: Final = {
    "": "All spans",
    "problems": "Errors and warnings",
    "decisions": "Decisions",
    "agents": "Agents",
    "open": "Not ended",
}
"""What the choice within a trace leaves: the address's words and the reader's."""


_EVERYTHING: Final = TraceFilter()


@dataclass(frozen=True, slots=True)
class View:
    """What the list shows.

    Attributes:
        wanted: The filter.
        trail: Cursors of the pages walked to get here, oldest step first; empty on the newest page.
    """

    wanted: TraceFilter = _EVERYTHING
    trail: tuple[Cursor, ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> View:
        """Read a URL's query; what it does not understand it leaves out."""
        given = {field: query.get(name, "").strip() or None for name, field in _NAMES.items()}
        wanted = TraceFilter(**given, rejected=query.get("rejected") == "1")
        return cls(wanted, _read_trail(query.get("after", "")))

    @property
    def after(self) -> Cursor | None:
        """The cursor of this page; None on the newest."""
        return self.trail[-1] if self.trail else None

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return self.wanted != _EVERYTHING

    def url(self) -> str:
        """The address of this view."""
        given = {name: getattr(self.wanted, field) for name, field in _NAMES.items()}
        query = {name: value for name, value in given.items() if value}
        if self.wanted.rejected:
            query["rejected"] = "1"
        if self.trail:
            query["after"] = ",".join(f"{start}.{trace_id}" for start, trace_id in self.trail)
        return f"/?{urlencode(query, safe=',')}" if query else "/"

    def filtered(self, **changes: str | None) -> View:
        """Another filter, on its newest page. Names are the query's."""
        known = {each.name for each in fields(TraceFilter)}
        values = {_NAMES[name]: value or None for name, value in changes.items() if _NAMES[name] in known}
        return View(replace(self.wanted, **values))  # type: ignore[arg-type]

    def older(self, cursor: Cursor) -> View:
        """The next page."""
        return View(self.wanted, (*self.trail, cursor)[-_TRAIL:])

    def newer(self) -> View:
        """The page before."""
        return View(self.wanted, self.trail[:-1])


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a trace is looked at: the address's query."""

    span_id: str | None = None
    text: str = ""
    only: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Sight:
        """Read a URL's query; what it does not understand it leaves out."""
        only = query.get("only", "")
        return cls(query.get("span") or None, query.get("q", "").strip(), only if only in SHOWN else "")

    def url(self, trace_id: str) -> str:
        """The address of this sight."""
        given = {"span": self.span_id, "q": self.text, "only": self.only}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"/trace/{trace_id}?{query}" if query else f"/trace/{trace_id}"

    def lets_through(self, line: SpanLine) -> bool:
        """Whether a span is of the chosen kind, whatever its text."""
        return {
            "problems": line.level in {"ERROR", "WARNING"} or line.state == "interrupted",
            "decisions": line.decision is not None,
            "agents": line.type == "agent",
            "open": line.state != "ended",
        }.get(self.only, True)


def _read_trail(text: str) -> tuple[Cursor, ...]:
    trail = []
    for part in text.split(",") if text else ():
        start, _, trace_id = part.partition(".")
        if not start.isdecimal() or int(start) > _LAST_NS or not trace_id.isalnum():
            return ()
        trail.append((int(start), trace_id))
    return tuple(trail[-_TRAIL:])
