"""A demand spike and what two agents make of it: recorded, kept in the journal, delivered to Langfuse.

    uv run python examples/langfuse_foundation_demo.py

Needs no account: without credentials everything stays on this machine. With LANGFUSE_PUBLIC_KEY and
LANGFUSE_SECRET_KEY in the environment or in `.env`, it is delivered as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.tracing.journal.reader import get_trace, open_journal
from config.langfuse_integration import get_langfuse_integration, shutdown_langfuse_integration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.tracing.journal.reader import SpanRecord
    from config.langfuse_integration import LangfuseIntegrationService


def handle_spike(service: LangfuseIntegrationService) -> str | None:
    """An event is a trace, each agent's step a span in it, a decision a span with its reasons."""
    trace_id = service.create_simulation_trace(
        {"type": "demand_spike", "source": "iot_sensor", "product_id": "PROD_123"}, session_id="demo"
    )
    forecast = service.start_agent_span(
        "inventory_agent",
        "forecast_demand",
        parent_trace_id=trace_id,
        input_data={"product_id": "PROD_123"},
    )
    service.end_agent_span(forecast, {"forecast_result": "high_demand", "confidence": 0.85})

    pricing = service.start_agent_span("pricing_agent", "review_price", parent_trace_id=trace_id)
    service.log_agent_decision(
        "pricing_agent",
        {
            "type": "price_optimization",
            "inputs": {"current_price": 29.99, "competitor_prices": [27.99, 31.99]},
            "outputs": {"recommended_price": 28.99},
            "confidence": 0.92,
            "reasoning": "Competitive positioning strategy",
        },
        trace_id=trace_id,
    )
    service.end_agent_span(pricing)
    service.finalize_trace(trace_id, {"final_outcome": "restock_initiated"})
    return trace_id


def analyse_market(service: LangfuseIntegrationService) -> str | None:
    """Any block of code is a span; one outside any trace begins its own. Errors are recorded and go on."""
    with service.trace_operation("market_analysis", session_id="demo") as analysis:
        with service.trace_operation("fetch_prices", as_type="tool") as fetch:
            fetch.update(output=[27.99, 31.99])
        try:
            with service.trace_operation("fetch_weather", as_type="tool"):
                raise TimeoutError("the weather service did not answer")
        except TimeoutError:
            analysis.update(output={"mean_price": 29.99}, level="WARNING")
    return analysis.trace_id


def show(spans: Sequence[SpanRecord], parent: str | None = None, depth: int = 0) -> None:
    """Print the spans below `parent` as a tree."""
    for span in spans:
        if span.parent_span_id != parent:
            continue
        took = (span.end_ns - span.start_ns) / 1e6 if span.end_ns else 0.0
        note = "" if span.level == "DEFAULT" else f"  {span.level} {span.status_message or ''}"
        print(f"  {'   ' * depth}{span.name}  ({span.type}, {took:.1f} ms){note}")
        if span.output:
            print(f"  {'   ' * depth}   -> {span.output}")
        show(spans, span.span_id, depth + 1)


def main() -> None:
    """Record two traces, read them back from the journal, and say where else they can be seen."""
    service = get_langfuse_integration()
    traces = [handle_spike(service), analyse_market(service)]
    settled = service.flush()
    health = service.health_check()
    path = health["journal"]["path"]

    if health["mode"] == "off":
        print("Tracing is off (LANGFUSE_ENABLED=false): nothing was recorded.")
        return
    if health["mode"] == "local":
        print("Local mode: no Langfuse credentials, so the traces stay on this machine.")
    elif settled and health["available"]:
        print("Delivered to Langfuse.")
    else:
        print(f"Langfuse did not take them yet ({service.test_connection().hint}): they wait in the journal.")

    print(f"The journal: {path or 'in memory only'}")
    for trace_id in traces:
        found = get_trace(open_journal(path), trace_id) if path and trace_id else None
        if found:
            print(f"\nTrace {trace_id}")
            show(found.spans)
        if health["mode"] != "local":
            print(f"  {service.get_trace_url(trace_id)}")
    print("\nSee them on a page: uv run autoops dashboard")
    shutdown_langfuse_integration()


if __name__ == "__main__":
    main()
