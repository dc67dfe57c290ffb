"""`autoops langfuse …`: the server itself."""

from __future__ import annotations

from typing import Annotated

import typer

from autoops.cli import output
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.connection import test_connection

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def langfuse() -> None:
    """Talk to the Langfuse server."""


@app.command("test")
def check(
    *,
    timeout: Annotated[float, typer.Option(min=0.1, help="Longest wait for the answer, in seconds.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask the server whether it answers and takes the keys; exit code 1 if not."""
    config = LangfuseConfig.from_settings()
    result = test_connection(config, timeout)
    if as_json:
        output.print_json(result)
    elif result.ok:
        typer.echo(
            f"{config.host} answers and takes the keys"
            + (f" (project {result.project_id})" if result.project_id else "")
        )
    else:
        typer.echo(f"Connection test failed: {result}", err=True)
    raise typer.Exit(0 if result.ok else 1)
