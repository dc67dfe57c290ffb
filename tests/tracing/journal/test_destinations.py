"""Destinations: what waits for whom, and moving it because somebody asked, with the books and later reads right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.errors import JournalError
from autoops.tracing.journal import destinations, figures, outbox, reader, slices
from autoops.tracing.journal.lock import FIRST_DESTINATION, lock_file
from autoops.tracing.journal.schema import SCORE

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {"public_key": "pk-lf-other", "secret_key": "sk-lf-other", "host": "https://other.example"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a row."""
    monkeypatch.setattr(slices, "HOLD_S", 0.0)


def scored(desk: Desk, *names: str) -> None:
    """Record a span with a score for each name."""
    for name in names:
        desk.score(desk.span(name))
    desk.commit()


def due(desk: Desk, destination_id: int) -> list[str]:
    """Names of the spans that wait for a destination."""
    spans = outbox.due_spans(desk.store, destination_id, 100, 1 << 20, newest_first=False)
    assert {each.resource.destination_id for each in spans} <= {destination_id}
    return [each.span.name for each in spans]


def balance(desk: Desk) -> figures.Figures:
    """The books hold, and say what is in the outbox."""
    held = figures.read(desk.store)
    assert held.ended == sum(
        (held.delivered, held.pending, held.local, held.sampled_out, held.rejected, held.pruned)
    )
    assert desk.rows(
        "SELECT COUNT(*) FILTER (WHERE kind = 0), COUNT(*) FILTER (WHERE kind = 1) FROM outbox"
    ) == [(held.pending, held.scores_pending)]
    return held


def deliveries(desk: Desk) -> dict[str, str | None]:
    """What the reader says of each span's delivery."""
    told: dict[str, str | None] = {}
    for summary in reader.list_traces(desk.store).traces:
        trace = reader.get_trace(desk.store, summary.trace_id)
        assert trace is not None
        told |= {span.name: span.delivery for span in trace.spans}
    return told


def test_what_waits_for_whom(path: Path) -> None:
    """Spans and scores by destination, with their dates if asked for; what is local apart."""
    desk = Desk(path, **KEYS)
    scored(desk, "a", "b")
    scored(Desk(desk.store, **OTHER), "c")
    scored(Desk(desk.store), "local")

    first, second = destinations.waiting(desk.store)
    assert (first.public_key, first.spans, first.scores, first.first_ns) == (KEYS["public_key"], 2, 2, None)
    assert (second.host, second.spans, second.scores) == (OTHER["host"], 1, 1)
    dated = destinations.waiting(desk.store, with_dates=True)[0]
    assert dated.first_ns is not None
    assert dated.last_ns is not None
    assert dated.first_ns <= dated.last_ns
    own = destinations.local(desk.store)
    assert (own.destination_id, own.spans, own.scores) == (None, 1, 1)


def test_redirecting_moves_what_waits_and_nothing_else(path: Path) -> None:
    """What was delivered stays delivered where it was; the rest is sent to the other and read as meant for it."""
    old, new = Desk(path, **KEYS), None
    scored(old, "sent", "a", "b")
    outbox.spans_delivered(old.store, 1, outbox.due_spans(old.store, 1, 1, 1 << 20, newest_first=False))
    new = Desk(old.store, **OTHER)
    scored(new, "own")

    for _ in destinations.redirect(old.store, 1, 2):
        balance(old)

    assert due(old, 1) == []
    assert due(old, 2) == ["a", "b", "own"]
    assert len(outbox.due_scores(old.store, 2, 9)) == 4
    assert destinations.waiting(old.store)[0].host == OTHER["host"]
    assert deliveries(old) == {"sent": "delivered", "a": "pending", "b": "pending", "own": "pending"}
    held = balance(old)
    assert (held.delivered, held.pending, held.scores_pending) == (1, 3, 4)
    outbox.spans_delivered(old.store, 2, outbox.due_spans(old.store, 2, 9, 1 << 20, newest_first=False))
    assert set(deliveries(old).values()) == {"delivered"}
    assert balance(old).delivered == 4


def test_a_process_that_goes_on_recording_is_not_redirected(path: Path) -> None:
    """Its next spans wait for its own destination: only rows that were there are moved."""
    old = Desk(path, **KEYS)
    scored(old, "before")
    scored(Desk(old.store, **OTHER), "own")
    for _ in destinations.redirect(old.store, 1, 2):
        balance(old)

    scored(old, "after")

    assert due(old, 1) == ["after"]
    assert due(old, 2) == ["before", "own"]


def test_local_rows_are_sent_when_asked_for(path: Path) -> None:
    """Ended spans of sampled traces and scores; what is open or outside the sample is not."""
    local = Desk(path)
    scored(local, "a", "b")
    open_span = local.begin("open")
    local.commit()
    unsampled = Desk(local.store, sample_rate=0.0)
    scored(unsampled, "unsampled")
    scored(Desk(local.store, **KEYS), "own")
    assert balance(local).local == 3

    for _ in destinations.deliver_local(local.store, 1):
        balance(local)

    assert due(local, 1) == ["a", "b", "own"]
    assert len(outbox.due_scores(local.store, 1, 9)) == 3
    held = balance(local)
    assert (held.local, held.pending, held.sampled_out) == (0, 3, 1)
    assert deliveries(local)["unsampled"] == "sampled out"
    assert destinations.local(local.store).spans == 0
    open_span.end()
    local.commit()
    assert balance(local).local == 1
    assert deliveries(local)["open"] == "local"


def test_a_second_time_nothing_is_left_to_move(path: Path) -> None:
    """Each row is moved once, and as few resources as configurations come of it."""
    local = Desk(path)
    for number in range(30):
        scored(local, f"{number}")
    scored(Desk(local.store, **KEYS), "own")
    for _ in range(2):
        for _ in destinations.deliver_local(local.store, 1):
            balance(local)

    assert len(due(local, 1)) == 31
    assert desk_resources(local) == 3


def desk_resources(desk: Desk) -> int:
    """How many rows of resources there are."""
    return int(desk.rows("SELECT COUNT(*) FROM resources")[0][0])


def test_a_destination_that_a_process_delivers_to_is_left_alone(path: Path) -> None:
    """Its batch under way would arrive in both projects."""
    desk = Desk(path, **KEYS)
    scored(desk, "a")
    lock = lock_file(path.with_name("journal.db.lock"))
    assert not destinations.is_delivered(desk.store, 1)
    assert lock.acquire(FIRST_DESTINATION + 1)

    assert destinations.is_delivered(desk.store, 1)
    with pytest.raises(JournalError, match="running process"), destinations.undisturbed(desk.store, 1):
        pass

    lock.release(FIRST_DESTINATION + 1)
    with destinations.undisturbed(desk.store, 1):
        assert not lock.acquire(FIRST_DESTINATION + 1)
    assert lock.acquire(FIRST_DESTINATION + 1)
    lock.release(FIRST_DESTINATION + 1)


def test_a_score_without_its_trace_is_moved_too(path: Path) -> None:
    """It may belong to a trace of another journal."""
    local = Desk(path)
    local.score(local.begin("never journalled"))
    local.pile.opened.clear()
    local.commit()
    scored(Desk(local.store, **KEYS), "own")

    for _ in destinations.deliver_local(local.store, 1):
        balance(local)

    assert len(outbox.due_scores(local.store, 1, 9)) == 2
    outbox.delivered(local.store, 1, SCORE, [each.seq for each in outbox.due_scores(local.store, 1, 9)])
    balance(local)
