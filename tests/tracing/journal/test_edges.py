"""The edges of a span's way, in docs/journal.md, that lead over the command line: sent elsewhere, removed for age or size."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from desk import KEYS, Desk
from typer.testing import CliRunner

from autoops.cli import app
from autoops.tracing.journal import figures, outbox
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import LoopbackServer

DAY_NS = 86_400 * 10**9
WAYS = ("delivered", "pending", "local", "sampled_out", "rejected", "pruned")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


def traces(*arguments: str, path: Path, server: LoopbackServer | None = None) -> Any:
    """What an `autoops traces` command tells, with `--json`."""
    keys = {}
    if server is not None:
        keys = {
            "LANGFUSE_HOST": server.url,
            "LANGFUSE_PUBLIC_KEY": server.public_key,
            "LANGFUSE_SECRET_KEY": server.secret_key,
        }
    told = CliRunner().invoke(app, ["traces", *arguments, "--journal", str(path), "--json"], env=keys)
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def books(desk: Desk) -> dict[str, int]:
    """Where the ended spans stand, which is everywhere: the ways that have any."""
    held = figures.read(desk.store)
    found = {way: getattr(held, way) for way in WAYS}
    assert held.ended == sum(found.values())
    return {way: number for way, number in found.items() if number}


def record_of_every_kind(path: Path, *, days_ago: int = 0, given: str = "") -> Desk:
    """A journal with a trace for each way, named for it, and one that is open."""
    keyed, local = Desk(path, **KEYS), Desk(path)
    moment = time.time_ns() - days_ago * DAY_NS

    def begin(desk: Desk, name: str) -> Any:
        return desk.provider.begin(
            name, parent=None, type="span", start_ns=moment, input=json.dumps(given).encode()
        )

    begin(local, "local").end(moment)
    local.commit()
    sampled_out = begin(keyed, "sampled_out")
    sampled_out.trace.sampled = False
    sampled_out.end(moment)
    for name in ("delivered", "rejected", "pending"):
        begin(keyed, name).end(moment)
    keyed.pile.opened.append(begin(keyed, "open"))
    keyed.commit()
    due = {each.span.name: each for each in outbox.due_spans(keyed.store, 1, 9, 1 << 24, newest_first=False)}
    outbox.spans_delivered(keyed.store, 1, [due["delivered"]])
    outbox.reject(keyed.store, 1, SPAN, due["rejected"].seq, 400, "no")
    assert books(keyed) == dict.fromkeys(("delivered", "pending", "local", "sampled_out", "rejected"), 1)
    return keyed


def names(desk: Desk) -> set[str]:
    """Names of the spans that are left."""
    return {name for (name,) in desk.rows("SELECT name FROM spans")}


def test_local_spans_are_delivered_when_asked(server: LoopbackServer, path: Path) -> None:
    """`deliver --local`: what was recorded without keys goes to the project of the settings, and nothing else does."""
    desk = record_of_every_kind(path)

    traces("deliver", "--local", "--yes", path=path, server=server)

    assert [span.name for span in server.spans] == ["local"]
    assert books(desk) == {"delivered": 2, "pending": 1, "sampled_out": 1, "rejected": 1}


def test_spans_for_another_project_are_delivered_when_asked(server: LoopbackServer, path: Path) -> None:
    """`deliver --redirect`: what waits for another project goes to the one of the settings."""
    desk = record_of_every_kind(path)

    traces("deliver", "--redirect", "--yes", path=path, server=server)

    assert [span.name for span in server.spans] == ["pending"]
    assert books(desk) == {"delivered": 2, "local": 1, "sampled_out": 1, "rejected": 1}


def test_age_takes_what_is_settled(path: Path) -> None:
    """Delivered, local and outside the sample; never what Langfuse has not got, nor what is open."""
    desk = record_of_every_kind(path, days_ago=40)

    told = traces("prune", "--days", "41", path=path)
    assert (told["traces"], len(names(desk))) == (0, 6)
    told = traces("prune", "--days", "30", path=path)

    assert (told["traces"], told["undelivered"]) == (3, 0)
    assert names(desk) == {"pending", "rejected", "open"}
    # What was delivered stays counted so: it is in Langfuse.
    assert books(desk) == {"delivered": 1, "pending": 1, "rejected": 1, "pruned": 2}


def test_size_takes_the_rest_at_last(path: Path) -> None:
    """First what is settled; if the journal is still too large, what waits, which is counted and told."""
    desk = record_of_every_kind(path, given="x" * 900_000)

    told = traces("prune", "--max-mb", "3", path=path)
    assert (told["traces"], told["undelivered"]) == (3, 0)
    assert names(desk) == {"pending", "rejected", "open"}
    told = traces("prune", "--max-mb", "1.5", path=path)

    assert (told["traces"], told["undelivered"]) == (2, 2)
    assert names(desk) == {"open"}
    assert books(desk) == {"delivered": 1, "pruned": 4}
    assert figures.read(desk.store).lost == 2
