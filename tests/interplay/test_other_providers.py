"""An application with an OpenTelemetry set-up of its own: untouched by us, and joined to our traces by one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from children import env_for, run_python
from lineage import lineage
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autoops.tracing import AutoOpsSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import ConfigFor
    from loopback import LoopbackServer
    from opentelemetry.trace import Tracer

    from config.langfuse_integration import LangfuseIntegrationService


UNTOUCHED = """
import json, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

when, set_global = sys.argv[1], sys.argv[2] == "global"
exporter = InMemorySpanExporter()
application = TracerProvider()
application.add_span_processor(SimpleSpanProcessor(exporter))
if when == "before":
    trace.set_tracer_provider(application)
unset = type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"

from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import initialize_langfuse_integration
from langfuse import get_client, observe

service = initialize_langfuse_integration(LangfuseConfig.from_settings().replace(set_global=set_global))
service.client.langfuse

@observe()
def observed():
    pass

with service.trace_operation("outer"):
    observed()
    with get_client().start_as_current_observation(name="sdk", as_type="span"):
        pass
service.test_connection()
service.flush(10)
if when == "after":
    assert unset and type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider"
    trace.set_tracer_provider(application)
with trace.get_tracer("application").start_as_current_span("theirs"):
    pass
service.shutdown()
with trace.get_tracer("application").start_as_current_span("still theirs"):
    pass
names = [span.name for span in exporter.get_finished_spans()]
print(json.dumps([trace.get_tracer_provider() is application, names]))
"""


@pytest.mark.parametrize(
    ("when", "option"), [("before", "isolated"), ("after", "isolated"), ("before", "global")]
)
def test_the_applications_global_provider_is_its_own(server: LoopbackServer, when: str, option: str) -> None:
    """Set before or after us, with the SDK in use, through our shutdown; also if ours asks to be global and comes second."""
    is_theirs, names = run_python(UNTOUCHED, when, option, env=env_for(server))

    assert is_theirs
    assert names == ["theirs", "still theirs"]
    assert {span.name for span in server.spans} == {"outer", "observed", "sdk"}


@pytest.fixture
def application(service: LangfuseIntegrationService) -> Iterator[TracerProvider]:
    """The application's provider with our processor on it, recording with the service's client."""
    made = TracerProvider()
    made.add_span_processor(AutoOpsSpanProcessor(client=service.client))
    yield made
    made.shutdown()


@pytest.fixture
def theirs(application: TracerProvider) -> Tracer:
    """The application's tracer."""
    return application.get_tracer("application")


