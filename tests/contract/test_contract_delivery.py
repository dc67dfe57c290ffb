"""Delivery as a user notices it: when a batch goes, what a refusal does, what becomes of what waits.

The rules behind it have tests of their own; here they are seen from the doors.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from kit import EVENT
from loopback import TRACES
from patience import eventually

from config.langfuse_config import get_langfuse_client
from config.langfuse_integration import initialize_langfuse_integration

if TYPE_CHECKING:
    from kit import ConfigFor, Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

NEVER_S = 3600.0
CAPTIVE_PORTAL = b"<!doctype html><html><body>Please sign in</body></html>"


def record(service: LangfuseIntegrationService, count: int = 1) -> None:
    """Record `count` traces of one span."""
    for _ in range(count):
        service.finalize_trace(service.create_simulation_trace(EVENT))


def test_a_batch_is_due_at_flush_at(server: LoopbackServer, start: Start) -> None:
    """With an interval that never ends, the fourth span waits for the fifth."""
    service = start(server, flush_interval=NEVER_S, flush_at=5)
    record(service, 4)
    eventually(lambda: service.health_check()["journal"]["pending"] == 4, "four spans in the outbox")
    eventually(lambda: service.is_available, "the first answer of the server")
    assert server.spans == []
    record(service)

    server.wait_for_spans(5)


def test_a_partial_batch_is_due_at_the_interval(server: LoopbackServer, start: Start) -> None:
    """One span goes alone once the interval is over."""
    service = start(server, flush_interval=0.1, flush_at=1000)
    record(service)

    server.wait_for_spans(1)


def test_flush_sends_what_is_not_yet_due(server: LoopbackServer, start: Start) -> None:
    """It doesn't wait for interval or size."""
    service = start(server, flush_interval=NEVER_S, flush_at=1000)
    record(service)

    assert service.flush(10) is True
    assert len(server.spans) == 1


def test_shutdown_delivers_what_it_can(server: LoopbackServer, start: Start) -> None:
    """The last, partial batch goes with it."""
    service = start(server, flush_interval=NEVER_S, flush_at=1000)
    record(service, 3)
    service.shutdown()

    assert len(server.spans) == 3


def test_a_deadline_ends_a_call_that_hangs(server: LoopbackServer, start: Start) -> None:
    """``LANGFUSE_TIMEOUT`` with a fraction: fallback opens while the server still holds the request."""
    service = start(server, timeout=0.3, max_retries=0)
    eventually(lambda: service.is_available, "the first answer of the server")
    server.hang()
    record(service)

    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
    assert "time" in str(service.health_check()["delivery"]["last_error"]).lower()
    server.release()


def test_a_passing_failure_is_retried_without_fallback(
    server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """Two failures are within three retries: the same batch goes again, and nobody hears of fallback."""
    service = start(server, max_retries=3)
    eventually(lambda: service.is_available, "the first answer of the server")
    server.fail(500, path=TRACES, times=2)
    record(service)

    server.wait_for_spans(1)
    assert service.flush(10)
    assert service.health_check()["delivery"]["retries"] == 2
    assert "fallback" not in caplog.text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, b'{"message":"no"}') for status in (400, 401, 403, 404, 408, 413, 422, 429, 500, 502)),
        (200, CAPTIVE_PORTAL),
        (302, b""),
    ],
    ids=str,
)
def test_no_refusal_loses_anything(
    server: LoopbackServer, config_for: ConfigFor, status: int, body: bytes
) -> None:
    """Whatever the endpoint answers to everything, spans and scores wait, none is rejected, and all arrive."""
    service = initialize_langfuse_integration(config_for(server, max_retries=0))
    html = {"Content-Type": "text/html"} if body == CAPTIVE_PORTAL else {}
    server.fail(status, {"Location": "/elsewhere", **html} if status == 302 else html, body)
    record(service, 4)
    service.log_agent_decision("a", {"type": "t", "confidence": 0.5})
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
    waiting = service.health_check()
    server.heal()
    get_langfuse_client().disable_fallback_mode()

    server.wait_for_spans(5)
    server.wait_for_scores(1)
    assert service.flush(10) is True
    assert len(server.arrivals) == 5
    assert waiting["delivery"]["delivered"] == 0
    after = service.health_check()
    assert (after["delivery"]["rejected"], after["delivery"]["delivered"]) == (0, 5)
    assert (after["dropped"], after["mode"]) == ({}, "langfuse")


