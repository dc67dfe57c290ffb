"""A recording process of the soak: records, says what is kept, and ends in one way or another.

    python benchmarks/soak_worker.py SEED

It says on its standard output, a line of JSON each:

- ``{"kept": [span ids], "scores": [score ids]}``: a commit has taken these, so nothing may lose them;
- ``{"promised": …}``: the same once the process has ended by itself;
- ``{"dropped": {reason: number}}``: spans were dropped and counted, so those of that round are not acknowledged;
- ``{"elsewhere": path and reason}``: the journal is not where it was asked for.

It goes on until its standard input is closed, or until its own dice end it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from autoops.tracing.ids import root_span_id
from config.langfuse_integration import get_langfuse_integration

if TYPE_CHECKING:
    from config.langfuse_integration import LangfuseIntegrationService

IDS_A_LINE = 80  # a line stays below PIPE_BUF, so that those of a forked child come whole
POISON = "poison"
"""Operation of the spans that a poisoned server refuses."""


class Recorder:
    """Records events through the documented calls and keeps the books of what it may claim."""

    def __init__(self, service: LangfuseIntegrationService, dice: random.Random) -> None:
        self.service = service
        self.dice = dice
        self.spans: list[str] = []
        self.scores: list[str] = []
        self._dropped = 0

    def event(self) -> None:
        """Record one trace: agents, a decision, scores, a block, now and then something large, poisonous or unended."""
        service, dice = self.service, self.dice
        trace_id = service.create_simulation_trace({"type": "soak", "at": time.time()}, session_id="soak")
        if trace_id is None:
            raise RuntimeError("nothing is recorded")
        for _ in range(dice.randrange(1, 4)):
            operation = POISON if dice.random() < 0.01 else "price"
            given = {"text": "x" * (200_000 if dice.random() < 0.005 else dice.randrange(800))}
            span_id = service.start_agent_span("pricing", operation, trace_id, given)
            if span_id is not None and service.end_agent_span(span_id, {"price": dice.random()}):
                self.spans.append(span_id)
        decision_id = service.log_agent_decision(
            "pricing", {"type": "price_change", "confidence": dice.random()}, trace_id=trace_id
        )
        if decision_id is not None:
            self.spans.append(decision_id)
        score_id = service.score(trace_id, "profit", dice.random(), span_id=decision_id)
        if score_id is not None:
            self.scores.append(score_id)
        with service.trace_operation("audit") as block:
            block.update(output={"ok": True})
        self.spans.append(str(block.span_id))
        if dice.random() < 0.05:
            return  # left open: shown as interrupted when this process is gone
        if service.finalize_trace(trace_id, "done"):
            self.spans.append(f"{root_span_id(int(trace_id, 16)):016x}")

    def acknowledge(self) -> None:
        """Say what is kept: by a commit alone, or by a flush that has it delivered too."""
        spans, scores = self._claimed()
        writer = self.service.client.writer
        kept = writer is not None and (
            self.service.flush(self.dice.uniform(0.1, 1.5))
            if self.dice.random() < 0.3
            else writer.flush(time.monotonic() + 5.0)
        )
        if not kept:
            self.spans[:0], self.scores[:0] = spans, scores
            return
        if self._has_dropped():
            return
        where = None if writer is None else writer.store().location
        if where is not None and str(where.path) != os.environ["AUTOOPS_JOURNAL"]:
            say({"elsewhere": f"{where.path}: {where.reason}"})
        claim("kept", spans, scores)

    def promise(self) -> None:
        """Say what the end of this process will keep."""
        spans, scores = self._claimed()
        if not self._has_dropped():
            claim("promised", spans, scores)

    def forked(self) -> None:
        """In a forked child: what was recorded so far is the parent's to claim."""
        self._claimed()
        self._dropped = 0

    def _claimed(self) -> tuple[list[str], list[str]]:
        claimed = self.spans, self.scores
        self.spans, self.scores = [], []
        return claimed

    def _has_dropped(self) -> bool:
        """Whether spans were dropped since the last look; which ones, the counts do not tell."""
        writer = self.service.client.writer
        counts = {} if writer is None else writer.dropped.snapshot()
        before, self._dropped = self._dropped, sum(counts.values())
        if self._dropped > before:
            say({"dropped": counts})
        return self._dropped > before


def say(line: dict[str, Any]) -> None:
    """Write a line in one piece."""
    os.write(1, json.dumps(line).encode() + b"\n")


def claim(kind: str, spans: list[str], scores: list[str]) -> None:
    """Say ids, a few a line."""
    for start in range(0, max(len(spans), len(scores)), IDS_A_LINE):
        part = slice(start, start + IDS_A_LINE)
        say({kind: spans[part], "scores": scores[part]})


def is_told_to_end() -> bool:
    """Whether standard input was closed."""
    return bool(select.select([0], [], [], 0)[0])


def fork_and_record(recorder: Recorder) -> None:
    """Have a forked child record too, for a second or so."""
    if os.fork():
        return
    recorder.forked()
    recorder.dice.seed(os.getpid())
    for _ in range(recorder.dice.randrange(1, 10)):
        recorder.event()
        recorder.acknowledge()
    if recorder.dice.random() < 0.5:
        os._exit(0)
    recorder.forked()  # nobody hears how this process ends, so it promises nothing
    sys.exit(0)


def end_as_diced(recorder: Recorder, dice: random.Random) -> None:
    """Leave in one of the ways that a process has."""
    way = dice.choice(["return", "exception", "flush and _exit"])
    if way == "flush and _exit":
        recorder.acknowledge()
        os._exit(0)
    recorder.promise()
    if way == "exception":
        raise RuntimeError("this process of the soak ends with an exception, as it should")


def raise_exit(*_: object) -> None:
    """SIGTERM as many hosts handle it."""
    raise SystemExit(0)


def main() -> None:
    """Record until the end."""
    dice = random.Random(int(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(levelname)s %(name)s: %(message)s")
    if dice.random() < 0.5:
        signal.signal(signal.SIGTERM, raise_exit)
    recorder = Recorder(get_langfuse_integration(), dice)
    pause = threading.Event()
    rounds = dice.randrange(20, 400)
    try:
        for _ in range(rounds):
            if is_told_to_end():
                break
            for _ in range(60 if dice.random() < 0.02 else dice.randrange(1, 6)):
                recorder.event()
            if dice.random() < 0.5:
                recorder.acknowledge()
            if dice.random() < 0.02:
                fork_and_record(recorder)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            pause.wait(dice.uniform(0.01, 0.2))
    except SystemExit:
        recorder.promise()
        raise
    end_as_diced(recorder, dice)


if __name__ == "__main__":
    main()
