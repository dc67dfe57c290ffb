"""`autoops health`: whether traces arrive, and if not, since when, why and what to do."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from autoops.cli import output, screen
from autoops.cli.journal import Journal, opened
from autoops.cli.output import number
from autoops.cli.redirect import described, elsewhere
from autoops.errors import ConfigurationError, JournalError, JournalMissing
from autoops.settings import get_settings
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import caretaker, destinations, figures, log_readers, reader
from autoops.tracing.journal.retention import Limits

if TYPE_CHECKING:
    from autoops.tracing.journal.store import Store

PROCESSES: Final = 1000
"""Latest processes that are looked at."""
DAMAGE_TOLD_FOR_S: Final = 7 * 86_400.0
"""Age up to which a journal that was found damaged needs someone: later it is history."""
RECENT_S: Final = 86_400.0
"""Age up to which what a process had to drop needs someone."""
TOLD_OTHERWISE: Final = frozenset({"connection", "backlog", "journal_size", "journal_log"})
"""Kinds of alerts that the journal and the delivery already tell of."""
BOOKS: Final = ("delivered", "pending", "local", "sampled_out", "rejected", "pruned")
"""What the ended spans of a journal add up from."""


def health(
    *, journal: Journal = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Tell from the journal and the processes that write to it how tracing is doing; exit code 1 if it needs someone."""
    report = _report(journal)
    if as_json:
        output.print_json(report)
    else:
        screen.show(report)
    raise typer.Exit(1 if report["problems"] else 0)


def _report(journal: Any) -> dict[str, Any]:
    report: dict[str, Any] = {
        "mode": "off",
        "host": None,
        "invalid": False,
        "problems": [],
        "notes": [],
        "journal": None,
        "processes": [],
        "dropped": {},
    }
    config = LangfuseConfig()
    try:
        settings = get_settings()
    except ConfigurationError as error:
        report["problems"] += [str(fault) for fault in error.faults]
        report["mode"] = "local"
        report["invalid"] = True
        journal = journal or config.journal
    else:
        config = LangfuseConfig.from_settings()
        report["problems"] += [f"warning: {notice}" for notice in config.warnings()]
        if settings.enabled:
            report["mode"] = "langfuse" if config.has_credentials else "local"
        report["host"] = settings.host
    try:
        with opened(journal) as store:
            _look(report, store, config)
    except JournalError as error:
        report["journal_note"] = str(error)
        if not isinstance(error, JournalMissing):
            report["problems"].append(str(error))
    return report


def _look(report: dict[str, Any], store: Store, config: LangfuseConfig) -> None:
    held = figures.read(store)
    limits = Limits.of(config)
    report["journal"] = held.as_dict() | {"max_mb": limits.max_mb, "retention_days": limits.days}
    report["processes"] = [_process(each) for each in reader.processes(store, PROCESSES)]
    report["books"] = _books(held, report["processes"])
    report["arrival"] = _arrival(report)
    waiting_elsewhere = elsewhere(store, config) if config.has_credentials else ()
    report["elsewhere"] = [asdict(each) for each in waiting_elsewhere]
    ours = held.pending + held.scores_pending - sum(each.spans + each.scores for each in waiting_elsewhere)
    _judge_delivery(report, held, ours)
    for each in waiting_elsewhere:
        if each.destination_id is not None and destinations.is_delivered(store, each.destination_id):
            report["notes"].append(f"{described(each)}: a running process delivers there")
        else:
            report["problems"].append(
                f"{described(each)}: deliver with those keys, or send them here: `autoops traces deliver --redirect`"
            )
    _judge_journal(report, held, limits)
    _judge_processes(report)
    if report["mode"] == "langfuse" and held.local:
        report["notes"].append(
            f"{number(held.local, 'span')} recorded without keys stay local: `autoops traces deliver --local` sends them"
        )


def _process(record: reader.ProcessRecord) -> dict[str, Any]:
    age = time.time() - record.heartbeat_at
    alive = record.ended_at is None and age < caretaker.DEAD_AFTER_S
    told = record.health
    return {
        "pid": record.pid,
        "program": record.program,
        "alive": alive,
        "heartbeat_age_s": round(age, 1),
        "mode": told.get("mode"),
        "host": told.get("host"),
        "delivery": told.get("delivery", {}),
        "dropped": told.get("dropped", {}),
        "alerts": told.get("alerts", []),
        "configuration_errors": told.get("configuration_errors", []),
        "books": record.books,
        # What a process without a goodbye had begun after its last commit, nobody knows.
        "books_complete": record.ended_at is not None or alive,
    }


