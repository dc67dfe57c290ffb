"""What a call costs when tracing is off, or when its agent is filtered out.

    uv run python benchmarks/call_off.py [--json] [--quick] [--peers langfuse_v5,…]

Each documented call on its own in this process; then a span's start and end, beside the peers' own ways of being off.
"""

from __future__ import annotations

import logging
import tempfile
from typing import TYPE_CHECKING, Any

from contenders import OURS, Field, Unavailable, chosen
from measure import Bound, Figure, Result, Size, loop, main, median, shown, turns
from peers.payload import AGENT, EVENT, INPUT, OPERATION, OUTCOME
from sink import Sink

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService

if TYPE_CHECKING:
    from collections.abc import Callable

    Service = LangfuseIntegrationService

CALLS = 20_000
SPANS = 500
MUST, AIM = Bound("≤", 1.0), Bound("≤", 0.3)
DECISION = {
    "type": "reorder",
    "inputs": INPUT,
    "outputs": OUTCOME,
    "confidence": 0.9,
    "reasoning": "stock is low",
}
FILTERED = "autoops_filtered"
BLOCK = "a block with trace_operation"
LOOP = "an empty loop"


def measure(size: Size) -> Result:
    """Both parts."""
    calls = size.many(CALLS, least=100)
    with tempfile.TemporaryDirectory() as folder:
        off = LangfuseIntegrationService(LangfuseConfig(enabled=False))
        filtered = LangfuseIntegrationService(
            LangfuseConfig(journal=f"{folder}/journal.db", traced_agents=("pricing_agent",))
        )
        cases = {("off", name): each for name, each in every_call(off, None).items()}
        trace_id = filtered.create_simulation_trace(EVENT)
        cases |= {
            ("filtered", name): each
            for name, each in every_call(filtered, trace_id).items()
            if name not in {"create_simulation_trace", "finalize_trace"}  # no agent's: nothing filters them
        }
        loops = {"/".join(key): loop(each, calls) for key, each in cases.items()}
        taken = turns({**loops, LOOP: loop(lambda: None, calls)}, size.rounds)
        filtered.shutdown()
    found = {tuple(name.split("/")): median(values) or 0.0 for name, values in taken.items() if name != LOOP}
    rows: list[tuple[str, ...]] = [
        (f"AutoOps, {how}: {name}", shown(value)) for (how, name), value in found.items()
    ]
    rows.append((LOOP, shown(median(taken[LOOP]))))
    rows += pairs(size)
    return Result(
        "Cost of a call that records nothing",
        [
            _figure("tracing off: dearest documented call", "off", found),
            _figure("agent filtered out: dearest documented call", "filtered", found),
            *(
                Figure(f"{how}: {BLOCK}, entering and leaving", found[how, BLOCK], "µs")
                for how in ("off", "filtered")
            ),
        ],
        ("call", "µs"),
        rows,
        (
            f"CPU time of the calling thread, {calls} calls a round; the loop around the call is part of the figure.",
            "A block is three calls: making it, entering it and leaving it.",
        ),
        {"us": taken},
    )


def every_call(service: Service, trace_id: str | None) -> dict[str, Callable[[], Any]]:
    """The documented calls of the hot path, with arguments as they are in life."""

    def block() -> None:
        with service.trace_operation(f"{AGENT}.{OPERATION}", input_data=INPUT) as span:
            span.update(output=OUTCOME)

    return {
        "create_simulation_trace": lambda: service.create_simulation_trace(EVENT),
        "start_agent_span": lambda: service.start_agent_span(AGENT, OPERATION, trace_id, INPUT),
        "end_agent_span": lambda: service.end_agent_span(None, OUTCOME),
        "log_agent_decision": lambda: service.log_agent_decision(AGENT, DECISION, trace_id=trace_id),
        "finalize_trace": lambda: service.finalize_trace(None, OUTCOME),
        BLOCK: block,
    }


def pairs(size: Size) -> list[tuple[str, ...]]:
    """Start and end of a span on contenders that are switched off."""
    spans = size.many(SPANS, least=20)
    with (
        Sink() as sink,
        Field((OURS, *chosen(size)), sink.url, is_on=False) as field,
        Field((FILTERED,), sink.url) as ours,
    ):
        field.workers |= ours.workers
        taken: dict[str, list[float]] = {name: [] for name in field.workers}
        for _, name, worker in field.turns(size.rounds):
            try:
                taken[name].append(worker.ask("cost", spans=spans)["microseconds"])
            except Unavailable as error:
                field.leave_out(name, str(error))
        rows: list[tuple[str, ...]] = []
        for name, worker in field.workers.items():
            sink.reset()
            worker.ask("record", spans=10)
            arrived = 0 if name == FILTERED else sink.settle(1)["spans"]
            sent = f" - sends all the same: {arrived} of 10 spans arrived" if arrived else ""
            rows.append((f"start and end, {worker.title}{sent}", shown(median(taken[name]))))
        return rows + field.missing_rows()


def _figure(what: str, how: str, found: dict[tuple[str, ...], float]) -> Figure:
    dearest = max(value for (case, name), value in found.items() if case == how and name != BLOCK)
    return Figure(what, dearest, "µs", MUST, AIM)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(measure, __doc__)
