"""What happens: at the rates that are stated, the same for every policy of a seed, announced as promised."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import small_world

from autoops.agents.messages import EventType
from autoops.simulation.scenario import Scenario, draw_scenario

SHAPE = (91, 200, 8)


def _draw(seed: int) -> Scenario:
    """Return the happenings of a seed in the prototype's size."""
    world = small_world()
    calendar = world.calendar
    wide = type(calendar)(
        calendar.first_day, np.full((14, 200), 2.0), np.zeros((14, 200)), calendar.display, calendar.mailer
    )
    return draw_scenario(wide, SHAPE, world.assumed, seed)


def test_rates_are_as_stated() -> None:
    """In 200 products and 8 clusters over 91 days: about 586 spikes and 83 cuts, half of the spikes announced."""
    scenarios = [_draw(seed) for seed in range(1, 6)]
    spikes = np.mean([sum(e.type is EventType.DEMAND_SPIKE for e in s.announced) for s in scenarios])
    cuts = np.mean([sum(e.type is EventType.COMPETITOR_PRICE for e in s.announced) for s in scenarios])

    assert spikes == pytest.approx(586 / 2, rel=0.1)
    assert cuts == pytest.approx(83, rel=0.15)


def test_a_seed_is_a_seed() -> None:
    """Drawn twice, a seed gives the same happenings; another seed gives others."""
    one, again, other = _draw(1), _draw(1), _draw(2)

    assert (one.spike == again.spike).all()
    assert one.announced == again.announced
    assert (one.lead_time == again.lead_time).all()
    assert (one.spike != other.spike).any()


def test_announcements_are_true() -> None:
    """A spike is announced no more than three days ahead, and then comes; its size is not exact."""
    scenario = _draw(1)
    for event in scenario.announced:
        if event.type is EventType.DEMAND_SPIKE:
            start = event.day + int(event.facts["starts_in_days"])
            assert 0 <= event.facts["starts_in_days"] <= 3
            assert scenario.spike[start, event.product, event.cluster] > 1.0
            assert event.facts["multiplier"] > 1.0


def test_suppliers_are_late_for_days_at_a_time() -> None:
    """Lead times are two to four days, and three more while a cluster's supplier is late."""
    scenario = _draw(3)

    assert set(np.unique(scenario.lead_time[~scenario.delayed])) == {2, 3, 4}
    assert scenario.lead_time[scenario.delayed].min() >= 5
    assert 0 < scenario.delayed.mean() < 0.15
