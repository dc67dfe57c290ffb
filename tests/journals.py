"""Journals with realistic traces in them, for the page to show; and what any SQL tool reads in one."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoops.tracing import attributes as keys
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal.writer import Writer
from autoops.tracing.provider import TracerProvider
from autoops.tracing.scores import Score
from autoops.tracing.serialize import dump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.span import Span

MS = 1_000_000
"""Nanoseconds."""
INJECTION = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{ 7*7 }}'
"""What must appear as text, wherever it comes from."""


class Recorder:
    """Writes spans with the times that the test wants."""

    def __init__(self, path: Path, config: LangfuseConfig | None = None) -> None:
        self.writer = Writer(str(path), buffer_size=50_000, patience_s=5.0)
        self.provider = TracerProvider(config or LangfuseConfig(), self.writer)
        self.now_ns = time.time_ns()

    def begin(
        self, name: str, parent: Span | None = None, *, at_ms: float = 0.0, given: Any = None, **slots: Any
    ) -> Span:
        """Begin a span ``at_ms`` after the recorder's now."""
        start_ns = self.now_ns + int(at_ms * MS)
        text = None if given is None else dump(given)
        return self.provider.begin(name, parent=parent, start_ns=start_ns, input=text, **slots)

    def end(self, span: Span, *, ms: float, output: Any = None) -> None:
        """End a span ``ms`` after its beginning."""
        if output is not None:
            span.output = dump(output)
        span.end(span.start_ns + int(ms * MS))

    def commit(self) -> None:
        """Have everything in the journal, open spans too."""
        assert self.writer.commit()
        assert self.writer.flush(time.monotonic() + 20)

    def event(
        self,
        kind: str = "demand_spike",
        *,
        at_ms: float = 0.0,
        session: str | None = None,
        tags: tuple[str, ...] = (),
    ) -> Span:
        """Record a whole event: a forecast, a proposal, a conflict and a decision under the orchestrator."""
        fact = {
            "type": kind,
            "source": "iot_sensor",
            "product": "Bananas",
            "product_id": "PROD_123",
            "multiplier": 2.4,
        }
        root = self.begin(kind, at_ms=at_ms, given=fact)
        root.trace.session_id = session
        root.trace.user_id = "store-17"
        root.trace.tags = tags
        forecast = self.begin(
            "inventory.forecast_demand",
            root,
            at_ms=at_ms + 4,
            type="agent",
            agent="inventory",
            operation="forecast_demand",
            given={"product_id": "PROD_123", "weeks": [31, 32, 33]},
        )
        model = self.begin("ewma", forecast, at_ms=at_ms + 6, type="tool", given={"alpha": 0.25})
        self.end(model, ms=9, output={"mean": 41.8, "sd": 6.3})
        self.end(forecast, ms=22, output={"units_a_day": 41.8})
        pricing = self.begin(
            "pricing.propose",
            root,
            at_ms=at_ms + 30,
            type="agent",
            agent="pricing",
            operation="propose",
            given={"price": 2.99, "competitor": 2.79},
        )
        self.end(pricing, ms=11, output={"price": 2.84})
        conflict = self.begin(
            "orchestrator.resolve",
            root,
            at_ms=at_ms + 44,
            type="guardrail",
            agent="orchestrator",
            operation="resolve",
            given={"kind": "uncovered_promotion"},
        )
        conflict.level = "WARNING"
        conflict.status_message = "a display on stock that cannot cover its demand"
        self.end(conflict, ms=2.5, output={"rule": "order first", "resolution": "display postponed by a day"})
        self.decision(root, at_ms=at_ms + 48)
        self.end(root, ms=61, output={"final_outcome": "restock_initiated"})
        return root

    def decision(self, parent: Span, *, at_ms: float = 0.0, confidence: float = 0.82) -> Span:
        """Record a decision about two lines of stock."""
        span = self.begin(
            "inventory.routine_order",
            parent,
            at_ms=at_ms,
            type="span",
            agent="inventory",
            operation="routine_order",
            given={"on_hand": 18, "on_order": 0, "forecast": 41.8},
        )
        span.decision = "routine_order"
        span.confidence = confidence
        span.attributes[keys.metadata_key("reasoning")] = (
            "Stock covers 0.4 days of the forecast; lead time is 3 days."
        )
        span.attributes[keys.metadata_key("effect")] = '{"mean":118.4,"unit":"$"}'
        lines = [
            {"product": "Bananas", "cluster": "North", "before": 0, "after": 126, "note": ""},
            {
                "product": "Whole milk 1 l",
                "cluster": "North",
                "before": 24,
                "after": 60,
                "note": "capped at shelf life",
            },
        ]
        self.end(span, ms=6, output={"lines": lines, "unit": "units"})
        self.score(span, "confidence", str(confidence))
        return span

    def score(
        self, span: Span, name: str, value: str, *, kind: str = "NUMERIC", comment: str | None = None
    ) -> None:
        """Score a span; ``value`` is JSON."""
        self.writer.scored(
            Score(
                score_id=f"{name}-{span.id}",
                trace_id=span.trace_id,
                span_id=span.id,
                name=name,
                value=value,
                data_type=kind,
                comment=comment,
                extra=None,
                timestamp_ns=span.start_ns,
                config=self.provider.config,
            )
        )

    def failure(self, *, at_ms: float = 0.0) -> Span:
        """Record an event whose agent raised."""
        root = self.begin("low_stock", at_ms=at_ms, given={"type": "low_stock"})
        agent = self.begin(
            "pricing.reprice", root, at_ms=at_ms + 1, type="agent", agent="pricing", operation="reprice"
        )
        try:
            raise ValueError("elasticity is not identified: 2 observations")
        except ValueError as error:
            agent.fail(error)
        self.end(agent, ms=12)
        self.end(root, ms=15, output={"final_outcome": "left to the plan"})
        return root

    def big(self, spans: int = 5000, *, at_ms: float = 0.0) -> Span:
        """Record a trace of many spans: a root, its days, their steps."""
        root = self.begin("simulation_run", at_ms=at_ms, given={"days": spans // 50})
        written = 1
        day = 0
        while written < spans:
            start = at_ms + day * 50
            parent = self.begin(f"day {day}", root, at_ms=start, type="chain")
            steps = min(49, spans - written - 1)
            for step in range(steps):
                child = self.begin(
                    f"inventory.step {step}", parent, at_ms=start + step, type="tool", agent="inventory"
                )
                if day == 7 and step == 7:
                    child.level = "ERROR"
                    child.status_message = "the needle"
                self.end(child, ms=0.8)
            self.end(parent, ms=max(1, steps))
            written += 1 + steps
            day += 1
        self.end(root, ms=day * 50)
        return root


@contextmanager
def recording(path: Path, config: LangfuseConfig | None = None) -> Iterator[Recorder]:
    """Write to the journal at ``path``; the block's process says goodbye in it at the end."""
    recorder = Recorder(path, config)
    try:
        yield recorder
        recorder.commit()
    finally:
        recorder.writer.stop(time.monotonic() + 20)


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder on a file system in memory where there is one: for proofs about processes, not about how fast a disk is.

    A disk that is busy with others' work may keep a commit for seconds, and every other writer with it.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the place itself, not a file's name that others could guess
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def ask(path: Path, sql: str, *arguments: Any) -> list[Any]:
    """What an SQL tool of somebody else's reads in a journal; never one that this process has open itself."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, arguments).fetchall()


def names_in(path: Path) -> list[str]:
    """Names of a journal's spans, in their order."""
    return [name for (name,) in ask(path, "SELECT name FROM spans ORDER BY name")]


def assert_sound(path: Path) -> None:
    """Check every page and index of a journal, and that its counters are what they count."""
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    kept = dict(ask(path, "SELECT name, value FROM counters"))
    counted = {
        "spans": "SELECT COUNT(*) FROM spans",
        "traces": "SELECT COUNT(*) FROM traces",
        "ended": "SELECT COUNT(*) FROM spans WHERE state > 0",
        "pending": "SELECT COUNT(*) FROM outbox WHERE kind = 0",
    }
    for name, sql in counted.items():
        assert (name, kept.get(name, 0)) == (name, ask(path, sql)[0][0])
    settled = ("delivered", "pending", "local", "sampled_out", "rejected", "pruned")
    assert kept.get("ended", 0) == sum(kept.get(name, 0) for name in settled)
