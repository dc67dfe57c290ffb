"""Health: does delivery work, since when not, why, and what to do; who writes; where the journal is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nicegui import ui

from autoops.dashboard import queries, theme, words
from autoops.dashboard.diagnosis import Life, diagnose, life, listed, section, summed
from autoops.dashboard.elements.notice import no_journal
from autoops.dashboard.elements.parts import Parts
from autoops.dashboard.elements.tags import badge, copyable, link, tag
from autoops.errors import JournalError
from autoops.tracing.journal import figures, reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoops.dashboard.diagnosis import Diagnosis
    from autoops.dashboard.records import Destination
    from autoops.dashboard.source import Source
    from autoops.tracing.journal.figures import Figures
    from autoops.tracing.journal.reader import ProcessRecord, RejectedRecord

REFUSED_SHOWN: Final = 50
LIFE: Final = {
    Life.RUNNING: ("good", "Running"),
    Life.ENDED: ("quiet", "Ended"),
    Life.SILENT: ("warning", "Silent"),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the page shows, or why it shows nothing."""

    figures: Figures | None = None
    processes: tuple[ProcessRecord, ...] = ()
    refused: tuple[RejectedRecord, ...] = ()
    destinations: tuple[Destination, ...] = ()
    fault: str | None = None


def register(source: Source) -> None:
    """Put the page at its address."""

    @ui.page("/health", title="Health · AutoOps", response_timeout=30)
    async def health() -> None:
        loaded = await asyncio.to_thread(load, source)
        with theme.frame(source, "/health"):
            body = tag("div", classes="health")

        def show(loaded: Loaded) -> None:
            _draw(source, loaded, parts)

        async def refresh() -> None:
            show(await asyncio.to_thread(load, source))

        parts = Parts(body)
        show(loaded)
        theme.watch(source, refresh)


def load(source: Source) -> Loaded:
    """Read what the page shows."""
    try:
        store = source.store()
        return Loaded(
            figures.read(store),
            tuple(reader.processes(store)),
            tuple(reader.rejected(store, REFUSED_SHOWN)),
            tuple(queries.destinations(store)),
        )
    except JournalError as error:
        return Loaded(fault=str(error))


def _draw(source: Source, loaded: Loaded, parts: Parts) -> None:
    parts.begin(has_journal=loaded.figures is not None)
    parts.show(_title)
    if loaded.figures is None:
        parts.show(_absent, source, loaded.fault)
        return
    now = time.time()
    dropped = summed(loaded.processes, "dropped")
    parts.show(_verdict, diagnose(loaded.figures, loaded.processes, now))
    parts.show(_tiles, _tile_figures(loaded.figures, sum(dropped.values())))
    parts.show(_losses, dropped, _sampled_out(loaded))
    parts.show(_alerts, _told_alerts(loaded.processes, now))
    parts.show(_refused, loaded.refused)
    parts.show(_processes, [(process, life(process, now)) for process in loaded.processes])
    parts.show(_destinations, loaded.destinations)
    parts.show(_journal, _journal_facts(loaded.figures, loaded.processes))


def _title() -> None:
    tag("h1", "Health")


def _absent(source: Source, fault: str | None) -> None:
    no_journal(source, fault or "")


def _verdict(diagnosis: Diagnosis) -> None:
    with tag("section", classes=f"verdict is-{diagnosis.tone}", role="status"):
        tag("h2", diagnosis.headline)
        if diagnosis.why:
            tag("p", diagnosis.why, "verdict-why")
        if diagnosis.advice:
            with tag("ul"):
                for sentence in diagnosis.advice:
                    tag("li", sentence[:1].upper() + sentence[1:] + ".")


def _tile_figures(known: Figures, dropped: int) -> list[tuple[str, int, str, bool]]:
    """Name, number, a note, and whether the number is bad news."""
    oldest = "" if known.oldest_pending_s is None else f"oldest {words.age(known.oldest_pending_s)}"
    scores = f"and {words.count(known.scores_pending, 'score')}" if known.scores_pending else ""
    return [
        ("Recorded", known.spans, f"spans in {words.count(known.traces, 'trace')}", False),
        ("Delivered", known.delivered, "", False),
        ("Waiting", known.pending, ", ".join(filter(None, (oldest, scores))), False),
        ("Refused", known.rejected, "", known.rejected > 0),
        ("Dropped", dropped, "", dropped > 0),
        ("Sampled out", known.sampled_out, "", False),
        ("Local", known.local, "without keys" if known.local else "", False),
    ]


def _tiles(tiles: Sequence[tuple[str, int, str, bool]]) -> None:
    with tag("ul", classes="tiles"):
        for name, number, note, is_bad in tiles:
            with tag("li", classes="tile is-bad" if is_bad else "tile"):
                tag("span", name, "tile-name")
                tag("b", words.count(number))
                tag("span", note, "tile-note")


def _losses(dropped: Mapping[str, int], sampled_out: Mapping[str, int]) -> None:
    if not (dropped or sampled_out):
        return
    with tag("div", classes="columns"):
        _counts("Dropped", "Spans that never reached the journal", dropped)
        _counts("Sampled out", "Spans kept here and not sent", sampled_out)


