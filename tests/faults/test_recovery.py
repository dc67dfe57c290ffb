"""The server is back: what was recorded meanwhile goes soon, what is new does not wait behind it."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from desk import Desk
from endpoint import Answer
from loopback import TRACES, LoopbackServer
from patience import eventually
from received import decode_spans
from serverfaults import FAULTS, Stage

from autoops.tracing.delivery.sender import FIRST_BATCH
from autoops.tracing.otlp import EMPTY_EXPORT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from kit import ConfigFor, Start
    from received import ReceivedRequest

    from config.langfuse_config import LangfuseConfig
    from config.langfuse_integration import LangfuseIntegrationService

RESUMES_S = 7.0
"""After an outage of under ten minutes."""
FRESH_S = 10.0
"""Until a new trace is delivered while a backlog drains."""
BACKLOG = 20_000


def record(service: LangfuseIntegrationService, *names: str) -> None:
    """Record a trace of one span for each name."""
    for name in names:
        with service.trace_operation(name):
            pass


def falls_back(service: LangfuseIntegrationService, why: str = "") -> None:
    """Wait for fallback mode."""
    eventually(lambda: service.health_check()["fallback_mode"], f"fallback mode {why}")


def backlog(journal: Path, config: LangfuseConfig, spans: int = BACKLOG) -> None:
    """Have so many spans in a journal that wait for the configured server."""
    desk = Desk(journal)
    desk.provider.configure(config)
    for number in range(spans):
        desk.span(f"old {number}")
    desk.commit()
    desk.store.close()


def batches(server: LoopbackServer) -> list[int]:
    """Spans of each export so far, probes left out."""
    return [len(decode_spans(r.body)) for r in server.requests if r.path == TRACES and r.body != EMPTY_EXPORT]


def test_delivery_resumes_soon(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the outage was, within seven seconds of its end; it dropped nothing and sampled nothing out.

    Three outages at once, for the test waits for real probes, which are five seconds apart. Beside them a server that is
    no more than slow, beyond the two seconds of a first probe: it is not taken for away for ever.
    """
    caplog.set_level(logging.WARNING, "autoops")
    names = ["connection refused", "black hole", "503"]
    with ExitStack() as stack:
        slow = stack.enter_context(LoopbackServer())
        slow.delay(2.5)
        patient = start(slow, journal="off", timeout=60.0)
        stages = [stack.enter_context(Stage(FAULTS[name])) for name in names]
        services = [
            start(slow, public_key=stage.public_key, host=stage.env["LANGFUSE_HOST"], journal="off")
            for stage in stages
        ]
        slow.wait_for_requests(1)  # the first probe
        for service in (patient, *services):
            record(service, *(f"span {number}" for number in range(200)))
        for service, name in zip((patient, *services), ("slow", *names), strict=True):
            falls_back(service, name)

        servers = [stage.heal() for stage in stages]
        for server in servers:
            server.wait_for_spans(200, timeout=RESUMES_S)
        slow.wait_for_spans(200)

        for service in services:
            assert service.flush(10) is True
            health = service.health_check()
            assert (health["mode"], health["dropped"], health["sampled_out"]) == ("langfuse", {}, {})
    assert len([each for each in caplog.records if "is over" in each.message]) == 4


def test_mended_keys_are_used_at_once(server: LoopbackServer, start: Start) -> None:
    """However long the pause until the next probe is."""
    server.fail(401, {"Retry-After": "3600"})
    service = start(server, secret_key="sk-lf-of-yesterday", journal="off")
    record(service, "kept")
    falls_back(service)
    server.heal()

    assert service.reconfigure(secret_key=server.secret_key)

    server.wait_for_spans(1)


def test_a_fresh_trace_does_not_wait_behind_a_backlog(
    server: LoopbackServer, start: Start, config_for: ConfigFor, tmp_path: Path
) -> None:
    """A slow server has a long backlog to take: what is new arrives in the midst of it."""
    journal = tmp_path / "journal.db"
    backlog(journal, config_for(server))
    server.delay(0.4)
    service = start(server, journal=str(journal), timeout=60.0)
    server.wait_for(lambda: bool(server.arrivals), "the backlog to drain")
    record(service, "fresh")

    server.wait_for(lambda: "fresh" in {span.name for span in server.arrivals}, "the new one", FRESH_S)
    assert len(server.arrivals) < BACKLOG
    server.delay(0)
    server.wait_for(lambda: len(server.arrivals) > BACKLOG, "the rest", 30)


def test_batches_grow_on_a_backlog(
    server: LoopbackServer, start: Start, config_for: ConfigFor, tmp_path: Path
) -> None:
    """From the first size to what a request may hold: few requests bring much."""
    journal = tmp_path / "journal.db"
    backlog(journal, config_for(server))
    service = start(server, journal=str(journal), timeout=60.0)
    eventually(lambda: service.client.pending() == 0, "an empty outbox", 30)

    sizes = batches(server)
    assert sizes[0] == FIRST_BATCH
    assert sizes[:4] == sorted(sizes[:4])
    assert 4 * FIRST_BATCH in sizes
    assert (sum(sizes), len(server.arrivals)) == (BACKLOG, BACKLOG)
    assert len(sizes) < BACKLOG / FIRST_BATCH / 2


class Narrow(LoopbackServer):
    """Answers 413 to what has more than so many spans, as a proxy with a limit of its own does."""

    MOST = 700
    refused = 0

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer, or refuse."""
        if request.path == TRACES and len(decode_spans(request.body)) > self.MOST:
            self.refused += 1
            return Answer(413, b"<html>413</html>", {"Content-Type": "text/html"})
        return super().answer(request)


def test_batches_shrink_on_413(start: Start, config_for: ConfigFor, tmp_path: Path) -> None:
    """What is too large goes in parts; that size is not tried again at once, and no span is to blame."""
    journal = tmp_path / "journal.db"
    with Narrow() as server:
        backlog(journal, config_for(server), spans=5_000)
        service = start(server, journal=str(journal), timeout=60.0)
        eventually(lambda: service.client.pending() == 0, "an empty outbox", 30)

        assert len(server.arrivals) == 5_000
        assert server.refused == 1
        assert service.health_check()["delivery"]["rejected"] == 0


class Overwhelmed(LoopbackServer):
    """Answers small requests at once and large ones never."""

    MOST = 200

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer, or be silent until the test is over."""
        if request.path == TRACES and len(decode_spans(request.body)) > self.MOST:
            self.over.wait()
        return super().answer(request)


def test_what_is_too_much_goes_in_smaller_pieces(
    start: Start, config_for: ConfigFor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that answers probes but not a batch in time is given less of it, without fallback."""
    caplog.set_level(logging.WARNING, "autoops")
    journal = tmp_path / "journal.db"
    with Overwhelmed() as server:
        backlog(journal, config_for(server), spans=1_000)
        service = start(server, journal=str(journal), timeout=0.5)
        eventually(lambda: service.client.pending() == 0, "an empty outbox", 30)
        server.over.set()

    assert "fallback" not in caplog.text
