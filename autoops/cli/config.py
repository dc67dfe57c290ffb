"""`autoops config`: the settings in effect, and where each came from."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from autoops.cli import output
from autoops.errors import ConfigurationError
from autoops.settings import effective_values
from autoops.tracing.config import LangfuseConfig


def _notices() -> tuple[str, ...]:
    """What is odd without being wrong; nothing while something is wrong."""
    try:
        return LangfuseConfig.from_settings().warnings()
    except ConfigurationError:
        return ()


def config(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting with where it came from, secrets masked; exit code 1 if one is invalid."""
    values = effective_values()
    if as_json:
        output.print_json(values)
    else:
        table = Table(box=None, pad_edge=False)
        for heading in ("variable", "value", "from"):
            table.add_column(heading)
        for each in values:
            style = "bold red" if each.fault else "" if each.origin == "default" else "bold"
            table.add_row(each.variable, escape(each.value), each.origin, style=style)
        output.console().print(table)
        for each in values:
            if each.fault is not None:
                output.console().print(f"[bold red]![/] {escape(str(each.fault))}")
        for notice in _notices():
            output.console().print(f"[yellow]![/] {escape(notice)}")
    raise typer.Exit(1 if any(each.fault for each in values) else 0)
