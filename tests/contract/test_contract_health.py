"""What the service says of itself: the health check and the connection test."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from kit import EVENT
from loopback import unused_url
from patience import eventually

from config.langfuse_config import LangfuseClient

if TYPE_CHECKING:
    from pathlib import Path

    from kit import ConfigFor, Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

KEYS = {
    "initialized",
    "available",
    "connection_status",
    "active_traces",
    "active_spans",
    "integration_service",
    "enabled",
    "fallback_mode",
    "mode",
    "configuration_errors",
    "journal",
    "delivery",
    "dropped",
    "sampled_out",
    "latency_ms",
    "alerts",
}
JOURNAL_KEYS = {"path", "spans", "bytes", "pending", "oldest_pending_s"}
DELIVERY_KEYS = {"delivered", "retries", "rejected", "last_success", "last_error", "next_attempt"}


@pytest.mark.parametrize(
    "changes", [{}, {"enabled": False}, {"secret_key": None}], ids=["on", "off", "local"]
)
def test_it_has_every_documented_key(
    server: LoopbackServer, start: Start, changes: dict[str, object]
) -> None:
    """In every mode, as plain values that JSON can hold."""
    health = start(server, **changes).health_check()

    assert set(health) >= KEYS
    assert set(health["journal"]) >= JOURNAL_KEYS
    assert set(health["delivery"]) >= DELIVERY_KEYS
    assert set(health["latency_ms"]) >= {"p50", "p99"}
    assert (health["dropped"], health["sampled_out"], health["configuration_errors"]) == ({}, {}, [])
    assert json.loads(json.dumps(health)) == health


def test_before_the_first_answer_nothing_is_known(server: LoopbackServer, start: Start) -> None:
    """Unknown and not available while the server's first answer is out; then healthy, unasked."""
    server.hang()
    service = start(server)

    before = service.health_check()
    assert (before["connection_status"], before["available"], before["mode"]) == (
        "unknown",
        False,
        "langfuse",
    )
    assert service.is_available is False
    server.release()
    eventually(lambda: service.health_check()["connection_status"] == "healthy", "a healthy connection")
    assert service.health_check()["available"] is True


