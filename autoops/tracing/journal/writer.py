"""The one thread of a process that writes its journal."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from autoops.errors import JournalDamaged, JournalError, JournalLocked
from autoops.tracing.counts import Counts
from autoops.tracing.journal import figures, tally
from autoops.tracing.journal.book import Book
from autoops.tracing.journal.buffer import Buffer
from autoops.tracing.journal.commit import Committed, write
from autoops.tracing.journal.housekeeping import Care, Heartbeat
from autoops.tracing.journal.lock import CARETAKER
from autoops.tracing.journal.opening import open_store, repair, report
from autoops.tracing.journal.tally import Tally
from autoops.tracing.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.journal.aside import Identity
    from autoops.tracing.journal.store import Store
    from autoops.tracing.provider import TracerProvider
    from autoops.tracing.scores import Score

logger = logging.getLogger(__name__)

COMMIT_EVERY_S: Final = 0.05
"""Longest time between a span's end and the commit that takes it."""
TICK_S: Final = 1.0
"""Age at which figures are read anew: one wake-up a second for a quiet service."""
REFRESH_S: Final = 0.25
"""Age at which a commit reads the figures anew."""
OPENING_S: Final = 5.0
"""Longest wait for a journal that is being opened."""
REST_EVERY_S: Final = 0.1
REST_S: Final = 0.002
"""Pause of a busy writer, so that other processes' come to write too."""
RETRY_S: Final = (0.2, 2.0)
"""First and longest pause after a commit that failed."""


