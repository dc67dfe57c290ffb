"""The journal's read side: traces and spans as frozen records. Used by the page, the command line and look-ups of ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from autoops.errors import JournalError, JournalMissing
from autoops.tracing.journal.location import UNREACHABLE, Location, state_folder
from autoops.tracing.journal.schema import ENDED, INTERRUPTED, OPEN
from autoops.tracing.journal.store import Store
from autoops.tracing.serialize import dump

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

BOOKS: Final = ("begun", "ended", "open", "buffered", "filtered", "dropped")
"""Columns of a process's books."""
STATES: Final = {OPEN: "open", INTERRUPTED: "interrupted", ENDED: "ended"}


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in a list. ``end_ns`` is the latest end of its spans; ``state`` is its root's."""

    trace_id: str
    name: str | None
    session_id: str | None
    user_id: str | None
    tags: tuple[str, ...]
    start_ns: int
    end_ns: int | None
    state: str
    sampled: bool
    sample_rate: float
    spans: int
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A span as it stands in the journal. ``input`` and ``output`` are JSON text, ``attributes`` is decoded.

    ``delivery`` is where it stands on its way to Langfuse: local, sampled out, pending, rejected or delivered; None while
    it is open.
    """

    seq: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    type: str
    agent: str | None
    operation: str | None
    decision: str | None
    confidence: float | None
    level: str
    status_message: str | None
    start_ns: int
    end_ns: int | None
    state: str
    input: str | None
    output: str | None
    attributes: dict[str, Any]
    scope: dict[str, Any]
    delivery: str | None


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """A score on a trace or a span."""

    score_id: str
    span_id: str | None
    name: str
    value: Any
    data_type: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A whole trace: spans in the order of their beginning. ``truncated`` if it has more than were read."""

    summary: TraceSummary
    spans: tuple[SpanRecord, ...]
    scores: tuple[ScoreRecord, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces to list: all conditions on one span of the trace, and on the trace itself.

    ``text`` is looked for in names, payloads, reasons and ids; upper and lower case of ASCII letters are alike.
    """

    agent: str | None = None
    type: str | None = None
    level: str | None = None
    text: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    decision: str | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; ``next`` is the cursor of the one after it, None on the last."""

    traces: tuple[TraceSummary, ...]
    next: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A span or score that the server refused, with its words."""

    kind: str
    trace_id: str
    span_id: str | None
    name: str
    status: int
    message: str
    rejected_at: float


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """A process that wrote to the journal, its health as it last told it, and what it had begun at its last commit.

    ``books``: begun = ended + open + buffered + filtered + dropped; empty in files of programs that did not keep them.
    """

    pid: int
    program: str
    started_at: float
    heartbeat_at: float
    ended_at: float | None
    health: dict[str, Any]
    books: dict[str, int] = field(default_factory=dict)


def open_journal(journal: str) -> Store:
    """An existing journal, to read.

    Raises:
        JournalError: There is none at that path, it cannot be looked at, or it is ``off``.
    """
    if journal == "off":
        raise JournalMissing("AUTOOPS_JOURNAL is off: this process has no journal on disk to read")
    try:
        path = Path(journal).expanduser().absolute()
        has_content = path.is_file() and path.stat().st_size > 0
    except UNREACHABLE as error:
        raise JournalError(
            f"the journal at {journal} cannot be looked at ({error}): name yours with AUTOOPS_JOURNAL or --journal;"
            f" what could not be written there is in {state_folder() / 'journal.db'}"
        ) from error
    if not has_content:
        raise JournalMissing(f"there is no journal at {path}: record something first, or set AUTOOPS_JOURNAL")
    return Store(Location(path), read_only=True)


def list_traces(
    store: Store, wanted: TraceFilter | None = None, *, limit: int = 50, after: tuple[int, str] | None = None
) -> Page:
    """Traces, newest first, a page at a time.

    Args:
        store: The journal.
        wanted: Which ones; all if None.
        limit: Most on a page.
        after: The ``next`` of the page before.
    """
    where, arguments = _where(store, wanted or TraceFilter())
    if after is not None:
        where.append("(t.start_ns, t.trace_id) < (?, ?)")
        arguments.extend(after)
    condition = f"WHERE {' AND '.join(where)}"
    with store.reading() as connection:
        rows = connection.execute(
            f"{_SELECT_TRACE} {condition} ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT ?",
            (*arguments, limit + 1),
        ).fetchall()
    traces = tuple(_summary(row) for row in rows[:limit])
    last = traces[-1] if len(rows) > limit else None
    return Page(traces, None if last is None else (last.start_ns, last.trace_id))


def count_traces(store: Store, wanted: TraceFilter | None = None) -> int:
    """How many traces a filter finds."""
    where, arguments = _where(store, wanted or TraceFilter())
    condition = f"WHERE {' AND '.join(where)}"
    with store.reading() as connection:
        row = connection.execute(f"SELECT COUNT(*) FROM traces t {condition}", arguments).fetchone()
    return int(row[0])


def get_trace(store: Store, trace_id: str, *, limit: int = 20_000) -> TraceRecord | None:
    """A whole trace, or None if the journal does not know it. An unambiguous beginning of the id is enough."""
    with store.reading() as connection:
        found = connection.execute(
            f"{_SELECT_TRACE} WHERE t.trace_id >= ? AND t.trace_id < ?{_hidden(connection)} LIMIT 2",
            (trace_id, trace_id + "g"),
        ).fetchall()
        if len(found) != 1:
            return None
        summary = _summary(found[0])
        rows = connection.execute(
            f"{_SELECT_SPAN} WHERE s.trace_id = ? ORDER BY s.start_ns, s.seq LIMIT ?",
            (summary.trace_id, limit + 1),
        ).fetchall()
        scores = connection.execute(
            "SELECT score_id, span_id, name, value, data_type, comment FROM scores WHERE trace_id = ? ORDER BY seq",
            (summary.trace_id,),
        ).fetchall()
    return TraceRecord(
        summary,
        tuple(_span(row) for row in rows[:limit]),
        tuple(ScoreRecord(row[0], row[1], row[2], orjson.loads(row[3]), row[4], row[5]) for row in scores),
        truncated=len(rows) > limit,
    )


def unfinished_span(store: Store, span_id: str) -> tuple[SpanRecord, int] | None:
    """A span that has not really ended (open, or interrupted), with the id of its row in ``resources``."""
    with store.reading() as connection:
        row = connection.execute(
            f"{_SELECT_SPAN} WHERE s.state < 2 AND s.span_id = ? LIMIT 1", (span_id,)
        ).fetchone()
        if row is None:
            return None
        (resource_id,) = connection.execute(
            "SELECT resource_id FROM spans WHERE seq = ?", (row[0],)
        ).fetchone()
    return _span(row), int(resource_id)


def unfinished_root(store: Store, trace_id: str) -> str | None:
    """The id of a trace's root span, if it has not ended."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT span_id FROM spans WHERE trace_id = ? AND parent_span_id IS NULL AND state < 2",
            (trace_id,),
        ).fetchone()
    return None if row is None else str(row[0])


