"""Scores have an endpoint of their own, and so a state of their own: while it fails, spans go on."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from autoops.tracing.delivery.rules import RETRY, Fallback, Outcome, Retry, next_step, probe_pause_s
from autoops.tracing.delivery.search import find_refused
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SCORE

if TYPE_CHECKING:
    from autoops.tracing.delivery.endpoint import Endpoint
    from autoops.tracing.delivery.status import Progress
    from autoops.tracing.journal.outbox import DueScore
    from autoops.tracing.journal.store import Store

BATCH: Final = 500

_jitter = random.SystemRandom()


class ScoreSender:
    """Sends one destination's scores, and pauses while their endpoint fails.

    Args:
        store: The journal.
        destination_id: Where to.
        endpoint: The server.
        progress: Told how it goes.
        max_retries: Failures after the first before it counts as one that lasts.

    Attributes:
        next_at: When scores may be tried again, on the monotonic clock.
    """

    def __init__(
        self, store: Store, destination_id: int, endpoint: Endpoint, progress: Progress, *, max_retries: int
    ) -> None:
        self._store = store
        self._destination_id = destination_id
        self._endpoint = endpoint
        self._progress = progress
        self._max_retries = max_retries
        self._attempt = 0
        self._failing_since: float | None = None
        self.next_at = 0.0

    def send(self, timeout_s: float | None = None) -> bool:
        """Send a batch, unless there is none or a pause.

        Args:
            timeout_s: Deadline of each request; the configured one if None.

        Returns:
            Whether anything was settled.
        """
        if self.next_at > time.monotonic():
            return False
        scores = outbox.due_scores(self._store, self._destination_id, BATCH)
        if not scores:
            return False
        outcome, settled = self._request(scores, timeout_s)
        verdict = next_step(outcome, self._attempt, self._max_retries, _jitter.random())
        if outcome.is_success:
            if not settled:
                # It answers, but takes none: not at once again.
                self._pause(outcome, Retry(1.0))
            return settled > 0
        if isinstance(verdict, Retry | Fallback):
            self._pause(outcome, verdict)
            return False
        return self._find_refused(scores, outcome, timeout_s)

    def _request(self, scores: list[DueScore], timeout_s: float | None) -> tuple[Outcome, int]:
        """Send scores in one request and settle those that were taken, or refused one by one; also gives their number."""
        outcome, refused = self._endpoint.send_scores(scores, timeout_s=timeout_s)
        if not outcome.is_success:
            return outcome, 0
        taken = [score.seq for score in scores if score.score_id not in refused]
        outbox.delivered(self._store, self._destination_id, SCORE, taken)
        final = [
            (score, Outcome(status, words))
            for score in scores
            for status, words in [refused.get(score.score_id, (0, ""))]
            if 400 <= status < 500 and status not in RETRY
        ]
        self._reject(final)
        self._attempt, self._failing_since = 0, None
        self._progress.scores_taken(len(taken))
        return outcome, len(taken) + len(final)

    def _find_refused(self, scores: list[DueScore], outcome: Outcome, timeout_s: float | None) -> bool:
        """As with spans: one is rejected only if another of the same batch was taken."""
        found = find_refused(scores, outcome, lambda part: self._request(part, timeout_s)[0])
        if found.accepted:
            self._reject(found.refused)
        else:
            self._attempt = self._max_retries
        if found.failed is not None or not found.accepted:
            self._pause(found.last, found.failed or Fallback(found.last.reason))
        return found.accepted > 0

    def _reject(self, refused: list[tuple[DueScore, Outcome]]) -> None:
        for score, told in refused:
            outbox.reject(self._store, self._destination_id, SCORE, score.seq, told.status or 0, told.reason)
        if refused:
            score, told = refused[-1]
            self._progress.rejected(
                len(refused), f"score {score.name} of trace {score.trace_id}", told.reason
            )

    def _pause(self, outcome: Outcome, verdict: Retry | Fallback) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        self._attempt += 1
        if isinstance(verdict, Retry):
            self.next_at = now + verdict.wait_s
            self._progress.scores_failed(outcome)
            return
        wait_s = verdict.wait_s
        self.next_at = now + (probe_pause_s(now - self._failing_since) if wait_s is None else wait_s)
        # Is it the scores' endpoint alone, or the server?
        probed = self._endpoint.probe()
        if probed.is_success:
            self._progress.scores_refused(outcome)
        else:
            self._progress.unavailable(probed.reason, hint=probed.hint, wait_s=probed.retry_after_s)
