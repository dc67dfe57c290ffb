"""The documented contract of the Langfuse foundation, through the documented doors.

Everything here goes through ``config.*`` against a real HTTP server on loopback that decodes the OTLP
it is sent. The themes that need room of their own are in ``tests/contract/``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from kit import EVENT, delivered, only
from loopback import PROJECT_ID, LoopbackServer
from opentelemetry import context, trace
from patience import eventually

from config.langfuse_config import (
    LangfuseClient,
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

if TYPE_CHECKING:
    from pathlib import Path

    from kit import ConfigFor, Start

TRACE_ID = re.compile(r"[0-9a-f]{32}")
SPAN_ID = re.compile(r"[0-9a-f]{16}")
DOCUMENTED_ENV = """\
# Required
LANGFUSE_PUBLIC_KEY={public_key}
LANGFUSE_SECRET_KEY={secret_key}

# Optional (with defaults)
LANGFUSE_HOST={host}
LANGFUSE_ENABLED=true
LANGFUSE_SAMPLE_RATE=1.0
LANGFUSE_DEBUG=false
LANGFUSE_FLUSH_INTERVAL=5.0
LANGFUSE_FLUSH_AT=15
LANGFUSE_TIMEOUT=60
LANGFUSE_ENVIRONMENT=development
LANGFUSE_RELEASE=0.1.0
LANGFUSE_TRACING_ENABLED=true
LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT=4

# Performance tuning
LANGFUSE_MAX_LATENCY_MS=100
LANGFUSE_ENABLE_SAMPLING=true
LANGFUSE_BUFFER_SIZE=1000
LANGFUSE_MAX_RETRIES=3

