"""`autoops dashboard`: the local page."""

from __future__ import annotations

import importlib.util
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import Annotated

import typer

from autoops.errors import AutoOpsError


def dashboard(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            help="Where to listen; 8765 if left out, or a free port if that is taken.",
            show_default=False,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="The journal to show; AUTOOPS_JOURNAL if left out.", show_default=False
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Show traces and the health of their delivery on a local page, until Ctrl-C.

    The page reads the journal and nothing else, listens on this machine only and needs no network. It works while
    others write, and fills by itself when there is no journal yet.
    """
    if importlib.util.find_spec("nicegui") is None:
        _fail(
            "the page needs NiceGUI: in a clone `uv sync`, elsewhere install AutoOps with its extra `dashboard`"
        )
    try:
        path = str(journal) if journal is not None else _configured_journal()
        # NiceGUI takes a second to import, which no other command should pay.
        from autoops.dashboard import app
        from autoops.dashboard.source import Source

        source = Source(path, only_there=journal is not None)

        def ready(address: str) -> None:
            typer.echo(f"The page is at {address} (Ctrl-C ends it)")
            typer.echo(f"Journal: {source.path or 'off: nothing on disk to show'}")
            if not no_browser:
                app.open_browser(address)

        app.serve(source, port=port, on_ready=ready)
    except AutoOpsError as error:
        _fail(str(error))


def _configured_journal() -> str:
    from autoops.settings import get_settings

    return get_settings().journal


def _fail(message: str) -> None:
    typer.echo(f"autoops dashboard: {message}", err=True)
    raise typer.Exit(2)
