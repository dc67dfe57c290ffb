"""`autoops traces delete` and `prune`: taking traces out of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoops.cli import output
from autoops.cli.journal import AsJson, Journal, Session, User, Yes, opened
from autoops.cli.output import number
from autoops.errors import AutoOpsError
from autoops.settings import get_settings
from autoops.tracing.journal import figures, retention
from autoops.tracing.journal import prune as removal

if TYPE_CHECKING:
    from autoops.tracing.journal.store import Store


def delete(
    *,
    trace: Annotated[str | None, typer.Option(help="This trace; the beginning of its id is enough.")] = None,
    session: Session = None,
    user: User = None,
    yes: Yes = False,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Delete traces by id, session or user, delivered or not. What Langfuse has already stays there."""
    if trace is None and session is None and user is None:
        raise typer.BadParameter("say what to delete: --trace, --session or --user")
    if as_json and not yes:
        raise typer.BadParameter("--json asks nothing: add --yes to delete")
    with opened(journal, to_change=True) as store:
        found = removal.select(
            store, trace_id=None if trace is None else trace.lower(), session_id=session, user_id=user
        )
        if trace is not None and len(found) > 1:
            raise missing(store, trace.lower())
        if not found:
            raise AutoOpsError("there is no such trace in the journal")
        if not yes:
            output.confirm(f"Delete {number(len(found), 'trace')}?")
        spans = removal.delete(store, found)
    if as_json:
        output.print_json({"traces": len(found), "spans": spans})
    else:
        typer.echo(f"{number(len(found), 'trace')} with {number(spans, 'span')} deleted")


def prune(
    *,
    days: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Remove traces older than this; AUTOOPS_RETENTION_DAYS if left out, 0 keeps all.",
            show_default=False,
        ),
    ] = None,
    max_mb: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Remove the oldest beyond this size; AUTOOPS_JOURNAL_MAX_MB if left out, 0 keeps all.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    journal: Journal = None,
    as_json: AsJson = False,
) -> None:
    """Remove old traces and give their space back, as the running processes do by themselves.

    Age never removes what is still to be sent; size does when nothing else is left.
    """
    limits = _limits(days, max_mb)
    with opened(journal, to_change=True) as store:
        before = figures.read(store).bytes
        found = retention.foresee(store, limits) if dry_run else retention.run(store, limits)
        after = figures.read(store).bytes
    told: dict[str, Any] = {
        "traces": found.traces,
        "spans": found.spans,
        "undelivered": found.undelivered,
        "bytes_before": before,
        "bytes_after": after,
        "dry_run": dry_run,
    }
    if as_json:
        output.print_json(told)
        return
    verb = "would be removed" if dry_run else "removed"
    lost = f", {found.undelivered:,} of them undelivered" if found.undelivered else ""
    typer.echo(f"{number(found.traces, 'trace')} with {number(found.spans, 'span')} {verb}{lost}")
    if not dry_run:
        typer.echo(f"The journal takes {output.size(after)}, before {output.size(before)}.")


def missing(store: Store, trace_id: str) -> AutoOpsError:
    """Why a trace cannot be shown or deleted: nothing begins so, or several do."""
    found = removal.select(store, trace_id=trace_id)
    if not found:
        return AutoOpsError(f"there is no trace {trace_id!r} in the journal")
    some = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
    return AutoOpsError(f"{len(found)} traces begin with {trace_id!r}: {some}")


def _limits(days: float | None, max_mb: float | None) -> retention.Limits:
    """What the command line says, else the settings."""
    if days is None or max_mb is None:
        settings = get_settings()
        days = settings.retention_days if days is None else days
        max_mb = settings.journal_max_mb if max_mb is None else max_mb
    return retention.Limits(days, max_mb)
