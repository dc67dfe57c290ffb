"""What the page's queries return: frozen rows, ready to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoops.tracing.journal.reader import ScoreRecord, TraceSummary


@dataclass(frozen=True, slots=True)
class ListedTrace:
    """A trace in the list.

    Attributes:
        summary: The trace.
        agents: Agents seen among its first spans.
        about: What its root was given, in brief.
        abandoned: Its root is open, but the process that began it ended or fell silent.
    """

    summary: TraceSummary
    agents: tuple[str, ...]
    about: str
    abandoned: bool


@dataclass(frozen=True, slots=True)
class TraceList:
    """A page of the list; ``older`` is the cursor of the next one, None on the last."""

    traces: tuple[ListedTrace, ...]
    older: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A span without its payloads: what one line of a trace shows.

    ``about`` is the beginning of the input of a decision or a check, as JSON text: many of a trace bear the same name.
    """

    span_id: str
    parent_span_id: str | None
    name: str
    type: str
    agent: str | None
    decision: str | None
    confidence: float | None
    level: str
    start_ns: int
    end_ns: int | None
    about: str | None
    state: str


@dataclass(frozen=True, slots=True)
class TraceLines:
    """A trace to draw: spans in the order of their beginning, all scores of the trace. ``truncated`` if there are more."""

    summary: TraceSummary
    lines: tuple[SpanLine, ...]
    scores: tuple[ScoreRecord, ...]
    abandoned: bool
    truncated: bool


@dataclass(frozen=True, slots=True)
class SpanDetail:
    """Everything about one span. ``input`` and ``output`` are JSON text; ``rejection`` is the server's status and words."""

    line: SpanLine
    operation: str | None
    status_message: str | None
    input: str | None
    output: str | None
    attributes: dict[str, Any]
    events: tuple[dict[str, Any], ...]
    links: tuple[dict[str, Any], ...]
    delivery: str | None
    rejection: tuple[int, str] | None
    host: str | None
    environment: str
    release: str
    program: str
    pid: int


@dataclass(frozen=True, slots=True)
class Destination:
    """A Langfuse project that rows are recorded for, and how many spans and scores wait for it."""

    host: str
    public_key: str
    spans: int
    scores: int
