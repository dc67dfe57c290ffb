"""Spans that the server refuses, too large ones, and a server that refuses everything."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from loopback import TRACES
from patience import eventually
from typer.testing import CliRunner

from autoops.cli import app
from autoops.tracing.otlp import MAX_REQUEST_BYTES
from autoops.tracing.serialize import CUT

if TYPE_CHECKING:
    from pathlib import Path

    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

NEVER_S = 3600.0
SPANS = 1_000
BATCH: dict[str, Any] = {"flush_interval": NEVER_S, "flush_at": 10 * SPANS, "max_latency_ms": 10_000.0}
"""Nothing goes before it is flushed, so that all of it is one backlog."""


def record(service: LangfuseIntegrationService, *names: str) -> None:
    """Record a trace of one span for each name."""
    for name in names:
        with service.trace_operation(name):
            pass


def autoops(server: LoopbackServer, journal: Path, *arguments: str, code: int = 0) -> Any:
    """What a command of `autoops traces` prints as JSON."""
    env = {
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
        "LANGFUSE_HOST": server.url,
    }
    result = CliRunner().invoke(app, ["traces", *arguments, "--journal", str(journal), "--json"], env=env)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("status", [400, 413])
def test_one_of_a_thousand(
    server: LoopbackServer, start: Start, tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """999 arrive, once each; the one is kept with the server's words, listed, and sent again when asked."""
    journal = tmp_path / "journal.db"
    service = start(server, journal=str(journal), **BATCH)
    server.refuse(lambda span: span.name == "span 613", status)
    record(service, *(f"span {number}" for number in range(SPANS)))

    assert service.flush(20) is True
    names = {span.name for span in server.spans}
    assert names == {f"span {number}" for number in range(SPANS)} - {"span 613"}
    assert len(server.arrivals) == SPANS - 1
    assert service.health_check()["delivery"]["rejected"] == 1
    assert "told to refuse one of its spans" in caplog.text
    service.shutdown()

    (refused,) = autoops(server, journal, "list", "--rejected")
    assert (refused["name"], refused["status"]) == ("span 613", status)
    assert "told to refuse one of its spans" in refused["message"]

    still = autoops(server, journal, "deliver", "--retry-rejected", code=1)
    assert (still["delivered"], still["remaining"]) == (0, 1)
    assert "told to refuse one of its spans" in still["reason"]

    server.heal()
    assert autoops(server, journal, "deliver")["delivered"] == 1
    assert autoops(server, journal, "list", "--rejected") == []
    assert len(server.spans) == SPANS


@pytest.mark.parametrize("poison", [range(40), range(0, 400, 10), range(150, 350)], ids=str)
def test_many_in_a_row_hold_up_nobody(server: LoopbackServer, start: Start, poison: range) -> None:
    """Wherever they lie in the backlog, the others arrive and all of them are found, without waiting for a probe."""
    service = start(server, journal="off", **BATCH)
    spoiled = {f"span {number}" for number in poison}
    server.refuse(lambda span: span.name in spoiled)
    record(service, *(f"span {number}" for number in range(400)))

    assert service.flush(20) is True
    assert len(server.spans) == 400 - len(spoiled)
    assert service.health_check()["delivery"]["rejected"] == len(spoiled)


