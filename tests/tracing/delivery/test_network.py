"""A network on which every wait ends in time, the look-up of a name included."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import httpcore
import pytest
from patience import eventually
from resolver import Resolver

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.endpoint import Endpoint
from autoops.tracing.delivery.network import NameTimeout, look_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import Start
    from loopback import LoopbackServer

    from autoops.tracing.delivery.rules import Outcome

SHORT_S = 0.1
"""A deadline that is missed on purpose."""


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """The system's resolver, in the test's hands."""
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.speaks.set()


def export(server: LoopbackServer, host: str, timeout_s: float) -> Outcome:
    """Probe a server by a name."""
    url = f"http://{host}:{server.port}"
    endpoint = Endpoint(
        LangfuseConfig(
            public_key=server.public_key, secret_key=server.secret_key, host=url, timeout=timeout_s
        )
    )
    try:
        return endpoint.export(b"")
    finally:
        endpoint.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "203.0.113.9"])
def test_an_address_needs_no_look_up(address: str) -> None:
    """Nobody is asked."""
    assert look_up(address, 80, 0.0) == [address]


def test_no_such_name() -> None:
    """What the system says, as an error of the connection."""
    with pytest.raises(httpcore.ConnectError):
        look_up("langfuse.invalid", 443, 10.0)


def test_a_silent_resolver_holds_no_request(server: LoopbackServer, resolver: Resolver) -> None:
    """The request's deadline counts, and it is said that it was the name; once it speaks, all is well."""
    resolver.known["langfuse.test"] = ["127.0.0.1"]
    with pytest.raises(NameTimeout):
        look_up("langfuse.test", 80, 0.0)
    outcome = export(server, "langfuse.test", SHORT_S)
    assert "langfuse.test was not resolved within 0.1 s" in outcome.reason
    assert "name servers" in outcome.hint

    resolver.speaks.set()
    assert export(server, "langfuse.test", 10.0).is_success


def test_the_next_address_is_tried(server: LoopbackServer, resolver: Resolver) -> None:
    """One that refuses does not end it."""
    resolver.known["langfuse.test"] = ["127.0.0.2", "127.0.0.1"]
    resolver.speaks.set()

    assert export(server, "langfuse.test", 10.0).is_success


def test_a_silent_resolver_holds_nobody(server: LoopbackServer, start: Start, resolver: Resolver) -> None:
    """Recording, a flush, a question to the server and the shutdown end in their own time."""
    resolver.known["langfuse.test"] = ["127.0.0.1"]
    service = start(server, host=f"http://langfuse.test:{server.port}", timeout=60.0)
    eventually(lambda: resolver.asked, "the first look-up")
    with service.trace_operation("kept"):
        pass
    began = time.monotonic()
    assert not service.test_connection(0.2).ok
    assert service.flush(0.2) is False
    service.shutdown(0.2)

    assert time.monotonic() - began < 3 * (0.2 + 0.2)  # the issue's own bound for each call
