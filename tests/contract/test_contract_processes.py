"""Forks, spawned workers, exits, kills and restarts: several processes, one journal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from children import env_for, run_python, running_python
from kit import EVENT
from patience import eventually

if TYPE_CHECKING:
    from kit import Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

LONG = 30.0  # several interpreters start on a busy machine

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")

FORK = """
import json, os, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
outer = service.create_simulation_trace({"type": "before the fork"})
with service.trace_operation("around the fork") as around:
    read, write = os.pipe()
    pid = os.fork()
    who = "child" if pid == 0 else "parent"
    made = [around.trace_id]
    for _ in range(20):
        trace_id = service.create_simulation_trace({"type": who})
        span_id = service.start_agent_span(who, "work", parent_trace_id=trace_id)
        service.end_agent_span(span_id)
        service.finalize_trace(trace_id)
        made += [trace_id, span_id]
    with service.trace_operation(f"in the {who}"):
        pass
    if pid == 0:
        settled = None if sys.argv[1] == "exit" else service.flush(15)
        os.write(write, json.dumps([made, settled]).encode())
        os.close(write)
        os._exit(0) if settled is not None else sys.exit(0)
    os.close(write)
    theirs, settled = json.loads(b"".join(iter(lambda: os.read(read, 65536), b"")))
    assert os.waitpid(pid, 0)[1] == 0
service.finalize_trace(outer)
print(json.dumps([made[1:], theirs[1:], settled, service.flush(15)]))
"""


@needs_fork
@pytest.mark.parametrize("ending", ["flush", "exit"])
def test_after_a_fork_ids_are_unique_and_nothing_is_doubled(server: LoopbackServer, ending: str) -> None:
    """Parent and child go on; what was open before the fork is the parent's and ends once.

    The child flushes and is gone, or just exits.
    """
    ours, theirs, child_settled, parent_settled = run_python(FORK, ending, env=env_for(server))

    assert (child_settled, parent_settled) == (True if ending == "flush" else None, True)
    assert len(set(ours) | set(theirs)) == 80
    server.wait_for_spans(84, LONG)
    names = [span.name for span in server.arrivals]
    assert len(names) == 84
    assert (names.count("before the fork"), names.count("around the fork")) == (1, 1)
    (around,) = [span for span in server.spans if span.name == "around the fork"]
    inside = [span for span in server.spans if span.name in {"in the child", "in the parent"}]
    assert [span.parent_span_id for span in inside] == [around.span_id] * 2


MULTIPROCESSING = """
import json, multiprocessing, sys
from config.langfuse_integration import get_langfuse_integration

def work(carrier):
    from opentelemetry import context
    service = get_langfuse_integration()
    token = context.attach(service.extract(carrier))
    with service.trace_operation("worker"):
        with service.trace_operation("step"):
            pass
    context.detach(token)

