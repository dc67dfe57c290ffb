"""What a decision turned out to bring, as far as a shop can see it without having tried the alternative."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from autoops.agents.figures import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoops.agents.messages import Decision, Line
    from autoops.agents.shop import Observation
    from autoops.retail.arrays import FloatArray


COMES_ABOUT = 0.88
"""Share of what is expected of products chosen for it that comes about; for claims and gauges, never for a choice.

As seen on weeks 27-39: shelves run empty, and what is chosen for a high forecast falls back towards the mean.
"""

COMMON_ERROR = 0.1
"""Coefficient of variation of what many products sell or earn together, beyond their own errors; as seen there."""


def comes_about(days: int) -> float:
    """Return the share of what is expected within so many days that comes about: all of today's, whose stock is in sight."""
    return 1.0 if days <= 1 else COMES_ABOUT


class Measured(StrEnum):
    """What is measured of a line; the value says it in the record."""

    SERVED = "margin and good will on units sold beyond what was there without the order"
    """Nothing under 0, and no more units than were ordered; a sold-out shelf hides what more was wanted."""
    CLEARED = "taken with stickers, less what the full price was expected to take"
    SOLD = "margin on units sold beyond those expected without the display, less what the slot was expected to bring before"
    EARNED = "earned over cost, less what was expected at the price without the change"


@dataclass(frozen=True, slots=True)
class Gauge:
    """How an effect is read off once its days have passed: `worth` for each unit beyond `baseline`.

    On a line it is about the line's product and cluster, on a proposal about `products` in all clusters.
    """

    what: Measured
    baseline: float
    """Units (dollars for `EARNED`) that are expected without the change."""
    worth: float = 1.0
    """Dollars a unit."""
    foregone: float = 0.0
    """Dollars that are given up elsewhere, as expected."""
    products: tuple[int, ...] = ()


def realised(
    decision: Decision, observations: Mapping[int, Observation], days: range
) -> tuple[float, Measured] | None:
    """Return dollars that a decision brought and what was measured; None if a shop cannot see it.

    Lines that change nothing count nothing, and a decision of such lines has brought nothing to see.

    Args:
        decision: As committed.
        observations: Evenings by their day.
        days: The effect's horizon.
    """
    changed = [line for line in decision.lines if line.after != line.before]
    if not changed or any(day not in observations for day in days):
        return None
    whole = decision.proposal.gauge
    if whole is not None:
        seen = _total(whole.what, observations, days)[list(whole.products)].sum()
        return plain(whole.worth * (float(seen) - whole.baseline) - whole.foregone), whole.what
    gauges = [line.gauge for line in changed if line.gauge is not None]
    if len(gauges) < len(changed):
        return None
    totals = {what: _total(what, observations, days) for what in {gauge.what for gauge in gauges}}
    brought = sum(_one(line, gauge, totals[gauge.what]) for line, gauge in zip(changed, gauges, strict=True))
    return plain(brought), gauges[0].what


def _one(line: Line, gauge: Gauge, totals: FloatArray) -> float:
    """Return what one line brought, of (products, clusters) totals over the horizon."""
    seen = totals[line.product].sum() if line.cluster is None else totals[line.product, line.cluster]
    beyond = float(seen) - gauge.baseline
    if gauge.what is Measured.SERVED:
        beyond = min(max(beyond, 0.0), line.after - line.before)
    return gauge.worth * beyond - gauge.foregone


def _total(what: Measured, observations: Mapping[int, Observation], days: range) -> FloatArray:
    """Return (products, clusters) sums of what is measured over some days."""
    first, *others = (_array(what, observations[day]) for day in days)
    return sum(others, first)


def _array(what: Measured, evening: Observation) -> FloatArray:
    """Return the (products, clusters) figures of an evening that are measured."""
    if what is Measured.CLEARED:
        return evening.cleared
    return evening.earned if what is Measured.EARNED else evening.sold
