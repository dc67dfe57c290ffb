"""`autoops traces …`: what is in the journal, and what is still to be sent."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from autoops.cli import output
from autoops.errors import AutoOpsError, ConfigurationError
from autoops.settings import get_settings
from autoops.tracing.attributes import LEVELS
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import outbox, prune, reader
from autoops.tracing.journal.reader import TraceFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.journal.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Journal = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal to read; AUTOOPS_JOURNAL if left out.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Agent = Annotated[str | None, typer.Option(help="Only traces in which this agent took part.")]
Type = Annotated[str | None, typer.Option(help="Only traces with an observation of this type.")]
Level = Annotated[
    str | None, typer.Option(help="Only traces with this level: DEBUG, DEFAULT, WARNING or ERROR.")
]
Text = Annotated[str | None, typer.Option(help="Only traces that hold this text.")]
Session = Annotated[str | None, typer.Option(help="Only traces of this session.")]
User = Annotated[str | None, typer.Option(help="Only traces of this user.")]


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
    table = Table(box=None, pad_edge=False)
    for heading in ("trace", "began", "name", "took", "spans", "state", "session"):
        table.add_column(
            heading,
            justify="right" if heading in {"took", "spans"} else "left",
            no_wrap=True,
            # On a narrow screen names give way first.
            min_width={"trace": 12, "began": 19, "took": 6, "spans": 5}.get(heading),
            overflow="ellipsis",
        )
    for trace in page.traces:
        state = trace.state
        if trace.errors:
            state = f"[bold red]{_number(trace.errors, 'error')}[/]"
        elif trace.warnings:
            state = f"[yellow]{_number(trace.warnings, 'warning')}[/]"
        table.add_row(
            trace.trace_id[:12],
            output.when(trace.start_ns),
            escape(trace.name or ""),
            output.duration(trace.start_ns, trace.end_ns),
            str(trace.spans),
            state,
            escape(trace.session_id or ""),
        )
    output.console().print(table)
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
            raise _missing(store, wanted)
    if as_json:
        output.print_json(output.trace_json(trace))
        return
    output.console().print(output.trace_tree(trace))
    if trace.truncated:
        output.console().print(f"[yellow]only the first {len(trace.spans)} spans are shown[/]")


@app.command()
def deliver(
    *,
    retry_rejected: Annotated[
        bool, typer.Option("--retry-rejected", help="Send again what the server refused.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Give up after so many seconds.")] = 600.0,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Send everything that waits to Langfuse, with progress; exit code 1 if something remains."""
    from autoops.cli.deliver import deliver_all

    with opened(journal) as store:
        again = outbox.retry_rejected(store) if retry_rejected else 0
        path = str(store.location.path)
    result = deliver_all(path, timeout)
    if as_json:
        output.print_json(result)
    else:
        if again:
            typer.echo(f"{again} rejected rows are tried again.")
        typer.echo(
            f"{result.delivered} delivered, {result.remaining} remain"
            + (f": {result.reason}" if result.reason else ".")
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
        number = 0
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            for line in _lines(store, wanted):
                target.write(line)
                number += 1
    typer.echo(f"{number} traces written to {file}", err=True)


@app.command()
def delete(
    *,
    trace: Annotated[str | None, typer.Option(help="This trace; the beginning of its id is enough.")] = None,
    session: Session = None,
    user: User = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Delete traces by id, session or user, delivered or not. What Langfuse has already stays there."""
    if trace is None and session is None and user is None:
        raise typer.BadParameter("say what to delete: --trace, --session or --user")
    with opened(journal) as store:
        found = prune.select(
            store, trace_id=None if trace is None else trace.lower(), session_id=session, user_id=user
        )
        if trace is not None and len(found) > 1:
            raise _missing(store, trace.lower())
        if not found:
            raise AutoOpsError("there is no such trace in the journal")
        if not yes and not as_json:
            typer.confirm(f"Delete {_number(len(found), 'trace')}?", abort=True)
        spans = prune.delete(store, found)
    if as_json:
        output.print_json({"traces": len(found), "spans": spans})
    else:
        typer.echo(f"{_number(len(found), 'trace')} with {_number(spans, 'span')} deleted")


@contextmanager
def opened(journal: Path | None) -> Iterator[Store]:
    """The journal named on the command line or in the settings; closed after the block."""
    store = reader.open_journal(str(journal) if journal is not None else _configured())
    try:
        yield store
    finally:
        store.close()


def _configured() -> str:
    """The journal of the settings; of the default ones if they are invalid, as the service has it."""
    try:
        return get_settings().journal
    except ConfigurationError:
        typer.echo("autoops: some settings are invalid and not used, `autoops config` shows them", err=True)
        return LangfuseConfig().journal


def _level(level: str | None) -> str | None:
    if level is not None and level.upper() not in LEVELS:
        raise typer.BadParameter(f"{level!r} is no level: {', '.join(LEVELS)} are")
    return None if level is None else level.upper()


def _missing(store: Store, trace_id: str) -> AutoOpsError:
    """Why a trace cannot be shown: nothing begins so, or several do."""
    found = prune.select(store, trace_id=trace_id)
    if not found:
        return AutoOpsError(f"there is no trace {trace_id!r} in the journal")
    some = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
    return AutoOpsError(f"{len(found)} traces begin with {trace_id!r}: {some}")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
