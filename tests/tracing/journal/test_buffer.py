"""What lies between caller and journal: bounded, first in first out, and honest about what it drops."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from desk import Pile
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from patience import eventually

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.counts import Counts, Drop
from autoops.tracing.journal import buffer as module
from autoops.tracing.journal.buffer import DATA_DROPPED, RESERVED, Buffer
from autoops.tracing.provider import TracerProvider
from autoops.tracing.span import Span

LONG_S = 30.0
"""Longer than any test waits: a caller with this patience is woken, or the test fails."""

provider = TracerProvider(LangfuseConfig(), Pile())
PARENT = provider.begin("root", parent=None)


def a_span(*, urgent: bool = False, size: int = 0) -> Span:
    """An ended span that is no root; an urgent one failed."""
    span = provider.begin("x", parent=PARENT, input=b"x" * size)
    if urgent:
        span.level = "ERROR"
    return span


def a_root() -> Span:
    """An ended root with data."""
    root = provider.begin("event", parent=None, input=b"x" * 1000)
    root.output = b"y" * 1000
    root.set_attribute("user.id", "somebody")
    return root


def a_buffer(capacity: int, patience_s: float = 0.0) -> Buffer:
    """A buffer whose drops are counted in a count of its own."""
    return Buffer(capacity, patience_s, Counts())


class BufferMachine(RuleBasedStateMachine):
    """The buffer beside a model of it: two lists and five numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = 7
        self.buffer = a_buffer(self.capacity)
        self.waiting: list[Any] = []
        self.in_commit: list[Any] = []
        self.accepted = self.settled = self.dropped = self.dropped_scores = 0
        self.closed = False

    def room(self, *, urgent: bool) -> bool:
        """Whether the model has room."""
        limit = self.capacity if urgent else self.capacity - self.capacity // RESERVED
        return len(self.waiting) + len(self.in_commit) < limit

    @rule(urgent=st.booleans(), size=st.integers(0, 1000))
    def put(self, urgent: bool, size: int) -> None:  # noqa: FBT001 - a drawn value
        """A span comes; it is taken while there is room, of which the last fifth is for errors."""
        span = a_span(urgent=urgent, size=size)
        fits = self.room(urgent=urgent) and not self.closed
        assert self.buffer.put(span) is fits
        if fits:
            self.waiting.append(span)
            self.accepted += 1
        else:
            self.dropped += 1

    @rule()
    def put_score(self) -> None:
        """A score has the right of way of a decision."""
        score = object()
        fits = self.room(urgent=True) and not self.closed
        assert self.buffer.put_score(score) is fits
        if fits:
            self.waiting.append(score)
            self.accepted += 1
        else:
            self.dropped_scores += 1

    @precondition(lambda self: not self.in_commit)
    @rule()
    def take(self) -> None:
        """A commit takes all, in the order it came."""
        assert self.buffer.take() == self.waiting
        self.in_commit, self.waiting = self.waiting, []

    @rule()
    def done(self) -> None:
        """The commit is durable."""
        self.buffer.done()
        self.settled += len(self.in_commit)
        self.in_commit = []

    @precondition(lambda self: self.in_commit)
    @rule()
    def put_back(self) -> None:
        """The commit failed: its items are first in line again."""
        self.buffer.put_back()
        self.waiting = self.in_commit + self.waiting
        self.in_commit = []

    @rule()
    def close(self) -> None:
        """Nothing is taken any more."""
        self.buffer.close()
        self.closed = True

    @invariant()
    def the_figures_agree(self) -> None:
        """What is held, accepted, settled and dropped is what the model says, and nothing is lost in between."""
        assert len(self.buffer) == len(self.waiting) + len(self.in_commit)
        assert self.buffer.accepted == self.accepted
        assert self.buffer.settled == self.settled
        assert sum(self.buffer.dropped.snapshot().values()) == self.dropped
        assert sum(self.buffer.dropped_scores.snapshot().values()) == self.dropped_scores
        held = [*self.waiting, *self.in_commit]
        assert self.buffer.spans == sum(type(each) is Span for each in held)
        assert self.accepted == self.settled + len(self.buffer)

    @invariant()
    def a_waiting_item_wakes_the_writer(self) -> None:
        """The flag that the writer waits for is up while something waits."""
        assert self.buffer.filled.is_set() or not self.waiting

    @invariant()
    def settled_means_committed(self) -> None:
        """A flush of all is answered at once, by whether all is committed."""
        assert self.buffer.wait_settled(self.accepted, 0.0) is (self.settled == self.accepted)


