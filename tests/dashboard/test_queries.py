"""What the page asks the journal, against journals that the writer wrote."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from journals import INJECTION, Recorder, recording

from autoops.dashboard import queries
from autoops.dashboard.queries import SearchTooSlow
from autoops.dashboard.source import Source
from autoops.errors import JournalError
from autoops.tracing import attributes as keys
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import caretaker, outbox
from autoops.tracing.journal.reader import TraceFilter
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autoops.tracing.journal.store import Store

SENDING = LangfuseConfig(public_key="pk-lf-page", secret_key="sk-lf-page", host="https://langfuse.example")


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """A journal that is being written."""
    with recording(tmp_path / "journal.db") as recorder:
        yield recorder


def reading(recorder: Recorder) -> Store:
    """Commit what was recorded and open the journal as the page does."""
    recorder.commit()
    return Source(recorder.writer.journal).store()


def test_list_names_agents_and_what_it_was_about(recorder: Recorder) -> None:
    """A row can be told from its neighbours without opening it."""
    recorder.event("demand_spike", session="run-1")

    (row,) = queries.list_traces(reading(recorder), TraceFilter()).traces

    assert row.summary.name == "demand_spike"
    assert row.agents == ("inventory", "orchestrator", "pricing")
    assert row.about == "Bananas · multiplier 2.4"
    assert (row.summary.spans, row.summary.warnings, row.abandoned) == (6, 1, False)


def test_pages_hold_every_trace_once(recorder: Recorder) -> None:
    """Newest first, without a gap or a double at the seam."""
    roots = [recorder.begin(f"event {number}", at_ms=-number) for number in range(queries.PAGE_SIZE + 7)]
    for root in roots:
        recorder.end(root, ms=1)
    store = reading(recorder)

    first = queries.list_traces(store, TraceFilter())
    second = queries.list_traces(store, TraceFilter(), first.older)

    names = [row.summary.name for row in (*first.traces, *second.traces)]
    assert names == [root.name for root in roots]
    assert (len(first.traces), second.older) == (queries.PAGE_SIZE, None)


def test_count_and_choices_follow_what_is_there(recorder: Recorder) -> None:
    """The filters offer what occurs, and count what they find."""
    recorder.event()
    recorder.failure()
    store = reading(recorder)

    assert queries.count(store, TraceFilter(level="ERROR")) == 1
    assert queries.choices(store) == {
        "agent": ["inventory", "orchestrator", "pricing"],
        "type": ["agent", "guardrail", "span", "tool"],
        "level": ["DEFAULT", "ERROR", "WARNING"],
        "decision": ["routine_order"],
    }


def test_choices_of_an_empty_journal(recorder: Recorder) -> None:
    """None, under every name."""
    recorder.end(recorder.begin("only"), ms=1)
    store = reading(recorder)
    with store.transaction() as connection:
        connection.execute("DELETE FROM spans")

    assert queries.choices(store) == {"agent": [], "type": [], "level": [], "decision": []}


def test_pulse_changes_with_a_commit_and_not_without(recorder: Recorder) -> None:
    """So that looking for news costs next to nothing."""
    recorder.event()
    store = reading(recorder)
    before = queries.pulse(store)
    assert queries.pulse(store) == before

    recorder.event()
    recorder.commit()

    assert queries.pulse(store) != before


def test_search_that_takes_too_long_is_stopped(recorder: Recorder) -> None:
    """The page says so instead of waiting; the journal is not held, and the next query is whole."""
    recorder.big(2000)
    store = reading(recorder)

    with pytest.raises(SearchTooSlow):
        queries.list_traces(store, TraceFilter(text="nowhere to be found"), seconds=0)
    assert queries.count(store, TraceFilter(text="nowhere to be found"), seconds=0) is None
    assert queries.count(store, TraceFilter(text="the needle")) == 1


def test_lines_of_a_trace_come_in_order_and_are_cut_with_a_word(recorder: Recorder) -> None:
    """No payload is read for them, and a trace that is too long says that it is."""
    root = recorder.event()
    store = reading(recorder)

    whole = queries.trace_lines(store, root.trace_id)
    cut = queries.trace_lines(store, root.trace_id, limit=4)

    assert whole is not None
    assert cut is not None
    assert [line.name for line in whole.lines] == [
        "demand_spike",
        "inventory.forecast_demand",
        "ewma",
        "pricing.propose",
        "orchestrator.resolve",
        "inventory.routine_order",
    ]
    assert (whole.truncated, len(cut.lines), cut.truncated) == (False, 4, True)
    assert queries.trace_lines(store, "f" * 32) is None


def test_text_is_found_in_names_payloads_metadata_and_messages(recorder: Recorder) -> None:
    """Case does not matter; a percent sign is a percent sign."""
    root = recorder.event()
    store = reading(recorder)
    whole = queries.trace_lines(store, root.trace_id)
    assert whole is not None
    name_of = {line.span_id: line.name for line in whole.lines}

    found = {
        text: {name_of[each] for each in queries.matching_spans(store, root.trace_id, text)}
        for text in ("EWMA", "whole milk", "lead time", "cannot cover", "%")
    }

    assert found == {
        "EWMA": {"ewma"},
        "whole milk": {"inventory.routine_order"},
        "lead time": {"inventory.routine_order"},
        "cannot cover": {"orchestrator.resolve"},
        "%": set(),
    }


def test_detail_has_everything_about_a_span(recorder: Recorder) -> None:
    """Payloads, decision, metadata, and who recorded it."""
    root = recorder.begin("demand_spike", given={"text": INJECTION})
    decision = recorder.decision(root)
    recorder.end(root, ms=9)
    store = reading(recorder)

    detail = queries.span_detail(store, decision.trace_id, decision.id)
    whole = queries.trace_lines(store, root.trace_id)

    assert detail is not None
    assert (detail.line.decision, detail.line.confidence) == ("routine_order", 0.82)
    assert detail.output is not None
    assert "Bananas" in detail.output
    assert "lead time is 3 days" in detail.attributes[keys.metadata_key("reasoning")]
    assert (detail.environment, detail.delivery, detail.host) == ("development", "local", None)
    assert whole is not None
    assert [(score.name, score.value, score.span_id) for score in whole.scores] == [
        ("confidence", 0.82, decision.id)
    ]
    assert queries.span_detail(store, decision.trace_id, "f" * 16) is None


def test_detail_of_an_error_has_its_event(recorder: Recorder) -> None:
    """What was raised, and where."""
    root = recorder.failure()
    store = reading(recorder)
    whole = queries.trace_lines(store, root.trace_id)
    assert whole is not None

    detail = queries.span_detail(store, root.trace_id, whole.lines[1].span_id)

    assert detail is not None
    assert detail.line.level == "ERROR"
    assert [event["name"] for event in detail.events] == ["exception"]


def test_delivery_of_a_span_and_what_waits_for_a_destination(tmp_path: Path) -> None:
    """Pending, then delivered or refused with the server's words."""
    with recording(tmp_path / "journal.db", SENDING) as recorder:
        root = recorder.event()
        store = reading(recorder)
        whole = queries.trace_lines(store, root.trace_id)
        assert whole is not None
        waiting = queries.span_detail(store, root.trace_id, root.id)
        assert waiting is not None
        assert (waiting.delivery, waiting.host) == ("pending", SENDING.host)
        (place,) = queries.destinations(store)
        assert (place.host, place.public_key, place.spans, place.scores) == (SENDING.host, "pk-lf-page", 6, 1)
        with store.reading() as connection:
            seqs = [
                row[0] for row in connection.execute("SELECT seq FROM outbox WHERE kind = 0 ORDER BY seq")
            ]
            (first,) = connection.execute("SELECT span_id FROM spans WHERE seq = ?", (seqs[0],)).fetchone()

        outbox.reject(store, 1, SPAN, seqs[0], 422, "no such field")
        outbox.delivered(store, 1, SPAN, seqs[1:])

        refused = queries.span_detail(store, root.trace_id, first)
        others = [
            queries.span_detail(store, root.trace_id, line.span_id)
            for line in whole.lines
            if line.span_id != first
        ]
    assert refused is not None
    assert (refused.delivery, refused.rejection) == ("rejected", (422, "no such field"))
    assert {detail.delivery for detail in others if detail is not None} == {"delivered"}


