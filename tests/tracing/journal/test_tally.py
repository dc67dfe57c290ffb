"""The books of a process: what became of every span that it began."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from children import run_python
from patience import eventually

from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def service(path: Path) -> Iterator[LangfuseIntegrationService]:
    """A service that traces no agent called `quiet`."""
    started = LangfuseIntegrationService(LangfuseConfig(journal=str(path), traced_agents=("*", "!quiet")))
    yield started
    started.shutdown()


def row(path: Path) -> dict[str, Any]:
    """The books of this process as its row in the journal has them."""
    with closing(sqlite3.connect(path)) as other:
        (found,) = other.execute(
            "SELECT begun, ended, open, buffered, filtered, dropped FROM processes WHERE pid = ?",
            (os.getpid(),),
        ).fetchall()
    return dict(zip(("begun", "ended", "open", "buffered", "filtered", "dropped"), found, strict=True))


def adds_up(books: dict[str, int]) -> bool:
    """Whether every span begun is somewhere."""
    return books["begun"] == sum(number for name, number in books.items() if name != "begun")


def test_every_span_is_somewhere(service: LangfuseIntegrationService, path: Path) -> None:
    """Open, ended or filtered out: in memory and, from the next commit on, in the journal."""
    trace_id = service.create_simulation_trace({"type": "demand_spike"})
    for _ in range(3):
        assert service.start_agent_span("quiet", "work", trace_id) is None
    service.start_agent_span("inventory", "left open", trace_id)
    service.end_agent_span(service.start_agent_span("inventory", "done", trace_id))
    assert service.flush()

    expected = {"begun": 6, "ended": 1, "open": 2, "buffered": 0, "filtered": 3, "dropped": 0}
    assert service.health_check()["process"] == expected
    assert row(path) == expected


def test_spans_after_the_end_are_dropped_in_the_books_too(path: Path) -> None:
    """One that ends when the journal is closed is counted, and the sum still holds."""
    first, second = (LangfuseIntegrationService(LangfuseConfig(journal=str(path))) for _ in range(2))
    late = second.client.provider.begin("late", parent=None) if second.client.provider else None
    assert late is not None
    first.shutdown()
    second.shutdown()
    late.end()

    books = second.health_check()["process"]
    assert books["dropped"] == 1
    assert adds_up(books)


def test_another_process_that_ends_a_span_does_not_count_it(
    service: LangfuseIntegrationService, path: Path
) -> None:
    """A span is in the books of the process that began it; the one that ends it has books that add up too."""
    trace_id = service.create_simulation_trace({"type": "demand_spike"})
    span_id = service.start_agent_span("inventory", "handed over", trace_id)
    assert service.flush()
    told = run_python(
        """
        import json, sys
        from config.langfuse_integration import LangfuseIntegrationService
        service = LangfuseIntegrationService()
        ended = service.end_agent_span(sys.argv[1], "done elsewhere")
        service.flush()
        print(json.dumps([ended, service.health_check()["process"]]))
        """,
        span_id or "",
        env={"AUTOOPS_JOURNAL": str(path)},
    )

    ended, books = told
    assert ended
    assert adds_up(books)
    assert books["ended"] == 0


def test_a_span_that_left_memory_is_open_until_it_is_ended(path: Path) -> None:
    """Idle spans are in the journal only; ended late, they are counted once."""
    service = LangfuseIntegrationService(LangfuseConfig(journal=str(path), idle_span_s=0.01))
    try:
        trace_id = service.create_simulation_trace({"type": "demand_spike"}) or ""
        assert service.flush()
        eventually(
            lambda: service.client.provider and service.client.provider.idle, "the root to leave memory"
        )
        assert service.health_check()["process"]["open"] == 1

        assert service.finalize_trace(trace_id, {"ok": True})
        assert service.flush()
        assert service.health_check()["process"] == {
            "begun": 1,
            "ended": 1,
            "open": 0,
            "buffered": 0,
            "filtered": 0,
            "dropped": 0,
        }
    finally:
        service.shutdown()


def test_a_long_block_is_counted_once(path: Path) -> None:
    """Its span had left memory for the journal; its own end finds it all the same."""
    service = LangfuseIntegrationService(LangfuseConfig(journal=str(path), idle_span_s=0.01))
    try:
        with service.trace_operation("long"):
            assert service.flush()
            eventually(
                lambda: service.client.provider and service.client.provider.idle, "the span to leave memory"
            )
        assert service.flush()
        books = service.health_check()["process"]
        assert (books["begun"], books["ended"], books["open"]) == (1, 1, 0)
    finally:
        service.shutdown()


def test_a_process_that_comes_back_goes_on_with_its_row(path: Path) -> None:
    """Two services one after the other in one process: one row, whose numbers are of both."""
    for _ in range(2):
        service = LangfuseIntegrationService(LangfuseConfig(journal=str(path)))
        with service.trace_operation("work"):
            pass
        service.shutdown()

    assert row(path) == {"begun": 2, "ended": 2, "open": 0, "buffered": 0, "filtered": 0, "dropped": 0}


def test_a_replaced_file_starts_with_what_is_still_to_come(
    service: LangfuseIntegrationService, path: Path
) -> None:
    """What the old file took went with it; the new one's books add up from its first row on."""
    with service.trace_operation("gone with the file"):
        pass
    assert service.flush()
    trace_id = service.create_simulation_trace({"type": "demand_spike"}) or ""
    for each in path.parent.glob("journal.db*"):
        if not each.name.endswith(".lock"):
            each.unlink()
    service.end_agent_span(service.start_agent_span("inventory", "after", trace_id))
    service.finalize_trace(trace_id)
    assert service.flush()

    assert row(path) == {"begun": 2, "ended": 2, "open": 0, "buffered": 0, "filtered": 0, "dropped": 0}


def test_a_forked_child_has_books_of_its_own(path: Path) -> None:
    """What the parent began is in the parent's row alone."""
    told = run_python(
        """
        import json, os
        from config.langfuse_integration import LangfuseIntegrationService
        service = LangfuseIntegrationService()
        open_in_parent = service.create_simulation_trace({"type": "demand_spike"})
        with service.trace_operation("parent"):
            pass
        pid = os.fork()
        if pid == 0:
            with service.trace_operation("child"):
                pass
            service.flush()
            os._exit(0 if service.health_check()["process"]["begun"] == 1 else 1)
        _, status = os.waitpid(pid, 0)
        service.flush()
        print(json.dumps([os.waitstatus_to_exitcode(status), service.health_check()["process"]]))
        """,
        env={"AUTOOPS_JOURNAL": str(path)},
    )

    code, parent = told
    assert code == 0
    assert parent == {"begun": 2, "ended": 1, "open": 1, "buffered": 0, "filtered": 0, "dropped": 0}