TestBufferMachine = BufferMachine.TestCase
TestBufferMachine.settings = settings(max_examples=60, stateful_step_count=40)


class TestRoom:
    """Capacity in spans and in bytes."""

    @pytest.mark.parametrize(("capacity", "ordinary"), [(1, 1), (2, 2), (4, 4), (5, 4), (10, 8), (1000, 800)])
    def test_the_last_fifth_is_for_errors_and_decisions(self, capacity: int, ordinary: int) -> None:
        """Ordinary spans leave a fifth free; errors, decisions and scores fill it."""
        buffer = a_buffer(capacity)

        assert sum(buffer.put(a_span()) for _ in range(capacity)) == ordinary

        decision = a_span()
        decision.decision = "reorder"
        kept = [buffer.put(decision), buffer.put_score(object()), buffer.put(a_span(urgent=True))]
        assert sum(kept) == min(3, capacity - ordinary)

    def test_bytes_are_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few large spans fill it as well; one is always taken, however large."""
        monkeypatch.setattr(module, "MAX_BYTES", 10_000)
        buffer = a_buffer(1000)

        assert buffer.put(a_span(size=50_000))
        assert not buffer.put(a_span(size=1))
        buffer.take()
        assert not buffer.put(a_span(size=1))  # what is being committed is held still
        buffer.done()
        assert [buffer.put(a_span(size=3000)) for _ in range(4)] == [True, True, False, False]

    def test_a_commit_takes_so_many_bytes_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is left is due at once; one span is taken however large it is."""
        monkeypatch.setattr(module, "COMMIT_BYTES", 10_000)
        buffer = a_buffer(1000)
        for size in (4000, 4000, 4000, 20_000, 10):
            assert buffer.put(a_span(size=size))

        taken = []
        while len(buffer):
            assert buffer.filled.is_set()
            taken.append(len(buffer.take()))
            buffer.done()
        assert taken == [2, 1, 1, 1]
        assert not buffer.filled.is_set()

    def test_bytes_come_back_with_a_failed_commit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A commit that failed holds as many bytes as before; one that succeeds frees them."""
        monkeypatch.setattr(module, "MAX_BYTES", 10_000)
        buffer = a_buffer(1000)
        assert buffer.put(a_span(size=8000))

        for _ in range(3):
            buffer.take()
            buffer.put_back()
            assert not buffer.put(a_span(size=3000))
        buffer.take()
        buffer.done()

        assert buffer.put(a_span(size=8000))

    def test_half_full_hurries_the_commit(self) -> None:
        """At half of the capacity a commit does not wait for company."""
        buffer = a_buffer(10)
        for _ in range(4):
            buffer.put(a_span())
        assert not buffer.half_full.is_set()

        buffer.put(a_span())

        assert buffer.half_full.is_set()


class TestRoots:
    """Without its root a trace could not say what it lost."""

    @pytest.mark.parametrize("failing", [False, True])
    def test_one_that_finds_no_room_is_kept_without_its_data(self, failing: bool) -> None:  # noqa: FBT001 - a parameter
        """Nothing is dropped then; the root says that its data was."""
        buffer = a_buffer(2)
        buffer.failing = failing
        for _ in range(2):
            buffer.put(a_span(urgent=True))
        root = a_root()

        assert buffer.put(root)
        assert not buffer.put(a_span(urgent=True))

        assert buffer.dropped.snapshot() == {
            (Drop.JOURNAL_UNAVAILABLE if failing else Drop.BUFFER_FULL).value: 1
        }
        assert buffer.take()[-1] is root
        assert (root.input, root.output, root.attributes) == (None, None, {})
        assert (root.level, root.status_message) == ("WARNING", DATA_DROPPED)

    def test_they_are_bounded_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond the bound a root is dropped and counted like any other span."""
        monkeypatch.setattr(module, "MOST_BARE", 3)
        buffer = a_buffer(2)
        taken = [buffer.put(a_root()) for _ in range(8)]

        assert taken == [True] * 5 + [False] * 3
        assert buffer.dropped.snapshot() == {Drop.BUFFER_FULL.value: 3}
        assert len(buffer) == 5

    def test_a_failure_stays_what_it_was(self) -> None:
        """Level and message of an error are kept."""
        buffer = a_buffer(1)
        buffer.put(a_span(urgent=True))
        root = a_root()
        root.fail("no answer")

        assert buffer.put(root)
        assert (root.level, root.status_message) == ("ERROR", "no answer")


