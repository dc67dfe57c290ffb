"""Langfuse's own SDK on our provider: its observations and our spans share traces, each sent once.

Runs on the majors 3, 4 and 5 of the SDK: only what all of them offer is used.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from kit import EVENT, delivered, only
from langfuse import get_client, observe, propagate_attributes
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from config.langfuse_config import get_langfuse_client
from config.langfuse_integration import get_langfuse_integration, initialize_langfuse_integration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kit import ConfigFor
    from loopback import LoopbackServer
    from received import ReceivedSpan

    from config.langfuse_integration import LangfuseIntegrationService

pytestmark = pytest.mark.sdk

SECRET = "swordfish-7391"


@pytest.fixture
def service(server: LoopbackServer, config_for: ConfigFor) -> LangfuseIntegrationService:
    """The process's service, with the SDK's client made."""
    service = initialize_langfuse_integration(config_for(server, environment="staging", release="2.3.1"))
    assert get_langfuse_client().langfuse is not None
    return service


@observe()
def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@observe(name="sum of doubles", as_type="tool")
async def doubled_sum(numbers: list[int]) -> int:
    """Await, then call another observed function."""
    await asyncio.sleep(0)
    return sum(double(number) for number in numbers)


@observe()
def words() -> Iterator[str]:
    """Yield two words."""
    yield "low"
    yield "stock"


@observe()
async def spoken_words() -> AsyncIterator[str]:
    """Yield two words, awaiting."""
    for word in ("low", "stock"):
        await asyncio.sleep(0)
        yield word


@observe()
def failing(error: Exception) -> None:
    """Raise."""
    raise error


def chain(spans: dict[str, ReceivedSpan], *names: str) -> None:
    """Assert that each span is the parent of the next, and the first one a root."""
    parent = ""
    for name in names:
        assert spans[name].parent_span_id == parent, name
        parent = spans[name].span_id


class TestNesting:
    """Any order, one trace, right parents, each once."""

    def test_observed_inside_ours(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """``@observe`` under our block is its child, with what the SDK captures."""
        with service.trace_operation("outer") as outer:
            assert double(4) == 8

        spans = delivered(service, server, outer.trace_id)
        chain(spans, "outer", "double")
        assert spans["double"].output == 8
        assert "4" in str(spans["double"].input)
        assert len(server.arrivals) == 2

    def test_ours_inside_observed(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Our block, agent span and decision land under ``@observe``: a decision of no open agent at the root."""

        @observe()
        def day() -> str:
            with service.trace_operation("ours") as ours:
                service.end_agent_span(service.start_agent_span("inventory", "forecast"))
                service.log_agent_decision("pricing", {"type": "cut"})
            return str(ours.trace_id)

        spans = delivered(service, server, day())
        chain(spans, "day", "ours", "inventory.forecast")
        decision = only([span for name, span in spans.items() if "cut" in name])
        assert decision.parent_span_id == spans["day"].span_id
        assert len(server.arrivals) == 4

    def test_all_in_turns(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Ours, observed, the SDK's block, ours, the client's block: a chain of five."""

        @observe()
        def observed() -> None:
            with (
                get_client().start_as_current_observation(name="sdk block", as_type="chain"),
                service.trace_operation("inner"),
                get_langfuse_client().langfuse.start_as_current_observation(name="leaf", as_type="span"),
            ):
                pass

        with service.trace_operation("outer") as outer:
            observed()

        spans = delivered(service, server, outer.trace_id)
        chain(spans, "outer", "observed", "sdk block", "inner", "leaf")
        assert spans["sdk block"].type == "chain"
        assert len(server.arrivals) == len(server.spans) == 5

    def test_an_agent_span_hangs_below_the_sdks_current_span(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The current span of the trace may be the SDK's."""
        with service.trace_operation("outer") as outer:
            with get_client().start_as_current_observation(name="sdk", as_type="agent"):
                span_id = service.start_agent_span("a", "b", parent_trace_id=outer.trace_id)
            service.end_agent_span(span_id)

        chain(delivered(service, server, outer.trace_id), "outer", "sdk", "a.b")

    def test_the_sdk_joins_a_simulation_trace(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The SDK's ``trace_context`` with our trace and span ids."""
        trace_id = service.create_simulation_trace(EVENT)
        span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id)
        assert trace_id is not None
        assert span_id is not None
        with get_client().start_as_current_observation(
            name="explain",
            as_type="span",
            trace_context={"trace_id": trace_id, "parent_span_id": span_id},
        ):
            pass
        service.end_agent_span(span_id)
        service.finalize_trace(trace_id)

        chain(delivered(service, server, trace_id), "demand_spike", "a.b", "explain")

    async def test_coroutines(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Observed coroutines in tasks stay under what was current when they began."""
        async with service.trace_operation("outer") as outer:
            results = await asyncio.gather(doubled_sum([1]), doubled_sum([2]))

        assert list(results) == [2, 4]
        assert await service.aflush(10)
        spans = server.trace(outer.trace_id)
        sums = [span for span in spans if span.name == "sum of doubles"]
        assert [span.parent_span_id for span in sums] == [outer.span_id] * 2
        assert {span.type for span in sums} == {"tool"}
        doubles = [span.parent_span_id for span in spans if span.name == "double"]
        assert set(doubles) == {span.span_id for span in sums}
        assert len(server.arrivals) == 5

    async def test_generators(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Observed generators end when they are used up, with what they yielded."""
        async with service.trace_operation("outer") as outer:
            assert list(words()) == ["low", "stock"]
            assert [word async for word in spoken_words()] == ["low", "stock"]

        assert await service.aflush(10)
        spans = {span.name: span for span in server.trace(outer.trace_id)}
        for name in ("words", "spoken_words"):
            assert spans[name].parent_span_id == outer.span_id
            assert "low" in str(spans[name].output)
        assert len(server.arrivals) == 3


class TestContent:
    """What the SDK writes arrives, and what holds for our spans holds for its."""

    def test_a_generation(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Type, model, usage and updates of the SDK's own object."""
        with (
            service.trace_operation("outer") as outer,
            get_client().start_as_current_observation(
                name="explain", as_type="generation", model="tiny-1", input={"q": 1}
            ) as generation,
        ):
            generation.update(output="because", usage_details={"input": 10, "output": 5}, metadata={"k": "v"})

        span = delivered(service, server, outer.trace_id)["explain"]
        assert (span.type, span.observation("model.name")) == ("generation", "tiny-1")
        assert (span.input, span.output) == ({"q": 1}, "because")
        assert '"input": 10' in span.observation("usage_details").replace('":10', '": 10')
        assert str(span.metadata["k"]).strip('"') == "v"

    def test_environment_release_and_session_stand_on_them(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Every span stands alone in Langfuse 4, whoever made it."""
        with service.trace_operation("outer", session_id="s-1", user_id="u-1", tags=["night"]) as outer:
            double(1)

        span = delivered(service, server, outer.trace_id)["double"]
        assert span.attributes["langfuse.environment"] == "staging"
        assert span.attributes["langfuse.release"] == "2.3.1"
        assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s-1", "u-1")
        assert tuple(span.attributes["langfuse.trace.tags"]) == ("night",)

    def test_propagated_attributes_reach_both(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """``propagate_attributes`` holds for the SDK's spans and for ours within."""
        with (
            propagate_attributes(session_id="s-2", user_id="u-2", tags=["day"], metadata={"store": "12"}),
            service.trace_operation("outer") as outer,
        ):
            double(1)

        for span in delivered(service, server, outer.trace_id).values():
            assert (span.attributes["session.id"], span.attributes["user.id"]) == ("s-2", "u-2")
            assert tuple(span.attributes["langfuse.trace.tags"]) == ("day",)
            assert "12" in str(dict(span.attributes))

    def test_only_the_root_claims_to_be_one(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """No second root: the SDK's marks on children of our spans don't arrive."""
        with service.trace_operation("outer") as outer:
            double(1)
            with get_client().start_as_current_observation(name="block", as_type="span"):
                pass

        for span in delivered(service, server, outer.trace_id).values():
            marks = [key for key, value in span.attributes.items() if "root" in key and value is True]
            assert not (marks and span.parent_span_id), marks

    def test_an_exception_is_recorded_and_leaves(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Through the SDK's span and ours, unchanged."""
        error = ValueError("no such product")
        with (
            pytest.raises(ValueError, match="no such product") as caught,
            service.trace_operation("o") as outer,
        ):
            failing(error)

        assert caught.value is error
        span = delivered(service, server, outer.trace_id)["failing"]
        assert span.level == "ERROR"
        assert "no such product" in span.observation("status_message")

    def test_masks_hold(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Secrets in what the SDK captures are masked like ours."""

        @observe()
        def login(data: dict[str, Any]) -> dict[str, Any]:
            return data

        with service.trace_operation("outer") as outer:
            login({"password": SECRET, "sku": "P1"})

        span = delivered(service, server, outer.trace_id)["login"]
        assert span.output == {"password": "***", "sku": "P1"}
        assert SECRET.encode() not in server.wire()

    def test_scores_of_the_sdk_arrive(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """``create_score`` and the current span's score: once each, on the right trace."""
        client = get_client()
        with service.trace_operation("outer") as outer:
            with client.start_as_current_observation(name="block", as_type="span") as block:
                block.score(name="inside", value=0.5)
            client.create_score(
                trace_id=outer.trace_id, name="outside", value="good", data_type="CATEGORICAL"
            )

        server.wait_for_scores(2)
        assert service.flush(10)
        scores = {score.name: score for score in server.scores}
        assert len(server.scores) == 2
        assert {score.trace_id for score in scores.values()} == {outer.trace_id}
        assert (scores["inside"].value, scores["outside"].value) == (0.5, "good")
        block_id = only([span for span in server.spans if span.name == "block"]).span_id
        assert scores["inside"].observation_id == block_id


class TestBorders:
    """What the SDK must not do to the application, nor the application's settings to it."""

    def test_the_applications_provider_is_untouched(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The global provider is what it was; spans of the application's own provider aren't sent."""
        before = trace.get_tracer_provider()
        with (
            service.trace_operation("outer"),
            TracerProvider().get_tracer("app").start_as_current_span("theirs"),
        ):
            double(1)

        assert trace.get_tracer_provider() is before
        assert service.flush(10)
        assert {span.name for span in server.spans} == {"outer", "double"}

    def test_sampling_holds(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """At rate 0 nothing of the SDK's leaves, scores included."""
        service = initialize_langfuse_integration(config_for(server, sample_rate=0.0))
        client = get_langfuse_client().langfuse
        double(1)
        with client.start_as_current_observation(name="block", as_type="span") as block:
            block.score(name="inside", value=0.5)

        assert service.flush(10)
        service.shutdown()
        assert (server.spans, server.scores) == ([], [])

    def test_blocked_scopes_are_not_recorded(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """``LANGFUSE_BLOCKED_INSTRUMENTATION_SCOPES`` works on every major, here for the SDK's own scope."""
        config = config_for(server, blocked_instrumentation_scopes=("langfuse-sdk",))
        service = initialize_langfuse_integration(config)
        assert get_langfuse_client().langfuse is not None
        with service.trace_operation("outer") as outer:
            assert double(2) == 4

        assert set(delivered(service, server, outer.trace_id)) == {"outer"}

    def test_the_root_of_a_trace_may_be_the_sdks(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Two observed calls outside any trace: two traces, each once."""
        double(1)
        double(2)

        assert service.flush(10)
        assert len(server.arrivals) == 2
        assert len({span.trace_id for span in server.spans}) == 2
        assert {span.parent_span_id for span in server.spans} == {""}

    def test_off_is_off_for_the_sdk(self, server: LoopbackServer, config_for: ConfigFor) -> None:
        """Observed code runs, nothing is recorded, nobody is asked."""
        service = initialize_langfuse_integration(config_for(server, enabled=False))
        client = get_langfuse_client().langfuse
        assert double(3) == 6
        if client is not None:
            with client.start_as_current_observation(name="block", as_type="span"):
                pass

        service.shutdown()
        assert server.connections == 0

    def test_observed_code_needs_no_word_to_our_client(
        self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the documented variables and a service, ``@observe`` is in our traces without further ado."""
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", server.public_key)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", server.secret_key)
        monkeypatch.setenv("LANGFUSE_HOST", server.url)
        service = get_langfuse_integration()
        with service.trace_operation("outer") as outer:
            double(1)

        chain(delivered(service, server, outer.trace_id), "outer", "double")
        assert len(server.arrivals) == 2
