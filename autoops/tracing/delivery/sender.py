"""Sends one batch of spans and does what its answer asks for: accept, try again, split, or give up for now."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Final

from autoops.tracing.delivery.rules import Advance, Fallback, Outcome, Retry, next_step
from autoops.tracing.delivery.scores import ScoreSender
from autoops.tracing.delivery.search import find_refused
from autoops.tracing.delivery.status import Connection
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SPAN
from autoops.tracing.otlp import MAX_REQUEST_BYTES, encode

if TYPE_CHECKING:
    import threading

    from autoops.tracing.delivery.endpoint import Endpoint
    from autoops.tracing.delivery.status import Progress
    from autoops.tracing.journal.outbox import DueSpan
    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

FIRST_BATCH: Final = 512
LARGEST_BATCH: Final = 4096
QUICK_SHARE: Final = 0.25
"""A batch that was answered within this share of the request's deadline may be followed by a larger one."""
NARROW_FOR_S: Final = 60.0
"""How long a size that was too much is not tried again."""
TRIAL_BATCH: Final = 8
"""Spans that are tried on a server that refused all of the last batch."""

_jitter = random.SystemRandom()


class Sender:
    """Sends what is due for one destination.

    Args:
        store: The journal.
        destination_id: Where to.
        endpoint: The server.
        progress: Told how each request went.
        changed: Set when the wait for another try is to end: there are other settings, or no time is left.
        max_retries: Tries after the first.
        timeout_s: The deadline that requests have by configuration.

    Attributes:
        scores: Sends the destination's scores.
    """

    def __init__(
        self,
        store: Store,
        destination_id: int,
        endpoint: Endpoint,
        progress: Progress,
        changed: threading.Event,
        *,
        max_retries: int,
        timeout_s: float,
    ) -> None:
        self.scores = ScoreSender(store, destination_id, endpoint, progress, max_retries=max_retries)
        self._store = store
        self._destination_id = destination_id
        self._endpoint = endpoint
        self._progress = progress
        self._changed = changed
        self._max_retries = max_retries
        self._quick_s = QUICK_SHARE * timeout_s
        self._batch_limit = FIRST_BATCH
        self._narrow_until = 0.0
        self._newest_first = True
        self._refused_up_to = 0
        self._receipts: list[list[DueSpan]] = []

    def send_batch(self, timeout_s: float | None = None) -> bool:
        """Send one batch of spans and one of scores.

        Args:
            timeout_s: Deadline of each request, and no second try; the configured one with tries if None.

        Returns:
            Whether anything was settled.
        """
        self._note_receipts()
        limit = min(self._batch_limit, TRIAL_BATCH) if self._progress.is_refused else self._batch_limit
        spans = outbox.due_spans(
            self._store, self._destination_id, limit, MAX_REQUEST_BYTES, newest_first=self._newest_first
        )
        # Two lanes in turn: what is new arrives soon though a backlog drains.
        self._newest_first = not self._newest_first
        if not spans:
            return self.scores.send(timeout_s)
        return self._send_spans(spans, timeout_s) and (self.scores.send(timeout_s) or True)

    def has_newer(self) -> bool:
        """Whether spans wait that came after the server refused all there was: they may tell who is at fault."""
        return outbox.newest_due(self._store, self._destination_id) > self._refused_up_to

    def _send_spans(self, spans: list[DueSpan], timeout_s: float | None) -> bool:
        attempt = 0
        while True:
            spans, body = self._encode(spans)
            if not spans:
                return True  # what cannot even be written has left the outbox
            began = time.monotonic()
            outcome = self._endpoint.export(body, timeout_s=timeout_s)
            is_quick = time.monotonic() - began < self._quick_s
            verdict = next_step(outcome, attempt, self._max_retries, _jitter.random())
            if isinstance(verdict, Advance):
                self._accepted(spans, outcome)
                if is_quick and len(spans) >= self._batch_limit and time.monotonic() > self._narrow_until:
                    self._batch_limit = min(LARGEST_BATCH, self._batch_limit * 2)
                return True
            if isinstance(verdict, Retry):
                self._progress.degraded(outcome, verdict.wait_s)
                again = None if timeout_s is not None else self._wait(outcome, verdict.wait_s, attempt)
                if again is None:
                    return False
                attempt = again
                if outcome.status is None and not is_quick:
                    # The server answers, but not to this: what did not go through may in smaller pieces.
                    spans = spans[: (len(spans) + 1) // 2]
                    self._narrow(len(spans))
                continue
            if isinstance(verdict, Fallback):
                self._progress.unavailable(verdict.reason, hint=outcome.hint, wait_s=verdict.wait_s)
                return False
            return self._find_refused(spans, outcome, timeout_s)

    def _wait(self, outcome: Outcome, wait_s: float, attempt: int) -> int | None:
        """Wait for the time to try again.

        A server that gave no answer is asked with an export of nothing first: that it is still away shows in two seconds,
        not after the whole deadline of another batch.

        Returns:
            The number of the next try; None when the tries are used up, the settings have changed or no time is left.
        """
        while True:
            if self._changed.wait(wait_s):
                return None
            attempt += 1
            if outcome.status is not None:
                return attempt
            probed = self._endpoint.probe()
            verdict = next_step(probed, attempt, self._max_retries, _jitter.random())
            if isinstance(verdict, Advance):
                return attempt
            if not isinstance(verdict, Retry):
                reason = verdict.reason if isinstance(verdict, Fallback) else probed.reason
                wait = verdict.wait_s if isinstance(verdict, Fallback) else None
                self._progress.unavailable(reason, hint=probed.hint, wait_s=wait)
                return None
            outcome, wait_s = probed, verdict.wait_s
            self._progress.degraded(outcome, wait_s)

    def _encode(self, spans: list[DueSpan]) -> tuple[list[DueSpan], bytes]:
        """The spans that go into one request, from the beginning of a batch, and the request."""
        while spans:
            try:
                body = encode(spans)
            except Exception:
                spans = self._set_aside_unwritable(spans)
                continue
            if len(body) <= MAX_REQUEST_BYTES or len(spans) == 1:
                return spans, body
            spans = spans[: len(spans) // 2]
        return [], b""

    def _set_aside_unwritable(self, spans: list[DueSpan]) -> list[DueSpan]:
        """Reject what cannot be written as OTLP, such as a damaged row: it must not hold up the rest."""
        written = []
        for due in spans:
            try:
                encode([due])
                written.append(due)
            except Exception as error:
                logger.debug("span %s cannot be written as OTLP", due.span.span_id, exc_info=True)
                told = Outcome(None, f"it cannot be written as OTLP ({type(error).__name__}: {error})")
                self._reject([(due, told)])
        if len(written) == len(spans):
            raise ValueError("a batch cannot be written as OTLP, though each of its spans can")
        return written

    def _find_refused(self, spans: list[DueSpan], outcome: Outcome, timeout_s: float | None) -> bool:
        """Set aside what the server refuses in a batch that it refused.

        A span is rejected only if another of the same batch was accepted: a server that refuses everything has a fault of
        its own, and loses us nothing.
        """
        largest = 0

        def send(part: list[DueSpan]) -> Outcome:
            nonlocal largest
            answer = self._endpoint.export(encode(part), timeout_s=timeout_s)
            if answer.is_success:
                largest = max(largest, len(part))
                self._accepted(part, answer)
            return answer

        found = find_refused(spans, outcome, send)
        if found.accepted:
            self._reject(found.refused)
            if not found.refused:
                # None of them was at fault: they were too many.
                self._narrow(largest)
        if found.failed is not None:
            self._progress.unavailable(found.failed.reason, hint=found.last.hint, wait_s=found.failed.wait_s)
        elif not found.accepted:
            self._refused_up_to = outbox.newest_due(self._store, self._destination_id)
            self._progress.refused(found.last)
        return self._progress.connection is not Connection.UNAVAILABLE

    def _narrow(self, spans: int) -> None:
        self._batch_limit = spans
        self._narrow_until = time.monotonic() + NARROW_FOR_S

    def _reject(self, refused: list[tuple[DueSpan, Outcome]]) -> None:
        for due, told in refused:
            outbox.reject(self._store, self._destination_id, SPAN, due.seq, told.status or 0, told.reason)
        if refused:
            due, told = refused[-1]
            about = f"span {due.span.span_id} of trace {due.span.trace_id}"
            self._progress.rejected(len(refused), about, told.reason)

    def _note_receipts(self) -> None:
        """Take what was accepted out of the outbox; a journal that is locked now is asked again before the next batch."""
        while self._receipts:
            outbox.spans_delivered(self._store, self._destination_id, self._receipts[0])
            del self._receipts[0]

    def _accepted(self, spans: list[DueSpan], outcome: Outcome) -> None:
        self._receipts.append(spans)
        self._note_receipts()
        logger.debug("%d spans delivered", len(spans))
        self._progress.delivered(len(spans), left_out=outcome.rejected, reason=outcome.reason)
