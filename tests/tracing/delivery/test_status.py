"""The states of the connection, along the edges that docs/journal.md draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kit import EVENT
from loopback import TRACES
from patience import eventually
from serverfaults import FAULTS

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

LATER = {"Retry-After": "3600"}
AT_ONCE = {"Retry-After": "0"}


def becomes(service: LangfuseIntegrationService, state: str) -> None:
    """Wait for a state of the connection."""
    eventually(lambda: service.health_check()["connection_status"] == state, f"the connection to be {state}")


def record(service: LangfuseIntegrationService) -> None:
    """Record an event."""
    service.finalize_trace(service.create_simulation_trace(EVENT))


class TestDisabled:
    """Nothing is to be delivered."""

    def test_without_keys(self, server: LoopbackServer, start: Start) -> None:
        """Recording goes on, and nobody is asked."""
        service = start(server, public_key=None, secret_key=None)
        record(service)

        assert service.flush(10)
        health = service.health_check()
        assert (health["connection_status"], health["journal"]["local"]) == ("disabled", 1)
        assert server.connections == 0

    @pytest.mark.parametrize("changes", [{"public_key": None, "secret_key": None}, {"enabled": False}])
    @pytest.mark.parametrize("before", ["healthy", "unavailable"])
    def test_when_keys_are_taken_away_or_it_is_switched_off(
        self, server: LoopbackServer, start: Start, before: str, changes: dict[str, object]
    ) -> None:
        """From any state; what waits stays for its project."""
        if before == "unavailable":
            server.fail(401)
        service = start(server)
        becomes(service, before)
        record(service)

        assert service.reconfigure(**changes)

        assert service.health_check()["connection_status"] == "disabled"
        server.heal()
        assert service.reconfigure(enabled=True, public_key=server.public_key, secret_key=server.secret_key)
        assert [span.name for span in server.wait_for_spans(1)] == [EVENT["type"]]


class TestFallback:
    """Ways into it."""

    def test_before_anything_was_ever_accepted(self, server: LoopbackServer, start: Start) -> None:
        """The first question is answered with a fault."""
        server.fail(503)
        service = start(server, max_retries=5)

        becomes(service, "unavailable")
        assert service.health_check()["fallback_mode"] is True

    def test_a_fault_that_passes_is_none(self, server: LoopbackServer, start: Start) -> None:
        """Degraded while it is tried again, healthy when a try is accepted."""
        service = start(server, max_retries=5)
        becomes(service, "healthy")
        server.fail(503, LATER, path=TRACES)
        record(service)
        becomes(service, "degraded")
        assert service.health_check()["fallback_mode"] is False

        server.heal()
        assert service.reconfigure(flush_at=2)  # ends the hour that the server asked for

        becomes(service, "healthy")
        server.wait_for_spans(1)

    def test_when_the_tries_are_used_up(self, server: LoopbackServer, start: Start) -> None:
        """One try after the first was allowed, and one was made."""
        service = start(server, max_retries=1)
        becomes(service, "healthy")
        server.fail(503, AT_ONCE, path=TRACES)
        record(service)

        becomes(service, "unavailable")
        assert service.health_check()["delivery"]["retries"] == 1

    @pytest.mark.parametrize("fault", ["401", "403", "404", "redirect elsewhere", "200 with a web page"])
    def test_at_once_when_no_try_would_help(self, server: LoopbackServer, start: Start, fault: str) -> None:
        """Keys or address are wrong: no try after the first, and nothing is discarded."""
        service = start(server, max_retries=5)
        becomes(service, "healthy")
        FAULTS[fault].strike(server)
        record(service)

        becomes(service, "unavailable")
        assert service.health_check()["delivery"]["retries"] == 0
        server.heal()
        assert service.reconfigure(flush_at=2)  # looks again now rather than in five seconds
        server.wait_for_spans(1)
        becomes(service, "healthy")