def parent_in(store: Store, trace_id: str, agent: str, operation: str) -> str | None:
    """Under which span of another process's trace an agent's new span belongs.

    The agent's own span of a collaboration if it is open, else the trace's root; None if the journal does not know.
    """
    with store.reading() as connection:
        row = connection.execute(
            "SELECT span_id FROM spans WHERE trace_id = ? AND agent = ? AND operation = ? AND state < 2 LIMIT 1",
            (trace_id, agent, operation),
        ).fetchone()
        if row is None:
            row = connection.execute(
                "SELECT root_span_id FROM traces WHERE trace_id = ?", (trace_id,)
            ).fetchone()
    return None if row is None else row[0]


def rejected(store: Store, limit: int = 100) -> list[RejectedRecord]:
    """What the server refused, newest first."""
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT CASE j.kind WHEN 0 THEN 'span' ELSE 'score' END, COALESCE(s.trace_id, c.trace_id, ''),"
            " COALESCE(s.span_id, c.span_id), COALESCE(s.name, c.name, ''), j.status, j.message, j.rejected_at"
            " FROM rejected j LEFT JOIN spans s ON j.kind = 0 AND s.seq = j.seq"
            " LEFT JOIN scores c ON j.kind = 1 AND c.seq = j.seq ORDER BY j.rejected_at DESC LIMIT ?",
            (limit,),
        ).fetchall()
    return [RejectedRecord(*row) for row in rows]


def processes(store: Store, limit: int = 20) -> list[ProcessRecord]:
    """Processes that wrote to the journal, latest heartbeat first."""
    with store.reading() as connection:
        cursor = connection.execute("SELECT * FROM processes ORDER BY heartbeat_at DESC LIMIT ?", (limit,))
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return [
        ProcessRecord(
            row["pid"],
            row["program"],
            row["started_at"],
            row["heartbeat_at"],
            row["ended_at"],
            orjson.loads(row["health"]),
            {name: row[name] for name in BOOKS if name in row},
        )
        for row in rows
    ]


