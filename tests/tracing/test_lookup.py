"""Spans that began in another process, or in this one before a restart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from desk import Desk

from autoops.tracing import lookup
from autoops.tracing.client import LangfuseClient
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.ids import root_span_id
from autoops.tracing.journal import caretaker, reader
from autoops.tracing.span import COLLABORATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LangfuseClient]:
    """This process."""
    made = LangfuseClient(LangfuseConfig(journal=str(tmp_path / "journal.db")))
    yield made
    made.shutdown()


@pytest.fixture
def other(client: LangfuseClient) -> Desk:
    """Another one on the same journal."""
    assert client.writer is not None
    return Desk(client.writer.store())


def ended(client: LangfuseClient, trace_id: str) -> Any:
    """The trace once all is committed."""
    assert client.flush(10)
    assert client.writer is not None
    trace = reader.get_trace(client.writer.store(), trace_id)
    assert trace is not None
    return trace


def test_a_span_is_ended_with_all_that_it_had(client: LangfuseClient, other: Desk) -> None:
    """Input, attributes, ids and the start stay; the duration is counted from its start."""
    root = other.begin("event")
    step = other.begin("pricing.propose", root, {"n": 1}, type="agent", agent="pricing", operation="propose")
    step.set_attribute("note", "kept")
    other.commit()

    resumed = lookup.resume(client, step.id.upper())
    assert resumed is not None
    resumed.output = b'"done"'
    resumed.end()

    found = {span.span_id: span for span in ended(client, root.trace_id).spans}
    assert found.keys() == {root.id, step.id}
    span = found[step.id]
    assert (span.state, span.input, span.output) == ("ended", '{"n":1}', '"done"')
    assert (span.start_ns, span.parent_span_id, span.agent) == (step.start_ns, root.id, "pricing")
    assert span.attributes["note"] == "kept"
    assert span.end_ns is not None
    assert span.start_ns <= span.end_ns <= time.time_ns()


def test_an_interrupted_span_may_be_ended_after_all(client: LangfuseClient, other: Desk) -> None:
    """Its process was taken for dead: the real end counts."""
    root = other.begin("event")
    other.commit()
    other.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 1000")
    caretaker.end_interrupted(other.store, 0)

    resumed = lookup.open_root(client, root.trace.trace_id)
    assert resumed is not None
    resumed.end()

    (span,) = ended(client, root.trace_id).spans
    assert (span.state, span.level, span.status_message) == ("ended", "DEFAULT", None)


def test_what_has_ended_or_never_was_is_not_found(client: LangfuseClient, other: Desk) -> None:
    """Neither spans nor roots."""
    span = other.span("over")
    other.commit()

    assert lookup.resume(client, span.id) is None
    assert lookup.resume(client, "f" * 16) is None
    assert lookup.open_root(client, span.trace.trace_id) is None


def test_a_span_is_found_by_its_id_alone(client: LangfuseClient, other: Desk) -> None:
    """Open or ended, among many others; what the journal does not know is nothing."""
    root = other.begin("event")
    over = other.span("over", root)
    other.commit()
    for _ in range(100):
        other.span("another")
    other.commit()

    for span in (root, over):
        context = lookup.context_of(client, span.span_id)
        assert context is not None
        assert (context.trace_id, context.span_id) == (root.trace.trace_id, span.span_id)
    assert lookup.context_of(client, 0xABC) is None


def test_the_search_for_an_ended_span_is_bounded(
    client: LangfuseClient, other: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call must not read a whole journal: what ended long ago is unknown without its trace."""
    monkeypatch.setattr(lookup, "LATEST", 10)
    still_open, over = other.begin("open"), other.span("over")
    other.commit()
    for _ in range(20):
        other.span("another")
    other.commit()

    assert lookup.context_of(client, still_open.span_id) is not None
    assert lookup.context_of(client, over.span_id) is None


def test_a_parent_from_the_journal_or_from_the_trace_id(client: LangfuseClient, other: Desk) -> None:
    """The agent's own span of a collaboration, the root, or where the root would be if we began the trace."""
    root = other.begin("workflow", operation=COLLABORATION)
    own = other.begin("p", root, type="agent", agent="pricing", operation=COLLABORATION)
    other.commit()

    def parent(trace_id: int, agent: str) -> int:
        context = lookup.parent_in_journal(client, trace_id, agent, COLLABORATION)
        assert context is not None
        assert context.is_remote
        assert context.trace_id == trace_id
        return context.span_id

    assert parent(root.trace.trace_id, "pricing") == own.span_id
    assert parent(root.trace.trace_id, "inventory") == root.span_id
    assert parent(0xABC, "pricing") == root_span_id(0xABC)


def test_when_off_nothing_is_looked_up(tmp_path: Path) -> None:
    """And no file is made."""
    client = LangfuseClient(LangfuseConfig(journal=str(tmp_path / "journal.db"), enabled=False))

    assert lookup.resume(client, "a" * 16) is None
    assert lookup.context_of(client, 1) is None
    assert lookup.parent_in_journal(client, 1, "pricing", "x") is None
    assert not (tmp_path / "journal.db").exists()
