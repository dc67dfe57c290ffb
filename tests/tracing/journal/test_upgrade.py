"""Traces that chance left out and that are sent after all: whole, with the reason, and with books that add up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from desk import KEYS, Desk

from autoops.tracing.journal import caretaker, figures, outbox, prune
from autoops.tracing.journal.worth import Durations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoops.tracing.span import Span

ALMOST_NONE = 1e-12
"""A rate at which chance leaves out every trace of a test."""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A process whose traces chance leaves out."""
    return Desk(tmp_path / "journal.db", sample_rate=ALMOST_NONE, **KEYS)


def due(desk: Desk) -> list[outbox.DueSpan]:
    """What waits for delivery."""
    return outbox.due_spans(desk.store, 1, 1000, 1 << 24, newest_first=False)


def names(desk: Desk) -> list[str]:
    """Names of what waits for delivery."""
    return [each.span.name for each in due(desk)]


def balance(desk: Desk) -> figures.Figures:
    """The figures, which must add up."""
    held = figures.read(desk.store)
    assert held.ended == (
        held.delivered + held.pending + held.local + held.sampled_out + held.rejected + held.pruned
    )
    return held


def fail(span: Span) -> None:
    """It ends with an error."""
    span.level = "ERROR"


def warn(span: Span) -> None:
    """It ends with a warning."""
    span.level = "WARNING"


def settle(span: Span) -> None:
    """It settles a conflict."""
    span.operation = "resolve_conflict"


def doubt(span: Span) -> None:
    """It is a decision of little confidence."""
    span.decision, span.confidence = "reorder", 0.2


def matter(span: Span) -> None:
    """It is a decision of much effect."""
    span.decision = "reorder"
    span.set_metadata({"impact": -5000.0})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (fail, "error"),
        (warn, "warning"),
        (settle, "conflict"),
        (doubt, "low_confidence"),
        (matter, "high_impact"),
    ],
)
def test_one_span_of_worth_sends_all_of_its_trace(
    tmp_path: Path, change: Callable[[Span], None], reason: str
) -> None:
    """What ended before it, what ends with it, what comes later, and the scores."""
    desk = Desk(tmp_path / "journal.db", sample_rate=ALMOST_NONE, impact_threshold=1000.0, **KEYS)
    root = desk.begin("root")
    early = desk.span("early", root)
    desk.score(early)
    desk.span("another trace")
    desk.commit()
    assert names(desk) == []
    assert balance(desk).sampled_out == 2

    worth = desk.begin("worth", root)
    change(worth)
    worth.end()
    desk.commit()
    assert names(desk) == ["early", "worth"]
    assert len(outbox.due_scores(desk.store, 1, 10)) == 1

    desk.span("late", root)
    root.end()
    desk.commit()
    assert sorted(names(desk)) == ["early", "late", "root", "worth"]
    sent = {each.span.name: each.trace for each in due(desk)}["root"]
    assert (sent.sampling_value, sent.sampling_reason) == (reason, "head")
    held = balance(desk)
    assert (held.pending, held.sampled_out) == (4, 1)


def test_ordinary_traces_stay(desk: Desk) -> None:
    """A sure decision of no great effect is no reason."""
    root = desk.begin("root")
    decision = desk.begin("decision", root)
    decision.decision, decision.confidence = "reorder", 0.9
    decision.set_metadata({"impact": 1e9})
    decision.end()
    root.end()
    desk.commit()

    assert names(desk) == []


@pytest.mark.parametrize("config", [{"sample_rate": 0.0}, {"enable_sampling": False}], ids=["none", "off"])
def test_settings_may_leave_all_to_chance(tmp_path: Path, config: dict[str, Any]) -> None:
    """At a rate of zero nothing is sent, and with value-aware sampling off chance alone decides."""
    desk = Desk(tmp_path / "journal.db", **{"sample_rate": ALMOST_NONE, **config}, **KEYS)
    root = desk.begin("root")
    fail(root)
    root.end()
    desk.commit()

    assert names(desk) == []
    assert balance(desk).sampled_out == 1


def test_a_late_error_sends_a_trace_that_had_ended(desk: Desk) -> None:
    """Also one that another process adds."""
    other = Desk(desk.store, sample_rate=ALMOST_NONE, **KEYS)
    root = desk.span("root")
    desk.commit()
    late = other.begin("late", root.get_span_context())
    fail(late)
    late.end()
    other.commit()

    assert names(desk) == ["root", "late"]
    assert balance(desk).pending == 2


