"""Code that interrupts a call of ours and calls us itself: signal handlers and finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from children import run_python

if TYPE_CHECKING:
    from pathlib import Path

WORK = """
import json, sys, time
from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import LangfuseIntegrationService
service = LangfuseIntegrationService(LangfuseConfig(journal=sys.argv[1], max_latency_ms=10_000))
told = {"interruptions": 0}

def interrupt(*_):
    told["interruptions"] += 1
    # No block: setting a context variable while it is being set crashes Python 3.11 itself.
    service.end_agent_span(service.start_agent_span("shop", "interruption"))

def record(least):
    while told["interruptions"] < least:
        service.end_agent_span(service.start_agent_span("shop", "work", None, {"a": [1, 2, 3]}), {"b": 1})

def end():
    kept = service.flush(30)
    print(json.dumps([kept, told["interruptions"], service.health_check()["process"]]))
"""
SIGNALS = """
import signal

def again(*_):
    interrupt()
    # Not before: on a busy machine one would interrupt the other until Python's stack is used up.
    signal.setitimer(signal.ITIMER_REAL, 0.0005)

signal.signal(signal.SIGALRM, again)
signal.setitimer(signal.ITIMER_REAL, 0.001)
record(500)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
end()
"""
FINALIZERS = """
import gc
gc.set_threshold(50, 2, 2)

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        interrupt()


while told["interruptions"] < 500:
    Cycle()
    service.end_agent_span(service.start_agent_span("shop", "work", None, {"a": [1, 2, 3]}), {"b": 1})
gc.disable()
end()
"""


@pytest.mark.parametrize("interruptions", [SIGNALS, FINALIZERS], ids=["signals", "finalizers"])
def test_what_interrupts_a_call_may_record_too(tmp_path: Path, interruptions: str) -> None:
    """Nothing hangs, nothing is lost, and the books add up."""
    kept, number, books = run_python(WORK + interruptions, str(tmp_path / "journal.db"))

    assert kept
    assert number >= 500
    assert books["begun"] == books["ended"] + books["open"] + books["buffered"] + books["dropped"]
    assert (books["open"], books["dropped"]) == (0, 0)
    assert books["ended"] > number
