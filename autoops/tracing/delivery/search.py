"""The search for what a server refuses in a batch that it refused as a whole."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from autoops.tracing.delivery.rules import Advance, Fallback, next_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.delivery.rules import Outcome

Item = TypeVar("Item")

REFUSALS_WITHOUT_EVIDENCE: Final = 48
"""Requests after which, none of them accepted, the fault is the endpoint's."""

_order = random.SystemRandom()


@dataclass(slots=True)
class Found(Generic[Item]):
    """What came of a search.

    Attributes:
        accepted: Items that were accepted. With none, nothing is known of those that were refused: a server that refuses
            everything has a fault of its own.
        refused: Items that were refused alone, with the answers.
        last: The last answer.
        failed: What ended the search early: an answer about the server rather than about what was sent.
    """

    last: Outcome
    accepted: int = 0
    refused: list[tuple[Item, Outcome]] = field(default_factory=list)
    failed: Fallback | None = None


def find_refused(batch: list[Item], outcome: Outcome, send: Callable[[list[Item]], Outcome]) -> Found[Item]:
    """Send halves of a refused batch, and their halves, until each refused item stands alone.

    As long as nothing is accepted it goes down to one item, then again from the largest part that is left, by ways left
    to chance: it must find the good ones wherever they are, be it few among many or many in a row, and a search that
    gave up must not take the same way the next time.

    Args:
        batch: What was refused.
        outcome: The answer to it.
        send: Sends a part; does what there is to do about one that is accepted.
    """
    found: Found[Item] = Found(outcome)
    if len(batch) == 1:
        found.refused.append((batch[0], outcome))
        return found
    waiting = _halves(batch)
    requests = 0
    while waiting and (found.accepted or requests < REFUSALS_WITHOUT_EVIDENCE):
        part = waiting.pop()
        found.last = outcome = send(part)
        requests += 1
        verdict = next_step(outcome, 0, 0, 0.0)
        if isinstance(verdict, Advance):
            if not found.accepted:
                # What was refused before the first receipt may have met a fault that is over now.
                waiting += [[item] for item, _ in found.refused]
                found.refused.clear()
            found.accepted += len(part)
        elif isinstance(verdict, Fallback):
            found.failed = verdict
            break
        elif len(part) == 1:
            found.refused.append((part[0], outcome))
            if not found.accepted:
                waiting.sort(key=len)
        else:
            waiting += _halves(part)
    return found


def _halves(batch: list[Item]) -> list[list[Item]]:
    middle = len(batch) // 2
    halves = [batch[:middle], batch[middle:]]
    _order.shuffle(halves)
    return halves