def test_a_trace_that_chance_had_sent_says_that_it_would_have_been_sent_anyway(tmp_path: Path) -> None:
    """Its weight is one then: the root goes once more if it had gone, and twice in the books."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    root = desk.span("root")
    desk.commit()
    outbox.spans_delivered(desk.store, 1, due(desk))
    late = desk.begin("late", root)
    fail(late)
    late.end()
    desk.commit()

    again = {each.span.name: each.trace.sampling_value for each in due(desk)}
    assert again == {"root": "error", "late": "error"}
    held = balance(desk)
    assert (held.ended, held.delivered, held.pending) == (3, 1, 2)


def test_at_the_full_rate_nothing_is_weighed(tmp_path: Path) -> None:
    """Every trace is sent: none needs a reason, and no root goes twice."""
    desk = Desk(tmp_path / "journal.db", **KEYS)
    root = desk.span("root")
    desk.commit()
    outbox.spans_delivered(desk.store, 1, due(desk))
    late = desk.begin("late", root)
    fail(late)
    late.end()
    desk.commit()

    assert [(each.span.name, each.trace.sampling_value) for each in due(desk)] == [("late", None)]


def test_a_root_that_was_slower_than_usual(desk: Desk) -> None:
    """Than 99 of 100 of its name, from 200 on."""
    for number in range(Durations.LEAST):
        desk.begin("event").end(end_time=time.time_ns() + 1_000_000)
        desk.commit() if number % 50 == 0 else None
    desk.commit()
    assert names(desk) == []

    desk.begin("event").end(end_time=time.time_ns() + 60_000_000_000)
    desk.commit()
    assert [(each.span.name, each.trace.sampling_value) for each in due(desk)] == [("event", "slow")]


def test_a_trace_whose_process_died_is_sent_for_its_warning(desk: Desk) -> None:
    """Interrupted is a warning as any other."""
    desk.span("done", desk.begin("root"))
    desk.commit()
    desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 3600")

    caretaker.end_interrupted(desk.store, 0)

    assert sorted(names(desk)) == ["done", "root"]
    assert balance(desk).pending == 2


def test_what_another_process_left_open_is_a_warning_too(desk: Desk) -> None:
    """A span that its owner did not end before its trace was finalized."""
    other = Desk(desk.store, sample_rate=ALMOST_NONE, **KEYS)
    root = desk.begin("root")
    desk.commit()
    other.begin("left open", root.get_span_context(), type="agent")
    other.commit()
    root.closes_trace = True
    root.end()
    desk.commit()

    assert sorted(names(desk)) == ["left open", "root"]
    assert balance(desk).pending == 2


def test_throttled_spans_are_counted_apart_until_they_are_sent_or_removed(desk: Desk) -> None:
    """Left out at a lowered rate is another reason than left out at the configured one."""
    desk = Desk(desk.store, **KEYS)
    desk.provider.throttle = ALMOST_NONE
    kept, removed = desk.begin("kept"), desk.begin("removed")
    for root in (kept, removed):
        desk.span("step", root)
        root.end()
    desk.commit()
    assert (balance(desk).sampled_out, balance(desk).throttled) == (4, 4)

    late = desk.begin("late", kept)
    fail(late)
    late.end()
    desk.commit()
    assert (balance(desk).sampled_out, balance(desk).throttled) == (2, 2)
    prune.delete(desk.store, [removed.trace_id])
    assert (balance(desk).sampled_out, balance(desk).throttled) == (0, 0)


def test_a_span_that_was_lost_is_noted_on_its_root(tmp_path: Path) -> None:
    """Which is sent again if it had gone."""
    desk = Desk(tmp_path / "journal.db", **KEYS)
    root = desk.span("root")
    desk.lost = {root.trace_id: 2}
    desk.commit()
    assert [each.trace.spans_lost for each in due(desk)] == [2]
    outbox.spans_delivered(desk.store, 1, due(desk))

    desk.lost = {root.trace_id: 1, "0" * 32: 1}
    desk.commit()
    assert [each.trace.spans_lost for each in due(desk)] == [3]
    assert balance(desk).ended == 2


def test_a_root_that_was_under_way_when_it_had_more_to_say_is_sent_again(tmp_path: Path) -> None:
    """The receipt is for what was sent, not for what the trace's row has come to say meanwhile."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    root = desk.span("root")
    desk.commit()
    sent = due(desk)
    late = desk.begin("late", root)
    fail(late)
    late.end()
    desk.commit()

    outbox.spans_delivered(desk.store, 1, sent)

    assert {each.span.name: each.trace.sampling_value for each in due(desk)} == {
        "root": "error",
        "late": "error",
    }
    balance(desk)
