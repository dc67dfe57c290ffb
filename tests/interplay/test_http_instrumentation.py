"""OpenTelemetry's instrumentations of httpx and FastAPI on our provider: their spans join ours, and delivery stays out."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from children import env_for, run_python
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from lineage import lineage
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from patience import eventually

from autoops.tracing import AutoOpsSpanProcessor
from autoops.tracing.journal.reader import get_trace, list_traces, open_journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kit import ConfigFor
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

HTTPX = "opentelemetry.instrumentation.httpx"


@contextmanager
def instrumented_httpx(provider: Any) -> Iterator[None]:
    """Have every httpx client of the process traced with a provider."""
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application on loopback, with a thread and an event loop of its own; yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    runner = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [listening]}, name="application")
    thread.start()
    try:
        eventually(lambda: runner.started, "the application to serve")
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        runner.should_exit = True
        thread.join()


def a_shop(service: LangfuseIntegrationService) -> FastAPI:
    """An application whose handlers record: in a thread, in the event loop, and while the answer is streamed."""
    app = FastAPI()

    @app.get("/stock/{sku}")
    def stock(sku: str) -> dict[str, str]:
        with service.trace_operation("look up"):
            return {"sku": sku}

    @app.get("/price/{sku}")
    async def price(sku: str) -> dict[str, str]:
        span_id = service.start_agent_span("pricing", "quote")
        service.end_agent_span(span_id)
        return {"sku": sku}

    @app.get("/feed")
    async def feed() -> StreamingResponse:
        @service.trace_operation("feed items")
        async def items() -> AsyncIterator[str]:
            for item in ("low", "stock"):
                with service.trace_operation(f"item {item}"):
                    yield item

        return StreamingResponse(items())

    @app.get("/broken")
    def broken() -> None:
        raise LookupError("no such product")

    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=service.client.provider, exclude_spans=["receive", "send"]
    )
    return app


@pytest.fixture
def shop(service: LangfuseIntegrationService) -> Iterator[str]:
    """The address of the application, httpx being traced too."""
    with serving(a_shop(service)) as address, instrumented_httpx(service.client.provider):
        yield address


def test_a_request_is_one_trace_on_both_sides(
    server: LoopbackServer, service: LangfuseIntegrationService, shop: str
) -> None:
    """Block, client's span, server's span, handler's span: a chain over the network, whatever kind of handler."""
    with service.trace_operation("outer") as outer:
        assert httpx.get(f"{shop}/stock/7").json() == {"sku": "7"}
        assert httpx.get(f"{shop}/price/7").json() == {"sku": "7"}

    assert lineage(service.client, server, outer.trace_id) == [
        "GET /price/{sku} > pricing.quote",
        "GET /stock/{sku} > look up",
        "GET > GET /price/{sku}",
        "GET > GET /stock/{sku}",
        "outer",
        "outer > GET",
        "outer > GET",
    ]
    assert {span.trace_id for span in server.spans} == {outer.trace_id}


async def test_an_asynchronous_client_is_no_different(
    server: LoopbackServer, service: LangfuseIntegrationService, shop: str
) -> None:
    """Under an asynchronous block, and an agent's step that is current by its id."""
    async with service.trace_operation("outer") as outer, httpx.AsyncClient() as client:
        assert (await client.get(f"{shop}/price/7")).json() == {"sku": "7"}

    assert lineage(service.client, server, outer.trace_id) == [
        "GET /price/{sku} > pricing.quote",
        "GET > GET /price/{sku}",
        "outer",
        "outer > GET",
    ]


def test_a_streamed_answer_is_recorded_under_its_request(
    server: LoopbackServer, service: LangfuseIntegrationService, shop: str
) -> None:
    """The handler has returned by then: the stream's spans still hang below the request's."""
    with service.trace_operation("outer") as outer:
        assert httpx.get(f"{shop}/feed").text == "lowstock"

    assert lineage(service.client, server, outer.trace_id) == [
        "GET /feed > feed items",
        "GET > GET /feed",
        "feed items > item low",
        "feed items > item stock",
        "outer",
        "outer > GET",
    ]


def test_what_they_are_can_be_read(
    server: LoopbackServer, service: LangfuseIntegrationService, shop: str
) -> None:
    """Client or server, route, status and scope, at the server and in the journal; a trace that a request began bears its route."""
    feed = "GET /feed"
    assert httpx.get(f"{shop}/feed").is_success
    assert service.flush(10)

    spans = {span.name: span for span in server.spans}
    assert {name: spans[name].kind for name in ("GET", feed, "feed items")} == {
        "GET": "CLIENT",
        feed: "SERVER",
        "feed items": "INTERNAL",
    }
    assert (spans["GET"].scope, spans[feed].scope) == (HTTPX, "opentelemetry.instrumentation.fastapi")
    assert spans[feed].attributes["http.route"] == "/feed"
    assert spans["GET"].attributes["http.status_code"] == 200
    assert {span.type for span in spans.values()} == {"span"}
    store = open_journal(service.client.config.journal)
    record = get_trace(store, spans["GET"].trace_id)
    store.close()
    assert record is not None
    kinds = {span.name: span.attributes.get("span.kind") for span in record.spans}
    assert (kinds["GET"], kinds[feed], kinds["feed items"]) == ("client", "server", None)


