"""Scores have an endpoint of their own: what happens to it does not happen to spans."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

import pytest
from endpoint import Answer, json_answer
from loopback import INGESTION, LoopbackServer
from patience import eventually

if TYPE_CHECKING:
    from kit import Start
    from received import ReceivedRequest

    from config.langfuse_integration import LangfuseIntegrationService

HTML = {"Content-Type": "text/html"}


def score(service: LangfuseIntegrationService, number: int) -> None:
    """Record a span with a score."""
    with service.trace_operation(f"span {number}") as handle:
        handle.score("quality", number / 10)


def says(service: LangfuseIntegrationService) -> str:
    """What delivery last stumbled over."""
    return str(service.health_check()["delivery"]["last_error"])


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b"{}"), (401, b"{}"), (404, b"{}"), (413, b"{}"), (500, b"{}"), (200, b"<html>sign in</html>")],
)
def test_spans_go_on(
    server: LoopbackServer, start: Start, status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Their endpoint fails for good: one line of the log, no fallback, none rejected; all arrive once it is mended."""
    caplog.set_level(logging.WARNING, "autoops")
    service = start(server, journal="off", max_retries=0)
    server.fail(status, HTML if b"html" in body else None, body, path=INGESTION)
    for number in range(5):
        score(service, number)
        server.wait_for_spans(number + 1)
    eventually(lambda: "scores: " in says(service), "the failure to be noted")

    assert service.client.delivery.scores_error is not None
    assert service.health_check()["mode"] == "langfuse"
    assert service.health_check()["delivery"]["rejected"] == 0
    assert len([each for each in caplog.records if "no scores" in each.message]) == 1
    assert not [each for each in caplog.records if "fallback" in each.message]

    server.heal()
    service.reconfigure(flush_at=1)  # what is mended need not wait for the end of the pause
    server.wait_for_scores(5)
    eventually(lambda: service.client.delivery.scores_error is None, "the failure's end")
    assert len([each for each in caplog.records if "takes scores again" in each.message]) == 1


def test_a_passing_failure_is_tried_again(server: LoopbackServer, start: Start) -> None:
    """Twice, soon, and nobody hears of it."""
    service = start(server, journal="off")
    server.fail(503, path=INGESTION, times=2)
    score(service, 1)

    assert service.flush(15) is True
    assert len(server.scores) == 1
    assert service.client.delivery.retries == 2
    assert service.client.delivery.scores_error is None


def test_a_server_that_is_away_is_away_for_scores_too(server: LoopbackServer, start: Start) -> None:
    """With scores alone to send, that the whole server is gone is noticed."""
    service = start(server, journal="off", max_retries=0)
    score(service, 1)
    assert service.flush(10) is True
    server.fail(503)
    service.score("a" * 32, "late", 1.0)
    span = server.spans[0]
    service.score(span.trace_id, "later", 1.0)
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")

    server.heal()
    service.client.disable_fallback_mode()
    service.reconfigure(flush_at=1)
    server.wait_for_scores(2)


class Picky(LoopbackServer):
    """Refuses a whole batch of scores for one of 0.3 in it."""

    def answer(self, request: ReceivedRequest) -> Answer:
        """Refuse, or answer as ever."""
        if request.path == INGESTION:
            values = [event["body"]["value"] for event in json.loads(request.body)["batch"]]
            if 0.3 in values:
                return json_answer(400, {"message": "told to refuse one of its scores"})
        return super().answer(request)


def test_one_that_spoils_its_batch_is_set_aside(start: Start) -> None:
    """It is found as a span is, and the others arrive."""
    with Picky() as server:
        service = start(server, journal="off", flush_interval=3600.0, flush_at=1000)
        for number in range(10):
            score(service, number)
        assert service.flush(10) is True

    assert sorted(float(each.value) for each in server.scores) == [n / 10 for n in range(10) if n != 3]
    assert service.health_check()["delivery"]["rejected"] == 1


def test_no_exit_waits_for_them(server: LoopbackServer, start: Start) -> None:
    """While their endpoint pauses, an exit that has its spans delivered need not wait."""
    service = start(server, journal="off", max_retries=0)
    server.fail(500, {"Retry-After": "3600"}, path=INGESTION)
    score(service, 1)
    eventually(lambda: service.client.delivery.scores_error, "the failure")
    deliverer = service.client.deliverer
    assert deliverer is not None

    # It would have half an hour.
    assert deliverer.drain(time.monotonic() + 1800, wait_out_faults=False) is False
    assert len(server.spans) == 1
