"""The baselines follow the plan, and beat a textbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.retail.markdown import is_promoted
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.order_levels import LevelTuning
from autoops.simulation.policies.static import STATIC_TUNING, StaticPolicy
from autoops.simulation.tuning import BASELINES, objective_of

if TYPE_CHECKING:
    from autoops.simulation.policies.policy import Policy

TEXTBOOK = LevelTuning((1.645, 1.645, 1.645), (3.0, 3.0, 7.0), (9.0, 9.0), 0.0, 1.0)
"""Ninety-five per cent service on everything, uncapped and without stickers."""


def _policy(name: str) -> Policy:
    """Return a fresh baseline in the small world."""
    make, tuning = BASELINES[name]
    return make(small_world().shop, small_world().history, tuning)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_a_baseline_beats_a_textbook(name: str) -> None:
    """The constants earn more than textbook service on seeds that they were not tuned on."""
    objective, now = objective_of(name, small_world(), (11, 12, 13))

    assert objective(now) > objective(TEXTBOOK)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_a_baseline_follows_the_plan(name: str) -> None:
    """Planned prices and displays, no label changed, no guard rail touched."""
    world, evenings = small_world(), list[Evening]()
    run = run_days(world, _policy(name), 1, 10, evenings.append)

    assert run.figures.guardrail_breaches == 0
    for evening in evenings:
        week = evening.day // 7
        assert (evening.facts.price == world.calendar.price[week][:, None]).all()
        assert (evening.facts.display == world.calendar.display[week]).all()
        assert not evening.facts.labels.any()


def test_stickers_are_of_one_depth_and_not_on_promotions() -> None:
    """What expires tonight beyond a day's sales is marked down, unless the plan has it on promotion."""
    world, evenings = small_world(), list[Evening]()
    run_days(world, StaticPolicy(world.shop, world.history), 1, 28, evenings.append)
    depths = np.stack([evening.facts.markdown for evening in evenings])
    promoted = np.stack(
        [
            is_promoted(world.calendar.price[evening.day // 7], world.shop.reference_price)
            for evening in evenings
        ]
    )

    assert set(np.unique(depths)) == {0.0, STATIC_TUNING.sticker}
    assert not depths[promoted].any()
