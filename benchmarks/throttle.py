"""What is sent when ten times more comes than the server takes, and what the callers notice of it.

    uv run python benchmarks/throttle.py [--json] [--quick]

The real service with default settings against a server that takes a tenth of the spans offered; the throttle looks at
windows of 30 s, so this runs for some minutes. Then the server recovers, what waits is delivered, and the books are read.
"""

from __future__ import annotations

import logging
import math
import random
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

from measure import Bound, Figure, Result, Size, main, note, shown
from peers.payload import AGENT, OPERATION, inputs, outcomes
from sink import Sink

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.attributes import SAMPLING_PROBABILITY, SPANS_LOST

SECONDS = 105.0
"""Three windows of the throttle and some."""
LEAST_SECONDS = 40.0
"""Below this the throttle never saw a whole window, and nothing can be said of it."""
TRACES_A_SECOND = 1000.0
SPANS_A_TRACE = 3
OVERLOAD = 10.0
ERRORS = 0.02
"""Share of traces with an error in one of their spans."""
TYPES = {"demand_spike": 0.7, "low_stock": 0.25, "price_change": 0.05}
LOOK_EVERY_S = 5.0
DRAIN_S = 240.0
WIDE = 3.29
"""Standard errors that one estimate of a thousand exceeds by chance."""


@dataclass
class Offered:
    """What was recorded."""

    traces: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TYPES, 0))
    errors: set[str] = field(default_factory=set)
    spans: int = 0
    calls_s: list[float] = field(default_factory=list)
    looks: list[tuple[str, ...]] = field(default_factory=list)
    seconds: float = 0.0


def measure(size: Size) -> Result:
    """Offer too much, let the server recover, and compare."""
    seconds = size.seconds(SECONDS, least=0.5)
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        sink.reset(spans_a_second=TRACES_A_SECOND * SPANS_A_TRACE / OVERLOAD, keep_traces=True)
        service = LangfuseIntegrationService(
            LangfuseConfig(
                journal=f"{folder}/journal.db",
                host=sink.url,
                public_key="pk-lf-benchmark",
                secret_key="sk-lf-benchmark",  # noqa: S106 - of no project
            )
        )
        offered = offer(service, seconds)
        sink.recover()
        note("the server recovers; what waits is delivered")
        service.flush(DRAIN_S)
        health = service.health_check()
        state = sink.state()
        service.shutdown()
    was_thinned = seconds >= LEAST_SECONDS
    estimates = {name: estimate(state["roots"], name) for name in TYPES}
    return Result(
        "Ten times more than the server takes",
        figures(offered, state, health, estimates, was_thinned=was_thinned),
        ("after", "share of ordinary new traces sent", "delivered", "pending", "sampled out"),
        offered.looks,
        notes(offered, state, health, estimates),
        {"estimates": estimates, "health": health, "types": offered.traces},
        in_turns=False,
    )


def offer(service: LangfuseIntegrationService, seconds: float) -> Offered:
    """Record traces at an even pace, timing every call."""
    offered, draw = Offered(), random.Random(5)
    given, outcome = inputs(), outcomes()
    clock = time.perf_counter

    def timed(call: Any, *arguments: Any, **more: Any) -> Any:
        began = clock()
        answer = call(*arguments, **more)
        offered.calls_s.append(clock() - began)
        return answer

    names, weights = list(TYPES), list(TYPES.values())
    began = due = clock()
    look_at = LOOK_EVERY_S
    while (elapsed := clock() - began) < seconds:
        if elapsed >= look_at:
            offered.looks.append(look(service, elapsed))
            look_at += LOOK_EVERY_S
        if (left := due - clock()) > 0:
            time.sleep(left)
        due = max(due + 1.0 / TRACES_A_SECOND, clock() - 0.1)
        (kind,) = draw.choices(names, weights)
        trace_id = timed(service.create_simulation_trace, {"type": kind})
        for number in range(SPANS_A_TRACE - 1):
            span_id = timed(service.start_agent_span, AGENT, OPERATION, trace_id, next(given))
            fails = number == 1 and draw.random() < ERRORS
            timed(service.end_agent_span, span_id, next(outcome), error="no price" if fails else None)
            if fails:
                offered.errors.add(trace_id)
        timed(service.finalize_trace, trace_id, {"ok": True})
        offered.traces[kind] += 1
        offered.spans += SPANS_A_TRACE
    offered.seconds = clock() - began
    offered.calls_s.sort()
    return offered


def look(service: LangfuseIntegrationService, elapsed: float) -> tuple[str, ...]:
    """A row of how it goes."""
    health = service.health_check()
    journal = health["journal"]
    row = (
        f"{elapsed:.0f} s",
        f"{health['throttle']:.1%}",
        *(f"{journal[name]:,}" for name in ("delivered", "pending", "sampled_out")),
    )
    note("  ".join(row))
    return row