def test_refusals_do_not_flood_the_log(
    server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for a hundred refused spans in ten batches."""
    caplog.set_level(logging.WARNING, "autoops")
    service = start(server, journal="off", **BATCH)
    server.refuse(lambda span: span.name.startswith("poison"))
    for batch in range(10):
        record(service, "good", *(f"poison {batch}.{number}" for number in range(10)))
        assert service.flush(20) is True

    assert service.health_check()["delivery"]["rejected"] == 100
    assert len([each for each in caplog.records if "set aside" in each.message]) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_server_that_refuses_everything_rejects_nothing(
    server: LoopbackServer, start: Start, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers probes, which carry no span: that is no reason to call it well, and to call it ill again after that."""
    caplog.set_level(logging.INFO, "autoops")
    service = start(server, journal="off", flush_interval=0.05)
    server.refuse(lambda _: True, status)
    record(service, *(f"span {number}" for number in range(50)))
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
    for _ in range(3):
        so_far = len(server.requests)
        service.client.disable_fallback_mode()  # probe now
        server.wait_for_requests(so_far + 2)  # the probe, and spans after it

    health = service.health_check()
    assert (health["mode"], health["delivery"]["rejected"]) == ("fallback", 0)
    assert service.client.pending() == 50
    assert len([each for each in caplog.records if "fallback mode" in each.message]) == 1

    server.heal()
    service.client.disable_fallback_mode()
    assert service.flush(20) is True
    assert len(server.arrivals) == 50
    assert service.health_check()["mode"] == "langfuse"


def test_one_alone_waits_for_company(
    server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody can tell whether it or the server is at fault until another span comes: then it shows within five seconds.

    That is how often a server that refuses all is asked, and what this test takes.
    """
    caplog.set_level(logging.INFO, "autoops")
    service = start(server, journal="off", flush_interval=0.05)
    eventually(lambda: service.is_available, "the first answer of the server")
    server.refuse(lambda span: span.name == "poison")
    record(service, "poison")
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
    assert service.health_check()["delivery"]["rejected"] == 0

    record(service, "good")

    server.wait_for_spans(1)
    assert service.flush(20) is True
    health = service.health_check()
    assert (health["mode"], health["delivery"]["rejected"]) == ("langfuse", 1)
    assert len([each for each in caplog.records if "fallback mode" in each.message]) == 2


def test_a_span_larger_than_a_request_is_cut(server: LoopbackServer, start: Start) -> None:
    """Every payload at its limit and attributes beyond theirs: it arrives, marked as cut, in a request of 4 MiB."""
    service = start(server, journal="off", **BATCH)
    huge = {f"key {number}": "x" * 90_000 for number in range(30)}
    with service.trace_operation("huge", input_data=huge, metadata=huge) as handle:
        handle.update(output="é" * 2_000_000)
    record(service, "small")

    assert service.flush(20) is True
    spans = {span.name: span for span in server.spans}
    assert set(spans) == {"huge", "small"}
    assert max(len(request.body) for request in server.requests) <= MAX_REQUEST_BYTES
    assert CUT in spans["huge"].metadata
    assert spans["huge"].input[CUT]["limit"] >= 250_000
    assert set(spans["huge"].input["beginning"]) > {"key 0", "key 1"}
    assert spans["huge"].type == "span"
    assert CUT not in spans["small"].metadata


def test_more_events_than_fit_hold_up_nobody(server: LoopbackServer, start: Start) -> None:
    """A library that records events without end: its span arrives all the same."""
    service = start(server, journal="off", **BATCH)
    assert service.client.provider is not None
    with service.client.provider.get_tracer("chatty").start_as_current_span("chatty") as span:
        for number in range(2_000):
            span.add_event(f"event {number}", {"text": "y" * 1_000})
    record(service, "small")

    assert service.flush(20) is True
    assert {each.name for each in server.spans} == {"chatty", "small"}


def test_a_row_that_cannot_be_written_is_set_aside(
    server: LoopbackServer, start: Start, tmp_path: Path
) -> None:
    """A damaged row among good ones: they arrive, it is kept as rejected with the reason."""
    import sqlite3

    journal = tmp_path / "journal.db"
    service = start(server, journal=str(journal), **BATCH)
    server.fail(503, {"Retry-After": "0"}, path=TRACES)
    record(service, "good", "damaged", "good too")
    eventually(lambda: service.health_check()["journal"]["pending"] == 3, "three spans in the outbox")
    with sqlite3.connect(journal) as connection:
        connection.execute("UPDATE spans SET attributes = '[1, 2' WHERE name = 'damaged'")
    server.heal()

    assert service.flush(20) is True
    assert {each.name for each in server.spans} == {"good", "good too"}
    (refused,) = autoops(server, journal, "list", "--rejected")
    assert "cannot be written" in refused["message"]
