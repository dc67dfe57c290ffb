"""What recording costs its caller, beside bare OpenTelemetry, in one run.

    uv run python benchmarks/caller_cost.py [--json]

The work: start and end of an agent span with 1.1 kB of input and a 490 B outcome. Bare OpenTelemetry gets the same as
ready-made JSON text, and the same five attributes. Caller's CPU time of the thread, in rounds that take turns;
the ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 400
ROUNDS = 21

INPUT = {f"feature_{number:02d}": [number * 1.5, f"store-{number}", number % 3 == 0] for number in range(28)}
OUTCOME = {f"week_{number}": {"units": number * 12, "price": 2.99, "fill": 0.95} for number in range(9)}


class Discard(SpanExporter):
    """Takes spans and forgets them: only the caller is measured."""

    def export(self, spans: object) -> SpanExportResult:
        """Say yes."""
        del spans
        return SpanExportResult.SUCCESS


def bare_opentelemetry() -> Callable[[], None]:
    """Spans of the OpenTelemetry SDK with a batch processor, given JSON text made beforehand."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard()))
    tracer = provider.get_tracer("bare")
    given, outcome = json.dumps(INPUT), json.dumps(OUTCOME)

    def work() -> None:
        span = tracer.start_span("inventory_agent.forecast_demand")
        span.set_attribute("langfuse.observation.type", "agent")
        span.set_attribute("langfuse.observation.metadata.agent", "inventory_agent")
        span.set_attribute("langfuse.observation.metadata.operation", "forecast_demand")
        span.set_attribute("langfuse.observation.input", given)
        span.set_attribute("langfuse.observation.output", outcome)
        span.end()

    return work


def agent_span(service: LangfuseIntegrationService) -> Callable[[], None]:
    """Start and end of an agent span through the documented calls."""
    trace_id = service.create_simulation_trace({"type": "benchmark"})

    def work() -> None:
        span_id = service.start_agent_span("inventory_agent", "forecast_demand", trace_id, INPUT)
        service.end_agent_span(span_id, OUTCOME)

    return work


def microseconds(work: Callable[[], None]) -> float:
    """Caller's CPU of one call, in microseconds."""
    began = time.thread_time_ns()
    for _ in range(SPANS):
        work()
    return (time.thread_time_ns() - began) / SPANS / 1e3


def measure(folder: str) -> dict[str, object]:
    """Run all contenders in turns."""
    # The buffer holds a round, so that no caller waits for the disk: waiting is no CPU, but it would be no fair round.
    common = {"journal": f"{folder}/journal.db", "buffer_size": 20 * SPANS}
    services = {
        "autoops": LangfuseIntegrationService(LangfuseConfig(**common)),
        "autoops, filtered out": LangfuseIntegrationService(
            LangfuseConfig(**common, traced_agents=("none",))
        ),
        "autoops, off": LangfuseIntegrationService(LangfuseConfig(enabled=False)),
    }
    contenders = {"bare OpenTelemetry": bare_opentelemetry()}
    contenders |= {name: agent_span(service) for name, service in services.items()}
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS + 3):
        for name, work in contenders.items():
            once = microseconds(work)
            if number >= 3:  # the first rounds warm up
                taken[name].append(once)
        for service in services.values():
            service.flush(10.0)
    for service in services.values():
        service.shutdown()
    ratios = [ours / bare for ours, bare in zip(taken["autoops"], taken["bare OpenTelemetry"], strict=True)]
    return {
        "microseconds": {name: round(statistics.median(values), 2) for name, values in taken.items()},
        "ratio_to_bare_opentelemetry": round(statistics.median(ratios), 3),
        "rounds": ROUNDS,
        "spans_a_round": SPANS,
        "input_bytes": len(json.dumps(INPUT)),
        "outcome_bytes": len(json.dumps(OUTCOME)),
        "python": platform.python_version(),
        "opentelemetry_sdk": version("opentelemetry-sdk"),
    }


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(folder)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(
        f"start + end of an agent span, {result['input_bytes']} B in, {result['outcome_bytes']} B out; median of {ROUNDS}"
    )
    for name, value in result["microseconds"].items():  # type: ignore[attr-defined]
        print(f"  {name:24s} {value:8.2f} µs")
    print(f"  ratio to bare OpenTelemetry with ready-made JSON: {result['ratio_to_bare_opentelemetry']}")


if __name__ == "__main__":
    main()
