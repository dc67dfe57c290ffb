"""The public names as a user writes them: never run, checked by the type checker only.

What a user's program must be able to say without `Any`, casts or ignored errors stands here; a change that breaks it
breaks users.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_type

from autoops import tracing
from autoops.errors import AutoOpsError, ConfigurationError, Fault
from config.langfuse_config import (
    LangfuseClient,
    LangfuseConfig,
    get_langfuse_client,
    initialize_langfuse,
    shutdown_langfuse,
)
from config.langfuse_integration import (
    LangfuseIntegrationService,
    get_langfuse_integration,
    initialize_langfuse_integration,
    shutdown_langfuse_integration,
)
from config.settings import LangfuseSettings, get_settings

# The doors

config = LangfuseConfig("pk-lf-x", "sk-lf-x", host="https://langfuse.example", enabled=True, sample_rate=0.5)
assert_type(config.replace(flush_at=3), LangfuseConfig)
assert_type(LangfuseConfig.from_settings(), LangfuseConfig)
assert_type(config.has_credentials, bool)
assert_type(config.traced_agents, tuple[str, ...])
assert_type(config.additional_headers, Mapping[str, str])
assert_type(get_settings(), LangfuseSettings)
assert_type(get_langfuse_client(), LangfuseClient)
assert_type(initialize_langfuse(config), LangfuseClient)
assert_type(initialize_langfuse(), LangfuseClient)
assert_type(get_langfuse_integration(), LangfuseIntegrationService)
service: LangfuseIntegrationService = initialize_langfuse_integration(config)
same: tracing.LangfuseIntegrationService = service

try:
    LangfuseConfig(sample_rate=2.0)
except ConfigurationError as error:
    fault: Fault = error.faults[0]
    wrong: AutoOpsError = error


def masked(data: Any) -> Any:
    """A mask in code."""
    return data


LangfuseConfig(mask=masked, sample_rules=(("pricing.*", 0.1),), resource_attributes={"region": "north"})


# Traces and spans


@dataclass
class Event:
    """Any value is an event."""

    type: str
    product: str


trace_id = service.create_simulation_trace({"type": "demand_spike"}, session_id="run-1", tags=["a"])
assert_type(trace_id, str | None)
assert_type(
    service.create_simulation_trace(Event("low_stock", "Milk"), name="other", user_id="u"), str | None
)
span_id = service.start_agent_span(
    "inventory_agent", "forecast_demand", parent_trace_id=trace_id, input_data={"n": 1}
)
assert_type(span_id, str | None)
assert_type(service.end_agent_span(span_id, {"forecast": 3}), bool)
assert_type(service.end_agent_span(span_id, error=ValueError("no supplier"), level="WARNING"), bool)
assert_type(service.finalize_trace(trace_id, {"outcome": "restock"}), bool)
assert_type(
    service.log_agent_decision(
        "pricing_agent",
        {"type": "price", "inputs": {"price": 2.99}, "outputs": {"price": 2.79}, "confidence": 0.9},
        trace_id=trace_id,
    ),
    str | None,
)
assert_type(
    service.track_collaboration("sync", ["inventory_agent", "pricing_agent"], {"why": "stock"}), str | None
)
assert_type(service.score(trace_id, "quality", 0.5, comment="why"), str | None)
assert_type(service.score(trace_id, "kind", "good"), str | None)
assert_type(service.score(trace_id, "seen", True), str | None)

# Blocks and decorators

with service.trace_operation("market_analysis", input_data={"n": 1}, metadata={"m": 2}) as handle:
    assert_type(handle, tracing.Handle)
    assert_type(handle.trace_id, str | None)
    assert_type(bool(handle), bool)
    handle.update(output=1, level="WARNING").update(
        model="ewma", usage_details={"input": 3}, cost_details={"total": 0.01}
    )
    assert_type(handle.score("quality", 1.0), str | None)


@service.trace_operation("plain")
def plain(number: int, *, word: str = "x") -> str:
    """Keeps its signature."""
    return word * number


@service.trace_operation("coroutine", as_type="tool")
async def coroutine(number: int) -> int:
    """Stays a coroutine function."""
    return number


@service.trace_operation("generator")
def generator(number: int) -> Iterator[int]:
    """Stays a generator function."""
    yield number


@service.trace_operation("stream")
async def stream(number: int) -> AsyncIterator[int]:
    """Stays an asynchronous generator function."""
    yield number


assert_type(plain(3, word="y"), str)
assert_type(list(generator(1)), list[int])


async def main() -> None:
    """What stands in asynchronous code."""
    async with service.trace_operation("block") as entered:
        assert_type(entered, tracing.Handle)
        assert_type(await coroutine(1), int)
        async for item in stream(1):
            assert_type(item, int)
    assert_type(await service.aflush(timeout=1.0), bool)


asyncio.run(main())

# Across processes, and the service itself

headers: dict[str, str] = {}
service.inject(headers)
service.extract(headers)
assert_type(service.get_trace_url(trace_id), str | None)
assert_type(service.health_check(), dict[str, Any])
assert_type(service.test_connection(timeout=1.0), tracing.ConnectionTest)
assert_type(service.test_connection().ok, bool)
assert_type(service.reconfigure(sample_rate=0.5), bool)
assert_type(service.reload(), bool)
assert_type(service.flush(timeout=1.0), bool)
assert_type(service.is_available, bool)
assert_type(service.mode, tracing.Mode)
client = service.client
assert_type(client.is_available, bool)
client.enable_fallback_mode("maintenance")
client.disable_fallback_mode()
service.shutdown(timeout=1.0)
shutdown_langfuse_integration()
shutdown_langfuse()

# What must not pass: each ignored error is one that the checker finds (an unused ignore is an error of its own).

plain("3")  # type: ignore[arg-type]
plain(3, words="y")  # type: ignore[call-arg]
LangfuseConfig(sampel_rate=0.5)  # type: ignore[call-arg]
config.host = "elsewhere"  # type: ignore[misc]
service.flush(timeout="soon")  # type: ignore[arg-type]
