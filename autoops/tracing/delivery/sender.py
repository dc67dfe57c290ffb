"""Sends one batch and does what its answer asks for: accept, try again, split, or give up for now."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Final

from autoops.tracing.delivery.rules import RETRY, Advance, Fallback, Outcome, Retry, Split, Verdict, next_step
from autoops.tracing.delivery.status import Connection
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SCORE, SPAN
from autoops.tracing.otlp import encode

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from autoops.tracing.delivery.endpoint import Endpoint
    from autoops.tracing.delivery.status import Progress
    from autoops.tracing.journal.outbox import DueScore, DueSpan
    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
"""Payload bytes of one request, before compression."""
FIRST_BATCH: Final = 512
LARGEST_BATCH: Final = 4096
SMALLEST_AFTER_TIMEOUT: Final = 64
SCORES_BATCH: Final = 500
REFUSALS_WITHOUT_EVIDENCE: Final = 24
"""Requests of a split after which, none of them accepted, the fault is the endpoint's."""

_jitter = random.SystemRandom()


class Sender:
    """Sends what is due for one destination.

    Args:
        store: The journal.
        destination_id: Where to.
        progress: Told how each request went.
        changed: Set when the wait for another try is to end: there are other settings, or no time is left.

    Attributes:
        endpoint: The server; may be replaced between batches.
        max_retries: Tries after the first.
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
    ) -> None:
        self.endpoint = endpoint
        self.max_retries = max_retries
        self._store = store
        self._destination_id = destination_id
        self._progress = progress
        self._changed = changed
        self._batch_limit = FIRST_BATCH
        self._newest_first = True

    def send_batch(self, timeout_s: float | None = None) -> bool:
        """Send one batch of spans and one of scores.

        Args:
            timeout_s: Deadline of each request, and no second try; the configured one with tries if None.

        Returns:
            Whether anything was settled.
        """
        spans = outbox.due_spans(
            self._store,
            self._destination_id,
            self._batch_limit,
            MAX_REQUEST_BYTES,
            newest_first=self._newest_first,
        )
        # Two lanes in turn: what is new arrives soon though a backlog drains.
        self._newest_first = not self._newest_first
        if spans and not self._send_spans(spans, timeout_s):
            return False
        scores = outbox.due_scores(self._store, self._destination_id, SCORES_BATCH)
        if scores and not self._send_scores(scores, timeout_s):
            return False
        return bool(spans or scores)

    def _try(self, send: Callable[[], Outcome], timeout_s: float | None) -> tuple[Outcome, Verdict | None]:
        """Send until the answer asks for something else than to try again.

        Returns:
            The last answer and what it asks for; None for that when there is no time to try again.
        """
        attempt = 0
        while True:
            outcome = send()
            verdict = next_step(outcome, attempt, self.max_retries, _jitter.random())
            if not isinstance(verdict, Retry):
                if isinstance(verdict, Fallback):
                    self._progress.unavailable(verdict.reason, hint=outcome.hint, wait_s=verdict.wait_s)
                return outcome, verdict
            self._progress.degraded(outcome, verdict.wait_s)
            if timeout_s is not None or self._changed.wait(verdict.wait_s):
                return outcome, None
            attempt += 1

    def _send_spans(self, spans: list[DueSpan], timeout_s: float | None) -> bool:
        body = encode(spans)
        began = time.monotonic()
        outcome, verdict = self._try(lambda: self.endpoint.export(body, timeout_s=timeout_s), timeout_s)
        if isinstance(verdict, Advance):
            self._accepted(spans, outcome)
            if len(spans) >= self._batch_limit and time.monotonic() - began < 1.0:
                # Full and quick: the next may be larger.
                self._batch_limit = min(LARGEST_BATCH, self._batch_limit * 2)
            return True
        if outcome.status is None:
            # What did not go through in time may, in smaller pieces.
            self._batch_limit = max(SMALLEST_AFTER_TIMEOUT, self._batch_limit // 2)
        elif outcome.status == 413:
            self._batch_limit = max(1, len(spans) // 2)
        return isinstance(verdict, Split) and self._split(spans, outcome, timeout_s)

    def _split(self, spans: list[DueSpan], outcome: Outcome, timeout_s: float | None) -> bool:
        """Find what the server refuses in a batch that it refused.

        A span is rejected only if another of the same batch was accepted on its own: a server that refuses everything has
        a fault of its own, and loses us nothing.
        """
        middle = len(spans) // 2
        waiting = [spans[middle:], spans[:middle]] if middle else [spans]
        refused: list[tuple[DueSpan, Outcome]] = []
        accepted = requests = 0
        while waiting and (accepted or requests < REFUSALS_WITHOUT_EVIDENCE):
            part = waiting.pop()
            if len(spans) > 1:
                outcome = self.endpoint.export(encode(part), timeout_s=timeout_s)
                requests += 1
            verdict = next_step(outcome, self.max_retries, self.max_retries, 0.0)
            if isinstance(verdict, Advance):
                self._accepted(part, outcome)
                accepted += len(part)
            elif isinstance(verdict, Fallback):
                self._progress.unavailable(verdict.reason, hint=outcome.hint, wait_s=verdict.wait_s)
                break
            elif len(part) == 1:
                refused.append((part[0], outcome))
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        if not accepted:
            self._progress.unavailable(
                f"every part of a batch was refused ({outcome.reason})", hint=outcome.hint
            )
            return False
        for due, told in refused:
            outbox.reject(self._store, self._destination_id, SPAN, due.seq, told.status or 0, told.reason)
            self._progress.rejected()
            logger.warning(
                "Langfuse refused span %s of trace %s: %s", due.span.span_id, due.span.trace_id, told.reason
            )
        return self._progress.connection is not Connection.UNAVAILABLE

    def _send_scores(self, scores: list[DueScore], timeout_s: float | None) -> bool:
        refused: dict[str, tuple[int, str]] = {}

        def send() -> Outcome:
            outcome, words = self.endpoint.send_scores(scores, timeout_s=timeout_s)
            refused.update(words)
            return outcome

        outcome, verdict = self._try(send, timeout_s)
        if not isinstance(verdict, Advance):
            if isinstance(verdict, Split):
                self._progress.unavailable(f"scores were refused ({outcome.reason})", hint=outcome.hint)
            return False
        taken = [score.seq for score in scores if score.score_id not in refused]
        outbox.delivered(self._store, self._destination_id, SCORE, taken)
        settled = len(taken)
        for score in scores:
            status, words = refused.get(score.score_id, (0, ""))
            if 400 <= status < 500 and status not in RETRY:
                outbox.reject(self._store, self._destination_id, SCORE, score.seq, status, words)
                settled += 1
        self._progress.healthy(scores_delivered=len(taken))
        return settled > 0

    def _accepted(self, spans: list[DueSpan], outcome: Outcome) -> None:
        outbox.spans_delivered(self._store, self._destination_id, spans)
        logger.debug("%d spans delivered", len(spans))
        self._progress.healthy(delivered=len(spans), partial_success=outcome.rejected)
