"""`autoops simulate`: agents against the baseline on real data, every decision recorded."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autoops.cli.output import console, print_json
from autoops.errors import AutoOpsError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoops.simulation.report import Estimate, Report
    from autoops.simulation.run import Options
    from autoops.tracing import LangfuseIntegrationService

CACHE = Path(".autoops") / "cache"
"""Prepared panels, beside the journal; safe to delete."""

FLUSH_S = 10.0
"""Longest wait for the journal to have every span, in seconds."""

ROWS = (
    ("profit", "Profit", "${:,.0f}"),
    ("objective", "Profit less goodwill of lost sales", "${:,.0f}"),
    ("fill_rate", "Fill rate", "{:.1%}"),
    ("waste_rate", "Waste", "{:.1%}"),
    ("stockout_rate", "Stock-outs", "{:.1%}"),
    ("promo_stockout_rate", "Stock-outs on display", "{:.1%}"),
    ("price_changes", "Shelf labels changed", "{:,.0f}"),
    ("guardrail_breaches", "Guard rails breached", "{:,.0f}"),
)
"""Figure, its name on the screen, its format."""


def simulate(
    *,
    days: Annotated[int, typer.Option(help="Days to simulate, 1 to 91, from 26 June 2017.")] = 28,
    products: Annotated[int, typer.Option(help="Products of the assortment, 10 or more.")] = 120,
    clusters: Annotated[int, typer.Option(help="Store clusters.")] = 6,
    seed: Annotated[int, typer.Option(help="Random numbers of the run.")] = 1,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Several runs: a number of seeds from --seed on, or a range A-B.", show_default=False
        ),
    ] = None,
    policy: Annotated[str, typer.Option(help="agents, static or all.")] = "all",
    no_tracing: Annotated[bool, typer.Option("--no-tracing", help="Record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    assumptions: Annotated[
        bool, typer.Option("--assumptions", help="Print every assumption with its source, and run nothing.")
    ] = False,
) -> None:
    """Run a store network on real 2017 grocery data: agents against a tuned baseline, on the same random numbers.

    Three agents decide on stock, prices and promotions and an orchestrator settles their conflicts. Every event is a
    trace in the journal, every decision a span with its numbers and reasons. Nothing is fetched.
    """
    try:
        if importlib.util.find_spec("numpy") is None or importlib.util.find_spec("pandas") is None:
            _fail(
                "the simulation needs numpy and pandas: in a clone `uv sync`, elsewhere install AutoOps with its extra `simulation`"
            )
        # numpy takes a moment to import, which no other command should pay.
        from autoops.simulation.run import POLICIES, Options

        if assumptions:
            _print_assumptions()
            return
        chosen = POLICIES if policy == "all" else tuple(name.strip() for name in policy.split(","))
        options = Options(days, products, clusters, _seeds(seed, seeds), chosen)
        options.check()
        report, journal, words = _run(options, traced=not no_tracing)
    except AutoOpsError as error:
        _fail(str(error))
    if as_json:
        print_json(report.record(journal))
    else:
        _print_report(report, words)


def _run(options: Options, *, traced: bool) -> tuple[Report, dict[str, Any] | None, str]:
    """Run with progress on stderr; return the report, the journal's counts, and where they are in words."""
    from autoops.simulation.run import simulate as run

    with _progress(options) as told:
        if not traced:
            return run(options, cache=CACHE, progress=told), None, "Nothing was recorded (--no-tracing)."
        from autoops.tracing import get_langfuse_integration

        service = get_langfuse_integration()
        report = run(options, service, cache=CACHE, progress=told)
        journal, words = _journal(service)
        return report, journal, words


