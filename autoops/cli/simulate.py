"""`autoops simulate`: agents against the baseline on real data, every decision recorded."""

from __future__ import annotations

import importlib.util
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.table import Table

from autoops.cli.output import console, number, print_json
from autoops.cli.progress import shown
from autoops.errors import AutoOpsError, SimulationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.simulation.report import Report
    from autoops.simulation.run import Options
    from autoops.tracing import LangfuseIntegrationService

CACHE = Path(".autoops") / "cache"
"""Prepared panels, beside the journal; safe to delete."""

FLUSH_S = 10.0
"""Longest wait for the journal to have every span, in seconds."""

FIGURES = (
    ("profit", "Profit", "${:,.0f}"),
    ("objective", "Objective", "${:,.0f}"),
    ("fill_rate", "Fill rate", "{:.1%}"),
    ("waste_rate", "Waste", "{:.1%}"),
    ("stockout_rate", "Stock-outs", "{:.1%}"),
    ("promo_stockout_rate", "On promo", "{:.1%}"),
    ("displayed_share", "Displayed", "{:.1%}"),
    ("price_index", "Price index", "{:.4f}"),
    ("price_changes", "New labels", "{:,.0f}"),
    ("guardrail_breaches", "Rails breached", "{:,.0f}"),
    ("under_cost_markdowns", "Stickers under cost", "{:,.0f}"),
)
"""Figure, its name on the screen, its format."""

MOST_COLUMNS = 4
"""More policies are rows of a table of the first figures: eighty columns hold no more."""

MAIN_FIGURES = 6
"""Figures of that table."""

MOST_DIGITS = 9
"""Of a number in a range; Python reads no integer of thousands."""


def simulate(
    *,
    weeks: Annotated[str, typer.Option(help="Weeks of 2017 to simulate, A-B.")] = "27-39",
    days: Annotated[
        int | None, typer.Option(help="Only the first days of the weeks.", show_default="all")
    ] = None,
    products: Annotated[
        int, typer.Option(help="Products of the assortment, the best sellers, 10 or more.")
    ] = 200,
    product_ranks: Annotated[
        str | None, typer.Option(help="Products by rank in sales instead, A-B.", show_default=False)
    ] = None,
    clusters: Annotated[int, typer.Option(help="Store clusters.")] = 8,
    seed: Annotated[int, typer.Option(help="Random numbers of the run.")] = 1,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Several runs: a number of seeds from --seed on, or a range A-B.", show_default=False
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="agents; rolling_calendar, rolling, static, ceiling, oracle (yardsticks); independent, "
            "independent_informed, reflex, no_inventory, no_pricing, no_promotion, no_markdown, no_events, "
            "inventory_only (the agents but for a part); several with commas; or all of them, about a minute a seed."
        ),
    ] = "agents,rolling_calendar,static",
    world: Annotated[str, typer.Option(help="base, misspecified, split, substitution or capacity.")] = "base",
    scale: Annotated[float, typer.Option(help="Times the real households' demand.")] = 20.0,
    priority: Annotated[
        list[str] | None,
        typer.Option(
            help="What agents weigh more or less, such as service=1.5; service, margin or waste, repeatable.",
            show_default=False,
        ),
    ] = None,
    propose: Annotated[
        list[str] | None,
        typer.Option(
            help="What is proposed and not committed: an agent, or one of its decisions such as "
            "pricing_agent.weekly_prices; repeatable.",
            show_default=False,
        ),
    ] = None,
    no_tracing: Annotated[bool, typer.Option("--no-tracing", help="Record nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    assumptions: Annotated[
        bool, typer.Option("--assumptions", help="Print every assumption with its source, and run nothing.")
    ] = False,
) -> None:
    """Run a store network on real 2017 grocery data: agents against baselines, on the same random numbers.

    Three agents decide on stock, prices and promotions and an orchestrator settles their conflicts. Every event is a
    trace in the journal, every decision a span with its numbers and reasons. Nothing is fetched.
    """
    try:
        if importlib.util.find_spec("numpy") is None or importlib.util.find_spec("pandas") is None:
            _fail(
                "the simulation needs numpy and pandas: in a clone `uv sync`, elsewhere install AutoOps with its extra `simulation`"
            )
        # numpy takes a moment to import, which no other command should pay.
        from autoops.agents.mandate import Mandate, Priorities
        from autoops.simulation.assumptions import Assumptions
        from autoops.simulation.panel import Split
        from autoops.simulation.policies.registry import POLICIES
        from autoops.simulation.run import LEAST_PRODUCTS, Options

        if assumptions:
            _print_assumptions()
            return
        ranks = (
            (1, products)
            if product_ranks is None
            else _range("--product-ranks", product_ranks, "1-200", LEAST_PRODUCTS)
        )
        options = Options(
            days=days,
            products=ranks[1] - ranks[0] + 1,
            clusters=clusters,
            seeds=_seeds(seed, seeds),
            policies=POLICIES if policy == "all" else _names(policy),
            split=Split.of(*_range("--weeks", weeks, "27-39")),
            first_rank=ranks[0],
            world=world,
            assumed=Assumptions(scale=scale),
            mandate=Mandate(Priorities.of(priority or ()), tuple(propose or ())),
        )
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
    from autoops.simulation.run import panel_of
    from autoops.simulation.run import simulate as run

    began = time.perf_counter()
    with shown(options, traced=traced) as told:
        # Before tracing begins: what the data has not got is a mistake of one line, and opens no journal.
        panel = panel_of(options, CACHE)
        told.begin()
        if not traced:
            report = run(options, progress=told, workers=os.cpu_count() or 1, panel=panel)
            return _since(began, report), None, "Nothing was recorded (--no-tracing)."
        from autoops.tracing import get_langfuse_integration

        service = get_langfuse_integration()
        report = run(options, service, progress=told, panel=panel)
        journal, words = _journal(service)
        return _since(began, report), journal, words


