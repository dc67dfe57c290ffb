"""Constants were tuned as the module says: each step helps, and of the baselines none is a straw man."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from worlds import panel_folder, small_world

from autoops.simulation.panel import HELD_OUT
from autoops.simulation.policies.static import STATIC_TUNING
from autoops.simulation.tuning import (
    BASELINES,
    TUNING_SPLIT,
    descend,
    neighbours,
    objective_of,
    tuning_world,
)

if TYPE_CHECKING:
    from autoops.simulation.world import World

SEEDS = (11, 12)


@functools.cache
def _tuning_world() -> World:
    """Return the world in which constants were tuned."""
    return tuning_world(panel_folder())


def test_constants_were_tuned_before_the_held_out_weeks() -> None:
    """The tuning plays weeks 27-39 after learning from those before; nothing of week 40 or later is read."""
    assert TUNING_SPLIT.fit == (2, 26)
    assert TUNING_SPLIT.test == (27, 39)
    assert int(TUNING_SPLIT.weeks.max()) < HELD_OUT


def test_descent_climbs() -> None:
    """Each step taken earns more, and what is not to be moved stays."""
    objective, now = objective_of("static", small_world(), SEEDS)
    start = replace(now, safety=(3.0, 3.0, 0.5))
    steps: list[str] = []
    best = descend(objective, start, only=("safety",), rounds=1, say=steps.append)

    assert steps
    assert objective(best) > objective(start)
    assert replace(best, safety=start.safety) == start


def test_neighbours_are_single_steps() -> None:
    """Each differs from the tuning in one number; every number is moved up and down."""
    steps = neighbours(STATIC_TUNING, ("cover", "sticker"))

    assert len(steps) == 4 * 6
    for _, step in steps:
        numbers = zip((*step.cover, step.sticker), (*STATIC_TUNING.cover, STATIC_TUNING.sticker), strict=True)
        assert sum(one != other for one, other in numbers) == 1


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_no_baseline_is_a_straw_man(name: str) -> None:
    """No single step on one of its constants improves a baseline on weeks 27-39.

    Takes about 25 seconds each: 60 steps on four seeds of the whole assortment, for the claim is about that.
    """
    objective, now = objective_of(name, _tuning_world())
    as_tuned = objective(now)
    better = {words: value for words, step in neighbours(now) if (value := objective(step)) > as_tuned}

    assert better == {}