_SELECT_TRACE: Final = """
SELECT t.trace_id, t.name, t.session_id, t.user_id, t.tags, t.start_ns, t.end_ns,
    (SELECT MIN(s.state) FROM spans s WHERE s.trace_id = t.trace_id AND s.parent_span_id IS NULL),
    t.sampled, t.sample_rate, t.span_count, t.error_count, t.warning_count
FROM traces t
"""

_SELECT_SPAN: Final = """
SELECT s.seq, s.trace_id, s.span_id, s.parent_span_id, s.name, s.type, s.agent, s.operation, s.decision, s.confidence,
    s.level, s.status_message, s.start_ns, s.end_ns, s.state, s.input, s.output, s.attributes, s.scope,
    CASE
        WHEN s.state = 0 THEN NULL
        WHEN r.destination_id IS NULL THEN 'local'
        WHEN EXISTS (SELECT 1 FROM outbox o WHERE o.destination_id = r.destination_id AND o.kind = 0 AND o.seq = s.seq)
            THEN 'pending'
        WHEN EXISTS (SELECT 1 FROM rejected j WHERE j.destination_id = r.destination_id AND j.kind = 0 AND j.seq = s.seq)
            THEN 'rejected'
        WHEN (SELECT t.sampled FROM traces t WHERE t.trace_id = s.trace_id) = 0 THEN 'sampled out'
        ELSE 'delivered'
    END
FROM spans s JOIN resources r ON r.id = s.resource_id
"""


def _hidden(connection: sqlite3.Connection) -> str:
    """A condition, to be added with AND, that leaves out the traces that are on their way out.

    Files of older programs, which a reader does not bring up to date, know of none.
    """
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'doomed'").fetchone()
    return " AND NOT EXISTS (SELECT 1 FROM doomed d WHERE d.trace_id = t.trace_id)" if known else ""


def _where(store: Store, wanted: TraceFilter) -> tuple[list[str], list[Any]]:
    with store.reading() as connection:
        conditions = [f"TRUE{_hidden(connection)}"]
    arguments: list[Any] = []
    for column, value in (("session_id", wanted.session_id), ("user_id", wanted.user_id)):
        if value:
            conditions.append(f"t.{column} = ?")
            arguments.append(value)
    on_span: list[str] = []
    for column, value in (
        ("agent", wanted.agent),
        ("type", wanted.type),
        ("level", wanted.level),
        ("decision", wanted.decision),
    ):
        if value:
            on_span.append(f"s.{column} = ?")
            arguments.append(value)
    if wanted.text:
        # Payloads are JSON, in which quotes and backslashes are escaped.
        patterns = dict.fromkeys(map(_pattern, (wanted.text, dump(wanted.text).decode()[1:-1])))
        columns = ("name", "input", "output", "attributes", "status_message", "trace_id", "span_id")
        terms = [f"s.{column} LIKE ? ESCAPE '\\'" for column in columns] * len(patterns)
        on_span.append(f"({' OR '.join(terms)})")
        arguments.extend(pattern for pattern in patterns for _ in columns)
    if wanted.rejected:
        on_span.append("EXISTS (SELECT 1 FROM rejected j WHERE j.kind = 0 AND j.seq = s.seq)")
    if on_span:
        conditions.append(
            f"EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = t.trace_id AND {' AND '.join(on_span)})"
        )
    return conditions, arguments


def _pattern(text: str) -> str:
    """Text as a pattern of LIKE that finds it anywhere, taken literally."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _summary(row: sqlite3.Row | Sequence[Any]) -> TraceSummary:
    return TraceSummary(
        trace_id=row[0],
        name=row[1],
        session_id=row[2],
        user_id=row[3],
        tags=tuple(orjson.loads(row[4])) if row[4] else (),
        start_ns=row[5],
        end_ns=row[6] or None,
        state=STATES[ENDED if row[7] is None else row[7]],
        sampled=bool(row[8]),
        sample_rate=row[9],
        spans=row[10],
        errors=row[11],
        warnings=row[12],
    )


def _span(row: Sequence[Any]) -> SpanRecord:
    return SpanRecord(
        *(*row[:14], STATES[row[14]], row[15], row[16], orjson.loads(row[17]), orjson.loads(row[18]), row[19])
    )