def _journal(service: LangfuseIntegrationService) -> tuple[dict[str, Any] | None, str]:
    """Return the journal's counts once it has everything, and where it is in words."""
    complete = service.flush(FLUSH_S)
    health = service.health_check()
    figures = health["journal"]
    if not health["enabled"]:
        return None, "Nothing was recorded: tracing is off (LANGFUSE_ENABLED, LANGFUSE_TRACING_ENABLED)."
    journal = {"path": figures["path"], "traces": figures["traces"], "spans": figures["spans"]}
    where = figures["path"] or "in memory"
    late = "" if complete else " (some spans are still on their way)"
    words = (
        f"Journal: {where}, {figures['traces']:,} traces and {figures['spans']:,} spans in all{late}\n"
        "Look at them: uv run autoops dashboard"
    )
    return journal, words


def _seeds(first: int, several: str | None) -> tuple[int, ...]:
    """Return the seeds that the options ask for: one, a number of them, or a range."""
    if several is None:
        return (first,)
    begin, dash, end = several.partition("-")
    if not all(part.isdecimal() for part in ((begin, end) if dash else (begin,))):
        raise SimulationError(
            f"--seeds: received {several}; allowed: a number such as 5, or a range such as 1-5"
        )
    low, high = (int(begin), int(end)) if dash else (first, first + int(begin) - 1)
    if high < low or high - low >= 10_000:
        raise SimulationError(f"--seeds: received {several}; allowed: at least one seed, at most 100")
    return tuple(range(low, high + 1))


@contextlib.contextmanager
def _progress(options: Options) -> Iterator[Callable[[str, int, int], None]]:
    """Show the days as they pass, on stderr and only on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
    )
    total = options.days * len(options.seeds) * len(options.policies)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Preparing the data", total=total)

        def told(policy: str, seed: int, day: int) -> None:  # noqa: ARG001 - the bar counts for itself
            bar.update(task, advance=1, description=f"{policy}, seed {seed}")

        yield told


def _print_report(report: Report, words: str) -> None:
    """Print the assumptions, the table, what it says, and where the record is."""
    screen = console()
    first, last = report.weeks
    screen.print(report.headline)
    screen.print(
        f"{report.products} products, {report.clusters} clusters, {report.days} days of weeks {first}-{last}, "
        f"{'seed' if len(report.seeds) == 1 else 'seeds'} {_span(report.seeds)}"
    )
    table = Table("", *report.policies)
    for column in table.columns[1:]:
        column.justify = "right"
    for figure, name, layout in ROWS:
        table.add_row(name, *(_cell(report.estimate(policy, figure), layout) for policy in report.policies))
    screen.print(table)
    for item in report.comparisons():
        interval = item.difference.ci95
        words_of = (
            "" if interval is None else f" (95 % interval {_money(interval[0])} to {_money(interval[1])})"
        )
        screen.print(
            f"{item.better} less {item.than}, {item.figure}: {_money(item.difference.mean)}{words_of}"
        )
    if "static" in report.policies:
        screen.print(
            "static: fixed levels tuned on earlier weeks; reads no promotion calendar, hears no events"
        )
    screen.print(words)
    screen.print(f"{report.seconds:.1f} s")


def _print_assumptions() -> None:
    """Print every assumption with its meaning and source."""
    from autoops.simulation.assumptions import Assumptions

    table = Table("assumption", "value", "meaning", "source")
    for row in Assumptions().rows():
        table.add_row(*row)
    console().print(table)


def _cell(estimate: Estimate, layout: str) -> str:
    """Return an estimate as it stands in the table."""
    mean = layout.format(estimate.mean)
    if estimate.ci95 is None:
        return mean
    return f"{mean} ({layout.format(estimate.ci95[0])} to {layout.format(estimate.ci95[1])})"


def _money(amount: float) -> str:
    """Return dollars with their sign."""
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.0f}"


def _span(seeds: tuple[int, ...]) -> str:
    """Return seeds as they read in a line: 1 or 1-20."""
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}"


def _fail(message: str) -> NoReturn:
    typer.echo(f"autoops simulate: {message}", err=True)
    raise typer.Exit(2)