def _counts(title: str, meaning: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    with tag("section", classes="card"):
        tag("h2", title)
        tag("p", meaning, "card-note")
        with tag("dl", classes="pairs"):
            for reason, number in counts.items():
                tag("dt", reason.replace("_", " "))
                tag("dd", words.count(number))


def _sampled_out(loaded: Loaded) -> dict[str, int]:
    """By reason, as the process that told it last counts: each counts for the whole journal."""
    for process in loaded.processes:
        told = section(process.health, "sampled_out")
        if told:
            return {reason: number for reason, number in told.items() if isinstance(number, int)}
    return {}


def _told_alerts(processes: Sequence[ProcessRecord], now: float) -> list[tuple[int, Any]]:
    """What running processes raise, with their pids."""
    return [
        (process.pid, alert)
        for process in processes
        if life(process, now) is Life.RUNNING
        for alert in listed(process.health, "alerts")
    ]


def _alerts(alerts: Sequence[tuple[int, Any]]) -> None:
    if not alerts:
        return
    with tag("section", classes="card"):
        tag("h2", "Alerts")
        with tag("dl", classes="pairs"):
            for pid, alert in alerts:
                kind, message = (
                    (alert.get("kind"), alert.get("message")) if isinstance(alert, dict) else (None, alert)
                )
                tag("dt", str(kind or "alert").replace("_", " "))
                tag("dd", f"{words.plain(message)} (process {pid})")


def _refused(refused: Sequence[RejectedRecord]) -> None:
    if not refused:
        return
    with tag("section", classes="card"):
        tag("h2", "Refused by Langfuse")
        tag(
            "p",
            f"The latest {len(refused)}, in the server's words. They stay in the journal.",
            "card-note",
        )
        with tag("div", classes="scroll-x"), tag("table", classes="grid"):
            _header("When", "What", "Name", "HTTP", "The server's words")
            with tag("tbody"):
                for each in refused:
                    with tag("tr"):
                        tag("td", words.clock(each.rejected_at), "nowrap")
                        tag("td", each.kind)
                        with tag("td"):
                            span = f"?span={each.span_id}" if each.span_id else ""
                            link(each.name or each.trace_id, f"/trace/{each.trace_id}{span}")
                        tag("td", str(each.status))
                        tag("td", each.message, "words")


def _processes(processes: Sequence[tuple[ProcessRecord, Life]]) -> None:
    if not processes:
        return
    with tag("section", classes="card"):
        tag("h2", "Processes that write here")
        with tag("div", classes="scroll-x"), tag("table", classes="grid"):
            _header(
                "Process",
                "State",
                "Mode",
                "Started",
                "Last sign",
                "Active",
                "Our calls, p50 / p99",
                "Delivers",
            )
            with tag("tbody"):
                for process, alive in processes:
                    _process(process, alive)


def _process(process: ProcessRecord, alive: Life) -> None:
    health = process.health
    latency = section(health, "latency_ms")
    delivers = section(health, "delivery").get("is_deliverer")
    active = (
        f"{health['active_traces']} / {health.get('active_spans', '—')}" if "active_traces" in health else "—"
    )
    is_running = alive is Life.RUNNING
    with tag("tr"):
        with tag("td"):
            tag("span", process.program)
            tag("span", f" {process.pid}", "muted")
        with tag("td"):
            tone, word = LIFE[alive]
            badge(word, tone)
        tag("td", str(health.get("mode", "—")) if is_running else "—")
        tag("td", words.clock(process.started_at), "nowrap")
        tag("td", words.clock(process.ended_at or process.heartbeat_at), "nowrap")
        tag("td", active if is_running else "—", title="Open traces / other open spans")
        tag("td", f"{_ms(latency.get('p50'))} / {_ms(latency.get('p99'))}", "nowrap")
        tag("td", ("yes" if delivers else "no") if is_running and isinstance(delivers, bool) else "—")


def _destinations(destinations: Sequence[Destination]) -> None:
    if not destinations:
        return
    with tag("section", classes="card"):
        tag("h2", "Where traces go")
        with tag("div", classes="scroll-x"), tag("table", classes="grid"):
            _header("Server", "Public key", "Spans waiting", "Scores waiting")
            with tag("tbody"):
                for each in destinations:
                    with tag("tr"):
                        tag("td", each.host)
                        tag("td", each.public_key)
                        tag("td", words.count(each.spans))
                        tag("td", words.count(each.scores))


def _journal_facts(known: Figures, processes: Sequence[ProcessRecord]) -> list[tuple[str, str]]:
    told = section(processes[0].health, "journal") if processes else {}
    facts = [
        ("Path", known.path),
        ("Size", words.size(known.bytes)),
        ("Why there", told.get("reason")),
        ("Damaged file", told.get("moved_aside")),
        ("Fault", told.get("error")),
        ("Pruned", words.count(known.pruned, "span") if known.pruned else None),
        ("SQLite", known.sqlite_version),
    ]
    return [(name, words.plain(value)) for name, value in facts if value]


def _journal(facts: Sequence[tuple[str, str]]) -> None:
    with tag("section", classes="card"):
        tag("h2", "Journal")
        with tag("dl", classes="pairs"):
            for name, value in facts:
                tag("dt", name)
                if name == "Path":
                    with tag("dd"):
                        copyable(value, "the journal's path")
                else:
                    tag("dd", value)


def _header(*names: str) -> None:
    with tag("thead"), tag("tr"):
        for name in names:
            tag("th", name, scope="col")


def _ms(value: Any) -> str:
    return (
        words.duration(value * 1e6) if isinstance(value, int | float) and not isinstance(value, bool) else "—"
    )
