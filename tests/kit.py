"""What the tests of the contract share: types of the fixtures, and reading back what was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from loopback import LoopbackServer
    from received import ReceivedSpan

    from config.langfuse_config import LangfuseConfig
    from config.langfuse_integration import LangfuseIntegrationService

EVENT = {"type": "demand_spike", "source": "iot_sensor", "product_id": "PROD_123"}


class ConfigFor(Protocol):
    """Makes a configuration for a server: the fixture `config_for`."""

    def __call__(self, server: LoopbackServer, **changes: Any) -> LangfuseConfig:
        """Return it with `changes`."""


class Start(Protocol):
    """Starts a service for a server, shut down after the test: the fixture `start`."""

    def __call__(self, server: LoopbackServer, **changes: Any) -> LangfuseIntegrationService:
        """Return a running service whose configuration has `changes`."""


def delivered(
    service: LangfuseIntegrationService, server: LoopbackServer, trace_id: str | None
) -> dict[str, ReceivedSpan]:
    """Flush and return the trace's spans by name; names must be unique."""
    assert trace_id is not None
    assert service.flush(10)
    spans = server.trace(trace_id)
    assert len({span.name for span in spans}) == len(spans)
    return {span.name: span for span in spans}


def only(spans: list[ReceivedSpan]) -> ReceivedSpan:
    """Return the one span of the list."""
    (span,) = spans
    return span