# Optional features
LANGFUSE_BLOCKED_INSTRUMENTATION_SCOPES=scope1,scope2
LANGFUSE_ADDITIONAL_HEADERS={{"X-Custom-Header": "value"}}
"""


class TestDocumentedUsage:
    """The snippets of the document, word for word, with its ``.env`` in the working directory."""

    @pytest.fixture(autouse=True)
    def documented_env(self, server: LoopbackServer, tmp_path: Path) -> None:
        """Write the documented ``.env`` with this server's keys and host."""
        text = DOCUMENTED_ENV.format(
            public_key=server.public_key, secret_key=server.secret_key, host=server.url
        )
        (tmp_path / ".env").write_text(text)

    def test_basic_usage(self, server: LoopbackServer) -> None:
        """The sequence trace, agent span, end, finalize arrives as one trace with its data."""
        # Get the integration service
        service = get_langfuse_integration()

        # Create a simulation trace
        trace_id = service.create_simulation_trace(
            {"type": "demand_spike", "source": "iot_sensor", "product_id": "PROD_123"}
        )

        # Start an agent span
        span_id = service.start_agent_span(
            "inventory_agent",
            "forecast_demand",
            parent_trace_id=trace_id,
            input_data={"product_id": "PROD_123"},
        )

        # End the span with results
        service.end_agent_span(span_id, {"forecast_result": "high_demand", "confidence": 0.85})

        # Finalize the trace
        service.finalize_trace(trace_id, {"final_outcome": "restock_initiated"})

        spans = delivered(service, server, trace_id)
        root, agent = spans["demand_spike"], spans["inventory_agent.forecast_demand"]
        assert len(spans) == 2
        assert (root.parent_span_id, agent.parent_span_id) == ("", root.span_id)
        assert root.input == EVENT
        assert root.output == {"final_outcome": "restock_initiated"}
        assert (agent.span_id, agent.type) == (span_id, "agent")
        assert agent.input == {"product_id": "PROD_123"}
        assert agent.output == {"forecast_result": "high_demand", "confidence": 0.85}

    def test_context_manager_usage(self, server: LoopbackServer) -> None:
        """A block outside any trace is a trace of its own, finalized when the block ends."""
        service = get_langfuse_integration()

        # Use context manager for automatic trace management
        with service.trace_operation("market_analysis") as trace:
            # Your operation code here
            pass  # Trace is automatically finalized

        span = only(list(delivered(service, server, trace.trace_id).values()))
        assert (span.name, span.span_id, span.parent_span_id) == ("market_analysis", trace.span_id, "")
        assert service.health_check()["active_traces"] == 0

    def test_agent_decision_logging(self, server: LoopbackServer) -> None:
        """A decision outside any trace is kept in one of its own, with a score for its confidence."""
        service = get_langfuse_integration()

        decision_id = service.log_agent_decision(
            "pricing_agent",
            {
                "type": "price_optimization",
                "inputs": {"current_price": 29.99, "competitor_prices": [27.99, 31.99]},
                "outputs": {"recommended_price": 28.99},
                "confidence": 0.92,
                "reasoning": "Competitive positioning strategy",
            },
        )

        assert service.flush(10)
        assert decision_id is not None
        decision = server.span(decision_id)
        assert "price_optimization" in decision.name
        assert decision.input == {"current_price": 29.99, "competitor_prices": [27.99, 31.99]}
        assert "28.99" in str(decision.output)
        assert "Competitive positioning strategy" in str(dict(decision.attributes))
        (score,) = server.wait_for_scores(1)
        assert (score.value, score.trace_id) == (0.92, decision.trace_id)
        assert score.observation_id == decision_id

    def test_collaboration_tracking(self, server: LoopbackServer) -> None:
        """A workflow is a root with a span for each agent."""
        service = get_langfuse_integration()

        # Track multi-agent workflows
        collab_trace_id = service.track_collaboration(
            "inventory_pricing_sync",
            ["inventory_agent", "pricing_agent"],
            {"trigger": "stock_level_change"},
        )

        assert service.finalize_trace(collab_trace_id) is True
        spans = list(delivered(service, server, collab_trace_id).values())
        root = only([span for span in spans if not span.parent_span_id])
        assert "inventory_pricing_sync" in root.name
        assert root.input is not None
        assert "stock_level_change" in json.dumps(root.input)
        assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
        assert len(spans) == 3
        for agent in ("inventory_agent", "pricing_agent"):
            assert only([span for span in spans if agent in span.name]).level != "WARNING"

    def test_health_monitoring(self) -> None:
        """The documented example is a subset of what the health check says."""
        service = get_langfuse_integration()
        traces = [service.create_simulation_trace(EVENT) for _ in range(2)]
        service.start_agent_span("inventory_agent", "forecast_demand", parent_trace_id=traces[0])
        eventually(lambda: service.is_available, "the first answer of the server")

        # Check system health
        health = service.health_check()

        documented = {
            "initialized": True,
            "available": True,
            "connection_status": "healthy",
            "active_traces": 2,
            "active_spans": 1,
            "integration_service": "ready",
        }
        assert documented == {key: health[key] for key in documented}

    def test_documented_headers_are_sent(self, server: LoopbackServer) -> None:
        """What ``LANGFUSE_ADDITIONAL_HEADERS`` names goes with every request."""
        service = get_langfuse_integration()
        with service.trace_operation("market_analysis"):
            pass

        assert service.flush(10)
        assert server.requests
        assert {request.headers.get("x-custom-header") for request in server.requests} == {"value"}

    def test_the_doors_return_one_object_for_the_process(self) -> None:
        """Service and client are looked up, made once, and made anew after a shutdown."""
        service, client = get_langfuse_integration(), get_langfuse_client()

        assert get_langfuse_integration() is service
        assert get_langfuse_client() is client
        assert isinstance(service, LangfuseIntegrationService)
        assert isinstance(client, LangfuseClient)
        shutdown_langfuse_integration()
        shutdown_langfuse()
        assert get_langfuse_integration() is not service
        assert get_langfuse_client() is not client

    def test_the_doors_take_a_configuration(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """``initialize_…`` sets the object that ``get_…`` returns, with a configuration from code."""
        config = config_for(server, environment="from-code")
        client = initialize_langfuse(config)
        service = initialize_langfuse_integration(config)
        with service.trace_operation("market_analysis") as operation:
            pass

        span = delivered(service, server, operation.trace_id)["market_analysis"]
        assert span.attributes["langfuse.environment"] == "from-code"
        assert get_langfuse_integration() is service
        assert get_langfuse_client() is client


class TestSimulationTrace:
    """``create_simulation_trace`` and ``finalize_trace``."""

    def test_ids_and_context_on_every_span(self, server: LoopbackServer, start: Start) -> None:
        """Session, user, tags, trace name, environment and release stand on root and children alike."""
        service = start(server, environment="staging", release="2.3.1")
        trace_id = service.create_simulation_trace(
            EVENT, name="spike", session_id="run-7", user_id="store-12", tags=("night", "week-27")
        )
        span_id = service.start_agent_span("inventory", "forecast", parent_trace_id=trace_id)
        service.end_agent_span(span_id)
        service.finalize_trace(trace_id)

        assert TRACE_ID.fullmatch(trace_id or "")
        assert SPAN_ID.fullmatch(span_id or "")
        spans = delivered(service, server, trace_id)
        assert set(spans) == {"spike", "inventory.forecast"}
        for span in spans.values():
            assert span.attributes["session.id"] == "run-7"
            assert span.attributes["user.id"] == "store-12"
            assert set(span.attributes["langfuse.trace.tags"]) == {"night", "week-27"}
            assert span.attributes["langfuse.trace.name"] == "spike"
            assert span.attributes["langfuse.environment"] == "staging"
            assert span.attributes["langfuse.release"] == "2.3.1"

    def test_without_tags_none_are_sent(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """An empty list would become a tag of that text in Langfuse, so the attribute is absent."""
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id)

        root = delivered(service, server, trace_id)["demand_spike"]
        assert not {"langfuse.trace.tags", "session.id", "user.id"} & set(root.attributes)

    def test_it_is_always_a_new_trace(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Inside another trace's block, too; it is linked to the span that was current."""
        with service.trace_operation("outer") as outer:
            inner = service.create_simulation_trace(EVENT)
        service.finalize_trace(inner)

        assert inner != outer.trace_id
        root = delivered(service, server, inner)["demand_spike"]
        assert (root.parent_span_id, root.links) == ("", ((outer.trace_id, outer.span_id),))

    def test_children_left_open_are_ended_by_finalize(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """At WARNING, saying that their owner did not; the ended ones stay as they are."""
        trace_id = service.create_simulation_trace(EVENT)
        ended = service.start_agent_span("inventory", "forecast", parent_trace_id=trace_id)
        left_open = service.start_agent_span("pricing", "reprice", parent_trace_id=trace_id)
        service.end_agent_span(ended, {"units": 4})

        assert service.finalize_trace(trace_id, "done") is True
        spans = delivered(service, server, trace_id)
        assert spans["pricing.reprice"].level == "WARNING"
        assert "not ended by its owner" in spans["pricing.reprice"].observation("status_message")
        assert spans["inventory.forecast"].level != "WARNING"
        assert spans["demand_spike"].output == "done"
        assert service.end_agent_span(left_open) is False
        assert service.health_check()["active_spans"] == 0

    def test_finalize_twice_or_unknown_is_false(self, service: LangfuseIntegrationService) -> None:
        """Nothing is raised and nothing ended twice."""
        trace_id = service.create_simulation_trace(EVENT)

        assert service.finalize_trace(trace_id) is True
        assert service.finalize_trace(trace_id) is False
        assert service.finalize_trace("ab" * 16) is False

    def test_an_error_at_the_end_stands_on_the_root(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """``finalize_trace(error=)``: level ERROR, type and message in the status message."""
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id, error=RuntimeError("supplier closed"))

        root = delivered(service, server, trace_id)["demand_spike"]
        assert root.level == "ERROR"
        assert "RuntimeError" in root.observation("status_message")
        assert "supplier closed" in root.observation("status_message")

    def test_a_link_leads_to_the_trace(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """``get_trace_url`` is Langfuse's address of the trace, once the project is known."""
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id)
        service.flush(10)
        assert service.test_connection().ok

        url = service.get_trace_url(trace_id or "")
        assert url == f"{server.url}/project/{PROJECT_ID}/traces/{trace_id}"


class TestAgentSpan:
    """``start_agent_span`` and ``end_agent_span``."""

    def test_the_parent_is_what_was_asked_for(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """An explicit parent wins, then the current span of that trace, then the trace's root."""
        with service.trace_operation("day") as day:
            under_current = service.start_agent_span("a", "current", parent_trace_id=day.trace_id)
            no_trace_named = service.start_agent_span("a", "unnamed")
            explicit = service.start_agent_span(
                "a", "explicit", parent_trace_id=day.trace_id, parent_span_id=under_current
            )
            other = service.create_simulation_trace(EVENT)
            in_other = service.start_agent_span("a", "other", parent_trace_id=other)
            for span_id in (explicit, under_current, no_trace_named, in_other):
                assert service.end_agent_span(span_id) is True
        service.finalize_trace(other)

        spans = delivered(service, server, day.trace_id)
        assert spans["a.current"].parent_span_id == day.span_id
        assert spans["a.unnamed"].parent_span_id == day.span_id
        assert spans["a.explicit"].parent_span_id == under_current
        elsewhere = delivered(service, server, other)
        assert elsewhere["a.other"].parent_span_id == elsewhere["demand_spike"].span_id

    @pytest.mark.parametrize("as_type", ["agent", "tool", "chain", "retriever", "evaluator", "guardrail"])
    def test_types_are_langfuses(
        self, server: LoopbackServer, service: LangfuseIntegrationService, as_type: str
    ) -> None:
        """``as_type`` is the observation's type, in Langfuse's lower case."""
        span_id = service.start_agent_span("a", "b", as_type=as_type)
        service.end_agent_span(span_id)

        service.flush(10)
        assert server.span(span_id).type == as_type

    def test_errors_and_levels(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """``error=`` is level ERROR with its text; ``level=`` sets another level."""
        trace_id = service.create_simulation_trace(EVENT)
        endings: dict[str, dict[str, Any]] = {
            "raised": {"error": ValueError("no such product")},
            "told": {"error": "supplier timed out"},
            "odd": {"level": "WARNING"},
            "fine": {},
        }
        for operation, ending in endings.items():
            span_id = service.start_agent_span("a", operation, parent_trace_id=trace_id)
            service.end_agent_span(span_id, {"ok": 1}, **ending)
        service.finalize_trace(trace_id)

        spans = delivered(service, server, trace_id)
        assert spans["a.raised"].level == spans["a.told"].level == "ERROR"
        assert "ValueError" in spans["a.raised"].observation("status_message")
        assert "no such product" in spans["a.raised"].observation("status_message")
        assert "supplier timed out" in spans["a.told"].observation("status_message")
        assert spans["a.odd"].level == "WARNING"
        assert spans["a.fine"].level in {None, "DEFAULT"}
        assert spans["a.raised"].output == {"ok": 1}

    def test_a_span_ends_once(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """The second end is False and changes nothing."""
        span_id = service.start_agent_span("a", "b")

        assert service.end_agent_span(span_id, "first") is True
        assert service.end_agent_span(span_id, "second") is False
        service.flush(10)
        assert server.span(span_id).output == "first"
        assert sum(span.span_id == span_id for span in server.arrivals) == 1

    def test_times_are_wall_clock_nanoseconds(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """No end is before its start, and a child lies within its parent to Langfuse's millisecond.

        Start is the wall clock and end is start plus monotonic time, so nanoseconds may cross.
        """
        with service.trace_operation("outer") as outer, service.trace_operation("inner"):
            pass

        spans = delivered(service, server, outer.trace_id)
        first, last = spans["outer"], spans["inner"]
        millisecond = 10**6
        assert first.start_ns <= first.end_ns
        assert last.start_ns <= last.end_ns
        assert first.start_ns <= last.start_ns + millisecond
        assert last.end_ns <= first.end_ns + millisecond
        assert first.start_ns > 1_600_000_000 * 10**9


class TestTraceOperation:
    """``trace_operation``: block, async block, decorator."""

    def test_blocks_nest(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """A block inside another is its child; after it, the outer one is current again."""
        with service.trace_operation("outer") as outer:
            with service.trace_operation("first"):
                assert trace.get_current_span().get_span_context().trace_id == int(outer.trace_id or "", 16)
            with service.trace_operation("second"):
                pass
            assert trace.get_current_span().get_span_context().span_id == int(outer.span_id or "", 16)
        assert not trace.get_current_span().get_span_context().is_valid

        spans = delivered(service, server, outer.trace_id)
        assert spans["first"].parent_span_id == spans["second"].parent_span_id == outer.span_id

    def test_the_handle_sets_what_langfuse_shows(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Input, output, metadata, level, model, usage and cost arrive under Langfuse's keys."""
        with service.trace_operation(
            "explain",
            input_data={"q": 1},
            metadata={"shelf": "A3"},
            as_type="generation",
            session_id="s",
            user_id="u",
            tags=["t"],
        ) as operation:
            operation.update(
                input={"q": 2},
                output=["because"],
                metadata={"aisle": 4},
                level="WARNING",
                model="tiny-1",
                usage_details={"input": 10, "output": 5},
                cost_details={"total": 0.002},
            )
            operation.score("helpful", 1.0)

        span = delivered(service, server, operation.trace_id)["explain"]
        assert (span.type, span.level) == ("generation", "WARNING")
        assert (span.input, span.output) == ({"q": 2}, ["because"])
        assert span.metadata["shelf"] == "A3"
        assert str(span.metadata["aisle"]) == "4"
        assert span.observation("model.name") == "tiny-1"
        assert json.loads(span.observation("usage_details")) == {"input": 10, "output": 5}
        assert json.loads(span.observation("cost_details")) == {"total": 0.002}
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s", "u")
        assert tuple(span.attributes["langfuse.trace.tags"]) == ("t",)
        (score,) = server.wait_for_scores(1)
        assert (score.name, score.value, score.observation_id) == ("helpful", 1.0, span.span_id)

    def test_an_exception_leaves_unchanged_and_is_recorded_once(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The very object comes out; type and message in the status message, one stack in metadata."""
        error = ValueError("price below cost")

        with (
            pytest.raises(ValueError, match="price below cost") as caught,
            service.trace_operation("outer") as outer,
            service.trace_operation("inner"),
        ):
            raise error

        assert caught.value is error
        assert (error.__cause__, error.__context__, getattr(error, "__notes__", [])) == (None, None, [])
        spans = delivered(service, server, outer.trace_id)
        inner = spans["inner"]
        assert inner.level == "ERROR"
        assert inner.observation("status_message") == "ValueError: price below cost"
        with_stack = [name for name, span in spans.items() if "Traceback" in str(span.metadata)]
        assert with_stack == ["inner"]

    async def test_async_blocks_nest(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """``async with`` does the same, across awaits."""
        async with service.trace_operation("outer") as outer:
            await asyncio.sleep(0)
            async with service.trace_operation("inner"):
                await asyncio.sleep(0)

        assert await service.aflush(10)
        spans = {span.name: span for span in server.trace(outer.trace_id)}
        assert spans["inner"].parent_span_id == outer.span_id

    async def test_decorators_trace_each_call(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """On a function and on a coroutine function; name, docstring and result are kept."""

        @service.trace_operation("double")
        def double(number: int) -> int:
            """Return twice the number."""
            return 2 * number

        @service.trace_operation("triple")
        async def triple(number: int) -> int:
            await asyncio.sleep(0)
            return double(number) + number

        results = [double(2), await triple(3), await triple(4)]  # one decorator, many calls

        assert results == [4, 9, 12]
        assert (double.__name__, double.__doc__) == ("double", "Return twice the number.")
        assert await service.aflush(10)
        spans = server.spans
        triples = {span.span_id for span in spans if span.name == "triple"}
        assert len(triples) == 2
        assert [span.parent_span_id for span in spans if span.name == "double"].count("") == 1
        assert {span.parent_span_id for span in spans if span.name == "double"} - {""} == triples
        assert len({span.trace_id for span in spans}) == 3


class TestDecisions:
    """``log_agent_decision``: where a decision hangs."""

    def test_under_the_agents_only_open_span(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """In the given trace, below the agent's open span; with two open ones, below the root."""
        trace_id = service.create_simulation_trace(EVENT)
        service.start_agent_span("inventory", "forecast", parent_trace_id=trace_id)
        pricing = service.start_agent_span("pricing", "reprice", parent_trace_id=trace_id)
        one = service.log_agent_decision("pricing", {"type": "cut"}, trace_id=trace_id)
        service.start_agent_span("pricing", "check", parent_trace_id=trace_id)
        two = service.log_agent_decision("pricing", {"type": "raise"}, trace_id=trace_id)
        named = service.log_agent_decision("pricing", {"type": "keep"}, parent_span_id=pricing)
        stranger = service.log_agent_decision("promotion", {"type": "none"}, trace_id=trace_id)
        service.finalize_trace(trace_id)

        assert service.flush(10)
        root = only([span for span in server.trace(trace_id) if not span.parent_span_id])
        decisions = [one, two, named, stranger]
        assert all(SPAN_ID.fullmatch(decision or "") for decision in decisions)
        parents = [server.span(decision).parent_span_id for decision in decisions]
        assert parents == [pricing, root.span_id, pricing, root.span_id]

    def test_in_the_current_trace(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Without a trace named, the current one is meant."""
        with service.trace_operation("day") as day:
            decision = service.log_agent_decision("pricing", {"type": "cut"})

        assert service.flush(10)
        span = server.span(decision)
        assert (span.trace_id, span.parent_span_id) == (day.trace_id, day.span_id)

    def test_collaborating_agents_nest_in_their_own_span(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """What an agent starts under a collaboration hangs below that agent's span."""
        trace_id = service.track_collaboration("sync", ["inventory", "pricing"], {"trigger": "stock"})
        span_id = service.start_agent_span("pricing", "reprice", parent_trace_id=trace_id)
        service.end_agent_span(span_id)
        service.finalize_trace(trace_id, {"agreed": True})

        spans = delivered(service, server, trace_id)
        child = spans.pop("pricing.reprice")
        parent = only([span for span in spans.values() if span.span_id == child.parent_span_id])
        assert "pricing" in parent.name
        assert parent.parent_span_id != ""
        assert only([span for span in spans.values() if not span.parent_span_id]).output == {"agreed": True}


class TestScores:
    """``score``."""

    @pytest.mark.parametrize(
        ("value", "sent", "data_type"),
        [(0.25, 0.25, "NUMERIC"), ("good", "good", "CATEGORICAL"), (True, 1, "BOOLEAN")],
    )
    def test_kinds(
        self,
        server: LoopbackServer,
        service: LangfuseIntegrationService,
        value: Any,
        sent: Any,
        data_type: str,
    ) -> None:
        """Numbers, words and yes-or-no arrive in Langfuse's types, under the id that was returned."""
        with service.trace_operation("day") as day:
            pass
        score_id = service.score(day.trace_id, "margin", value, span_id=day.span_id, comment="evening")

        (score,) = server.wait_for_scores(1)
        assert (score.id, score.name, score.value) == (score_id, "margin", sent)
        assert (score.trace_id, score.observation_id) == (day.trace_id, day.span_id)
        assert score.body["comment"] == "evening"
        assert score.body.get("dataType", data_type) == data_type
        assert type(score.value) is type(sent)

    def test_a_retry_repeats_id_name_and_time(
        self, server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Langfuse keys a score by day, name and id: all three are the same on the second try.

        One failure is within `max_retries`, for scores as for spans: fallback mode does not open.
        """
        service = start(server)
        server.fail(503, path="/api/public/ingestion", times=1)
        with service.trace_operation("day") as day:
            service.score(day.trace_id, "margin", 0.5)

        (kept,) = server.wait_for_scores(1)
        first, second = [r for r in server.requests if r.path.startswith("/api/public/ingestion")][:2]
        assert json.loads(first.body)["batch"] == json.loads(second.body)["batch"]
        assert kept.value == 0.5
        assert "fallback" not in caplog.text


class TestPropagation:
    """``inject`` and ``extract``."""

    def test_a_trace_crosses_a_w3c_carrier(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """What was injected here is the parent of what begins under the extracted context."""
        carrier: dict[str, str] = {}
        with service.trace_operation("here") as here:
            service.inject(carrier)
        assert re.fullmatch(rf"00-{here.trace_id}-{here.span_id}-01", carrier["traceparent"])

        token = context.attach(service.extract(carrier))
        try:
            with service.trace_operation("there") as there:
                pass
        finally:
            context.detach(token)

        assert there.trace_id == here.trace_id
        assert delivered(service, server, here.trace_id)["there"].parent_span_id == here.span_id

    def test_an_empty_or_broken_carrier_starts_a_trace(self, service: LangfuseIntegrationService) -> None:
        """Nothing to extract: the current context, no exception."""
        for carrier in ({}, {"traceparent": "rubbish"}):
            token = context.attach(service.extract(carrier))
            with service.trace_operation("alone") as alone:
                assert TRACE_ID.fullmatch(alone.trace_id or "")
            context.detach(token)


class TestModes:
    """off, local, langfuse, fallback: the data path is the same, only delivery differs."""

    def test_off_does_nothing_at_all(self, server: LoopbackServer, start: Start, tmp_path: Path) -> None:
        """No thread, no file, no connection; every call returns at once, ids are None, the handle is falsy."""
        threads = set(threading.enumerate())
        service = start(server, enabled=False)

        trace_id = service.create_simulation_trace(EVENT)
        span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id)
        assert (trace_id, span_id) == (None, None)
        service.end_agent_span(span_id, {"x": 1})
        service.finalize_trace(trace_id)
        with service.trace_operation("nothing") as handle:
            handle.update(output=1, level="ERROR")
            handle.score("s", 1)
        assert (bool(handle), handle.trace_id, handle.span_id) == (False, None, None)
        assert service.log_agent_decision("a", {"type": "t"}) is None
        assert service.flush(1) is True
        health = service.health_check()
        service.shutdown()

        assert (health["mode"], health["connection_status"]) == ("off", "disabled")
        assert (health["integration_service"], health["enabled"]) == ("disabled", False)
        assert (health["available"], health["fallback_mode"]) == (False, False)
        assert set(threading.enumerate()) <= threads
        assert list(tmp_path.rglob("*")) == []
        assert server.connections == 0

    def test_local_records_and_delivers_nothing(
        self, start: Start, server: LoopbackServer, tmp_path: Path
    ) -> None:
        """Without credentials everything works with real ids; one WARNING says what to set."""
        service = start(server, public_key=None, secret_key=None)
        trace_id = service.create_simulation_trace(EVENT)
        with service.trace_operation("work") as handle:
            assert SPAN_ID.fullmatch(handle.span_id or "")
        service.finalize_trace(trace_id)

        assert TRACE_ID.fullmatch(trace_id or "")
        assert service.flush(10) is True
        health = service.health_check()
        assert (health["mode"], health["fallback_mode"]) == ("local", False)
        assert (health["available"], service.is_available) == (False, False)
        assert (tmp_path / ".autoops" / "journal.db").is_file()
        assert health["journal"]["path"] == str(tmp_path / ".autoops" / "journal.db")
        eventually(lambda: service.health_check()["journal"]["spans"] == 2, "both spans in the journal")
        assert server.connections == 0

    def test_missing_keys_are_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """The documented text, once, with what to set."""
        with caplog.at_level(logging.WARNING):
            service = get_langfuse_integration()
            service.create_simulation_trace(EVENT)
            service.test_connection()

        said = [record for record in caplog.records if "Langfuse credentials not found" in record.message]
        assert [record.levelno for record in said] == [logging.WARNING]
        assert "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in .env" in said[0].message

    def test_tracing_disabled_records_no_spans_but_scores(self, server: LoopbackServer, start: Start) -> None:
        """``LANGFUSE_TRACING_ENABLED=false``: health and scores still work."""
        service = start(server, tracing_enabled=False)
        with service.trace_operation("nothing"):
            pass
        service.score("ab" * 16, "margin", 0.5)

        (score,) = server.wait_for_scores(1)
        assert score.trace_id == "ab" * 16
        assert service.flush(10)
        assert server.spans == []
        assert service.test_connection().ok
        assert service.health_check()["initialized"] is True

    def test_fallback_and_catch_up(
        self, server: LoopbackServer, start: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        """While the server fails all is recorded; once it heals all of it arrives, each span once."""
        service = start(server, max_retries=0)
        server.fail(503)
        with caplog.at_level(logging.INFO, logger="autoops"):
            for _ in range(5):
                trace_id = service.create_simulation_trace(EVENT)
                service.finalize_trace(trace_id)
            eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
            during = service.health_check()
            server.heal()
            server.wait_for_spans(5)
            eventually(lambda: not service.health_check()["fallback_mode"], "the end of fallback mode")

        assert (during["mode"], during["integration_service"]) == ("fallback", "fallback")
        assert (during["connection_status"], during["available"]) == ("unavailable", False)
        assert service.flush(10) is True
        assert len(server.arrivals) == 5
        after = service.health_check()
        assert (after["mode"], after["connection_status"]) == ("langfuse", "healthy")
        assert (after["delivery"]["delivered"], after["journal"]["pending"]) == (5, 0)
        changes = [record for record in caplog.records if "fallback" in record.getMessage().lower()]
        assert len(changes) == 2

    def test_fallback_by_hand(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """The client's own switch holds delivery back and lets it go."""
        service = initialize_langfuse_integration(config_for(server))
        client = get_langfuse_client()
        client.enable_fallback_mode("maintenance")
        assert client.health_check()["fallback_mode"] is True
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id)
        client.disable_fallback_mode()

        assert delivered(service, server, trace_id)
        assert client.health_check()["fallback_mode"] is False


class TestShutdown:
    """``flush`` and ``shutdown`` are bounded; nothing raises afterwards."""

    def test_both_return_while_the_server_hangs(self, server: LoopbackServer, start: Start) -> None:
        """A server that takes requests and never answers holds neither up; what it had stays."""
        service = start(server)
        server.hang()
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id)

        assert service.flush(0.2) is False
        service.shutdown(0.2)
        service.shutdown(0.2)
        server.release()

        again = start(server)
        assert again.flush(10) is True
        assert [span.name for span in server.spans] == ["demand_spike"]

    def test_calls_after_shutdown_do_no_harm(self, service: LangfuseIntegrationService) -> None:
        """They return, whatever they are."""
        open_trace = service.create_simulation_trace(EVENT)
        service.shutdown()

        service.finalize_trace(open_trace)
        service.create_simulation_trace(EVENT)
        with service.trace_operation("late") as handle:
            handle.update(output=1)
        service.score("ab" * 16, "margin", 1)
        service.flush(0.2)
        assert service.health_check()["initialized"] in {True, False}
