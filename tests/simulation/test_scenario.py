"""What happens: at the rates that are stated, the same for every policy of a seed, announced as promised."""

from __future__ import annotations

from dataclasses import replace

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


def _count(scenario: Scenario, kind: EventType) -> int:
    """Return how many events of a kind a seed announces."""
    return sum(event.type is kind for event in scenario.announced)


def test_rates_are_as_stated() -> None:
    """In 200 products and 8 clusters over 91 days, each seed has 586 spikes, 83 cuts and 7 delays, more or less."""
    for seed in range(1, 11):
        scenario = _draw(seed)
        begins = np.diff(scenario.spike, axis=0, prepend=1.0) != 0.0

        assert 586 - 60 <= (begins & (scenario.spike > 1.0)).sum() <= 586 + 60
        assert _count(scenario, EventType.DEMAND_SPIKE) == pytest.approx(586 / 2, rel=0.25)
        assert _count(scenario, EventType.COMPETITOR_PRICE) == pytest.approx(83, abs=15)
        assert _count(scenario, EventType.SUPPLY_DELAY) == pytest.approx(7, abs=4)


def test_trends_are_true_six_times_out_of_ten() -> None:
    """Of the signals on social media, three in five are followed by a spike that nobody announced."""
    true = seen = 0
    for seed in range(1, 6):
        scenario = _draw(seed)
        for event in scenario.announced:
            if event.type is EventType.SOCIAL_TREND:
                start = event.day + int(event.facts["starts_in_days"])
                seen += 1
                true += int(scenario.spike[start, event.product, event.cluster] > 1.0)

    assert true / seen == pytest.approx(0.6, abs=0.05)


def test_every_event_has_its_own_name() -> None:
    """Among few products false alarms would often fall on true ones: where a spike comes, no alarm is false."""
    world = small_world()
    crowded = replace(world.assumed, spike_rate=0.05)
    for seed in range(1, 4):
        events = draw_scenario(world.calendar, world.truth.planned.shape, crowded, seed).announced
        assert len({event.id for event in events}) == len(events)


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
