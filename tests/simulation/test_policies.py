"""The baseline is no straw man, and does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import small_panel, small_world

from autoops.simulation.calendar import planned_calendar
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.static import StaticPolicy, StaticTuning
from autoops.simulation.tuning import TUNING_SPLIT, coordinates, descend, mean_objective, stepped

SEEDS = (11, 12, 13)


def _objective(tuning: StaticTuning) -> float:
    """Return the baseline's mean objective over some seeds and days."""
    return mean_objective(small_world(), lambda w: StaticPolicy(w.shop, w.history, tuning), SEEDS)


def test_the_baseline_beats_a_textbook() -> None:
    """Ninety-five per cent service on everything, uncapped and without stickers, earns less than the baseline."""
    textbook = StaticTuning(
        safety=(1.645, 1.645, 1.645), cover=(3.0, 3.0, 7.0), life_share=(9.0, 9.0), sticker=0.0
    )

    assert _objective(StaticTuning()) > _objective(textbook)


def test_the_baseline_follows_the_plan() -> None:
    """Planned prices and displays, no label changed, stickers of one depth only."""
    world, evenings = small_world(), list[Evening]()
    run_days(world, StaticPolicy(world.shop, world.history), 1, 10, evenings.append)

    for evening in evenings:
        week = evening.day // 7
        assert (evening.facts.price == world.calendar.price[week][:, None]).all()
        assert (evening.facts.display == world.calendar.display[week]).all()
        assert evening.facts.labels == 0
        assert set(np.unique(evening.facts.markdown)) <= {0.0, StaticTuning().sticker}


def test_constants_were_tuned_before_the_simulated_weeks() -> None:
    """The tuning's last week comes before the first that is simulated."""
    assert TUNING_SPLIT.fit[1] < TUNING_SPLIT.test[0]
    assert TUNING_SPLIT.test[1] < small_panel().split.test[0]


def test_descent_climbs() -> None:
    """Each step taken earns more, and what is not to be moved stays."""
    start = StaticTuning(safety=(3.0, 3.0, 0.5))
    world = small_world()
    steps: list[str] = []
    best = descend(
        world,
        lambda w, t: StaticPolicy(w.shop, w.history, t),
        start,
        only=("safety",),
        rounds=1,
        say=steps.append,
    )

    assert steps
    assert best != start
    assert replace(best, safety=start.safety) == start
    assert len(coordinates(start)) == 9
    assert stepped(start, "sticker", None, 2.0).sticker == pytest.approx(0.86)


def test_the_calendar_tells_this_week_and_the_next() -> None:
    """Fourteen days on a Monday, eight on a Sunday; dates are those of 2017."""
    calendar = planned_calendar(small_panel(), 0.6)

    assert len(calendar.weeks_ahead(0)) == 14
    assert len(calendar.weeks_ahead(6)) == 8
    assert calendar.date(0).isoformat() == "2017-06-26"
    assert calendar.date(0).weekday() == 0
    assert (calendar.funding >= 0.0).all()