def _books(held: figures.Figures, processes: list[dict[str, Any]]) -> dict[str, Any]:
    parts = {name: getattr(held, name) for name in BOOKS}
    kept = {name: sum(each["books"].get(name, 0) for each in processes) for name in reader.BOOKS}
    return {
        "ended": held.ended,
        **parts,
        "balanced": held.ended == sum(parts.values()),
        "processes": kept,
        "processes_incomplete": sum(not each["books_complete"] for each in processes),
    }


def _arrival(report: dict[str, Any]) -> dict[str, Any]:
    """Whether traces arrive, as the processes that deliver to the configured server last told it; all, without one."""
    host = report["host"] if report["mode"] == "langfuse" else None
    told = [each for each in report["processes"] if host is None or each["host"] in {None, host}]
    successes = [each["delivery"].get("last_success") for each in told]
    failing = [each for each in told if each["alive"] and each["mode"] == "fallback"]
    delivering = [each for each in told if each["alive"] and each["mode"] == "langfuse"]
    # Who delivered last, and ended, may have told why it could not.
    last = next((each for each in told if each["delivery"].get("last_error")), None)
    wrong = failing[0] if failing else last if last is not None and last["mode"] == "fallback" else None
    return {
        "failing": len(failing),
        "delivering": len(delivering),
        "last_success": max((each for each in successes if each), default=None),
        "since": None if wrong is None else wrong["delivery"].get("unavailable_since"),
        "reason": None if wrong is None else wrong["delivery"].get("last_error"),
        "hint": None if wrong is None else wrong["delivery"].get("hint"),
    }


def _judge_delivery(report: dict[str, Any], held: figures.Figures, ours: int) -> None:
    problems: list[str] = report["problems"]
    arrival = report["arrival"]
    because = f"{arrival['reason']}" + (f" ({arrival['hint']})" if arrival["hint"] else "")
    if arrival["failing"]:
        since = output.moment(arrival["since"])
        problems.append(f"Langfuse does not take traces since {since}: {because}")
    elif ours > 0:
        if arrival["reason"] is not None and not arrival["delivering"]:
            problems.append(f"the last process that delivered could not: {because}")
        if not arrival["delivering"]:
            problems.append(
                f"{_waiting(held)} wait and nobody delivers them now: run `autoops traces deliver`"
            )
    if held.rejected:
        problems.append(
            f"Langfuse refused {number(held.rejected, 'span')}: see `autoops traces list --rejected`"
        )
    if held.scores_rejected:
        problems.append(
            f"Langfuse refused {number(held.scores_rejected, 'score')}: see `autoops traces list --rejected`"
        )


def _judge_journal(report: dict[str, Any], held: figures.Figures, limits: Limits) -> None:
    problems: list[str] = report["problems"]
    near_limit = figures.size_alert(held, limits)
    if near_limit is not None:
        problems.append(near_limit)
    log_grows = None if held.path is None else log_readers.why_it_grows(Path(held.path), held.log_bytes)
    if log_grows is not None:
        problems.append(log_grows)
    damage = held.damage
    if damage is not None and time.time() - damage["at"] < DAMAGE_TOLD_FOR_S:
        rest = "" if damage["complete"] else ", perhaps more that could not be counted"
        problems.append(
            f"the journal was found damaged and moved to {damage['path']}: of what waited {damage['saved']} were saved"
            f" and {damage['unreadable']} lost{rest}; look after the disk"
        )
    if held.lost:
        problems.append(
            f"{number(held.lost, 'span')} were removed undelivered, for the journal was over AUTOOPS_JOURNAL_MAX_MB"
        )
    if not report["books"]["balanced"]:
        problems.append(
            "the journal's counters do not add up (`autoops health --json`, books): report it, please"
        )


def _judge_processes(report: dict[str, Any]) -> None:
    problems: list[str] = report["problems"]
    dropped: dict[str, int] = {}
    lately = False
    for process in report["processes"]:
        for reason, count in process["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + count
            lately = lately or process["heartbeat_age_s"] < RECENT_S
    report["dropped"] = dropped
    if lately:
        problems.append("spans were dropped: " + screen.reasons(dropped))
    alive = [process for process in report["processes"] if process["alive"]]
    others = {
        alert["kind"]: f"process {process['pid']}: {alert['message']}"
        for process in alive
        for alert in process["alerts"]
        if alert["kind"] not in TOLD_OTHERWISE
    }
    problems += others.values()
    faulty = [process for process in alive if process["configuration_errors"]]
    if faulty:
        problems.append(
            f"process {faulty[0]['pid']} runs without Langfuse, for its settings are invalid:"
            f" {faulty[0]['configuration_errors'][0]}"
        )


def _waiting(held: figures.Figures) -> str:
    if not held.scores_pending:
        return number(held.pending, "span")
    return f"{number(held.pending, 'span')} and {number(held.scores_pending, 'score')}"