def _since(began: float, report: Report) -> Report:
    """Return the report with all the time that has passed, preparation of the data included."""
    return replace(report, seconds=time.perf_counter() - began)


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


def _range(option: str, received: str, example: str, least: int = 1) -> tuple[int, int]:
    """Return both ends of a range A-B of at least so many numbers."""
    begin, _, end = received.partition("-")
    if not (_whole(begin) and _whole(end)) or int(begin) > int(end):
        raise SimulationError(
            f"{option}: received {received}; allowed: a range such as {example}, the lower end first"
        )
    if int(end) - int(begin) + 1 < least:
        raise SimulationError(f"{option}: received {received}; allowed: a range of {least} or more")
    return int(begin), int(end)


def _whole(text: str) -> bool:
    """Return whether a text is a whole number of no more digits than anything here has."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


def _names(received: str) -> tuple[str, ...]:
    """Return the names between the commas."""
    return tuple(name.strip() for name in received.split(",") if name.strip())


def _seeds(first: int, several: str | None) -> tuple[int, ...]:
    """Return the seeds that the options ask for: one, a number of them, or a range."""
    if several is None:
        return (first,)
    begin, dash, end = several.partition("-")
    if not all(_whole(part) for part in ((begin, end) if dash else (begin,))):
        raise SimulationError(
            f"--seeds: received {several}; allowed: a number such as 5, or a range such as 1-5"
        )
    low, high = (int(begin), int(end)) if dash else (first, first + int(begin) - 1)
    if high < low or high - low >= 10_000:
        raise SimulationError(f"--seeds: received {several}; allowed: at least one seed, at most 100")
    return tuple(range(low, high + 1))


def _print_report(report: Report, words: str) -> None:
    """Print the assumptions, the table, what it says, and where the record is."""
    screen = console()
    first, last = report.weeks
    screen.print(report.headline)
    screen.print(
        f"Products ranked {report.first_rank}-{report.first_rank + report.products - 1}, "
        f"{number(report.clusters, 'cluster')}, {number(report.days, 'day')} of weeks {first}-{last}, world {report.world} {report.fingerprint}, "
        f"{'seed' if len(report.seeds) == 1 else 'seeds'} {_span(report.seeds)}"
    )
    if said := report.mandate.sentence():
        screen.print(said)
    screen.print(_table(report))
    screen.print("Objective: profit less the goodwill of lost sales, one margin each.")
    for line in _findings(report):
        screen.print(line)
    screen.print(words)
    screen.print(f"{report.seconds:.1f} s")


def _table(report: Report) -> Table:
    """Return the figures: a column for each policy, or a row if there are many."""
    if len(report.policies) <= MOST_COLUMNS:
        table = Table("", *report.policies)
        for figure, name, layout in FIGURES:
            table.add_row(name, *(_cell(report, policy, figure, layout) for policy in report.policies))
    else:
        shown = FIGURES[:MAIN_FIGURES]
        # Words break at spaces alone.
        table = Table("", *(name.replace("-", " ") for _, name, _ in shown))
        table.columns[1].no_wrap = table.columns[2].no_wrap = True
        for policy in report.policies:
            table.add_row(policy, *(_cell(report, policy, figure, layout) for figure, _, layout in shown))
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _findings(report: Report) -> Iterator[str]:
    """Yield what the table says, a line each."""
    from autoops.simulation.panel import HELD_OUT
    from autoops.simulation.report import COVERAGE, INTERVALS, LEAST_SEEDS

    seeds = len(report.seeds)
    for item in report.comparisons():
        if item.better == "agents" or "agents" not in report.policies:
            interval = item.relative.ci95
            span = (
                f", 95 % interval {interval[0]:+.1%} to {interval[1]:+.1%}"
                if interval is not None and seeds >= LEAST_SEEDS
                else ""
            )
            worst = f"; worst seed {_money(item.worst_seed)}" if seeds > 1 else ""
            yield (
                f"{item.better} against {item.than}, objective: {_money(item.difference.mean)} "
                f"({item.relative.mean:+.1%}{span}{worst})"
            )
    for name, share in report.gap_shares().items():
        if name != "ceiling_to_oracle":
            yield f"{name}: {share.mean:.0%} of the gap from static to the feasible ceiling"
    words = [
        f"{agent} {found['borne_out']:.0%} of {found['judged']:,} (Brier score {found['brier']:.3f})"
        for agent, found in report.calibration().get("agents", {}).items()
        if found["judged"]
    ]
    if failed := sum(run.failures for run in report.runs):
        yield f"Agents failed {number(failed, 'time')}, and the run went on without what they would have said"
    if words:
        yield f"Claims that came true: {', '.join(words)}"
    if "rolling_calendar" in report.policies:
        yield "rolling_calendar: what a good replenishment system that reads the promotion plan does; quote gains against it"
    if seeds >= LEAST_SEEDS:
        yield f"± is half of an interval. {INTERVALS} {COVERAGE}"
    else:
        yield f"{number(seeds, 'seed')}: an interval needs {LEAST_SEEDS} or more (--seeds {LEAST_SEEDS}; 20 are better)."
    yield "A cluster is one stock location: pooling its stock flatters every policy."
    if report.weeks[1] >= HELD_OUT:
        yield f"Weeks {HELD_OUT}-52 are held out: figures to quote come from benchmarks/decisions.py, which logs each look."


def _print_assumptions() -> None:
    """Print every assumption with its meaning and source."""
    from autoops.simulation.assumptions import Assumptions

    table = Table("assumption", "value", "meaning", "source")
    for row in Assumptions().rows():
        table.add_row(*row)
    console().print(table)


def _cell(report: Report, policy: str, figure: str, layout: str) -> str:
    """Return a figure as it stands in the table, its 95 % interval under it where there are seeds enough for one."""
    from autoops.simulation.report import LEAST_SEEDS

    estimate = report.estimate(policy, figure)
    mean = _written(estimate.mean, layout)
    if estimate.ci95 is None or len(report.seeds) < LEAST_SEEDS:
        return mean
    low, high = estimate.ci95
    half = _written(high - estimate.mean, layout)
    # Cut at what is possible, an interval has no half.
    whole = half == _written(estimate.mean - low, layout)
    return f"{mean}\n{f'±{half}' if whole else f'{_written(low, layout)} to {_written(high, layout)}'}"


def _written(value: float, layout: str) -> str:
    """Return a figure in its format, the sign before the dollars and none where it reads as nought."""
    size = layout.format(abs(value))
    return f"-{size}" if value < 0.0 and size != layout.format(0.0) else size


def _money(amount: float) -> str:
    """Return dollars with their sign."""
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.0f}"


def _span(seeds: tuple[int, ...]) -> str:
    """Return seeds as they read in a line: 1 or 1-20."""
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}"


def _fail(message: str) -> NoReturn:
    typer.echo(f"autoops simulate: {message}", err=True)
    raise typer.Exit(2)