def test_a_kind_that_is_none_harms_nobody(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """A wrong argument, or an attribute of the same name: the span is an internal one, and nothing of it is lost."""
    assert service.client.provider is not None
    tracer = service.client.provider.get_tracer("library")
    wrong: Any = "server"
    for name, kind, attributes in (
        ("argument", wrong, {"is": "kept"}),
        ("attribute", trace.SpanKind.INTERNAL, {"is": "kept", "span.kind": ["server"]}),
    ):
        tracer.start_span(name, kind=kind, attributes=attributes).end()
    assert service.flush(10)

    assert {span.name: (span.kind, span.attributes["is"]) for span in server.spans} == {
        "argument": ("INTERNAL", "kept"),
        "attribute": ("INTERNAL", "kept"),
    }


def test_an_error_of_the_handler_is_one_on_both_sides(
    server: LoopbackServer, service: LangfuseIntegrationService, shop: str
) -> None:
    """500 is the server's fault and the client's bad news; the exception stands on the server's span."""
    with service.trace_operation("outer") as outer:
        assert httpx.get(f"{shop}/broken").status_code == 500

    assert lineage(service.client, server, outer.trace_id) == ["GET > GET /broken", "outer", "outer > GET"]
    spans = {span.name: span for span in server.trace(outer.trace_id)}
    assert (spans["GET"].level, spans["GET /broken"].level) == ("ERROR", "ERROR")
    assert spans["GET /broken"].metadata["exception.message"] == "no such product"
    assert spans["outer"].level == "DEFAULT"


def test_a_connection_that_fails_is_an_error(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """The exception is recorded on the client's span and on ours, and goes on."""
    with instrumented_httpx(service.client.provider):
        with pytest.raises(httpx.ConnectError), service.trace_operation("outer") as outer:
            httpx.get("http://127.0.0.1:9/")
        assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > GET"]

    assert {span.level for span in server.spans} == {"ERROR"}


class TestDelivery:
    """Our own requests are nobody's business: tracing them would make more of them, for ever."""

    def test_delivery_leaves_no_spans(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Neither batches nor scores nor the question for the project, nor a test of the connection."""
        with instrumented_httpx(service.client.provider):
            with service.trace_operation("outer") as outer:
                outer.score("quality", 1.0)
                assert service.test_connection()
            server.wait_for_scores(1)
            assert service.flush(10)
            server.fail(503, times=1)
            with service.trace_operation("again"):
                pass
            server.wait_for_spans(2)
            assert service.flush(10)

        assert {span.name for span in server.spans} == {"outer", "again"}
        store = open_journal(service.client.config.journal)
        assert sorted(str(each.name) for each in list_traces(store).traces) == ["again", "outer"]
        store.close()

    def test_it_carries_nobodys_trace(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """No ``traceparent`` of ours goes to Langfuse, not even from within a block."""
        with instrumented_httpx(service.client.provider), service.trace_operation("outer"):
            assert service.test_connection()
        assert service.flush(10)

        assert server.requests
        assert not any("traceparent" in request.headers for request in server.requests)

    def test_an_applications_own_provider_does_not_see_it_either(
        self, server: LoopbackServer, config_for: ConfigFor
    ) -> None:
        """With our processor on it, and httpx traced there."""
        exporter, application = InMemorySpanExporter(), TracerProvider()
        processor = AutoOpsSpanProcessor(config_for(server))
        application.add_span_processor(processor)
        application.add_span_processor(SimpleSpanProcessor(exporter))
        with instrumented_httpx(application):
            with application.get_tracer("application").start_as_current_span("job"):
                pass
            assert processor.force_flush(10_000)
            application.shutdown()

        assert [span.name for span in exporter.get_finished_spans()] == ["job"]
        assert [span.name for span in server.spans] == ["job"]

    def test_others_requests_are_still_seen(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Only ours are left out: an application's own request to the same server is a span."""
        with instrumented_httpx(service.client.provider), service.trace_operation("outer") as outer:
            assert service.test_connection()
            assert httpx.get(f"{server.url}/api/public/health").is_success

        assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > GET"]


GLOBAL = """
import asyncio, json, sys
import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import initialize_langfuse_integration

service = initialize_langfuse_integration(LangfuseConfig.from_settings().replace(set_global=True))
HTTPXClientInstrumentor().instrument()
app = FastAPI()
FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])

@app.get("/stock/{sku}")
async def stock(sku: str):
    async with httpx.AsyncClient() as client:
        return (await client.get(sys.argv[1] + "/api/public/health")).status_code

async def main():
    with service.trace_operation("outer") as outer:
        transport = httpx.ASGITransport(app)  # in memory: not one of those that are traced
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            assert (await client.get("/stock/7")).json() == 200
    return outer

outer = asyncio.run(main())
service.flush(10)
print(json.dumps([outer.trace_id, trace.get_tracer_provider() is service.client.provider]))
"""


def test_made_global_our_provider_is_found_by_itself(server: LoopbackServer) -> None:
    """``set_global=True``: instrumentations that are told nothing join our traces, and delivery stays out of them."""
    trace_id, is_global = run_python(GLOBAL, server.url, env=env_for(server))

    assert is_global
    names = {span.span_id: span.name for span in server.trace(trace_id)}
    assert {span.name: names.get(span.parent_span_id) for span in server.spans} == {
        "outer": None,
        "GET /stock/{sku}": "outer",
        "GET": "GET /stock/{sku}",
    }


def test_told_nothing_instrumentations_do_not_find_us(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Without ``set_global`` the global provider stays what it was: their spans are the application's."""
    before = trace.get_tracer_provider()
    with instrumented_httpx(None), service.trace_operation("outer") as outer:
        assert httpx.get(f"{server.url}/api/public/health").is_success

    assert trace.get_tracer_provider() is before
    assert lineage(service.client, server, outer.trace_id) == ["outer"]
