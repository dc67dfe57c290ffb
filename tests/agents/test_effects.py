"""What a change brought is read off the days it was for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shops import CHIPS, COLA, MONDAY, made_evening, proposal

from autoops.agents.effects import Gauge, Measured, realised
from autoops.agents.messages import Action, Decision, Line

EVENINGS = {day: made_evening(day, sold=10.0, cleared=4.0, earned=6.0) for day in range(4)}


def _decided(*lines: Line, gauge: Gauge | None = None) -> Decision:
    """Return a decision of these lines."""
    return Decision(proposal(Action.ORDER, lines[0], gauge=gauge), lines, "event", MONDAY, 0.5)


def _line(gauge: Gauge | None, cluster: int | None = 0) -> Line:
    """Return a change of cola by fifteen units."""
    return Line(COLA, cluster, 5.0, 20.0, {}, gauge=gauge)


@pytest.mark.parametrize(
    ("gauge", "dollars"),
    [
        (Gauge(Measured.SERVED, baseline=12.0, worth=1.2), 9.6),
        (Gauge(Measured.SERVED, baseline=2.0, worth=1.2), 18.0),
        (Gauge(Measured.SERVED, baseline=30.0, worth=1.2), 0.0),
        (Gauge(Measured.CLEARED, baseline=6.0, worth=1.5), 3.0),
        (Gauge(Measured.SOLD, baseline=25.0, worth=0.5, foregone=2.0), -4.5),
        (Gauge(Measured.EARNED, baseline=10.0), 2.0),
    ],
)
def test_what_is_seen_beyond_the_baseline_counts(gauge: Gauge, dollars: float) -> None:
    """Twenty sold in two days: an order of fifteen serves none of them, some or all fifteen; others may lose."""
    assert realised(_decided(_line(gauge)), EVENINGS, range(1, 3)) == (dollars, gauge.what)


def test_all_clusters_count_for_a_price() -> None:
    """A line without a cluster is measured in all of them."""
    found = realised(_decided(_line(Gauge(Measured.EARNED, baseline=0.0), None)), EVENINGS, range(1))

    assert found == (12.0, Measured.EARNED)


def test_only_what_changed_is_measured() -> None:
    """Of two lines one was withheld; of a decision that changes nothing there is nothing to measure."""
    done = _line(Gauge(Measured.EARNED, baseline=1.0))
    withheld = replace(done, after=done.before)

    assert realised(_decided(done, withheld), EVENINGS, range(1)) == (5.0, Measured.EARNED)
    assert realised(_decided(withheld), EVENINGS, range(1)) is None


def test_what_cannot_be_seen_is_none() -> None:
    """Without a gauge, or before all days have passed, nothing is said."""
    assert realised(_decided(_line(None)), EVENINGS, range(1)) is None
    assert realised(_decided(_line(Gauge(Measured.EARNED, 0.0))), EVENINGS, range(3, 5)) is None


def test_a_gauge_of_the_whole_counts_for_all_its_products() -> None:
    """Prices that keep an index are worth what all of them earn, those that did not change today too."""
    whole = Gauge(Measured.EARNED, baseline=20.0, products=(COLA, CHIPS))

    assert realised(_decided(_line(None, None), gauge=whole), EVENINGS, range(1)) == (4.0, Measured.EARNED)
