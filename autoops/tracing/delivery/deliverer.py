"""The thread that delivers one destination of a process: when to send, whose turn it is, when to probe.

Of all processes on a journal only the one that holds the destination's lock sends; when it dies another takes over.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.delivery.endpoint import PROBE_TIMEOUT_S, Endpoint
from autoops.tracing.delivery.rules import PROBE_EVERY_S
from autoops.tracing.delivery.sender import Sender
from autoops.tracing.delivery.status import Connection, Progress, Seldom, Status
from autoops.tracing.delivery.turn import Turn
from autoops.tracing.flag import Flag
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SCORE, SPAN

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.store import Store
    from autoops.tracing.journal.writer import Writer

logger = logging.getLogger(__name__)

TAKE_OVER_EVERY_S: Final = 2.0
"""How often a process that may not send looks whether the one that may is gone."""
CLOSING_S: Final = 0.15
"""What an exit keeps of its time for closing the journal."""
LOOK_EVERY_S: Final = 0.05
"""How often a flush looks whether another process has settled what it waits for."""


class Deliverer:
    """Delivers one destination's rows.

    Args:
        config: Host, keys, and when a batch is due.
        writer: The journal's writer, whose outbox is delivered.

    Attributes:
        project_id: The project that the keys belong to, once the server has told.
    """

    def __init__(self, config: LangfuseConfig, writer: Writer) -> None:
        self.config = config
        self.writer = writer
        self.project_id: str | None = None
        self.users = 0
        self._reset()

    def _reset(self) -> None:
        self._progress = Progress(self.config.host)
        self._endpoint = Endpoint(self.config)
        self._sender: Sender | None = None
        self._wake = Flag()
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._settled = threading.Condition()
        self._sending = threading.RLock()
        self._thread: threading.Thread | None = None
        self._destination: tuple[Store, int] | None = None
        self._marks_at_start: tuple[int, int] | None = None
        self._turn = Turn()
        self._waiting_since: float | None = None
        self._urgent = False
        self._is_slow = False
        self._drains = 0
        self._faults = Seldom()

    # From other threads

    @property
    def status(self) -> Status:
        """Where delivery stands now."""
        return self._progress.now

    def poke(self) -> None:
        """Something is due, or has changed: look."""
        self._wake.set()
        if self._thread is None:
            self.start()

    def start(self) -> None:
        """Start the thread, once."""
        with self._settled:
            if self._thread is not None or self._stopping.is_set():
                return
            thread = threading.Thread(target=self._run, name="autoops-delivery", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # the interpreter is going down; ``drain`` delivers from the caller's thread
            self._thread = thread
        # A process that records nothing itself delivers what others do: the writer's look each second tells of it.
        self.writer.start()

    def configure(self, config: LangfuseConfig) -> None:
        """Use other settings or a mended secret from the next request on; ends a wait for another try."""
        self.config = config
        self._changed.set()
        self.poke()

    def hold_back(self, reason: str | None) -> None:
        """Stop sending for a reason, until called with None."""
        self._progress.hold(reason)
        self.poke()

    def hurry(self) -> None:
        """Send the next batch now, however small it is."""
        self._urgent = True
        self.poke()

    def pending(self, *, spans_only: bool = False) -> int:
        """Rows that wait for this destination, spans and scores; counts them in the journal."""
        return outbox.pending(*self._where(), spans_only=spans_only)

    def drain(self, deadline: float, *, wait_out_faults: bool = True) -> bool:
        """Have all that this process committed before the call settled, by ``deadline`` (monotonic seconds).

        Args:
            deadline: When to give up.
            wait_out_faults: Keep waiting while the server fails, for it may come back; an exit does not.

        Returns:
            Whether it is settled: delivered, rejected or left out, by whichever process.
        """
        if not wait_out_faults:
            deadline -= min(CLOSING_S, 0.1 * max(0.0, deadline - time.monotonic()))
        self._drains += 1
        try:
            marks = outbox.marks(self.writer.store(deadline - time.monotonic()))
            while not self._is_settled(*marks) or (not wait_out_faults and self._others_wait(marks)):
                left = deadline - time.monotonic()
                if left <= 0 or (not wait_out_faults and self._is_hopeless(deadline)):
                    return False
                self.start()
                thread = self._thread
                if thread is not None and thread.is_alive():
                    self._wake.set()
                elif self._send(timeout_s=left):
                    continue
                elif not wait_out_faults:
                    return self._is_settled(*marks)
                with self._settled:
                    self._settled.wait(min(left, LOOK_EVERY_S))
            return True
        except JournalError as error:
            logger.debug("delivery could not be waited for: %s", error)
            return False
        finally:
            self._drains -= 1

    def _others_wait(self, marks: tuple[int, int]) -> bool:
        """Whether rows wait that other processes have committed since this one began: its children, which left them to it."""
        store, destination_id = self._where()
        since = self._marks_at_start
        return (
            since is not None
            and self._turn.take(store, destination_id)
            and outbox.has_due_between(store, destination_id, since, marks)
        )

    def _is_hopeless(self, deadline: float) -> bool:
        """Whether nothing more of what waits can be settled by ``deadline``, as things are."""
        progress = self._progress
        if progress.connection is Connection.UNAVAILABLE or not self._may_send():
            return True
        if progress.connection is Connection.DEGRADED and progress.retry_at > deadline:
            return True
        scores_at = 0.0 if self._sender is None else self._sender.scores.next_at
        return scores_at > deadline and not self._has_due()

    def stop(self, deadline: float) -> None:
        """End the thread; what is under way is left to its own deadline, and nobody waits for a mere probe."""
        self._stopping.set()
        self._changed.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            left = max(0.0, deadline - CLOSING_S - time.monotonic())
            probes_only = self._progress.connection is Connection.UNAVAILABLE
            thread.join(min(left, CLOSING_S) if probes_only else left)
        if thread is None or not thread.is_alive():
            self._endpoint.close()
        # Also while a request hangs: whoever sends next must not wait for its deadline.
        self._release()

    def after_fork(self) -> None:
        """In a forked child: the thread, the connections and the turn to send are the parent's."""
        _abandoned.append(self._endpoint)
        self._reset()

    # In the deliverer's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self._step()
            except JournalError as error:
                logger.debug("delivery cannot read the journal: %s", error)
                pause = 1.0
            except Exception as error:
                pause = 5.0
                level = logging.ERROR if self._faults.add(1) else logging.DEBUG
                logger.log(level, "delivery failed in a way it should not; it goes on", exc_info=error)
            with self._settled:
                self._settled.notify_all()
            if pause is None or pause > 0:
                self._wake.wait(pause)
            self._wake.clear()
        self._endpoint.close()
        self._release()

    def _step(self) -> float | None:
        """One look at the outbox. Returns seconds to wait for the next one; None until something happens."""
        self._take_settings()
        connection = self._progress.connection
        if self._progress.held is not None:
            return None
        if not self._may_send():
            return self._watch()
        if connection is Connection.UNAVAILABLE:
            until_probe = self._until_probe()
            if until_probe > 0:
                return until_probe
            self._probe()
            if self._progress.is_refused and self._progress.probe_at <= time.monotonic():
                self._try_again()
            return 0.0
        if connection is Connection.UNKNOWN and not self._has_any():
            self._probe()
            return 0.0
        until_due = self._until_due()
        if until_due is None or until_due > 0:
            return until_due
        return 0.0 if self._send() else 1.0

    def _watch(self) -> float | None:
        """While another process sends: know how the server is, and look whether the other is gone."""
        away = Connection.UNAVAILABLE
        connection = self._progress.connection
        if connection is Connection.UNKNOWN or (connection is away and self._until_probe() <= 0):
            self._probe()
        return TAKE_OVER_EVERY_S if self._progress.connection is away or self._has_any() else None

    def _until_due(self) -> float | None:
        """Seconds until a batch is due: none if it is, None if nothing waits."""
        now = time.monotonic()
        pause_s = 0.0 if self._sender is None else max(0.0, self._sender.scores.next_at - now)
        has_scores = self._has_due(kind=SCORE)
        if not self._has_due() and (pause_s or not has_scores):
            self._waiting_since = None
            return pause_s if has_scores else None
        if self._waiting_since is None:
            self._waiting_since = now
        if self._drains or self._urgent or self._has_due(at_least=self.config.flush_at):
            return 0.0
        return max(0.0, self._waiting_since + self.config.flush_interval - now)

    def _until_probe(self) -> float:
        """Seconds until an unavailable server is to be probed."""
        progress = self._progress
        now = time.monotonic()
        probe_at = progress.probe_at
        if progress.refused_at is not None and self._sender is not None and self._sender.has_newer():
            # What came since may tell whether the server refuses everything or just what it was sent then.
            probe_at = min(probe_at, progress.refused_at + PROBE_EVERY_S)
        return probe_at - now

    def _try_again(self) -> None:
        """Send a few spans to a server that answers but refused all of the last batch: only that tells how it is."""
        if self._has_due():
            self._send()
        else:
            self._progress.healthy()

    def _send(self, timeout_s: float | None = None) -> bool:
        """Send a batch. False if nothing could be settled."""
        with self._sending:
            self._take_settings()
            if self._progress.held is not None or not self._may_send():
                return False
            store, destination_id = self._where()
            if self._sender is None:
                self._sender = Sender(
                    store,
                    destination_id,
                    self._endpoint,
                    self._progress,
                    self._changed,
                    max_retries=self.config.max_retries,
                    timeout_s=self.config.timeout,
                )
            settled = self._sender.send_batch(timeout_s)
            self._waiting_since = None
            self._urgent = False
            return settled

    def _take_settings(self) -> None:
        with self._sending:
            if self._changed.is_set() and not self._stopping.is_set():
                self._changed.clear()
                self._endpoint.close()
                self._endpoint = Endpoint(self.config)
                self._sender = None
                self._progress.probe_at = 0.0

    def _probe(self) -> None:
        # A server that missed the short deadline may be slow rather than away. Probes begin as often as before.
        deadline_s = PROBE_EVERY_S if self._is_slow else PROBE_TIMEOUT_S
        began = time.monotonic()
        with self._sending:
            outcome = self._endpoint.probe(deadline_s)
            if outcome.is_success and self.project_id is None:
                _, self.project_id = self._endpoint.check(deadline_s)
        took_s = time.monotonic() - began
        self._is_slow = outcome.status is None and took_s > 0.9 * PROBE_TIMEOUT_S
        if not outcome.is_success:
            self._progress.unavailable(
                outcome.reason, hint=outcome.hint, wait_s=outcome.retry_after_s, took_s=took_s
            )
        elif self._progress.is_refused:
            self._progress.probe_at = 0.0
        else:
            self._progress.healthy()

    # Whose turn it is, and where to

    def _may_send(self) -> bool:
        allowed = self._turn.take(*self._where())
        self._progress.deliverer(is_deliverer=allowed)
        return allowed

    def _release(self) -> None:
        self._turn.give_back()
        self._progress.deliverer(is_deliverer=False)

    def _where(self) -> tuple[Store, int]:
        """The journal and this destination's id in it; asked anew when the journal was replaced."""
        store = self.writer.store()
        if self._destination is None or self._destination[0] is not store:
            where = self.config.destination
            if where is None:
                raise JournalError("there is no destination without credentials")
            self._release()
            with store.transaction() as connection:
                self._destination = (store, outbox.destination(connection, *where))
            self._marks_at_start = outbox.marks(store)
            self._sender = None
        return self._destination

    def _has_due(self, at_least: int = 1, *, kind: int | None = SPAN) -> bool:
        store, destination_id = self._where()
        return outbox.has_due(store, destination_id, at_least, kind=kind)

    def _has_any(self) -> bool:
        return self._has_due(kind=None)

    def _is_settled(self, spans: int, scores: int) -> bool:
        process_id = self.writer.process_id()
        if process_id is None:
            return True
        store, destination_id = self._where()
        return outbox.is_settled(store, destination_id, process_id, spans, scores)


_abandoned: list[Endpoint] = []
"""Connections inherited by a forked child: closing them would end the parent's TLS sessions."""