class TestOneLine:
    """``AutoOpsSpanProcessor`` on the application's provider, and our own calls beside it."""

    def test_theirs_and_ours_are_one_tree(
        self, server: LoopbackServer, service: LangfuseIntegrationService, theirs: Tracer
    ) -> None:
        """In turns: each once, under what was current, whoever made it."""
        with theirs.start_as_current_span("request"):
            with service.trace_operation("ours") as ours, theirs.start_as_current_span("query"):
                service.end_agent_span(service.start_agent_span("inventory", "forecast"))
            service.log_agent_decision("pricing", {"type": "cut"})

        assert lineage(service.client, server, ours.trace_id) == [
            "ours > query",
            "query > inventory.forecast",
            "request",
            "request > ours",
            "request > pricing.cut",
        ]

    def test_ours_may_be_the_root(
        self, server: LoopbackServer, service: LangfuseIntegrationService, theirs: Tracer
    ) -> None:
        """An event's trace; the application's span joins the agent's step by the context it is given."""
        with service.trace_operation("event") as event:
            with theirs.start_as_current_span("query"):
                pass
            with theirs.start_as_current_span("another"):
                pass

        assert lineage(service.client, server, event.trace_id) == [
            "event",
            "event > another",
            "event > query",
        ]
        assert {span.attributes["langfuse.trace.name"] for span in server.spans} == {"event"}

    def test_there_is_one_root(
        self, server: LoopbackServer, service: LangfuseIntegrationService, theirs: Tracer
    ) -> None:
        """Theirs is delivered too: ours below it does not claim to be the topmost."""
        with theirs.start_as_current_span("request"), service.trace_operation("ours") as ours:
            pass

        assert lineage(service.client, server, ours.trace_id) == ["request", "request > ours"]
        claims = [
            span.name
            for span in server.spans
            if not span.parent_span_id or span.attributes.get("langfuse.internal.is_app_root")
        ]
        assert claims == ["request"]

    def test_the_trace_bears_their_roots_name(
        self, server: LoopbackServer, service: LangfuseIntegrationService, theirs: Tracer
    ) -> None:
        """The name that the request has at its end: routers give it late."""
        with theirs.start_as_current_span("GET") as request, service.trace_operation("ours") as ours:
            request.update_name("GET /stock/{sku}")

        assert lineage(service.client, server, ours.trace_id) == [
            "GET /stock/{sku}",
            "GET /stock/{sku} > ours",
        ]
        assert service.flush(10)
        assert server.span(f"{request.get_span_context().span_id:016x}").attributes[
            "langfuse.trace.name"
        ] == ("GET /stock/{sku}")

    def test_their_instrumentations_come_along(
        self,
        server: LoopbackServer,
        service: LangfuseIntegrationService,
        application: TracerProvider,
    ) -> None:
        """A request of httpx, traced on the application's provider, under a block of ours."""
        instrumentor = HTTPXClientInstrumentor()
        instrumentor.instrument(tracer_provider=application)
        try:
            with service.trace_operation("ours") as ours:
                assert httpx.get(f"{server.url}/api/public/health").is_success
            assert lineage(service.client, server, ours.trace_id) == ["ours", "ours > GET"]
        finally:
            instrumentor.uninstrument()
        assert {span.name: span.kind for span in server.spans} == {"ours": "INTERNAL", "GET": "CLIENT"}

    def test_their_exporters_see_theirs_only(
        self,
        service: LangfuseIntegrationService,
        application: TracerProvider,
        theirs: Tracer,
    ) -> None:
        """What the application sends elsewhere stays what it was."""
        exporter = InMemorySpanExporter()
        application.add_span_processor(SimpleSpanProcessor(exporter))
        with theirs.start_as_current_span("request"), service.trace_operation("ours"):
            pass
        service.end_agent_span(service.start_agent_span("inventory", "forecast"))

        assert [span.name for span in exporter.get_finished_spans()] == ["request"]

    def test_a_processor_of_its_own_client_shares_journal_and_trace(
        self, server: LoopbackServer, config_for: ConfigFor, service: LangfuseIntegrationService
    ) -> None:
        """``AutoOpsSpanProcessor()`` beside the service: two clients of one process, one tree, each span once."""
        processor = AutoOpsSpanProcessor(config_for(server))
        provider = TracerProvider()
        provider.add_span_processor(processor)
        with (
            provider.get_tracer("application").start_as_current_span("request"),
            service.trace_operation("ours") as ours,
        ):
            pass
        assert processor.force_flush(10_000)
        assert lineage(service.client, server, ours.trace_id) == ["request", "request > ours"]

        provider.shutdown()
        with service.trace_operation("later") as later:
            pass
        assert lineage(service.client, server, later.trace_id) == ["later"]

    def test_their_shutdown_is_not_ours(
        self,
        server: LoopbackServer,
        service: LangfuseIntegrationService,
        application: TracerProvider,
        theirs: Tracer,
    ) -> None:
        """A client that the processor was given goes on: what it had is delivered, and the service still records."""
        with theirs.start_as_current_span("request"):
            pass
        application.shutdown()
        assert [span.name for span in server.wait_for_spans(1)] == ["request"]

        with service.trace_operation("later") as later:
            pass
        assert lineage(service.client, server, later.trace_id) == ["later"]
