"""An application's own tracer provider with our processor on it; and ours made the global one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from children import env_for, run_python
from opentelemetry.sdk.trace import TracerProvider

from autoops.tracing import AutoOpsSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import ConfigFor
    from loopback import LoopbackServer


@pytest.fixture
def processor(server: LoopbackServer, config_for: ConfigFor) -> Iterator[AutoOpsSpanProcessor]:
    """Our processor, delivering to the server."""
    made = AutoOpsSpanProcessor(config_for(server, blocked_instrumentation_scopes=("noise",)))
    yield made
    made.shutdown()


@pytest.fixture
def provider(processor: AutoOpsSpanProcessor) -> TracerProvider:
    """The application's provider."""
    made = TracerProvider()
    made.add_span_processor(processor)
    return made


def test_its_spans_arrive_as_they_were(
    server: LoopbackServer, processor: AutoOpsSpanProcessor, provider: TracerProvider
) -> None:
    """Ids, parents, attributes, Langfuse's own keys, errors with their exceptions; blocked scopes do not."""
    tracer = provider.get_tracer("application", "1.2")
    with (
        pytest.raises(ValueError, match="broken"),
        tracer.start_as_current_span("request", attributes={"http.method": "GET"}) as root,
        tracer.start_as_current_span("work", attributes={"langfuse.observation.type": "tool"}) as child,
        provider.get_tracer("noise").start_as_current_span("noise"),
    ):
        raise ValueError("broken")
    assert processor.force_flush(10_000)

    spans = {span.name: span for span in server.spans}
    assert set(spans) == {"request", "work"}
    assert spans["request"].span_id == f"{root.get_span_context().span_id:016x}"
    assert spans["work"].parent_span_id == spans["request"].span_id
    assert spans["work"].trace_id == f"{child.get_span_context().trace_id:032x}"
    assert spans["request"].attributes["http.method"] == "GET"
    assert spans["work"].attributes["langfuse.observation.type"] == "tool"
    assert {span.attributes["langfuse.observation.level"] for span in spans.values()} == {"ERROR"}
    assert spans["work"].metadata["exception.message"] == "broken"
    assert {span.attributes["langfuse.trace.name"] for span in spans.values()} == {"request"}


def test_the_books_know_them(processor: AutoOpsSpanProcessor, provider: TracerProvider) -> None:
    """Begun and ended, and nothing stays in memory."""
    for _ in range(3):
        provider.get_tracer("application").start_span("request").end()
    assert processor.force_flush(10_000)

    books = processor.client.health_check()["process"]
    assert (books["begun"], books["ended"], books["open"]) == (3, 3, 0)
    assert processor.client.provider is not None
    assert processor.client.provider.traces == {}


def test_sampling_and_worth_hold_for_them_too(server: LoopbackServer, config_for: ConfigFor) -> None:
    """Chance leaves an ordinary trace out; an error sends it."""
    processor = AutoOpsSpanProcessor(config_for(server, sample_rate=1e-12))
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("application")
    with tracer.start_as_current_span("ordinary"):
        pass
    with pytest.raises(ValueError, match="broken"), tracer.start_as_current_span("broken"):
        raise ValueError("broken")
    assert processor.force_flush(10_000)
    processor.shutdown()

    assert [span.name for span in server.spans] == ["broken"]


def test_switched_off_it_takes_nothing(server: LoopbackServer, config_for: ConfigFor) -> None:
    """And harms nobody."""
    processor = AutoOpsSpanProcessor(config_for(server, enabled=False))
    provider = TracerProvider()
    provider.add_span_processor(processor)
    provider.get_tracer("application").start_span("request").end()

    assert processor.force_flush(1000)
    processor.shutdown()
    assert server.spans == []


GLOBAL = """
import json
from opentelemetry import trace
from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import initialize_langfuse_integration
service = initialize_langfuse_integration(LangfuseConfig.from_settings().replace(set_global=True))
trace_id = service.create_simulation_trace({"type": "demand_spike"})
with service.trace_operation("work") as work:
    with trace.get_tracer("some.package").start_as_current_span("query"):
        pass
service.finalize_trace(trace_id)
service.flush(10)
print(json.dumps([work.trace_id, work.span_id]))
"""


def test_made_global_it_takes_every_librarys_spans(server: LoopbackServer) -> None:
    """Those of a library that asks OpenTelemetry for a tracer nest in ours."""
    trace_id, span_id = run_python(GLOBAL, env=env_for(server))

    (query,) = [span for span in server.spans if span.name == "query"]
    assert (query.trace_id, query.parent_span_id) == (trace_id, span_id)
