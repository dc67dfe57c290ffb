"""The baselines follow the plan, and beat a textbook."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.retail.markdown import is_promoted
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.order_levels import LevelTuning, OrderLevels
from autoops.simulation.policies.static import STATIC_TUNING, StaticPolicy
from autoops.simulation.tuning import BASELINES, objective_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import ShopView
    from autoops.simulation.policies.policy import Actions, Policy

TEXTBOOK = LevelTuning((1.645, 1.645, 1.645), (3.0, 3.0, 7.0), (9.0, 9.0), 0.0, 1.0)
"""Ninety-five per cent service on everything, uncapped and without stickers."""


def _policy(name: str) -> Policy:
    """Return a fresh baseline in the small world."""
    make, tuning = BASELINES[name]
    return make(small_world().shop, small_world().history, tuning)


def _morning() -> ShopView:
    """Return the first morning of the small world."""
    seen: list[ShopView] = []

    class Onlooker(StaticPolicy):
        def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
            seen.append(view)
            return super().act(view, events)

    run_days(small_world(), Onlooker(small_world().shop, small_world().history), 1, 1)
    return seen[0]


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


def test_units_that_will_expire_are_ordered_again() -> None:
    """Under the reorder point each unit that will expire before the next delivery is one unit more to order."""
    world, view = small_world(), _morning()
    levels = OrderLevels(world.shop, world.history, STATIC_TUNING)
    daily = world.history.units.mean(axis=2) / 7.0
    empty = replace(view, on_hand=np.zeros_like(view.on_hand), on_order=np.zeros_like(view.on_order))
    ordered = levels.orders(empty, 4.0 * daily, daily)
    more = levels.orders(empty, 4.0 * daily, daily, np.full_like(daily, 3.0))

    assert (more[ordered > 0.0] == ordered[ordered > 0.0] + 3.0).all()


def test_rolling_calendar_does_not_count_on_what_will_expire() -> None:
    """A week's demand that expires tonight is ordered anew where fresh stock is not; `rolling` knows no difference."""
    world, view = small_world(), _morning()
    week = np.ceil(world.history.units.mean(axis=2)) * world.shop.perishable[:, None]
    orders = {}
    for name in ("rolling_calendar", "rolling"):
        for nights in (0, 2):
            on_hand = np.zeros_like(view.on_hand)
            on_hand[nights] = week
            orders[name, nights] = _policy(name).act(replace(view, on_hand=on_hand), []).orders

    short = world.shop.perishable
    assert (orders["rolling_calendar", 0] >= orders["rolling_calendar", 2]).all()
    assert orders["rolling_calendar", 0][short].sum() > 1.5 * orders["rolling_calendar", 2][short].sum()
    assert (orders["rolling", 0] == orders["rolling", 2]).all()