def estimate(roots: list[dict[str, Any]], name: str) -> dict[str, float]:
    """How many traces of a name there were, told from those that arrived: each stands for 1 / its probability.

    Horvitz and Thompson's estimator, with its estimated standard error.
    """
    arrived = {root["trace_id"]: root["attributes"] for root in roots if root["name"] == name}
    chances = [float(attributes[SAMPLING_PROBABILITY]) for attributes in arrived.values()]
    return {
        "arrived": len(chances),
        "estimate": sum(1.0 / chance for chance in chances),
        "standard_error": math.sqrt(sum((1.0 - chance) / chance**2 for chance in chances)),
    }


def figures(
    offered: Offered,
    state: dict[str, Any],
    health: dict[str, Any],
    estimates: dict[str, dict[str, float]],
    *,
    was_thinned: bool,
) -> list[Figure]:
    """What was promised."""
    arrived = state["spans_of"]
    lost = {root["trace_id"]: root["attributes"].get(SPANS_LOST, 0) for root in state["roots"]}
    errors = sum(arrived.get(each) == SPANS_A_TRACE for each in offered.errors) / max(1, len(offered.errors))
    ordinary = sum(offered.traces.values()) - len(offered.errors)
    sent = len([each for each in arrived if each not in offered.errors]) / max(1, ordinary)
    off = [
        abs(found["estimate"] - offered.traces[name]) / found["standard_error"]
        for name, found in estimates.items()
        if found["standard_error"]
    ]
    longest = offered.calls_s[min(len(offered.calls_s) - 1, int(len(offered.calls_s) * 0.999))] * 1e3
    return [
        Figure("traces with an error that arrived whole", errors * 100, "%", Bound("≥", 100)),
        Figure(
            "traces that arrived in part and do not say so on their root",
            float(
                sum(number + lost.get(trace_id, 0) != SPANS_A_TRACE for trace_id, number in arrived.items())
            ),
            "",
            Bound("≤", 0),
        ),
        Figure(
            "ordinary traces that arrived, the rest thinned out",
            sent * 100 if was_thinned else None,
            "%",
            Bound("≤", 60),
        ),
        Figure("p99.9 of one call, under overload", longest, "ms", Bound("≤", 2.0), Bound("≤", 1.0)),
        Figure(
            "spans that the books cannot account for",
            unaccounted(offered, state, health),
            "spans",
            Bound("≤", 0),
        ),
        Figure(
            "weighted counts by name, furthest from the truth",
            max(off) if off and was_thinned else None,
            "standard errors",
            Bound("≤", WIDE),
        ),
    ]


def unaccounted(offered: Offered, state: dict[str, Any], health: dict[str, Any]) -> int:
    """How far the books are off: begun, in the journal, and received by the server, each against what it should be."""
    process, journal = health["process"], health["journal"]
    begun = process["begun"] - offered.spans
    ended = process["begun"] - sum(
        process[name] for name in ("ended", "open", "buffered", "filtered", "dropped")
    )
    places = ("delivered", "pending", "local", "sampled_out", "rejected", "pruned")
    stands = journal["ended"] - sum(journal[name] for name in places)
    received = journal["delivered"] - state["spans"]
    return int(abs(begun) + abs(ended) + abs(stands) + abs(received))


def notes(
    offered: Offered, state: dict[str, Any], health: dict[str, Any], estimates: dict[str, dict[str, float]]
) -> list[str]:
    """The numbers behind the figures."""
    journal = health["journal"]
    said = [
        (
            f"Offered for {offered.seconds:.0f} s: {sum(offered.traces.values()):,} traces of {SPANS_A_TRACE} spans, "
            f"{offered.spans / offered.seconds:,.0f} spans a second to a server that takes "
            f"{TRACES_A_SECOND * SPANS_A_TRACE / OVERLOAD:,.0f}; {len(offered.errors):,} with an error."
        ),
        (
            f"At the end, the server recovered: {journal['delivered']:,} spans delivered, {state['spans']:,} received, "
            f"{journal['sampled_out']:,} sampled out, {journal['pending']:,} pending, "
            f"{sum(health['dropped'].values()):,} dropped."
        ),
        f"{len(offered.calls_s):,} calls timed one by one, the longest {offered.calls_s[-1] * 1e3:.1f} ms.",
    ]
    for name, found in estimates.items():
        said.append(
            f"{name}: {offered.traces[name]:,} traces; estimated from the {found['arrived']:,} that arrived: "
            f"{found['estimate']:,.0f} ± {1.96 * found['standard_error']:,.0f} (95 %)."
        )
    if offered.seconds < LEAST_SECONDS:
        said.append(
            f"Too short to thin anything: the throttle decides over 30 s ({shown(offered.seconds, 's')})."
        )
    return said


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(measure, __doc__)
