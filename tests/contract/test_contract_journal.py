"""The journal's place and its mishaps, as a user of the doors meets them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from kit import EVENT, delivered
from patience import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from kit import Start
    from loopback import LoopbackServer


def test_its_folder_hides_itself_from_git(server: LoopbackServer, start: Start, tmp_path: Path) -> None:
    """``.autoops`` brings a ``.gitignore`` of its own."""
    start(server).flush(10)

    assert (tmp_path / ".autoops" / ".gitignore").read_text().strip() == "*"


def test_its_place_is_fixed_once(
    server: LoopbackServer, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later change of the working directory moves nothing."""
    service = start(server, journal="data/traces.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    service.finalize_trace(service.create_simulation_trace(EVENT))

    assert service.flush(10)
    assert service.health_check()["journal"]["path"] == str(tmp_path / "data" / "traces.db")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_off_is_memory_and_delivers_all_the_same(
    server: LoopbackServer, start: Start, tmp_path: Path
) -> None:
    """``AUTOOPS_JOURNAL=off``: no file; the trace arrives whole."""
    service = start(server, journal="off")
    trace_id = service.create_simulation_trace(EVENT)
    span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id)
    service.end_agent_span(span_id)
    service.finalize_trace(trace_id)

    assert set(delivered(service, server, trace_id)) == {"demand_spike", "a.b"}
    assert list(tmp_path.iterdir()) == []
    assert "memory" in json.dumps(service.health_check()["journal"])


def test_a_place_that_cannot_be_written_leads_to_the_users_folder(
    server: LoopbackServer, start: Start, tmp_path: Path
) -> None:
    """The state folder of the user is next; health says where and why."""
    (tmp_path / "file").write_text("not a folder")
    service = start(server, journal=str(tmp_path / "file" / "journal.db"))
    service.finalize_trace(service.create_simulation_trace(EVENT))

    assert service.flush(10)
    journal = service.health_check()["journal"]
    assert journal["path"].startswith(str(tmp_path / "home"))
    assert str(tmp_path / "file" / "journal.db") in json.dumps(journal)


def test_no_writable_place_at_all_is_memory_said_once(
    server: LoopbackServer,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Recording and delivery go on; one warning and health say that nothing is kept."""
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    with caplog.at_level(logging.WARNING):
        service = start(server, journal=str(tmp_path / "file" / "journal.db"))
        for _ in range(3):
            service.finalize_trace(service.create_simulation_trace(EVENT))
        assert service.flush(10)

    assert len(server.spans) == 3
    assert "memory" in json.dumps(service.health_check()["journal"])
    said = [record for record in caplog.records if "memory" in record.getMessage().lower()]
    assert [record.levelno for record in said] == [logging.WARNING]


def test_a_damaged_file_is_moved_aside(server: LoopbackServer, start: Start, tmp_path: Path) -> None:
    """Nothing of it is lost: it lies beside the new one, and health tells where."""
    folder = tmp_path / ".autoops"
    folder.mkdir()
    garbage = b"this is no database at all" * 500
    (folder / "journal.db").write_bytes(garbage)
    service = start(server)
    service.finalize_trace(service.create_simulation_trace(EVENT))

    assert service.flush(10)
    assert len(server.spans) == 1
    aside = [path for path in folder.iterdir() if path.name != "journal.db" and path.read_bytes() == garbage]
    assert len(aside) == 1
    assert aside[0].name in json.dumps(service.health_check()["journal"])


def test_rows_of_another_destination_are_not_sent(server: LoopbackServer, start: Start) -> None:
    """What was recorded for one project stays for it, whoever opens the journal."""
    server.fail(503)
    first = start(server, max_retries=0)
    first.finalize_trace(first.create_simulation_trace({"type": "for the first project"}))
    eventually(lambda: first.health_check()["journal"]["pending"] == 1, "the pending span")
    first.shutdown()
    server.heal()
    server.public_key = "pk-lf-second"
    second = start(server)
    second.finalize_trace(second.create_simulation_trace({"type": "for the second project"}))

    assert second.flush(10)
    assert [span.name for span in server.spans] == ["for the second project"]