class TestWaiting:
    """A caller waits for room, but not for ever and not in vain."""

    def full(self, patience_s: float) -> Buffer:
        """A buffer without room."""
        buffer = a_buffer(1, patience_s)
        assert buffer.put(a_span())
        return buffer

    def in_a_thread(self, buffer: Buffer) -> tuple[threading.Thread, list[bool]]:
        """Put a span from another thread, which has to wait: `half_full` tells that it does."""
        told: list[bool] = []
        buffer.half_full.clear()
        thread = threading.Thread(target=lambda: told.append(buffer.put(a_span())), daemon=True)
        thread.start()
        eventually(buffer.half_full.is_set, "the caller to wait")
        return thread, told

    def test_room_in_time(self) -> None:
        """A commit that ends while a caller waits lets its span in; nothing is dropped."""
        buffer = self.full(LONG_S)
        thread, told = self.in_a_thread(buffer)

        buffer.take()
        buffer.done()
        thread.join(LONG_S)

        assert told == [True]
        assert buffer.dropped.snapshot() == {}

    def test_no_room_in_time(self) -> None:
        """When patience is over the span is dropped and counted."""
        buffer = self.full(0.01)

        assert not buffer.put(a_span())
        assert buffer.dropped.snapshot() == {Drop.BUFFER_FULL: 1}

    def test_a_failing_journal_is_not_waited_for(self) -> None:
        """While the journal cannot be written, waiting would help nobody."""
        buffer = self.full(LONG_S)
        buffer.failing = True

        assert not buffer.put(a_span())
        assert buffer.dropped.snapshot() == {Drop.JOURNAL_UNAVAILABLE: 1}

    def test_closing_wakes_who_waits(self) -> None:
        """A caller that waits when the buffer closes is sent away at once, and counted as what it was: too late."""
        buffer = self.full(LONG_S)
        thread, told = self.in_a_thread(buffer)

        buffer.close()
        thread.join(LONG_S / 2)

        assert told == [False]
        assert buffer.dropped.snapshot() == {Drop.AFTER_SHUTDOWN: 1}

    def test_a_failed_commit_wakes_who_waits(self) -> None:
        """A caller that waits when the journal fails is sent away at once."""
        buffer = self.full(LONG_S)
        thread, told = self.in_a_thread(buffer)

        buffer.take()
        buffer.failing = True
        buffer.put_back()
        thread.join(LONG_S / 2)

        assert told == [False]
        assert buffer.dropped.snapshot() == {Drop.JOURNAL_UNAVAILABLE: 1}

    def test_a_flush_waits_for_its_own_items_only(self) -> None:
        """What came after the mark does not hold a flush up; what came before does."""
        buffer = a_buffer(10)
        buffer.put(a_span())
        mark = buffer.accepted
        buffer.take()
        buffer.put(a_span())
        assert not buffer.wait_settled(mark, time.monotonic())

        buffer.done()

        assert buffer.wait_settled(mark, time.monotonic())
        assert not buffer.wait_settled(buffer.accepted, time.monotonic())

    def test_a_commit_wakes_a_flush(self) -> None:
        """A flush ends with the commit that it waits for."""
        buffer = a_buffer(10)
        buffer.put(a_span())
        told: list[bool] = []
        thread = threading.Thread(
            target=lambda: told.append(buffer.wait_settled(1, time.monotonic() + LONG_S))
        )
        thread.start()

        buffer.take()
        buffer.done()
        thread.join(LONG_S / 2)

        assert told == [True]


def test_many_callers_and_one_writer_lose_nothing() -> None:
    """Every span of every thread is taken once, or counted as dropped."""
    buffer = a_buffer(50, 0.005)
    made, threads_number = 500, 4
    taken: list[Any] = []
    over = threading.Event()

    def write() -> None:
        while not over.is_set() or buffer.filled.is_set():
            buffer.filled.wait(0.01)
            taken.extend(buffer.take())
            buffer.done()

    def call() -> None:
        for _ in range(made):
            buffer.put(a_span())

    writer = threading.Thread(target=write)
    callers = [threading.Thread(target=call) for _ in range(threads_number)]
    for thread in (writer, *callers):
        thread.start()
    for thread in callers:
        thread.join()
    over.set()
    writer.join()

    assert len({id(span) for span in taken}) == len(taken)
    assert len(taken) + sum(buffer.dropped.snapshot().values()) == made * threads_number
