"""Takes what is due out of the outbox and delivers it: one thread for each destination of a process.

Of all processes on a journal only the one that holds the destination's lock sends; when it dies another takes over.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.delivery.endpoint import PROBE_TIMEOUT_S, Endpoint
from autoops.tracing.delivery.rules import (
    RETRY,
    Advance,
    Fallback,
    Outcome,
    Retry,
    Split,
    Verdict,
    next_step,
    probe_pause_s,
)
from autoops.tracing.delivery.status import Connection, Status
from autoops.tracing.journal import outbox
from autoops.tracing.journal.commit import destination_of
from autoops.tracing.journal.lock import FIRST_DESTINATION
from autoops.tracing.journal.schema import SCORE, SPAN
from autoops.tracing.otlp import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.outbox import DueScore, DueSpan
    from autoops.tracing.journal.writer import Writer

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
"""Payload bytes of one request, before compression."""
FIRST_BATCH: Final = 512
LARGEST_BATCH: Final = 4096
SCORES_BATCH: Final = 500
TAKE_OVER_EVERY_S: Final = 2.0
"""How often a process that may not send looks whether the one that may is gone."""
REFUSALS_WITHOUT_EVIDENCE: Final = 24
"""Requests of a split after which, none of them accepted, the fault is the endpoint's."""

_jitter = random.SystemRandom()


