"""What the page asks the journal beyond ``reader``: one function a view, each leaves the connection before it returns."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import orjson

from autoops.dashboard import words
from autoops.dashboard.records import Destination, ListedTrace, SpanDetail, SpanLine, TraceLines, TraceList
from autoops.errors import JournalError
from autoops.tracing.journal import reader
from autoops.tracing.journal.caretaker import DEAD_AFTER_S
from autoops.tracing.journal.schema import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.journal.reader import TraceFilter
    from autoops.tracing.journal.store import Store

PAGE_SIZE: Final = 50
"""Traces on a page of the list."""
SEARCH_S: Final = 5.0
"""Longest search of the list, in seconds: a text is looked for in every payload there is."""
COUNT_S: Final = 0.5
"""Longest count of what a filter finds; beyond it the page says nothing of the total."""
RECENT_SPANS: Final = 20_000
"""Spans whose agents, types and so on are offered as filters."""
MAX_LINES: Final = 20_000
"""Spans of one trace that are drawn; more are cut off, and said to be."""
AGENT_SPANS: Final = 300
"""Spans of a trace that are looked at for the agents named in the list."""
ABOUT_CHARACTERS: Final = 4000
"""Characters of a root's input that are read to say in the list what it was about."""

_STEPS: Final = 5_000
"""SQLite's virtual machine steps between two looks at the clock: well under a millisecond."""


class SearchTooSlow(JournalError):  # noqa: N818 - a state of the search, named as its siblings in errors are
    """A query ran longer than the page lets it; it was stopped."""


def pulse(store: Store) -> int:
    """A number that changes with every commit of another connection: the cheapest sign of news (``data_version``)."""
    with store.reading() as connection:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])


def list_traces(
    store: Store, wanted: TraceFilter, after: tuple[int, str] | None = None, *, seconds: float = SEARCH_S
) -> TraceList:
    """A page of traces, newest first.

    Raises:
        SearchTooSlow: The page was not full within ``seconds``.
        JournalError: The journal cannot be read.
    """
    with _bounded(store, seconds):
        page = reader.list_traces(store, wanted, limit=PAGE_SIZE, after=after)
        ids = [trace.trace_id for trace in page.traces]
        agents, abouts = _agents(store, ids), _abouts(store, ids)
        abandoned = _abandoned(store, [trace.trace_id for trace in page.traces if trace.state == "open"])
    traces = (
        ListedTrace(each, agents[each.trace_id], abouts.get(each.trace_id, ""), each.trace_id in abandoned)
        for each in page.traces
    )
    return TraceList(tuple(traces), page.next)


def count(store: Store, wanted: TraceFilter, *, seconds: float = COUNT_S) -> int | None:
    """How many traces a filter finds; None if counting takes longer than ``seconds``."""
    try:
        with _bounded(store, seconds):
            return reader.count_traces(store, wanted)
    except SearchTooSlow:
        return None


def choices(store: Store) -> dict[str, list[str]]:
    """Agents, types, levels and decisions among the latest spans: what there is to filter by."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT DISTINCT agent, type, level, decision"
            " FROM (SELECT agent, type, level, decision FROM spans ORDER BY seq DESC LIMIT ?)",
            (RECENT_SPANS,),
        ).fetchall()
    columns = zip(*rows, strict=True) if rows else ((),) * 4
    return {
        name: sorted({value for value in column if value is not None})
        for name, column in zip(("agent", "type", "level", "decision"), columns, strict=True)
    }


def trace_lines(store: Store, trace_id: str, *, limit: int = MAX_LINES) -> TraceLines | None:
    """A trace's spans without their payloads, however large those are; None if the journal does not know it."""
    # A limit of 0 reads the summary and the scores alone.
    known = reader.get_trace(store, trace_id, limit=0)
    if known is None:
        return None
    summary = known.summary
    with store.reading() as connection:
        rows = connection.execute(
            f"SELECT {_LINE} FROM spans s WHERE s.trace_id = ? ORDER BY s.start_ns, s.seq LIMIT ?",  # noqa: S608 - our columns
            (summary.trace_id, limit + 1),
        ).fetchall()
    abandoned = summary.state == "open" and bool(_abandoned(store, [summary.trace_id]))
    lines = tuple(_line(row) for row in rows[:limit])
    return TraceLines(summary, lines, known.scores, abandoned, truncated=len(rows) > limit)


def matching_spans(store: Store, trace_id: str, text: str) -> frozenset[str]:
    """Ids of a trace's spans that have a text in their name, payloads, attributes, message or id."""
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    columns = (
        "name",
        "type",
        "agent",
        "decision",
        "input",
        "output",
        "attributes",
        "status_message",
        "span_id",
    )
    condition = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
    with _bounded(store, SEARCH_S) as connection:
        rows = connection.execute(
            f"SELECT span_id FROM spans WHERE trace_id = ? AND ({condition}) LIMIT ?",  # noqa: S608 - our columns
            (trace_id, *([pattern] * len(columns)), MAX_LINES),
        ).fetchall()
    return frozenset(row[0] for row in rows)