if __name__ == "__main__":
    method = sys.argv[1]
    service = get_langfuse_integration()
    carrier = {}
    with service.trace_operation("main") as main:
        service.inject(carrier)
        context = multiprocessing.get_context(method)
        workers = [context.Process(target=work, args=(carrier,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    print(json.dumps([[worker.exitcode for worker in workers], main.trace_id, main.span_id]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have no safe fork")
def test_workers_of_multiprocessing_lose_nothing_at_exit(server: LoopbackServer, method: str) -> None:
    """They flush through multiprocessing's finalizers; their spans join the trace of the carrier."""
    path = "workers.py"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - the working directory is the test's
        file.write(MULTIPROCESSING)
    code = f"import runpy, sys; sys.argv[:] = [{path!r}, *sys.argv[1:]]; runpy.run_path({path!r}, run_name='__main__')"
    exits, trace_id, main_id = run_python(code, method, env=env_for(server))

    assert exits == [0, 0, 0]
    server.wait_for_spans(7, LONG)
    spans = server.trace(trace_id)
    assert len(server.arrivals) == len(spans) == 7
    workers = {span.span_id for span in spans if span.name == "worker"}
    assert {span.parent_span_id for span in spans if span.name == "worker"} == {main_id}
    assert {span.parent_span_id for span in spans if span.name == "step"} == workers


RECORD_AND_EXIT = """
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
for number in range(40):
    trace_id = service.create_simulation_trace({"type": "short lived", "number": number})
    span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id)
    service.end_agent_span(span_id, number)
    service.log_agent_decision("a", {"type": "d", "confidence": 0.5}, trace_id=trace_id)
    service.finalize_trace(trace_id)
"""
DELIVER = """
import json
from config.langfuse_integration import get_langfuse_integration
print(json.dumps(get_langfuse_integration().flush(20)))
"""


def test_a_process_that_exits_at_once_loses_nothing(server: LoopbackServer) -> None:
    """Whatever the server does meanwhile; the next process on the journal delivers."""
    server.fail(503)
    run_python(RECORD_AND_EXIT, env=env_for(server))
    server.heal()
    settled = run_python(DELIVER, env=env_for(server))

    assert settled is True
    assert len(server.arrivals) == len(server.spans) == 120
    assert len(server.wait_for_scores(40)) == 40


RECORD_AND_WAIT = """
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
for number in range(40):
    service.finalize_trace(service.create_simulation_trace({"type": "killed"}))
service.flush(0.5)
print(json.dumps("recorded"), flush=True)
input()
"""


def test_what_was_committed_survives_a_kill(server: LoopbackServer) -> None:
    """SIGKILL: no handler runs, the journal has it, the next process delivers."""
    server.fail(503)
    with running_python(RECORD_AND_WAIT, env=env_for(server)) as child:
        assert child.says() == "recorded"
        child.kill()
    server.heal()

    assert run_python(DELIVER, env=env_for(server)) is True
    assert len(server.arrivals) == len(server.spans) == 40


RECORD_TOGETHER = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
print(json.dumps("ready"), flush=True)
input()
for number in range(100):
    service.finalize_trace(service.create_simulation_trace({"type": sys.argv[1]}))
print(json.dumps(service.flush(20)), flush=True)
"""


@pytest.mark.parametrize("keys", [True, False], ids=["langfuse", "local"])
def test_two_processes_write_one_journal(server: LoopbackServer, start: Start, keys: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At the same time, in either mode: all spans are kept, and each is sent once."""
    env = env_for(server) if keys else {}
    with (
        running_python(RECORD_TOGETHER, "a", env=env) as a,
        running_python(RECORD_TOGETHER, "b", env=env) as b,
    ):
        for child in (a, b):
            assert child.says() == "ready"
        for child in (a, b):
            child.go_on()
        assert [a.says(), b.says()] == [True, True]
        assert [a.exit_code(), b.exit_code()] == [0, 0]

    reader = start(server, public_key=None, secret_key=None)
    eventually(lambda: reader.health_check()["journal"]["spans"] == 200, "200 spans in the journal")
    if keys:
        assert len(server.arrivals) == len(server.spans) == 200
    else:
        assert server.connections == 0


OPEN = """
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
trace_id = service.create_simulation_trace({"type": "handed over"}, session_id="s-1")
span_id = service.start_agent_span("a", "long", parent_trace_id=trace_id, input_data={"sku": "P1"})
with service.trace_operation("small"):
    pass
service.flush(10)
print(json.dumps([trace_id, span_id]), flush=True)
input()
"""


@pytest.mark.parametrize("alive", [True, False], ids=["while its process runs", "after its process ended"])
def test_a_span_is_ended_from_another_process(
    server: LoopbackServer,
    start: Start,
    alive: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """By its id, among the journal's open spans: once, whole, in its trace; then it is ended for everyone."""
    with running_python(OPEN, env=env_for(server)) as child:
        trace_id, span_id = child.says()
        if not alive:
            child.go_on()
            assert child.exit_code() == 0
        service = start(server)
        assert service.end_agent_span(span_id, {"units": 3}) is True
        assert service.end_agent_span(span_id, {"units": 4}) is False
        assert service.finalize_trace(trace_id, "closed elsewhere") is True
        assert service.flush(10)
        if alive:
            child.go_on()
            assert child.exit_code() == 0

    span = server.span(span_id)
    (root,) = [span for span in server.trace(trace_id) if not span.parent_span_id]
    assert (span.name, span.trace_id, span.parent_span_id) == ("a.long", trace_id, root.span_id)
    assert (span.input, span.output) == ({"sku": "P1"}, {"units": 3})
    assert span.attributes["session.id"] == root.attributes["session.id"] == "s-1"
    assert root.output == "closed elsewhere"
    assert [each.span_id for each in server.arrivals].count(span_id) == 1


JOIN = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
span_id = service.start_agent_span("b", "elsewhere", parent_trace_id=sys.argv[1])
service.end_agent_span(span_id)
print(json.dumps([span_id, service.flush(15)]))
"""


@pytest.mark.parametrize("folder", ["same", "other"])
def test_a_trace_id_is_enough_to_join_a_trace(
    server: LoopbackServer, service: LangfuseIntegrationService, folder: str
) -> None:
    """Another process, even with a journal of its own, starts children under the right root."""
    trace_id = service.create_simulation_trace(EVENT)
    assert trace_id is not None
    journal = {"AUTOOPS_JOURNAL": "elsewhere/journal.db"} if folder == "other" else {}
    span_id, settled = run_python(JOIN, trace_id, env=env_for(server, **journal))
    service.finalize_trace(trace_id)

    assert (settled, service.flush(10)) == (True, True)
    server.wait_for_spans(2)
    (root,) = [span for span in server.spans if not span.parent_span_id]
    assert server.span(span_id).parent_span_id == root.span_id


def test_seeded_processes_share_no_ids(server: LoopbackServer) -> None:
    """``random.seed(42)`` in two processes: different traces."""
    code = "import random; random.seed(42)\n" + OPEN.replace("input()", "")
    first, second = (run_python(code, env=env_for(server)) for _ in range(2))

    assert not set(first) & set(second)
