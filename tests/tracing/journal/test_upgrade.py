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


@pytest.mark.parametrize("by", ["rule", "throttle"])
def test_a_late_error_counts_however_the_trace_was_left_out(tmp_path: Path, by: str) -> None:
    """Whoever adds it knows only the general rate, which would have sent the trace."""
    rules = (("root", ALMOST_NONE),) if by == "rule" else ()
    desk = Desk(tmp_path / "journal.db", sample_rules=rules, **KEYS)
    desk.provider.throttle = 1.0 if by == "rule" else ALMOST_NONE
    other = Desk(desk.store, **KEYS)
    root = desk.span("root")
    desk.commit()
    other.span("step", other.provider.remote(root.trace.trace_id, root.span_id))
    other.commit()
    assert names(desk) == []
    held = balance(desk)
    assert (held.sampled_out, held.throttled) == (2, 0 if by == "rule" else 2)

    for process in (other, desk):  # the one that began it has forgotten it, too
        late = process.begin("late", process.provider.remote(root.trace.trace_id, root.span_id))
        fail(late)
        late.end()
        process.commit()

    assert sorted(names(desk)) == ["late", "late", "root", "step"]
    assert {each.trace.sampling_value for each in due(desk)} == {"error"}
    held = balance(desk)
    assert (held.sampled_out, held.throttled) == (0, 0)


def test_a_late_error_makes_a_trace_that_chance_had_sent_count_once(tmp_path: Path) -> None:
    """Also if it comes from a process that sends all: others like it were sent in any case."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    other = Desk(desk.store, **KEYS)
    root = desk.span("root")
    desk.commit()
    outbox.spans_delivered(desk.store, 1, due(desk))
    late = other.begin("late", root.get_span_context())
    fail(late)
    late.end()
    other.commit()

    assert {each.span.name: each.trace.sampling_value for each in due(desk)} == {
        "root": "error",
        "late": "error",
    }


@pytest.mark.parametrize("knows", ["flag", "id"])
def test_who_is_first_to_tell_of_a_trace_does_not_decide_its_weight(tmp_path: Path, knows: str) -> None:
    """With a flag it follows the verdict and does not know the rate; without one it is sent for the rate of its own."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    other = Desk(desk.store, sample_rate=0.9999999, **KEYS)
    root = desk.begin("root")
    parent = (
        root.get_span_context()
        if knows == "flag"
        else other.provider.remote(root.trace.trace_id, root.span_id)
    )
    other.span("step", parent)
    other.commit()
    root.end()
    desk.commit()

    rate = 0.999999 if knows == "flag" else 0.9999999
    assert [(each.span.name, each.trace.sample_rate) for each in due(desk)] == [
        ("step", rate),
        ("root", rate),
    ]


def test_a_trace_is_whole_if_another_process_would_have_left_it_out(tmp_path: Path) -> None:
    """What that one had ended before the verdict of the process that began the trace was known is sent with the rest."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    other = Desk(desk.store, sample_rate=ALMOST_NONE, **KEYS)
    root = desk.begin("root")
    step = other.span("step", other.provider.remote(root.trace.trace_id, root.span_id))
    other.score(step)
    other.commit()
    assert names(desk) == []
    assert balance(desk).sampled_out == 1

    root.end()
    assert desk.commit().due == 3
    assert names(desk) == ["step", "root"]
    assert len(outbox.due_scores(desk.store, 1, 10)) == 1
    assert {each.trace.sample_rate for each in due(desk)} == {0.999999}
    assert balance(desk).sampled_out == 0


def test_what_a_trace_is_called_is_kept_when_its_end_and_a_late_span_are_written_together(desk: Desk) -> None:
    """Two pieces of what is known of one trace in one commit."""
    root = desk.span("root")
    desk.span("late", desk.provider.remote(root.trace.trace_id, root.span_id))
    desk.commit()

    rows = desk.rows("SELECT name, root_span_id, span_count FROM traces")
    assert rows == [("root", root.id, 2)]


def test_no_other_process_sends_what_a_rate_of_zero_left_out(tmp_path: Path) -> None:
    """Not even for an error of its own, or because the first one died."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.0, **KEYS)
    other = Desk(desk.store, **KEYS)
    root = desk.begin("root")
    desk.commit()
    late = other.begin("late", root.get_span_context())
    fail(late)
    late.end()
    other.commit()
    desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 3600")
    caretaker.end_interrupted(desk.store, 0)

    assert names(desk) == []
    assert balance(desk).sampled_out == 2


def test_a_rule_of_zero_leaves_what_is_worth_sending(tmp_path: Path) -> None:
    """Ordinary traces stay; an error, here or where its process died, is sent: nothing else is said of that name."""
    desk = Desk(tmp_path / "journal.db", sample_rules=(("x", 0.0),), **KEYS)
    desk.span("x")
    failed, lost = desk.begin("x", given="failed"), desk.begin("x", given="lost")
    fail(failed)
    failed.end()
    desk.commit()
    assert [each.span.input for each in due(desk)] == ['"failed"']

    desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 3600")
    caretaker.end_interrupted(desk.store, 0)
    assert {each.span.input for each in due(desk)} == {'"failed"', '"lost"'}
    assert {each.trace.sampling_value for each in due(desk)} == {"error", "warning"}
    assert lost.end_ns is None
    assert balance(desk).sampled_out == 1


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


def test_a_trace_that_chance_had_sent_counts_once_when_its_process_died(tmp_path: Path) -> None:
    """As those do that are sent for the warning alone."""
    desk = Desk(tmp_path / "journal.db", sample_rate=0.999999, **KEYS)
    desk.begin("root")
    desk.commit()
    desk.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 3600")

    caretaker.end_interrupted(desk.store, 0)

    assert [(each.span.name, each.trace.sampling_value) for each in due(desk)] == [("root", "warning")]
    balance(desk)


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
