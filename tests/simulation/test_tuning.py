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
    STARTS,
    TUNING_SPLIT,
    best_of_each_class,
    by_class,
    descend,
    neighbours,
    objective_of,
    starts,
    step_gains,
    tuning_world,
)

if TYPE_CHECKING:
    from autoops.simulation.world import World

SEEDS = (11, 12)

ROUNDING = 1e-6
"""Dollars; sums of the same numbers in another order differ by less."""


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


def test_the_gain_of_a_step_is_what_the_step_alone_brings() -> None:
    """Moving all classes of shelf life at once tells what moving each alone does; no product touches another."""
    name, world = "rolling_calendar", small_world()
    objective, now = objective_of(name, world, SEEDS[:1])
    as_tuned = objective(now)
    alone = {words: objective(step) - as_tuned for words, step in neighbours(now)}

    assert step_gains(name, world, SEEDS[:1]) == pytest.approx(alone, abs=1e-6)
    assert any(alone.values())


def test_each_class_takes_what_serves_it_best() -> None:
    """Of two tunings, each good for one class of shelf life, the combination is better than either."""
    objectives = by_class("static", small_world(), SEEDS[:1])
    short, long, keeps = STATIC_TUNING.cover
    one = replace(STATIC_TUNING, cover=(short, 4.0 * long, 4.0 * keeps))
    other = replace(STATIC_TUNING, cover=(4.0 * short, long, keeps))

    best = best_of_each_class([one, other], objectives)
    assert best == STATIC_TUNING
    assert objectives(best).sum() > max(objectives(one).sum(), objectives(other).sum())


def test_descents_begin_in_several_places() -> None:
    """The first start is the tuning itself; the others differ from it in every number, and are the same each time."""
    first, *others = starts(STATIC_TUNING)

    assert first == STATIC_TUNING
    assert len(others) == STARTS - 1
    assert starts(STATIC_TUNING) == [first, *others]
    for other in others:
        assert other.sticker != STATIC_TUNING.sticker
        assert all(moved != number for moved, number in zip(other.safety, STATIC_TUNING.safety, strict=True))


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_no_baseline_is_a_straw_man(name: str) -> None:
    """No single step on one of its constants improves a baseline on weeks 27-39.

    Takes about ten seconds each: 60 steps on four seeds of the whole assortment, for the claim is about that; a run
    tells of two steps on average.
    """
    gains = step_gains(name, _tuning_world())

    assert len(gains) == 60
    assert {words: gain for words, gain in gains.items() if gain > ROUNDING} == {}