def test_one_spoiling_span_is_rejected_alone(
    server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """The server refuses every batch that has it: the others arrive, it is kept as rejected and counted."""
    service = start(server, flush_interval=NEVER_S, flush_at=1000)
    server.refuse(lambda span: span.name == "poison")
    for number in range(9):
        kind = "poison" if number == 4 else f"fine {number}"
        service.finalize_trace(service.create_simulation_trace({"type": kind}))

    assert service.flush(10) is True
    assert len(server.spans) == 8
    health = service.health_check()
    assert (health["delivery"]["rejected"], health["delivery"]["delivered"]) == (1, 8)
    assert (health["mode"], health["journal"]["pending"]) == ("langfuse", 0)
    assert "told to refuse one of its spans" in caplog.text


def test_a_request_to_wait_is_kept(server: LoopbackServer, start: Start) -> None:
    """``Retry-After``: the next attempt is not before it, and health shows when."""
    service = start(server, max_retries=3)
    eventually(lambda: service.is_available, "the first answer of the server")
    server.fail(429, {"Retry-After": "600"}, path=TRACES)
    record(service)
    server.wait_for_requests(2, TRACES)
    eventually(lambda: service.health_check()["delivery"]["last_error"], "the refusal to be noted")

    assert service.health_check()["delivery"]["next_attempt"] is not None
    assert service.flush(0.3) is False
    assert len([request for request in server.requests if request.path == TRACES and request.size > 100]) == 1


def test_spans_are_kept_or_counted(server: LoopbackServer, start: Start) -> None:
    """A buffer that is far too small and a caller that never waits: begun = kept + dropped, by reason."""
    service = start(server, buffer_size=10, max_latency_ms=0, public_key=None, secret_key=None)
    record(service, 3_000)
    assert service.flush(10)

    def kept_and_dropped() -> int:
        health = service.health_check()
        return int(health["journal"]["spans"]) + int(sum(health["dropped"].values()))

    eventually(lambda: kept_and_dropped() == 3_000, "every span to be accounted for")


def test_rates_by_the_name_of_the_root(server: LoopbackServer, start: Start) -> None:
    """``AUTOOPS_SAMPLE_RULES``: a glob's rate instead of the general one."""
    service = start(server, sample_rules=(("noise*", 0.0),), enable_sampling=False)
    for name in ("noise one", "noise two", "signal"):
        service.finalize_trace(service.create_simulation_trace({"type": name}))

    assert service.flush(10)
    assert {span.name for span in server.spans} == {"signal"}


def test_scores_of_an_unsent_trace_stay(server: LoopbackServer, start: Start) -> None:
    """Sent only when its trace is: here it is not."""
    service = start(server, sample_rate=0.0, enable_sampling=False)
    with service.trace_operation("quiet") as quiet:
        quiet.score("margin", 0.5)
    service.score(quiet.trace_id, "late", 0.5)

    assert service.flush(10)
    service.shutdown()
    assert (server.spans, server.scores) == ([], [])


def test_scores_go_in_batches_of_langfuses_form(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Each with an id, a name, a value, a timestamp and the environment of its trace."""
    with service.trace_operation("day") as day:
        for number in range(20):
            day.score(f"margin {number}", number / 20)

    scores = server.wait_for_scores(20)
    for score in scores:
        assert score.timestamp
        assert score.body["environment"] == "development"
        assert (score.trace_id, score.observation_id) == (day.trace_id, day.span_id)
    assert len({score.id for score in scores}) == 20
    batches = [json.loads(r.body)["batch"] for r in server.requests if r.path == "/api/public/ingestion"]
    assert len(batches) < 20