class Writer:
    """Takes spans from any thread and commits them.

    Nothing is opened or started before the first span. Services of one process that name the same journal share one
    writer (see ``shared``).

    Attributes:
        buffer: What waits for the next commit.
        dropped: Spans that never reached the journal, by reason; ``dropped_scores`` the same for scores.
        providers: Those that record to it.
        figures: The journal in figures, at most a second old.
        due: Called after each commit that put something into the outbox, and when others did.
        ticks: Called about once a second.
        healths: Tell how its users are; the journal keeps what the latest says.
        exits: Called before the writer stops at the end of a process that ``atexit`` does not serve.
    """

    def __init__(self, journal: str, *, buffer_size: int, patience_s: float) -> None:
        self.journal = journal
        self.dropped = Counts()
        self.dropped_scores = Counts()
        self.buffer = Buffer(buffer_size, patience_s, self.dropped, self.dropped_scores)
        self.providers: list[TracerProvider] = []
        self.figures = figures.NOTHING
        self.due: list[Callable[[], None]] = []
        self.ticks: list[Callable[[], None]] = []
        self.healths: list[Callable[[], dict[str, Any]]] = []
        self.exits: list[Callable[[], None]] = []
        self.agents = figures.AgentOutcomes()
        self.last_error: str | None = None
        self.book = Book(self.journal)
        self.users = 0
        self._opened: deque[Span] = deque()
        self._ended = 0
        self._told = Tally()
        self._told_in: Identity | None = None
        self._begun_anew = False
        self._heartbeat = Heartbeat(self._health)
        self._care = Care()
        self._store: Store | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._opening = threading.RLock()
        self._starting = threading.RLock()
        self._is_starting = False
        self._committing = threading.RLock()
        self._ticked_at = 0.0
        _writers.add(self)

    # From callers' threads

    def began(self, span: Span) -> None:
        """Journal this span as open if it still is at the next commit."""
        # While nothing can be written, spans that ended long ago would pile up here.
        if self._stopping.is_set() or len(self._opened) >= self.buffer.capacity:
            return
        self._opened.append(span)
        if not self.buffer.filled.is_set():
            self.buffer.filled.set()
        if self._thread is None:
            self.start()

    def ended(self, span: Span) -> None:
        """Take an ended span."""
        self.buffer.put(span)
        if self._thread is None:
            self.start()

    def scored(self, score: Score) -> bool:
        """Take a score."""
        taken = self.buffer.put_score(score)
        if self._thread is None:
            self.start()
        return taken

    def store(self, patience_s: float = OPENING_S) -> Store:
        """The open journal; opened by whoever asks first.

        Args:
            patience_s: Longest wait, in seconds, for another thread that opens it, or a program that has the file locked.

        Raises:
            JournalLocked: It could not be opened for that long.
        """
        if not self._opening.acquire(timeout=max(0.0, patience_s)):
            raise JournalLocked(f"{self.journal} is still being opened")
        try:
            if self._store is None:
                self._store = open_store(self.journal, patience_s)
                report(self._store)
            return self._store
        finally:
            self._opening.release()

    def process_id(self) -> int | None:
        """This process's row in the journal; None before it has written to it."""
        return self.book.known()

    def tally(self) -> Tally:
        """What became of all spans that this process has begun."""
        return tally.take(self.providers, self.buffer, self._ended)

    def refresh(self) -> None:
        """Read the figures anew."""
        try:
            self.figures = figures.read(self.store(patience_s=0.0), self.last_error)
        except JournalError as error:
            logger.debug("the journal's figures could not be read: %s", error)

    def flush(self, deadline: float) -> bool:
        """Wait until all that was taken before the call is committed, or until ``deadline`` (monotonic seconds)."""
        mark = self.buffer.accepted
        if self._thread is None or not self._thread.is_alive():
            while self.buffer.settled < mark and self.commit(deadline):
                pass
            return self.buffer.settled >= mark
        self.buffer.filled.set()
        self.buffer.half_full.set()
        return self.buffer.wait_settled(mark, deadline)

    def stop(self, deadline: float) -> None:
        """Commit what waits, say goodbye in the journal and close it. May be called twice."""
        self._stopping.set()
        self.buffer.filled.set()
        self.buffer.half_full.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        self.buffer.close()
        if self._store is None and not len(self.buffer) and not self._opened:
            return
        if thread is not None and thread.is_alive():
            logger.warning("the journal is still busy: %d spans may be lost", len(self.buffer))
            return
        while self.commit(deadline) and len(self.buffer):
            pass
        self._goodbye(deadline)
        if self._store is not None:
            self._store.close()

    # In the writer's thread

    def commit(self, deadline: float | None = None) -> bool:
        """Commit what waits, some megabytes of it at most. False if it could not be written: it is kept and tried again.

        Args:
            deadline: When to stop waiting for another writer (monotonic seconds).
        """
        patience_s = 1.0 if self.buffer.failing else 5.0
        if deadline is not None:
            patience_s = min(patience_s, max(0.05, deadline - time.monotonic()))
        with self._committing:
            # In this order: a span that begins in between sets the flag that ``take`` clears.
            items = self.buffer.take()
            opened = [self._opened.popleft() for _ in range(len(self._opened))]
            spans = [item for item in items if type(item) is Span]
            lost = self.buffer.take_lost((*opened, *spans))
            if not items and not opened and not lost:
                return True
            scores = [item for item in items if type(item) is not Span]
            try:
                store = self.store(patience_s)
                with store.transaction(patience_s) as connection:
                    committed = write(connection, self.book, opened, spans, scores, lost)
                    told = self._tell(connection, len(spans), committed.ended)
                    self._heartbeat.beat_along(connection, self.book.process_id)
            except Exception as error:
                self._opened.extendleft(span for span in reversed(opened) if span.end_ns is None)
                if not isinstance(error, JournalLocked):
                    # Rows that it remembers having made were undone with the transaction.
                    self.book = Book(self.journal)
                self._failed(error)
                self.buffer.put_back()
                self.buffer.put_back_lost(lost)
                # A journal that was lost and begun anew takes it at once: there may be no later time.
                return not self.buffer.failing and self.commit(deadline)
            self._note(committed)
            self.buffer.keep_lost(committed.lost_of_unknown)
            self._told, self._told_in = told, store.identity()
            if time.monotonic() - self.figures.read_at >= REFRESH_S:
                self.refresh()
            self.buffer.done()
        if committed.due:
            self._call(self.due)
        return True

    def _run(self) -> None:
        self.buffer.emptied_by = threading.get_ident()
        pause = RETRY_S[0]
        rested_at = time.monotonic()
        self._tick()
        while not self._stopping.is_set():
            if self.buffer.filled.wait(TICK_S):
                # What came first waits for company: one commit costs as much as a hundred rows.
                self.buffer.half_full.wait(COMMIT_EVERY_S)
                if self.commit():
                    pause = RETRY_S[0]
                    if time.monotonic() - rested_at >= REST_EVERY_S:
                        # SQLite gives its lock to whoever asks at the right moment: there has to be one.
                        self._stopping.wait(REST_S)
                        rested_at = time.monotonic()
                else:
                    self._stopping.wait(pause)
                    pause = min(RETRY_S[1], pause * 2)
            self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        try:
            is_time = now - self._ticked_at >= TICK_S
            if self.book.process_id is not None and (
                self.buffer.failing or (is_time and self._heartbeat.is_due())
            ):
                with self.store(0.1).transaction(patience_s=0.1) as connection:
                    self._heartbeat.beat(connection, self.book.process_id)
                self._written()
            if is_time:
                self._ticked_at = now
                self.refresh()
                if self.figures.pending or self.figures.scores_pending:
                    # Perhaps another process's, which nobody else tells us of.
                    self._call(self.due)
                self._call(self.ticks)
            if self._care.step(
                self.store(0.1), self.book.process_id or 0, self.providers, self.dropped, self.buffer.filled
            ):
                self._call(self.due)
        except JournalLocked as error:
            logger.debug("the journal's housekeeping waits for another writer: %s", error)
        except JournalError as error:
            self._failed(error)
        except Exception:
            logger.exception("the journal's housekeeping failed")

    def _health(self) -> dict[str, Any]:
        """How this process is, as the latest user tells it."""
        return self.healths[-1]() if self.healths else {}

    def _tell(self, connection: Any, taken: int, ended: int) -> Tally:
        """Bring this process's row up to what it will be when the transaction under way is committed."""
        now = self.tally()
        now = now._replace(ended=now.ended + ended, buffered=now.buffered - taken)
        tally.write(connection, self.book.enroll(connection), now, self._told)
        return now

    def _note(self, committed: Committed) -> None:
        self._ended += committed.ended
        for span, seq in committed.new_seqs:
            span.seq = seq
        for agent, succeeded in committed.agents:
            self.agents.add(agent, succeeded=succeeded)
        self._written()

    def _written(self) -> None:
        self._begun_anew = False
        self.last_error = None
        if self.buffer.failing:
            self.buffer.failing = False
            logger.warning("the trace journal is written again")

    def _failed(self, error: BaseException) -> None:
        self.last_error = f"{type(error).__name__}: {error}"
        if not isinstance(error, JournalError):
            logger.debug("a commit failed", exc_info=error)
        was_lost = self._begin_anew(error)
        if was_lost and not self.buffer.failing:
            # The next commit goes to the new file: callers may wait for it as for any other.
            logger.warning("the trace journal was lost and is begun anew: %s", error)
            return
        if not self.buffer.failing:
            logger.error("the trace journal cannot be written, spans are kept in memory: %s", error)
        self.buffer.failing = True

    def _begin_anew(self, error: BaseException) -> bool:
        """Open another journal if the one that was open is lost. Whether it can be written, as far as one can tell."""
        store = self._store
        if store is None or not (isinstance(error, JournalDamaged) or not store.is_in_place()):
            return False
        # Another file means other row numbers: nothing remembered of the old one holds.
        self._store = repair(store, damaged=isinstance(error, JournalDamaged))
        self.book = Book(self.journal)
        if self._store.is_in_place() and self._store.identity() != self._told_in:
            self._told = tally.settled(self.tally())
        for span in self._opened:
            span.seq = None
        report(self._store)
        again, self._begun_anew = self._begun_anew, True
        return self._store.is_in_place() and not again

    def _goodbye(self, deadline: float) -> None:
        store = self._store
        if store is None:
            return
        try:
            if self.book.process_id is not None:
                patience_s = min(1.0, max(0.05, deadline - time.monotonic()))
                with store.transaction(patience_s) as connection:
                    self._tell(connection, 0, 0)
                    self._heartbeat.beat(connection, self.book.process_id)
                    connection.execute(
                        "UPDATE processes SET ended_at = ? WHERE id = ?", (time.time(), self.book.process_id)
                    )
            if store.lock is not None and store.lock.holds(CARETAKER):
                store.lock.release(CARETAKER)
        except JournalError as error:
            logger.debug("the journal could not be left in order: %s", error)

    def _call(self, listeners: list[Callable[[], None]]) -> None:
        for listener in tuple(listeners):
            try:
                listener()
            except Exception:
                logger.exception("a listener of the journal failed")

    def start(self) -> None:
        """Start the thread, once."""
        with self._starting:
            # A signal handler or a finalizer may record, and so come here, while it is made or starts.
            if self._thread is not None or self._is_starting or self._stopping.is_set():
                return
            self._is_starting = True
            try:
                self._thread = threading.Thread(target=self._run, name="autoops-journal", daemon=True)
                self._thread.start()
            except RuntimeError:
                # The interpreter is going down: what waits is committed by ``stop``.
                self._thread = None
                return
            finally:
                self._is_starting = False
        _flush_in_multiprocessing_children(self)

    def after_fork(self) -> None:
        """In a forked child: what waits is the parent's, and its thread is not here."""
        self.dropped = Counts()
        self.dropped_scores = Counts()
        self.buffer = Buffer(self.buffer.capacity, self.buffer.patience_s, self.dropped, self.dropped_scores)
        self.book = Book(self.journal)
        self.figures = figures.NOTHING
        self.agents = figures.AgentOutcomes()
        self._opened = deque()
        self._ended = 0
        self._told = Tally()
        self._told_in = None
        self._begun_anew = False
        self._heartbeat = Heartbeat(self._health)
        self._care = Care()
        self._store = None
        self._thread = None
        self._stopping = threading.Event()
        self._opening = threading.RLock()
        self._starting = threading.RLock()
        self._is_starting = False
        self._committing = threading.RLock()
        self._ticked_at = 0.0


def _flush_in_multiprocessing_children(writer: Writer) -> None:
    """Have a child of ``multiprocessing`` commit and deliver at its end: such children skip ``atexit``."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _stop_at_exit, args=(weakref.ref(writer),), exitpriority=100)


def _stop_at_exit(reference: weakref.ref[Writer]) -> None:
    writer = reference()
    if writer is not None:
        for leave in tuple(writer.exits):
            leave()
        writer.stop(time.monotonic() + 2.0)


@atexit.register
def _stop_all() -> None:
    for writer in list(_writers):
        writer.stop(time.monotonic() + 2.0)


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer.after_fork()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
