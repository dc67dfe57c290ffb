"""`autoops traces …`: what is in the journal, and what is still to be sent."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from autoops.cli import output, remove
from autoops.cli.journal import AsJson, Journal, Session, User, Yes, opened, stranded
from autoops.cli.output import number
from autoops.cli.remove import missing
from autoops.tracing.attributes import LEVELS
from autoops.tracing.journal import outbox, reader
from autoops.tracing.journal.reader import TraceFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.journal.store import Store

WIDE: Final = 120
"""Columns from which a whole session fits into the list."""
NARROW_SESSION: Final = 10

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Agent = Annotated[str | None, typer.Option(help="Only traces in which this agent took part.")]
Type = Annotated[str | None, typer.Option(help="Only traces with an observation of this type.")]
Level = Annotated[
    str | None, typer.Option(help="Only traces with this level: DEBUG, DEFAULT, WARNING or ERROR.")
]
Text = Annotated[str | None, typer.Option(help="Only traces that hold this text.")]


@app.command("list")
def list_(
    *,
    agent: Agent = None,
    type: Type = None,  # noqa: A002 - the option's name
    level: Level = None,
    text: Text = None,
    session: Session = None,
    user: User = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="What the server refused, with its words.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most traces.")] = 20,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """List traces, newest first."""
    with opened(journal) as store:
        if rejected:
            _list_rejected(store, limit, as_json=as_json)
            return
        wanted = TraceFilter(
            agent=agent,
            type=type,
            level=_level(level),
            text=text,
            session_id=session,
            user_id=user,
        )
        page = reader.list_traces(store, wanted, limit=limit)
    if as_json:
        output.print_json(page.traces)
        return
    if not page.traces:
        typer.echo("no trace matches", err=True)
        return
    paper = output.page()
    table = Table(box=None, pad_edge=False)
    for heading in ("trace", "began", "name", "took", "spans", "state", "session"):
        table.add_column(
            heading,
            justify="right" if heading in {"took", "spans"} else "left",
            no_wrap=True,
            # On a narrow screen sessions give way first, then names.
            min_width={"trace": 12, "began": 19, "took": 6, "spans": 5, "state": 8}.get(heading),
            max_width=NARROW_SESSION if heading == "session" and paper.width < WIDE else None,
            overflow="ellipsis",
        )
    for trace in page.traces:
        state = trace.state
        if trace.errors:
            state = f"[bold red]{number(trace.errors, 'error')}[/]"
        elif trace.warnings:
            state = f"[yellow]{number(trace.warnings, 'warning')}[/]"
        table.add_row(
            trace.trace_id[:12],
            output.when(trace.start_ns),
            escape(trace.name or ""),
            output.duration(trace.start_ns, trace.end_ns),
            str(trace.spans),
            state,
            escape(trace.session_id or ""),
        )
    paper.print(table)
    if page.next is not None:
        output.console().print(f"[dim]the {limit} newest; --limit shows more[/]")


@app.command()
def show(
    trace_id: Annotated[str, typer.Argument(help="A trace id, or the beginning of one.")],
    *,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Show one trace as a tree."""
    with opened(journal) as store:
        # A list on a narrow screen cuts ids and says so with an ellipsis.
        wanted = trace_id.lower().rstrip("…")
        trace = reader.get_trace(store, wanted)
        if trace is None:
            raise missing(store, wanted)
    if as_json:
        output.print_json(output.trace_json(trace))
        return
    output.page().print(output.trace_tree(trace))
    if trace.truncated:
        output.console().print(f"[yellow]only the first {len(trace.spans)} spans are shown[/]")


@app.command()
def deliver(
    *,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Send again what the server refused.")
    ] = False,
    redirect: Annotated[
        bool, typer.Option("--redirect", help="Also send what waits for other hosts or keys.")
    ] = False,
    local: Annotated[bool, typer.Option("--local", help="Also send what was recorded without keys.")] = False,
    yes: Yes = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Give up after so many seconds.")] = 600.0,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Send everything that waits to Langfuse, with progress; exit code 1 if something remains.

    What was recorded for another project, or without keys, is sent only if asked for, after saying what goes where.
    """
    from autoops.cli.deliver import config_for, deliver_all
    from autoops.cli.redirect import adopt, described, elsewhere

    with opened(journal) as store:
        config = config_for(str(store.location.path))
        moved = adopt(store, config, redirect=redirect, local=local, yes=yes) if redirect or local else 0
        again = outbox.retry_rejected(store) if retry_rejected else 0
    result = deliver_all(config, timeout)
    with opened(journal) as store:
        left = elsewhere(store, config)
        other = stranded(store.location.path)
    if as_json:
        output.print_json(result.as_dict() | {"moved": moved, "elsewhere": left})
    else:
        if again:
            typer.echo(f"{again:,} rejected rows are tried again.")
        typer.echo(
            f"{result.delivered:,} delivered, {result.remaining:,} remain"
            + (f": {result.reason}" if result.reason else ".")
        )
        for each in left:
            typer.echo(f"{described(each)}: not sent. --redirect sends it to {config.host} instead.")
        if other is not None:
            typer.echo(
                f"{other[1]:,} rows wait in {other[0]}, of processes that could not write their journal:"
                f" autoops traces deliver --journal {other[0]}"
            )
    raise typer.Exit(1 if result.remaining else 0)


@app.command()
def export(
    file: Annotated[
        Path, typer.Argument(help="Where to write, a JSON line for each trace; - for standard output.")
    ],
    *,
    agent: Agent = None,
    type: Type = None,  # noqa: A002 - the option's name
    level: Level = None,
    text: Text = None,
    session: Session = None,
    user: User = None,
    journal: Journal = None,
) -> None:
    """Write traces as JSON lines, readable by the owner only."""
    wanted = TraceFilter(
        agent=agent, type=type, level=_level(level), text=text, session_id=session, user_id=user
    )
    with opened(journal) as store:
        if str(file) == "-":
            for line in _lines(store, wanted):
                sys.stdout.buffer.write(line)
            return
        written = 0
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            for line in _lines(store, wanted):
                target.write(line)
                written += 1
    typer.echo(f"{written} traces written to {file}", err=True)


app.command()(remove.delete)
app.command()(remove.prune)


def _level(level: str | None) -> str | None:
    if level is not None and level.upper() not in LEVELS:
        raise typer.BadParameter(f"{level!r} is no level: {', '.join(LEVELS)} are")
    return None if level is None else level.upper()


def _lines(store: Store, wanted: TraceFilter) -> Iterator[bytes]:
    after = None
    while True:
        page = reader.list_traces(store, wanted, limit=100, after=after)
        for summary in page.traces:
            trace = reader.get_trace(store, summary.trace_id, limit=1_000_000)
            if trace is not None:
                yield orjson.dumps(output.trace_json(trace), default=str) + b"\n"
        if page.next is None:
            return
        after = page.next


def _list_rejected(store: Store, limit: int, *, as_json: bool) -> None:
    rows: Any = reader.rejected(store, limit)
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row.trace_id} {row.span_id or ''} {row.kind} {row.name}: {row.message}")
    if not rows:
        typer.echo("nothing was refused")