class Deliverer:
    """Delivers one destination's rows.

    Attributes:
        status: Where delivery stands; replaced as a whole, so that readers need no lock.
    """

    def __init__(
        self, config: LangfuseConfig, writer: Writer, on_change: Callable[[Status, Status], None]
    ) -> None:
        self.config = config
        self.writer = writer
        self.status = Status()
        self.project_id: str | None = None
        self._on_change = on_change
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._settled = threading.Condition()
        self._sending = threading.RLock()
        self._endpoint = Endpoint(config)
        self._thread: threading.Thread | None = None
        self._destination_id: int | None = None
        self._batch_limit = FIRST_BATCH
        self._newest_first = True
        self._hurry = False
        self._urgent = False
        self._waiting_since: float | None = None
        self._forced: str | None = None
        self._outage_began: float | None = None
        self._probe_at = 0.0

    # From other threads

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

    def configure(self, config: LangfuseConfig) -> None:
        """Use other settings or a mended secret, at once."""
        with self._sending:
            self.config = config
            self._endpoint.close()
            self._endpoint = Endpoint(config)
            self._probe_at = 0.0
        self.poke()

    def force_fallback(self, reason: str | None) -> None:
        """Stop sending until called with None."""
        self._forced = reason
        self._probe_at = 0.0
        if reason is not None:
            self._unavailable(reason, hint="", wait_s=None)
        self.poke()

    def hurry(self) -> None:
        """Send the next batch now, however small it is."""
        self._urgent = True
        self.poke()

    def pending(self) -> int:
        """Rows that wait for this destination; counts them in the journal."""
        return outbox.pending(self.writer.store(), self._destination())

    def drain(self, deadline: float, *, wait_out_faults: bool = True) -> bool:
        """Have all that this process committed before the call settled, by ``deadline`` (monotonic seconds).

        Args:
            deadline: When to give up.
            wait_out_faults: Keep waiting while the server fails, for it may come back; an exit does not.

        Returns:
            Whether it is settled: delivered, rejected or left out, by whichever process.
        """
        self._hurry = True
        try:
            spans, scores = outbox.marks(self.writer.store())
            while not self._is_settled(spans, scores):
                left = deadline - time.monotonic()
                gives_up = not wait_out_faults and (
                    self.status.connection is Connection.UNAVAILABLE or not self._may_send()
                )
                if left <= 0 or gives_up:
                    return False
                self.start()
                thread = self._thread
                if thread is not None and thread.is_alive():
                    self._wake.set()
                elif self._pass(timeout_s=left):
                    continue
                elif not wait_out_faults:
                    return self._is_settled(spans, scores)
                with self._settled:
                    self._settled.wait(min(left, 0.05))
            return True
        except JournalError as error:
            logger.debug("delivery could not be waited for: %s", error)
            return False
        finally:
            self._hurry = False

    def stop(self, deadline: float) -> None:
        """End the thread; what is under way is left to its own deadline."""
        self._stopping.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        if thread is None or not thread.is_alive():
            self._endpoint.close()
        # Also while a request hangs: whoever sends next must not wait for its deadline.
        self._release()

    # In the deliverer's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                pause = self._step()
            except JournalError as error:
                logger.debug("delivery cannot read the journal: %s", error)
                pause = 1.0
            except Exception:
                logger.exception("delivery failed in a way it should not; it goes on")
                pause = 5.0
            with self._settled:
                self._settled.notify_all()
            if pause is None or pause > 0:
                self._wake.wait(pause)
            self._wake.clear()
        self._release()

    def _step(self) -> float | None:
        """One look at the outbox. Returns seconds to wait for the next one; None until something happens."""
        if not self._may_send():
            if self.status.connection is Connection.UNKNOWN:
                self._probe()
            return TAKE_OVER_EVERY_S if self._has_due() else None
        if self._forced is not None:
            return None
        if self.status.connection is Connection.UNKNOWN and not self._has_due():
            self._probe()
            return 0.0
        if self.status.connection is Connection.UNAVAILABLE:
            until_probe = self._probe_at - time.monotonic()
            if until_probe > 0:
                return until_probe
            self._probe()
            return 0.0
        wait = self._until_due()
        if wait is None or wait > 0:
            return wait
        return 0.0 if self._pass() else 1.0

    def _until_due(self) -> float | None:
        """Seconds until a batch is due: none if it is, None if nothing waits."""
        if not self._has_due():
            self._waiting_since = None
            return None
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        if self._hurry or self._urgent or self._has_due(at_least=self.config.flush_at):
            return 0.0
        return max(0.0, self._waiting_since + self.config.flush_interval - now)

    def _pass(self, timeout_s: float | None = None) -> bool:
        """Send one batch of spans and one of scores. False if nothing could be settled."""
        with self._sending:
            if not self._may_send() or self._forced is not None:
                return False
            destination_id = self._destination()
            spans = outbox.due_spans(
                self.writer.store(),
                destination_id,
                self._batch_limit,
                MAX_REQUEST_BYTES,
                newest_first=self._newest_first,
            )
            self._newest_first = not self._newest_first
            if spans and not self._send_spans(spans, timeout_s):
                return False
            scores = outbox.due_scores(self.writer.store(), destination_id, SCORES_BATCH)
            if scores and not self._send_scores(scores, timeout_s):
                return False
            self._waiting_since = None
            self._urgent = False
            return bool(spans or scores)

    def _try(self, send: Callable[[], Outcome], timeout_s: float | None) -> tuple[Outcome, Verdict | None]:
        """Send until the answer asks for something else than to try again.

        Returns:
            The last answer and what it asks for; None for that when there is no time to try again.
        """
        attempt = 0
        while True:
            outcome = send()
            verdict = next_step(outcome, attempt, self.config.max_retries, _jitter.random())
            if not isinstance(verdict, Retry):
                if isinstance(verdict, Fallback):
                    self._unavailable(verdict.reason, hint=outcome.hint, wait_s=verdict.wait_s)
                return outcome, verdict
            self._degraded(outcome, verdict.wait_s)
            if timeout_s is not None or self._stopping.wait(verdict.wait_s):
                return outcome, None
            attempt += 1

    def _send_spans(self, spans: list[DueSpan], timeout_s: float | None) -> bool:
        body = encode(spans)
        began = time.monotonic()
        outcome, verdict = self._try(lambda: self._endpoint.export(body, timeout_s=timeout_s), timeout_s)
        if outcome.status is None:
            # What did not go through in time may, in smaller pieces.
            self._batch_limit = max(64, self._batch_limit // 2)
        elif outcome.status == 413:
            self._batch_limit = max(1, len(spans) // 2)
        if isinstance(verdict, Advance):
            self._accepted(spans, outcome)
            self._adapt(len(spans), time.monotonic() - began)
            return True
        return isinstance(verdict, Split) and self._split(spans, outcome, timeout_s)

    def _split(self, spans: list[DueSpan], outcome: Outcome, timeout_s: float | None) -> bool:
        """Find what the server refuses in a batch that it refused.

        A span is rejected only if another of the same batch was accepted on its own: a server that refuses everything has
        a fault of its own, and loses us nothing.
        """
        waiting = [spans]
        refused: list[tuple[DueSpan, Outcome]] = []
        accepted = requests = 0
        while waiting:
            part = waiting.pop()
            if part is not spans:
                requests += 1
                outcome = self._endpoint.export(encode(part), timeout_s=timeout_s)
            verdict = next_step(outcome, self.config.max_retries, self.config.max_retries, 0.0)
            if isinstance(verdict, Advance):
                self._accepted(part, outcome)
                accepted += len(part)
            elif isinstance(verdict, Fallback):
                self._unavailable(verdict.reason, hint=outcome.hint, wait_s=verdict.wait_s)
                break
            elif len(part) == 1:
                refused.append((part[0], outcome))
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
            if not accepted and requests >= REFUSALS_WITHOUT_EVIDENCE:
                break
        if not accepted:
            self._unavailable(
                f"every part of a batch was refused ({outcome.reason})", hint=outcome.hint, wait_s=None
            )
            return False
        for span, told in refused:
            outbox.reject(
                self.writer.store(), self._destination(), SPAN, span.seq, told.status or 0, told.reason
            )
            self._set(rejected=self.status.rejected + 1)
            logger.warning(
                "Langfuse refused the span %s of trace %s: %s",
                span.span.span_id,
                span.span.trace_id,
                told.reason,
            )
        return self.status.connection is not Connection.UNAVAILABLE

    def _send_scores(self, scores: list[DueScore], timeout_s: float | None) -> bool:
        refused: dict[str, tuple[int, str]] = {}

        def send() -> Outcome:
            outcome, words = self._endpoint.send_scores(scores, timeout_s=timeout_s)
            refused.update(words)
            return outcome

        outcome, verdict = self._try(send, timeout_s)
        if not isinstance(verdict, Advance):
            if isinstance(verdict, Split):
                self._unavailable(f"scores were refused ({outcome.reason})", hint=outcome.hint, wait_s=None)
            return False
        store, destination_id = self.writer.store(), self._destination()
        taken = [score.seq for score in scores if score.score_id not in refused]
        outbox.delivered(store, destination_id, SCORE, taken)
        settled = len(taken)
        for score in scores:
            status, words = refused.get(score.score_id, (0, ""))
            if 400 <= status < 500 and status not in RETRY:
                outbox.reject(store, destination_id, SCORE, score.seq, status, words)
                settled += 1
        self._healthy(scores_delivered=self.status.scores_delivered + len(taken))
        return settled > 0

    def _probe(self) -> None:
        with self._sending:
            outcome = self._endpoint.probe()
            if outcome.is_success and self.project_id is None:
                _, self.project_id = self._endpoint.check(PROBE_TIMEOUT_S)
        if outcome.is_success:
            self._healthy()
        else:
            self._unavailable(outcome.reason, hint=outcome.hint, wait_s=outcome.retry_after_s)

    # What each step leaves behind

    def _accepted(self, spans: list[DueSpan], outcome: Outcome) -> None:
        outbox.delivered(self.writer.store(), self._destination(), SPAN, [span.seq for span in spans])
        logger.debug("%d spans delivered", len(spans))
        self._healthy(
            delivered=self.status.delivered + len(spans),
            partial_success=self.status.partial_success + outcome.rejected,
        )

    def _adapt(self, sent: int, seconds: float) -> None:
        """Larger batches while they fill up and go through quickly."""
        if sent >= self._batch_limit and seconds < 1.0:
            self._batch_limit = min(LARGEST_BATCH, self._batch_limit * 2)

    def _healthy(self, **changes: int) -> None:
        self._outage_began = None
        self._set(
            connection=Connection.HEALTHY,
            last_success=_utc(),
            next_attempt=None,
            unavailable_since=None,
            hint=None,
            **changes,
        )

    def _degraded(self, outcome: Outcome, wait_s: float) -> None:
        logger.debug("a batch failed (%s), it is sent again in %.1f s", outcome.reason, wait_s)
        self._set(
            connection=Connection.DEGRADED,
            retries=self.status.retries + 1,
            last_error=outcome.reason,
            hint=outcome.hint or None,
            next_attempt=_utc(wait_s),
        )

    def _unavailable(self, reason: str, *, hint: str, wait_s: float | None) -> None:
        now = time.monotonic()
        if self._outage_began is None:
            self._outage_began = now
        pause = probe_pause_s(now - self._outage_began) if wait_s is None else wait_s
        self._probe_at = now + pause
        self._set(
            connection=Connection.UNAVAILABLE,
            last_error=reason,
            hint=hint or None,
            next_attempt=None if self._forced else _utc(pause),
            unavailable_since=self.status.unavailable_since or _utc(),
        )

    def _set(self, **changes: object) -> None:
        before = self.status
        self.status = replace(before, **changes)  # type: ignore[arg-type]
        if before.connection is not self.status.connection:
            try:
                self._on_change(before, self.status)
            except Exception:
                logger.exception("a listener of delivery failed")

    # Whose turn it is

    def _may_send(self) -> bool:
        store = self.writer.store()
        byte = FIRST_DESTINATION + self._destination()
        allowed = store.lock is None or store.lock.holds(byte) or store.lock.acquire(byte)
        if allowed is not self.status.is_deliverer:
            self._set(is_deliverer=allowed)
        return allowed

    def _release(self) -> None:
        try:
            store = self.writer.store()
            if store.lock is not None and self._destination_id is not None:
                store.lock.release(FIRST_DESTINATION + self._destination_id)
        except JournalError:
            logger.debug("the delivery lock could not be given back", exc_info=True)

    def _destination(self) -> int:
        if self._destination_id is None:
            where = destination_of(self.config)
            if where is None:
                raise JournalError("there is no destination without credentials")
            with self.writer.store().transaction() as connection:
                self._destination_id = outbox.destination(connection, *where)
        return self._destination_id

    def _has_due(self, at_least: int = 1) -> bool:
        return outbox.has_due(self.writer.store(), self._destination(), at_least)

    def _is_settled(self, spans: int, scores: int) -> bool:
        process_id = self.writer.process_id()
        return process_id is None or outbox.is_settled(
            self.writer.store(), self._destination(), process_id, spans, scores
        )

    def after_fork(self) -> None:
        """In a forked child: the thread, the connections and the turn to send are the parent's."""
        _abandoned.append(self._endpoint)
        self._endpoint = Endpoint(self.config)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._settled = threading.Condition()
        self._sending = threading.RLock()
        self._thread = None
        self._destination_id = None
        self._waiting_since = self._outage_began = None
        self.status = Status()


_abandoned: list[Endpoint] = []
"""Connections inherited by a forked child: closing them would end the parent's TLS sessions."""


def _utc(in_s: float = 0.0) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=in_s)).isoformat(timespec="milliseconds")
