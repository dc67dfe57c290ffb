"""The health of tracing on one screen."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape

from autoops.cli import output
from autoops.cli.output import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMED: Final = 3
"""Living processes that have a line each; more are counted."""
PROBLEMS: Final = 6
"""Problems shown; ``--json`` has all."""
LARGE_LOG: Final = 16 * 1024 * 1024
"""Size from which the write-ahead log is worth a word."""


def show(report: dict[str, Any]) -> None:
    """Print it for people."""
    console = output.console()
    for heading, line in _lines(report):
        console.print(f"[bold]{heading:<10}[/] {escape(line)}")
    for problem in report["problems"][:PROBLEMS]:
        console.print(f"[bold yellow]![/] {escape(problem)}")
    if len(report["problems"]) > PROBLEMS:
        console.print(f"[bold yellow]![/] {len(report['problems']) - PROBLEMS} more: autoops health --json")
    for note in report["notes"]:
        console.print(f"[dim]-[/] {escape(note)}")
    if not report["problems"]:
        console.print("[green]all is well[/]")


def reasons(counts: Mapping[str, int]) -> str:
    """Counts with why."""
    return ", ".join(f"{count:,} ({reason})" for reason, count in counts.items())


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    to = f", {report['host']}" if report["mode"] == "langfuse" else ""
    yield "mode", f"{report['mode']}{to}"
    held = report["journal"]
    if held is None:
        yield "journal", report["journal_note"]
        return
    yield "traces", _arrival(report)
    wait = number(held["pending"], "span")
    if held["scores_pending"]:
        wait += f" and {number(held['scores_pending'], 'score')}"
    if held["oldest_pending_s"] is not None:
        wait += f", the oldest for {output.ago(held['oldest_pending_s'])}"
    yield "waiting", wait
    last = report["arrival"]["last_success"]
    yield (
        "delivered",
        number(held["delivered"], "span")
        + ("" if last is None else f", the last at {output.moment(last)} ({_past(last)} ago)"),
    )
    rest = {
        "stay local": held["local"],
        "sampled out": held["sampled_out"],
        "refused": held["rejected"],
        "pruned": held["pruned"],
    }
    yield "not sent", ", ".join(f"{count:,} {what}" for what, count in rest.items())
    yield "dropped", reasons(report["dropped"]) or "none"
    yield "journal", held["path"]
    size = output.size(held["bytes"])
    size += f" of {held['max_mb']:,.0f} MB" if held["max_mb"] else ", no limit"
    size += f", kept for {held['retention_days']:g} days" if held["retention_days"] else ", kept for ever"
    if held["log_bytes"] >= LARGE_LOG:
        size += f"; its log takes {output.size(held['log_bytes'])} more"
    yield "", size
    yield "", f"{number(held['traces'], 'trace')}, {number(held['spans'], 'span')}"
    yield from _processes(report["processes"])


def _arrival(report: dict[str, Any]) -> str:
    if report["mode"] == "off":
        return "are not recorded: the integration is off (LANGFUSE_ENABLED)"
    arrival = report["arrival"]
    if report["mode"] == "local" and not (arrival["failing"] or arrival["delivering"]):
        if report["invalid"]:
            return "stay here: the settings are invalid, see below"
        return "stay here: LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are not set"
    if arrival["failing"]:
        return f"do not arrive since {output.moment(arrival['since'])}"
    if arrival["last_success"]:
        return "arrive"
    held = report["journal"]
    if not held["delivered"]:
        return "none has been sent yet"
    if held["pending"] or held["scores_pending"]:
        return "wait: no process that runs has sent any of late; `autoops traces deliver` does"
    return "have arrived"


def _past(iso: str) -> str:
    try:
        return output.ago(max(0.0, time.time() - dt.datetime.fromisoformat(iso).timestamp()))
    except ValueError:
        return "some time"


def _processes(processes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    alive = [process for process in processes if process["alive"]]
    over = len(processes) - len(alive)
    words = f"{len(alive):,} running" + (f", {over:,} ended" if over else "")
    modes: dict[str, int] = {}
    for process in alive:
        mode = str(process["mode"])
        modes[mode] = modes.get(mode, 0) + 1
    if len(alive) > NAMED:
        words += ": " + ", ".join(f"{count:,} {mode}" for mode, count in sorted(modes.items()))
    yield "processes", words
    for process in alive[:NAMED]:
        yield "", f"{process['pid']} {process['program']}: {process['mode']}"
