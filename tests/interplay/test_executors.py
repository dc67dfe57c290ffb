"""``concurrent.futures``: where work that a pool does belongs, in threads and in processes."""

from __future__ import annotations

import contextvars
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from children import env_for, run_python
from lineage import lineage
from opentelemetry import context as context_api
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService


class TestThreads:
    """A pool's threads have no current span of their own."""

    def test_a_copied_context_takes_the_work_along(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """One copy for each submission: more work than threads, each below the block that submitted it."""

        def work(name: str) -> bool:
            with service.trace_operation(name), service.trace_operation(f"{name} step"):
                pass
            return get_current_span().get_span_context().is_valid

        with ThreadPoolExecutor(2) as pool, service.trace_operation("outer") as outer:
            futures = []
            for block in ("left", "right"):
                with service.trace_operation(block):
                    futures += [
                        pool.submit(contextvars.copy_context().run, work, f"{block} {number}")
                        for number in range(3)
                    ]
            assert all(future.result() for future in futures)

        names = [f"{block} {number}" for block in ("left", "right") for number in range(3)]
        assert lineage(service.client, server, outer.trace_id) == sorted(
            [
                *(f"{name.split()[0]} > {name}" for name in names),
                *(f"{name} > {name} step" for name in names),
                *("outer", "outer > left", "outer > right"),
            ]
        )

    def test_a_thread_keeps_nothing_of_the_work_before(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """The same thread does work of two traces, and work of none: three traces, nothing adopted."""
        threads: set[int] = set()

        def work(name: str) -> str | None:
            threads.add(threading.get_ident())
            with service.trace_operation(name) as made:
                return made.trace_id

        with ThreadPoolExecutor(1) as pool:
            with service.trace_operation("a") as first:
                pool.submit(contextvars.copy_context().run, work, "in a").result()
            with service.trace_operation("b") as second:
                pool.submit(contextvars.copy_context().run, work, "in b").result()
            alone = pool.submit(contextvars.Context().run, work, "alone").result()

        assert len(threads) == 1
        assert lineage(service.client, server, first.trace_id) == ["a", "a > in a"]
        assert lineage(service.client, server, second.trace_id) == ["b", "b > in b"]
        assert lineage(service.client, server, alone) == ["alone"]

    def test_a_trace_id_is_enough(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Without any context: agents' steps and decisions of a pool hang in the trace they name, though a thread serves many."""

        def work(trace_id: str | None) -> None:
            span_id = service.start_agent_span("inventory", "forecast", parent_trace_id=trace_id)
            service.log_agent_decision("inventory", {"type": "order"}, trace_id=trace_id)
            service.end_agent_span(span_id)

        traces = [service.create_simulation_trace({"type": f"event {number}"}) for number in range(6)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, traces))
        for trace_id in traces:
            service.finalize_trace(trace_id)

        for number, trace_id in enumerate(traces):
            assert lineage(service.client, server, trace_id) == [
                f"event {number}",
                f"event {number} > inventory.forecast",
                "inventory.forecast > inventory.order",
            ]

    def test_work_may_outlive_what_submitted_it(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """Its block and its trace have ended: it still belongs there, and is delivered."""
        go_on = threading.Event()

        def work() -> None:
            with service.trace_operation("before"):
                go_on.wait()
            with service.trace_operation("after"):
                pass

        with ThreadPoolExecutor(1) as pool:
            with service.trace_operation("outer") as outer:
                late = pool.submit(contextvars.copy_context().run, work)
            assert lineage(service.client, server, outer.trace_id) == ["outer"]
            go_on.set()
            late.result()

        assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > after", "outer > before"]

    def test_an_exception_of_the_work_is_recorded_where_it_passes(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """On the span of the work, and on the block that asks for the result."""

        def work() -> None:
            with service.trace_operation("work"):
                raise ValueError("no stock")

        with (
            ThreadPoolExecutor(1) as pool,
            pytest.raises(ValueError, match="no stock"),
            service.trace_operation("outer") as outer,
        ):
            pool.submit(contextvars.copy_context().run, work).result()

        assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > work"]
        assert [span.level for span in server.spans] == ["ERROR", "ERROR"]


PROCESSES = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from opentelemetry import context as context_api
from config.langfuse_integration import get_langfuse_integration

def carried(carrier, name):
    service = get_langfuse_integration()
    token = context_api.attach(service.extract(carrier))
    with service.trace_operation(name), service.trace_operation(name + " step"):
        pass
    context_api.detach(token)

def named(trace_id, span_id, number):
    service = get_langfuse_integration()
    step = service.start_agent_span("pricing", f"quote {number}", parent_trace_id=trace_id, parent_span_id=span_id)
    service.end_agent_span(step)

if __name__ == "__main__":
    service = get_langfuse_integration()
    made = []
    with service.trace_operation("around the pool") as around:
        pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1]))
        # Workers of a forked pool are made now, while this span is current: it must not get their later work.
        pool.submit(carried, {}, "first").result()
    for number in range(2):
        trace_id = service.create_simulation_trace({"type": f"event {number}"})
        span_id = service.start_agent_span("orchestrator", "ask", parent_trace_id=trace_id)
        carrier = {}
        with service.trace_operation(f"block {number}") as block:
            service.inject(carrier)
            work = [
                pool.submit(carried, carrier, f"carried {number}"),
                pool.submit(named, trace_id, span_id, number),
                pool.submit(named, trace_id, None, number),
            ]
            [each.result() for each in work]
        service.end_agent_span(span_id)
        service.finalize_trace(trace_id)
        made.append([trace_id, block.trace_id])
    pool.shutdown()
    print(json.dumps([made, around.trace_id, service.flush(15)]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have no safe fork")
def test_processes_join_by_carrier_and_by_id(server: LoopbackServer, start: Start, method: str) -> None:
    """A pool's workers serve several traces: each span goes where its carrier or its ids say.

    Not where the worker was forked, though that span is current there still.
    """
    Path("pool.py").write_text(PROCESSES, encoding="utf-8")
    code = "import runpy, sys; sys.argv[:] = ['pool.py', *sys.argv[1:]]; runpy.run_path('pool.py', run_name='__main__')"
    made, around, settled = run_python(code, method, env=env_for(server))

    assert settled
    server.wait_for_spans(2 * 7 + 1 + 2, 30.0)
    service: Any = start(server)  # on the same journal: what the workers wrote is in it
    for number, (event, block) in enumerate(made):
        assert lineage(service.client, server, event) == [
            f"event {number}",
            f"event {number} > orchestrator.ask",
            f"event {number} > pricing.quote {number}",
            f"orchestrator.ask > pricing.quote {number}",
        ]
        assert lineage(service.client, server, block) == [
            f"block {number}",
            f"block {number} > carried {number}",
            f"carried {number} > carried {number} step",
        ]
    here = lineage(service.client, server, around)
    assert [told for told in here if "first" not in told] == ["around the pool"]


def test_extract_takes_a_trace_to_a_thread(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """A carrier works in a process, too: a queue's message need not know who reads it."""
    carrier: dict[str, str] = {}
    with service.trace_operation("outer") as outer:
        service.inject(carrier)

    def work() -> None:
        token = context_api.attach(service.extract(carrier))
        try:
            with service.trace_operation("from the queue"):
                pass
        finally:
            context_api.detach(token)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()

    assert lineage(service.client, server, outer.trace_id) == ["outer", "outer > from the queue"]
