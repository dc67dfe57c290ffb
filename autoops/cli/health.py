"""`autoops health`: whether traces arrive, and if not, since when, why and what to do."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.markup import escape

from autoops.cli import output
from autoops.cli.journal import Journal, opened
from autoops.errors import ConfigurationError, JournalError, JournalMissing
from autoops.settings import get_settings
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import caretaker, figures, reader


def health(
    *, journal: Journal = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Tell from the journal and the processes that write to it how tracing is doing; exit code 1 if it needs someone."""
    report = _report(journal)
    if as_json:
        output.print_json(report)
    else:
        _print(report)
    raise typer.Exit(1 if report["problems"] else 0)


def _report(journal: Any) -> dict[str, Any]:
    report: dict[str, Any] = {"mode": "off", "problems": [], "journal": None, "processes": []}
    try:
        settings = get_settings()
    except ConfigurationError as error:
        report["problems"] += [str(fault) for fault in error.faults]
        report["mode"] = "local"
        journal = journal or LangfuseConfig().journal
    else:
        report["problems"] += [f"warning: {notice}" for notice in LangfuseConfig.from_settings().warnings()]
        if settings.enabled:
            report["mode"] = "langfuse" if settings.public_key and settings.secret_key else "local"
        report["host"] = settings.host
    try:
        with opened(journal) as store:
            held = figures.read(store)
            report["journal"] = held.as_dict()
            report["processes"] = [_process(each) for each in reader.processes(store)]
    except JournalError as error:
        report["journal_note"] = str(error)
        if not isinstance(error, JournalMissing):
            report["problems"].append(str(error))
        return report
    _judge(report, held)
    return report


def _process(record: reader.ProcessRecord) -> dict[str, Any]:
    age = time.time() - record.heartbeat_at
    alive = record.ended_at is None and age < caretaker.DEAD_AFTER_S
    return {
        "pid": record.pid,
        "program": record.program,
        "alive": alive,
        "heartbeat_age_s": round(age, 1),
        "mode": record.health.get("mode"),
        "delivery": record.health.get("delivery", {}),
        "dropped": record.health.get("dropped", {}),
        "alerts": record.health.get("alerts", []),
    }


def _judge(report: dict[str, Any], held: figures.Figures) -> None:
    """Say what needs someone, and what to do."""
    problems: list[str] = report["problems"]
    alive = [process for process in report["processes"] if process["alive"]]
    failing = [process for process in alive if process["mode"] == "fallback"]
    for process in failing:
        told = process["delivery"]
        hint = f" ({told['hint']})" if told.get("hint") else ""
        problems.append(
            f"Langfuse does not take traces since {told.get('unavailable_since')}: {told.get('last_error')}{hint}"
        )
    if held.pending and not failing:
        # Who delivered last, and ended, may have told why it could not.
        last = next((each for each in report["processes"] if each["delivery"].get("last_error")), None)
        if last is not None and last["mode"] == "fallback":
            told = last["delivery"]
            hint = f" ({told['hint']})" if told.get("hint") else ""
            problems.append(f"the last process that delivered could not: {told['last_error']}{hint}")
    delivering = [process for process in alive if process["mode"] == "langfuse"]
    if (held.pending or held.scores_pending) and not failing and not delivering:
        problems.append(f"{_waiting(held)} wait and nobody delivers them now: run `autoops traces deliver`")
    if held.rejected:
        problems.append(f"Langfuse refused {held.rejected} spans: see `autoops traces list --rejected`")
    dropped: dict[str, int] = {}
    for process in report["processes"]:
        for reason, number in process["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + number
    report["dropped"] = dropped
    if dropped:
        problems.append(
            "spans were dropped: " + ", ".join(f"{number} ({reason})" for reason, number in dropped.items())
        )


def _waiting(held: figures.Figures) -> str:
    spans = f"{held.pending} span" + ("" if held.pending == 1 else "s")
    scores = f"{held.scores_pending} score" + ("" if held.scores_pending == 1 else "s")
    return f"{spans} and {scores}" if held.scores_pending else spans


def _print(report: dict[str, Any]) -> None:
    console = output.console()
    held = report["journal"]
    console.print(
        f"[bold]mode[/]      {report['mode']}"
        + (f", {escape(report['host'])}" if report["mode"] == "langfuse" else "")
    )
    if held is None:
        console.print(f"[bold]journal[/]   {escape(report['journal_note'])}")
    else:
        console.print(f"[bold]journal[/]   {escape(held['path'])}, {output.size(held['bytes'])}")
        console.print(f"          {held['traces']} traces, {held['spans']} spans")
        console.print(
            f"[bold]delivery[/]  {held['delivered']} delivered, {held['pending']} wait, {held['local']} stay local,"
            f" {held['sampled_out']} sampled out, {held['rejected']} refused"
        )
        if held["oldest_pending_s"] is not None:
            console.print(f"          the oldest waits for {held['oldest_pending_s']:.0f} s")
    for process in report["processes"]:
        if process["alive"]:
            console.print(
                f"[bold]process[/]   {process['pid']} {escape(process['program'])}: {process['mode']}"
            )
    for problem in report["problems"]:
        console.print(f"[bold yellow]![/] {escape(problem)}")
    if not report["problems"]:
        console.print("[green]all is well[/]")
