"""What waits for delivery is saved from a damaged journal, as far as it can be read."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.tracing.journal import figures, outbox, reader
from autoops.tracing.journal import salvage as module
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import is_sound, open_at, repair
from autoops.tracing.journal.store import Salvaged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autoops.tracing.journal.store import Store

SPANS = 600
MEANINGLESS = (
    "trace_id = 'not hex'",
    "input = '{cut'",
    "attributes = x'00ff'",
    "start_ns = 'soon'",
    "state = 0",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


def pages_of(path: Path, kind: str) -> list[int]:
    """Pages of a table or index, its root first, from the file's own map of pages."""
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (kind,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = path.read_bytes()
    found = [root]
    for page in found:
        start = (page - 1) * size
        if content[start] in {2, 5}:  # an interior page: its cells begin with the number of a child
            cells = int.from_bytes(content[start + 3 : start + 5])
            offsets = [int.from_bytes(content[start + 12 + 2 * n : start + 14 + 2 * n]) for n in range(cells)]
            found += [int.from_bytes(content[start + each : start + each + 4]) for each in offsets]
            found.append(int.from_bytes(content[start + 8 : start + 12]))
    return found


def spoil(path: Path, pages: Iterable[int]) -> None:
    """Write noise over pages."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * 4096)
            file.write(random.Random(page).randbytes(4096))


def waiting(path: Path) -> Desk:
    """Leave a journal in which some spans and scores wait for delivery and some were delivered."""
    desk = Desk(path, **KEYS)
    for number in range(SPANS):
        span = desk.span(f"span {number}", given={"text": "é" * 150})
        if number % 10 == 0:
            desk.score(span, value=str(number))
        if number % 100 == 99:
            desk.commit()
    delivered = outbox.due_spans(desk.store, 1, 100, 1 << 30, newest_first=False)
    outbox.spans_delivered(desk.store, 1, delivered)
    desk.store.checkpoint("TRUNCATE")
    desk.store.close()
    return desk


def due(store: Store) -> set[str]:
    """Names of the spans that wait."""
    return {each.span.name for each in outbox.due_spans(store, 1, 10_000, 1 << 30, newest_first=False)}


def test_one_page_of_spans_costs_its_spans_only(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rest is due in the new journal as it was, with its trace and resource; its books are in order."""
    desk = waiting(path)
    spoil(path, pages_of(path, "spans")[-20:-19])

    store = repair(desk.store, damaged=True)

    salvaged = store.salvaged
    assert salvaged is not None
    assert salvaged.complete
    assert 0 < salvaged.unreadable < 30
    assert salvaged.saved + salvaged.unreadable == SPANS - 100 + SPANS // 10
    names = due(store)
    assert names < {f"span {number}" for number in range(100, SPANS)}
    held = figures.read(store)
    assert held.pending == held.ended == held.spans == held.traces == len(names)
    assert held.scores_pending == len(outbox.due_scores(store, 1, 1000)) == SPANS // 10
    first = outbox.due_spans(store, 1, 1, 1 << 20, newest_first=False)[0]
    assert first.span.input == '{"text":"' + "é" * 150 + '"}'
    assert first.resource.environment == "development"
    assert first.trace.name == first.span.name
    (summary,) = [
        each for each in reader.list_traces(store, limit=1000).traces if each.name == first.span.name
    ]
    assert summary.spans == 1
    assert is_sound(path)
    with store.reading() as connection:
        noted = module.last_damage(connection)
    assert noted is not None
    assert noted["path"] == str(store.moved_aside)
    assert Salvaged(noted["saved"], noted["unreadable"], complete=noted["complete"]) == salvaged
    (line,) = [each for each in caplog.messages if "were saved from" in each]
    assert f"{salvaged.saved} rows" in line


@pytest.mark.parametrize("lost", ["traces", "resources", "processes", "spans_by_id", "traces_by_start"])
def test_what_is_joined_may_be_lost(path: Path, lost: str) -> None:
    """Without their traces, their resource or an index all spans are saved nevertheless."""
    desk = waiting(path)
    spoil(path, pages_of(path, lost))

    store = repair(desk.store, damaged=True)

    assert store.salvaged == Salvaged(SPANS - 100 + SPANS // 10, 0, complete=True)
    assert due(store) == {f"span {number}" for number in range(100, SPANS)}


def test_a_lost_list_of_what_waits_is_said(path: Path) -> None:
    """What was delivered already must not be sent anew in the dark: the file is kept, and the loss is told."""
    desk = waiting(path)
    spoil(path, pages_of(path, "outbox")[:1])

    store = repair(desk.store, damaged=True)

    assert store.salvaged is not None
    assert not store.salvaged.complete
    assert store.moved_aside is not None
    assert figures.read(store).pending == store.salvaged.saved == 0


def test_what_only_the_log_held_is_saved(path: Path) -> None:
    """A crash leaves the latest commits in the log: it moves with the damaged file, and is read with it."""
    desk = waiting(path)
    span = desk.span("in the log only")
    desk.commit()
    crashed = path.parent / "crashed"
    crashed.mkdir()
    for each in ("journal.db", "journal.db-wal"):
        shutil.copy(path.parent / each, crashed / each)
    spoil(crashed / "journal.db", pages_of(path, "rejected"))

    store = open_at(Location(crashed / "journal.db"))

    assert store.moved_aside is not None
    assert store.salvaged == Salvaged(SPANS - 100 + SPANS // 10 + 1, 0, complete=True)
    assert span.name in due(store)


def test_a_row_that_means_nothing_is_not_taken(path: Path) -> None:
    """Damage inside a page may leave rows that can be read: they are not passed on as spans."""
    desk = waiting(path)
    spoil(path, pages_of(path, "rejected"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        for number, damage in enumerate(MEANINGLESS):
            (seq,) = other.execute(
                "SELECT seq FROM outbox WHERE kind = 0 LIMIT 1 OFFSET ?", (50 * number,)
            ).fetchone()
            other.execute(f"UPDATE spans SET {damage} WHERE seq = ?", (seq,))  # noqa: S608 - ours, above

    store = repair(desk.store, damaged=True)

    assert store.salvaged == Salvaged(
        SPANS - 100 + SPANS // 10 - len(MEANINGLESS), len(MEANINGLESS), complete=True
    )


def test_a_span_that_was_written_again_is_there_once(path: Path) -> None:
    """Its process may have come first: the row in the new journal stands, and is due once."""
    desk = waiting(path)
    with desk.store.reading() as connection:
        (row,) = connection.execute("SELECT trace_id, span_id FROM spans WHERE name = 'span 300'").fetchall()
    desk.store.close()
    spoil(path, pages_of(path, "rejected"))
    store = repair(desk.store, damaged=True)
    assert store.moved_aside is not None

    again = module.salvage(store.moved_aside, store)

    assert again.saved == SPANS - 100 + SPANS // 10
    with store.reading() as connection:
        assert connection.execute(
            "SELECT COUNT(*) FROM spans WHERE trace_id = ? AND span_id = ?", row
        ).fetchone() == (1,)
    held = figures.read(store)
    assert held.pending == held.spans == SPANS - 100


def test_it_takes_no_longer_than_its_patience(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New spans wait in memory meanwhile: what is not saved in time stays in the file that was moved."""
    desk = waiting(path)
    spoil(path, pages_of(path, "rejected"))
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)

    store = repair(desk.store, damaged=True)

    assert store.salvaged == Salvaged(0, 0, complete=False)


def test_no_database_at_all(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be saved from noise, which is said and harms nobody."""
    caplog.set_level(logging.WARNING)
    path.write_bytes(random.Random(1).randbytes(50_000))

    store = open_at(Location(path))

    assert store.salvaged == Salvaged(0, 0, complete=False)
    assert "there may have been more" in caplog.text