def span_detail(store: Store, trace_id: str, span_id: str) -> SpanDetail | None:
    """One span with its payloads, where it was recorded and how its delivery stands."""
    with store.reading() as connection:
        row = connection.execute(_SELECT_DETAIL, (trace_id, span_id)).fetchone()
    if row is None:
        return None
    width = len(fields(SpanLine))
    rest = row[width:]
    return SpanDetail(
        line=_line(row[:width]),
        operation=rest[0],
        status_message=rest[1],
        input=rest[2],
        output=rest[3],
        attributes=orjson.loads(rest[4]),
        events=tuple(orjson.loads(rest[5])) if rest[5] else (),
        links=tuple(orjson.loads(rest[6])) if rest[6] else (),
        delivery=rest[7],
        rejection=None if rest[8] is None else (rest[8], rest[9]),
        host=rest[10],
        environment=rest[11],
        release=rest[12],
        program=rest[13],
        pid=rest[14],
    )


def destinations(store: Store) -> list[Destination]:
    """Langfuse projects that rows were recorded for, those with the most waiting first."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT d.host, d.public_key, COALESCE(SUM(o.kind = 0), 0), COALESCE(SUM(o.kind = 1), 0)"
            " FROM destinations d LEFT JOIN outbox o ON o.destination_id = d.id GROUP BY d.id ORDER BY 3 DESC"
        ).fetchall()
    return [Destination(*row) for row in rows]


_LINE: Final = (
    "s.span_id, s.parent_span_id, s.name, s.type, s.agent, s.decision, s.confidence, s.level, s.start_ns, s.end_ns,"
    " CASE WHEN s.decision IS NOT NULL OR s.type IN ('evaluator', 'guardrail') THEN substr(s.input, 1, 1000) END,"
    " s.state"
)

_SELECT_DETAIL: Final = f"""
SELECT {_LINE}, s.operation, s.status_message, s.input, s.output, s.attributes, s.events, s.links,
    CASE
        WHEN s.state = 0 THEN NULL
        WHEN r.destination_id IS NULL THEN 'local'
        WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.destination_id = r.destination_id AND o.kind = 0 AND o.seq = s.seq)
            THEN 'pending'
        WHEN j.seq IS NOT NULL THEN 'rejected'
        WHEN t.sampled = 0 THEN 'sampled out'
        ELSE 'delivered'
    END,
    j.status, j.message, d.host, r.environment, r.release, p.program, p.pid
FROM spans s
JOIN traces t ON t.trace_id = s.trace_id
JOIN resources r ON r.id = s.resource_id
JOIN processes p ON p.id = r.process_id
LEFT JOIN destinations d ON d.id = r.destination_id
LEFT JOIN rejected j ON j.destination_id = r.destination_id AND j.kind = 0 AND j.seq = s.seq
WHERE s.trace_id = ? AND s.span_id = ?
"""  # noqa: S608 - our columns


def _line(row: tuple[Any, ...]) -> SpanLine:
    return SpanLine(*(*row[:-1], reader.STATES[row[-1]]))


def _agents(store: Store, trace_ids: list[str]) -> dict[str, tuple[str, ...]]:
    """For each trace, the agents among its first spans."""
    found: dict[str, tuple[str, ...]] = {}
    with store.reading() as connection:
        for trace_id in trace_ids:
            rows = connection.execute(
                "SELECT DISTINCT agent FROM (SELECT agent FROM spans WHERE trace_id = ? LIMIT ?)"
                " WHERE agent IS NOT NULL ORDER BY agent",
                (trace_id, AGENT_SPANS),
            ).fetchall()
            found[trace_id] = tuple(row[0] for row in rows)
    return found


def _abouts(store: Store, trace_ids: list[str]) -> dict[str, str]:
    """For each trace whose root was given something, what it was in brief."""
    places = ", ".join("?" * len(trace_ids))
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT t.trace_id, substr(s.input, 1, ?) FROM traces t"  # noqa: S608 - only placeholders
            " JOIN spans s ON s.trace_id = t.trace_id AND s.span_id = t.root_span_id"
            f" WHERE t.trace_id IN ({places}) AND s.input IS NOT NULL",
            (ABOUT_CHARACTERS, *trace_ids),
        ).fetchall()
    return {trace_id: words.brief(given) for trace_id, given in rows}


def _abandoned(store: Store, trace_ids: list[str]) -> frozenset[str]:
    """Those of these traces whose open spans belong to processes that ended or fell silent.

    A process that is alive marks such spans as interrupted; until one comes along, only the page can tell.
    """
    if not trace_ids:
        return frozenset()
    places = ", ".join("?" * len(trace_ids))
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT s.trace_id FROM spans s JOIN resources r ON r.id = s.resource_id"  # noqa: S608 - only placeholders
            " JOIN processes p ON p.id = r.process_id"
            f" WHERE s.trace_id IN ({places}) AND s.state = ? GROUP BY s.trace_id"
            " HAVING MAX(p.ended_at IS NULL AND p.heartbeat_at >= ?) = 0",
            (*trace_ids, OPEN, time.time() - DEAD_AFTER_S),
        ).fetchall()
    return frozenset(row[0] for row in rows)


@contextlib.contextmanager
def _bounded(store: Store, seconds: float) -> Iterator[sqlite3.Connection]:
    """Read for at most ``seconds``: the reader's own functions may be called inside.

    Raises:
        SearchTooSlow: The time was over first.
    """
    deadline = time.monotonic() + seconds
    try:
        with store.reading() as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            try:
                yield connection
            finally:
                connection.set_progress_handler(None, _STEPS)
    except JournalError as error:
        cause = error.__cause__
        if isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise SearchTooSlow(f"stopped after {seconds:g} s") from error
        raise