def test_open_trace_of_a_process_that_is_gone(tmp_path: Path) -> None:
    """It is not running: the page says so before any process has marked it as interrupted."""
    path = tmp_path / "journal.db"
    with recording(path) as recorder:
        root = recorder.begin("demand_spike")
        store = reading(recorder)
        (running,) = queries.list_traces(store, TraceFilter()).traces
    (gone,) = queries.list_traces(store, TraceFilter()).traces
    lines = queries.trace_lines(store, root.trace_id)
    with store.transaction() as connection:
        connection.execute("UPDATE processes SET heartbeat_at = ?", (time.time() - 120,))
    caretaker.end_interrupted(store, process_id=0)
    (marked,) = queries.list_traces(store, TraceFilter()).traces

    assert (running.summary.state, running.abandoned) == ("open", False)
    assert (gone.summary.state, gone.abandoned) == ("open", True)
    assert lines is not None
    assert lines.abandoned
    assert (marked.summary.state, marked.abandoned) == ("interrupted", False)


def test_source_makes_no_file_where_there_is_no_journal(tmp_path: Path) -> None:
    """Looking leaves no trace; the journal is found once it is there."""
    path = tmp_path / "later.db"
    source = Source(str(path))
    with pytest.raises(JournalError):
        source.store()
    assert list(tmp_path.iterdir()) == []

    with recording(path) as recorder:
        recorder.event()

    assert queries.count(source.store(), TraceFilter()) == 1


def test_source_looks_elsewhere_only_if_nobody_named_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that could not be written at its place is found where it went; a file that somebody named is that file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    elsewhere = tmp_path / ".local" / "state" / "autoops" / "journal.db"
    with recording(elsewhere) as recorder:
        recorder.event()
    named = tmp_path / "named.db"

    assert Source(str(named)).path == elsewhere
    assert Source(str(named), only_there=True).path == named
    assert Source("off", only_there=True).path is None


def test_source_follows_a_journal_that_was_replaced(tmp_path: Path) -> None:
    """Deleted: nothing, and no new file. Another in its place: that one."""
    path = tmp_path / "journal.db"
    with recording(path) as recorder:
        recorder.event()
    source = Source(str(path))
    queries.list_traces(source.store(), TraceFilter())
    for file in tmp_path.glob("journal.db*"):
        file.unlink()

    with pytest.raises(JournalError):
        source.store()
    assert not path.exists()
    with recording(path) as recorder:
        recorder.event("day_started")

    assert [row.summary.name for row in queries.list_traces(source.store(), TraceFilter()).traces] == [
        "day_started"
    ]


def test_file_that_is_no_journal(tmp_path: Path) -> None:
    """One error of ours, whatever SQLite thinks of it."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)

    with pytest.raises(JournalError):
        queries.list_traces(Source(str(path)).store(), TraceFilter())
    with pytest.raises(JournalError, match="off"):
        Source("off").store()