def test_it_asks_nobody(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Neither a request nor a span comes of it."""
    eventually(lambda: service.is_available, "the first answer")
    service.flush(10)
    requests, spans = len(server.requests), service.health_check()["journal"]["spans"]

    for _ in range(100):
        service.health_check()

    assert len(server.requests) == requests
    assert service.flush(10)
    assert server.spans == []
    assert service.health_check()["journal"]["spans"] == spans


def test_it_answers_while_the_server_hangs(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """From memory: the hanging request doesn't hold it up."""
    eventually(lambda: service.is_available, "the first answer")
    server.hang()
    service.finalize_trace(service.create_simulation_trace(EVENT))
    server.wait_for_requests(2)

    assert service.health_check()["initialized"] is True


def test_open_traces_and_spans_are_counted(service: LangfuseIntegrationService) -> None:
    """Roots not finalized are active traces, other open spans active spans."""
    first = service.create_simulation_trace(EVENT)
    second = service.track_collaboration("sync", ["a", "b"], {})
    span_id = service.start_agent_span("a", "work", parent_trace_id=first)
    with service.trace_operation("own trace"), service.trace_operation("inner"):
        during = service.health_check()
    service.end_agent_span(span_id)
    service.finalize_trace(first)
    service.finalize_trace(second)
    after = service.health_check()

    assert (during["active_traces"], during["active_spans"]) == (3, 4)
    assert (after["active_traces"], after["active_spans"]) == (0, 0)


def test_deliveries_and_the_last_error_are_shown(server: LoopbackServer, start: Start) -> None:
    """Delivered and retried are counted; a first failure shows as degraded with its reason."""
    service = start(server, max_retries=5)
    eventually(lambda: service.is_available, "the first answer")
    server.fail(503)
    service.finalize_trace(service.create_simulation_trace(EVENT))
    eventually(lambda: service.health_check()["connection_status"] == "degraded", "a degraded connection")
    degraded = service.health_check()
    server.heal()
    server.wait_for_spans(1)
    eventually(lambda: service.health_check()["delivery"]["delivered"] == 1, "the delivery to be counted")
    healed = service.health_check()

    assert "503" in str(degraded["delivery"]["last_error"])
    assert degraded["fallback_mode"] is False
    assert healed["delivery"]["retries"] >= 1
    assert healed["delivery"]["last_success"] is not None
    assert healed["delivery"]["rejected"] == 0


def test_the_journal_is_shown(
    server: LoopbackServer, service: LangfuseIntegrationService, tmp_path: Path
) -> None:
    """Where it is, how many spans it holds and how large it is."""
    service.finalize_trace(service.create_simulation_trace(EVENT))
    assert service.flush(10)
    eventually(lambda: service.health_check()["journal"]["spans"] == 1, "the span to be counted")

    journal = service.health_check()["journal"]
    assert journal["path"] == str(tmp_path / ".autoops" / "journal.db")
    assert journal["bytes"] > 0
    assert (journal["pending"], journal["oldest_pending_s"]) in {(0, 0), (0, None)}
    assert len(server.spans) == 1


def test_latency_of_own_calls_is_measured(service: LangfuseIntegrationService) -> None:
    """Percentiles in milliseconds, once there were calls."""
    for _ in range(20):
        with service.trace_operation("work"):
            pass

    latency = service.health_check()["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"]


def test_a_failing_connection_is_an_alert(server: LoopbackServer, start: Start) -> None:
    """In fallback the alerts name the connection."""
    server.fail(503)
    service = start(server, max_retries=0)
    service.finalize_trace(service.create_simulation_trace(EVENT))
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")

    assert "connection" in json.dumps(service.health_check()["alerts"]).lower()


class TestConnectionTest:
    """``test_connection`` says what is wrong and what to check, and logs it."""

    def test_healthy(self, service: LangfuseIntegrationService) -> None:
        """`ok`, and nothing to hint at."""
        result = service.test_connection()

        assert result.ok is True
        assert result.status == 200

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (401, "LANGFUSE_SECRET_KEY"),
            (403, "LANGFUSE_SECRET_KEY"),
            (404, "LANGFUSE_HOST"),
            (503, "server"),
        ],
    )
    def test_refusals(
        self,
        server: LoopbackServer,
        service: LangfuseIntegrationService,
        caplog: pytest.LogCaptureFixture,
        status: int,
        hint: str,
    ) -> None:
        """Status, reason and a hint that names what to mend."""
        server.fail(status)
        with caplog.at_level(logging.WARNING):
            result = service.test_connection()

        assert (result.ok, result.status) == (False, status)
        assert str(status) in result.reason
        assert hint in result.hint
        failures = [r.getMessage() for r in caplog.records if "Connection test failed: " in r.getMessage()]
        assert len(failures) == 1
        assert hint in failures[0]

    def test_wrong_keys(self, server: LoopbackServer, start: Start) -> None:
        """Keys that the server doesn't know: 401 from the server's own check."""
        result = start(server, secret_key="sk-lf-of-another-project").test_connection()

        assert (result.ok, result.status) == (False, 401)
        assert "key" in result.hint.lower()

    def test_refused(self, server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing listens there."""
        host = unused_url()
        with caplog.at_level(logging.WARNING):
            result = start(server, host=host).test_connection()

        assert (result.ok, result.status) == (False, None)
        assert "refused" in result.reason.lower()
        assert result.hint
        assert any("Connection test failed: " in record.getMessage() for record in caplog.records)

    def test_unknown_name(self, server: LoopbackServer, start: Start) -> None:
        """A host that has no address: the hint says DNS or the host's name."""
        result = start(server, host="http://langfuse.invalid").test_connection()

        assert (result.ok, result.status) == (False, None)
        assert "DNS" in result.reason + result.hint or "langfuse.invalid" in result.reason + result.hint

    def test_timeout(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """A server that never answers: the deadline ends it."""
        server.hang()
        result = service.test_connection(timeout=0.2)

        assert (result.ok, result.status) == (False, None)
        assert "time" in result.reason.lower()
        assert result.hint

    def test_without_keys(self, server: LoopbackServer, start: Start) -> None:
        """Nothing to test with: not ok, and the hint names the variables."""
        result = start(server, public_key=None, secret_key=None).test_connection()

        assert result.ok is False
        assert "LANGFUSE_PUBLIC_KEY" in result.hint
        assert server.connections == 0

    def test_switched_off(self, server: LoopbackServer, start: Start) -> None:
        """Off is off: no connection for the test either."""
        result = start(server, enabled=False).test_connection()

        assert result.ok is False
        assert "LANGFUSE_ENABLED" in result.hint
        assert server.connections == 0

    def test_of_the_client(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """The client has the same test."""
        client = LangfuseClient(config_for(server))
        try:
            assert client.test_connection().ok is True
            server.fail(401)
            assert client.test_connection().status == 401
        finally:
            client.shutdown()
