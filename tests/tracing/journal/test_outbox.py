"""The outbox: what is taken for a batch, and what leaves it why."""

from __future__ import annotations

import orjson
import pytest
from desk import KEYS, Desk

from autoops.tracing.journal import figures, outbox, reader
from autoops.tracing.journal.opening import open_store
from autoops.tracing.journal.schema import SCORE, SPAN
from autoops.tracing.otlp import encode

MANY = 1 << 24
"""More bytes than any batch here."""


@pytest.fixture
def desk() -> Desk:
    """A desk whose spans are to be delivered."""
    return Desk(open_store("off"), **KEYS)


def due(desk: Desk, limit: int = 100, max_bytes: int = MANY, *, newest_first: bool = False) -> list[str]:
    """Names of the spans of a batch."""
    spans = outbox.due_spans(desk.store, 1, limit, max_bytes, newest_first=newest_first)
    return [each.span.name for each in spans]


class TestBatches:
    """What goes into one request."""

    def test_from_both_ends(self, desk: Desk) -> None:
        """The live end gives the newest, the backlog's the oldest; no more than asked for."""
        for number in range(5):
            desk.span(f"{number}")
        desk.commit()

        assert due(desk, 2) == ["0", "1"]
        assert due(desk, 2, newest_first=True) == ["4", "3"]
        assert due(desk) == ["0", "1", "2", "3", "4"]

    @pytest.mark.parametrize("text", ["x", "é", "漢", "🍌"])
    def test_a_request_is_no_larger_than_asked(self, desk: Desk, text: str) -> None:
        """In bytes as sent, whatever the script, with what a root repeats for older servers."""
        for _ in range(12):
            root = desk.begin("event", given=text * (90_000 // len(text.encode())))
            root.output = orjson.dumps(text * (30_000 // len(text.encode())))
            root.end()
        desk.commit()

        batch = outbox.due_spans(desk.store, 1, 100, 1_000_000, newest_first=False)

        assert 2 <= len(batch) < 12
        assert len(encode(batch)) <= 1_000_000

    def test_one_span_is_always_given(self, desk: Desk) -> None:
        """However large: it could never leave otherwise."""
        desk.span("large", given="x" * 500_000)
        desk.span("small")
        desk.commit()

        assert due(desk, max_bytes=1000) == ["large"]

    def test_a_span_comes_with_what_is_joined_to_it(self, desk: Desk) -> None:
        """Its trace and its resource, as they are when it is sent."""
        root = desk.begin("event")
        desk.span("step", root)
        desk.commit()
        root.trace.session_id = "run-1"
        root.end()
        desk.commit()

        event, step = outbox.due_spans(desk.store, 1, 10, MANY, newest_first=False)
        assert [each.span.name for each in (event, step)] == ["event", "step"]
        assert step.trace == event.trace
        assert step.trace.session_id == "run-1"
        assert step.resource.environment == "development"

    def test_other_destinations_are_apart(self, desk: Desk) -> None:
        """A batch has one destination's rows only."""
        other = Desk(desk.store, public_key="pk-lf-b", secret_key="sk-lf-b")
        desk.span("a")
        other.span("b")
        desk.commit()
        other.commit()

        assert due(desk) == ["a"]
        assert outbox.pending(desk.store, 2) == 1

    def test_scores_come_oldest_first(self, desk: Desk) -> None:
        """With the environment of their process."""
        span = desk.span()
        names = [desk.score(span, f"score {number}").name for number in range(3)]
        desk.commit()

        scores = outbox.due_scores(desk.store, 1, 2)
        assert [score.name for score in scores] == names[:2]
        assert scores[0].environment == "development"


class TestLeaving:
    """What leaves the outbox, and what counters say of it."""

    def test_a_receipt_takes_only_what_was_sent(self, desk: Desk) -> None:
        """The rest waits on; a second receipt for the same changes nothing."""
        for number in range(3):
            desk.span(f"{number}")
        desk.commit()
        sent = outbox.due_spans(desk.store, 1, 2, MANY, newest_first=False)

        outbox.spans_delivered(desk.store, 1, sent)
        outbox.spans_delivered(desk.store, 1, sent)

        assert due(desk) == ["2"]
        held = figures.read(desk.store)
        assert (held.delivered, held.pending) == (2, 1)

    def test_what_was_refused_may_be_tried_again(self, desk: Desk) -> None:
        """It keeps the server's words until then; a long speech is cut."""
        span = desk.span("refused")
        desk.score(span)
        desk.commit()
        (row,) = outbox.due_spans(desk.store, 1, 9, MANY, newest_first=False)
        (score,) = outbox.due_scores(desk.store, 1, 9)
        outbox.reject(desk.store, 1, SPAN, row.seq, 400, "no " * 5000)
        outbox.reject(desk.store, 1, SCORE, score.seq, 422, "not a number")

        refused = {each.kind: each for each in reader.rejected(desk.store)}
        assert (refused["span"].status, len(refused["span"].message)) == (400, 2000)
        assert (refused["score"].name, refused["score"].message) == (score.name, "not a number")
        assert due(desk) == []

        assert outbox.retry_rejected(desk.store) == 2
        assert outbox.retry_rejected(desk.store) == 0
        assert due(desk) == ["refused"]
        held = figures.read(desk.store)
        assert (held.rejected, held.pending, held.scores_pending) == (0, 1, 1)

    def test_settled_is_asked_for_one_process_up_to_a_mark(self, desk: Desk) -> None:
        """Others' rows, and those that came later, do not count."""
        other = Desk(desk.store, **KEYS)
        desk.span("mine")
        desk.commit()
        process_id = desk.book.process_id or 0
        marks = outbox.marks(desk.store)
        other.span("theirs")
        other.commit()
        assert not outbox.is_settled(desk.store, 1, process_id, *marks)
        assert outbox.is_settled(desk.store, 1, process_id, 0, 0)

        outbox.spans_delivered(desk.store, 1, outbox.due_spans(desk.store, 1, 1, MANY, newest_first=False))
        desk.span("later")
        desk.commit()

        assert outbox.is_settled(desk.store, 1, process_id, *marks)
        assert not outbox.is_settled(desk.store, 1, process_id, *outbox.marks(desk.store))

    def test_whether_anything_waits(self, desk: Desk) -> None:
        """At least so many rows, spans and scores alike."""
        desk.commit()
        assert not outbox.has_due(desk.store, 1)
        desk.score(desk.span())
        desk.commit()

        assert outbox.has_due(desk.store, 1)
        assert outbox.has_due(desk.store, 1, at_least=2)
        assert not outbox.has_due(desk.store, 1, at_least=3)
        assert outbox.has_due(desk.store, 1, kind=SPAN)
        assert outbox.has_due(desk.store, 1, kind=SCORE)
        assert not outbox.has_due(desk.store, 1, at_least=2, kind=SCORE)

    def test_which_span_waits_last(self, desk: Desk) -> None:
        """By its number; 0 if none does."""
        assert outbox.newest_due(desk.store, 1) == 0
        desk.span("a")
        desk.commit()
        first = outbox.newest_due(desk.store, 1)
        desk.span("b")
        desk.commit()

        assert outbox.newest_due(desk.store, 1) > first > 0
        assert outbox.newest_due(desk.store, 2) == 0
