"""How commands print: tables and trees for people, JSON for scripts."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.tracing.journal.reader import ScoreRecord, SpanRecord, TraceRecord

WHOLE: Final = 10_000
"""Columns where nobody's screen sets a limit."""
LEVEL_STYLES = {"ERROR": "bold red", "WARNING": "yellow", "DEBUG": "dim"}


def console() -> Console:
    """Where people read; made anew, for tests replace standard output."""
    return Console(highlight=False, soft_wrap=True)


def page() -> Console:
    """Where tables and trees are read: as wide as the terminal, where long text wraps; whole lines in a file or a pipe."""
    found = console()
    return Console(highlight=False, width=None if found.is_terminal else WHOLE)


def confirm(question: str) -> None:
    """Ask before something that cannot be undone; nothing is done if the answer is no, or nobody can be asked.

    Raises:
        typer.Abort: The answer is no.
        typer.Exit: Nobody can be asked; exit code 2.
    """
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise
        typer.echo("\nautoops: nothing was changed: say --yes where nobody can be asked", err=True)
        raise typer.Exit(2) from None
    if not agreed:
        raise typer.Abort


def print_json(value: Any) -> None:
    """Print one JSON document; dataclasses become objects."""
    typer.echo(orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2, default=str).decode())


def decoded(payload: str | None) -> Any:
    """A payload of the journal as the value it stands for."""
    if payload is None:
        return None
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload


def span_json(span: SpanRecord) -> dict[str, Any]:
    """A span for scripts: payloads as values rather than as text."""
    return dataclasses.asdict(span) | {"input": decoded(span.input), "output": decoded(span.output)}


def trace_json(trace: TraceRecord) -> dict[str, Any]:
    """A trace for scripts."""
    return {
        **dataclasses.asdict(trace.summary),
        "spans": [span_json(span) for span in trace.spans],
        "scores": [dataclasses.asdict(score) for score in trace.scores],
        "truncated": trace.truncated,
    }


def trace_tree(trace: TraceRecord) -> Tree:
    """A trace for people: spans under their parents, with times, levels, what decisions said and what became of them."""
    scores: dict[str | None, list[ScoreRecord]] = {}
    for score in trace.scores:
        scores.setdefault(score.span_id, []).append(score)
    children: dict[str | None, list[SpanRecord]] = {}
    known = {span.span_id for span in trace.spans}
    for span in trace.spans:
        # A span whose parent is elsewhere, or did not come, hangs at the top.
        parent = span.parent_span_id if span.parent_span_id in known else None
        children.setdefault(parent, []).append(span)
    tree = Tree(
        f"[bold]{escape(trace.summary.name or 'trace')}[/]  {trace.summary.trace_id}  {when(trace.summary.start_ns)}"
    )
    shown: set[str] = set()
    # Spans that are each other's parents hang under no top: they follow as if they were tops.
    for top in (*children.get(None, []), *trace.spans):
        stack: list[tuple[Tree, Sequence[SpanRecord]]] = [(tree, [top])]
        while stack:
            branch, spans = stack.pop()
            for span in spans:
                if span.span_id not in shown:
                    shown.add(span.span_id)
                    line = _line(span, scores.get(span.span_id, ()))
                    stack.append((branch.add(line), children.get(span.span_id, [])))
    return tree


def when(time_ns: int) -> str:
    """A moment in local time."""
    return dt.datetime.fromtimestamp(time_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment(iso: str | None) -> str:
    """A moment of ISO 8601 in local time."""
    try:
        told = dt.datetime.fromisoformat(str(iso))
    except ValueError:
        return "some time ago"
    return told.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(start_ns: int, end_ns: int | None) -> str:
    """How long something took, in the unit that fits."""
    if end_ns is None:
        return "running"
    seconds = (end_ns - start_ns) / 1e9
    if seconds >= 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def number(count: int, noun: str) -> str:
    """So many of something."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ago(seconds: float) -> str:
    """How long something has taken or is past, in the unit that fits."""
    for unit, length in (("days", 172_800), ("h", 7200), ("min", 120)):
        if seconds >= length:
            return f"{seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def _line(span: SpanRecord, scores: Sequence[ScoreRecord]) -> str:
    style = LEVEL_STYLES.get(span.level, "")
    line = f"{escape(span.name)} [dim]({span.type}, {duration(span.start_ns, span.end_ns)})[/]"
    about = [_metadata(span, key) for key in ("policy", "autoops.sim.date")]
    if about[0]:
        line += f" {escape(' '.join(each for each in about if each))}"
    if span.state == "interrupted":
        line += " [yellow]interrupted[/]"
    if style:
        line += f" [{style}]{span.level}[/] {escape(span.status_message or '')}"
    if span.confidence is not None:
        line += f" confidence {span.confidence:g}"
    told = [_metadata(span, "reasoning"), _settled(span)]
    if claim := _metadata(span, "claim"):
        told.append(f"Claims: {claim}")
    told += [
        f"{score.name}: {score.value}{f' ({score.comment})' if score.comment else ''}"
        for score in scores
        if score.name != "confidence"
    ]
    return "\n".join([line, *(f"[dim]{escape(each)}[/]" for each in told if each)])


def _metadata(span: SpanRecord, key: str) -> str:
    return str(span.attributes.get(f"langfuse.observation.metadata.{key}") or "")


def _settled(span: SpanRecord) -> str:
    """What was in conflict, and by which rule what came of it."""
    if span.type != "evaluator":
        return ""
    try:
        found, outcome = orjson.loads(span.input or "{}"), orjson.loads(span.output or "{}")
        return f"{found['found']}: {outcome['resolution']}, for {outcome['rule']}"
    except (ValueError, KeyError, TypeError):
        return ""


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
