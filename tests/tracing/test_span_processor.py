"""An application's own tracer provider with our processor on it; and ours made the global one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from children import env_for, run_python
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from autoops.tracing import AutoOpsSpanProcessor, LangfuseClient, LangfuseIntegrationService

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


def test_a_trace_is_decided_when_its_root_begins(server: LoopbackServer, config_for: ConfigFor) -> None:
    """By the rule of the root's name and the throttle of that moment, though its children end, and are written, first."""
    rules = (("kept", 0.999999), ("left out", 1e-12))
    processor = AutoOpsSpanProcessor(config_for(server, sample_rules=rules))
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer, ours = provider.get_tracer("application"), processor.client.provider
    assert ours is not None
    for name in ("left out", "kept"):
        with tracer.start_as_current_span(name):
            tracer.start_span("child").end()
            assert processor.force_flush(10_000)
            ours.throttle = 1e-12
        ours.throttle = 1.0
    assert processor.force_flush(10_000)

    spans = {span.name: span for span in server.spans}
    assert set(spans) == {"kept", "child"}
    assert len(server.spans) == 2
    assert spans["kept"].metadata["sampling.probability"] == 0.999999
    assert ours.traces == {}
    processor.shutdown()


@pytest.mark.parametrize("sent", [True, False])
def test_the_verdict_of_a_calling_service_holds(
    server: LoopbackServer, config_for: ConfigFor, *, sent: bool
) -> None:
    """The flag that came with the call decides, whatever the rate here."""
    processor = AutoOpsSpanProcessor(config_for(server, sample_rate=1e-12 if sent else 1.0))
    provider = TracerProvider(sampler=ALWAYS_ON)
    provider.add_span_processor(processor)
    flags = TraceFlags(TraceFlags.SAMPLED if sent else TraceFlags.DEFAULT)
    caller = set_span_in_context(NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=flags)))
    with provider.get_tracer("application").start_as_current_span("request", caller):
        provider.get_tracer("application").start_span("work").end()
    assert processor.force_flush(10_000)

    assert {span.name for span in server.spans} == ({"request", "work"} if sent else set())
    processor.shutdown()


def test_what_the_client_records_below_is_sent_with_the_trace(
    server: LoopbackServer, config_for: ConfigFor
) -> None:
    """Whole or not at all, and at the probability of the trace, though the application's own sampler keeps everything."""
    client = LangfuseClient(config_for(server, sample_rules=(("kept", 0.999999), ("left out", 1e-12))))
    processor, service = AutoOpsSpanProcessor(client=client), LangfuseIntegrationService(client=client)
    provider = TracerProvider()
    provider.add_span_processor(processor)
    for name in ("left out", "kept"):
        with provider.get_tracer("application").start_as_current_span(name):
            for _ in range(2):
                service.end_agent_span(service.start_agent_span("pricing", "reprice"))
                assert service.flush(10)
    assert service.flush(10)

    assert sorted(span.name for span in server.spans) == ["kept", "pricing.reprice", "pricing.reprice"]
    (root,) = [span for span in server.spans if span.name == "kept"]
    assert root.metadata["sampling.probability"] == 0.999999
    assert service.health_check()["sampled_out"] == {"head": 3}
    client.shutdown()
