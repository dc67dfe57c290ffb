"""The world counts what leaves the guard rails, one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.retail.markdown import is_promoted
from autoops.simulation.days import run_days
from autoops.simulation.policies.policy import Actions
from autoops.simulation.rails import breaches, index_weights, price_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView


@dataclass
class Idle:
    """Follows the plan, orders nothing, and keeps the last morning that it saw."""

    name: str = "idle"
    view: ShopView | None = None

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it listens to nobody
        """Do nothing."""
        self.view = view
        return _plan(view)

    def learn(self, observation: Observation) -> None:
        """Learn nothing."""


def _plan(view: ShopView) -> Actions:
    """Return what the plan does."""
    shape = view.stock.shape
    price = np.repeat(view.price[0][:, None], shape[1], axis=1)
    return Actions(np.zeros(shape), price, view.display[0].copy(), np.zeros(shape))


def _morning() -> ShopView:
    """Return the second morning of the small world."""
    idle = Idle()
    run_days(small_world(), idle, 1, 2)
    assert idle.view is not None
    return idle.view


def _count(actions: Actions) -> int:
    """Return the breaches of a morning's actions."""
    world, view = small_world(), _morning()
    index = price_index(actions.price, view.price[0], index_weights(world))
    return breaches(world, view.day, view.on_hand[0], actions, index)


def _with_price(product: int, factor: float) -> Actions:
    """Return the plan with one price changed in one cluster."""
    actions = _plan(_morning())
    actions.price[product, 0] *= factor
    return actions


def test_the_plan_breaches_nothing() -> None:
    """Not even where it is under cost."""
    assert _count(_plan(_morning())) == 0


def test_a_price_beyond_its_rail_is_a_breach() -> None:
    """Nine per cent under plan may be, twelve may not; the plan's own margin is wide here."""
    world, view = small_world(), _morning()
    product = int(np.argmax(view.price[0] / world.shop.cost))

    assert _count(_with_price(product, 0.91)) == 0
    assert _count(_with_price(product, 0.88)) == 1


def test_a_price_under_cost_is_a_breach() -> None:
    """Inside ten per cent of plan, but under what the goods cost."""
    world, view = small_world(), _morning()
    ratio = view.price[0] / world.shop.cost
    product = int(np.argmin(np.where(ratio >= 1.0, ratio, np.inf)))
    factor = 0.99 / float(ratio[product])

    if factor > 0.9:
        assert _count(_with_price(product, factor)) == 1
    below = np.flatnonzero(ratio < 1.0)
    for under in below:
        assert _count(_with_price(int(under), 0.98)) == 1, "where the plan is under cost, it stands"


def test_an_index_over_plan_is_a_breach() -> None:
    """All prices up by half a per cent: each is inside its rail, together they are not."""
    actions = _plan(_morning())
    actions.price[:] *= 1.005

    assert _count(actions) == 1


def test_more_on_display_than_planned_is_a_breach() -> None:
    """One more display in one cluster; moved displays are none."""
    crowded, moved = _plan(_morning()), _plan(_morning())
    crowded.display[int(np.argmin(crowded.display[:, 0])), 0] += 0.5
    moved.display[:] = moved.display[::-1]

    assert _count(crowded) == 1
    assert _count(moved) == 0


def test_stickers_have_a_rail_of_their_own() -> None:
    """Up to 55 % off what expires tonight may be; deeper, on what keeps, or on a promotion may not."""
    world, view = small_world(), _morning()
    expiring = (view.on_hand[0] > 0.0) & world.shop.perishable[:, None]
    promoted = is_promoted(view.price[0], world.shop.reference_price)
    allowed = np.argwhere(expiring & ~promoted[:, None])[0]
    cases = [(allowed, 0.55, 0), (allowed, 0.6, 1)]
    cases += [(np.argwhere(~expiring)[0], 0.25, 1)]
    cases += [(place, 0.25, 1) for place in np.argwhere(expiring & promoted[:, None])[:1]]
    for (product, cluster), depth, expected in cases:
        actions = _plan(view)
        actions.markdown[product, cluster] = depth
        assert _count(actions) == expected


def test_the_index_is_weighted_and_geometric() -> None:
    """A tenth more on a third of the weight is a third of its logarithm."""
    weight = np.array([[1.0 / 3.0], [2.0 / 3.0]])

    assert price_index(np.array([[1.1], [2.0]]), np.array([1.0, 2.0]), weight) == pytest.approx(
        1.1 ** (1 / 3)
    )
    assert index_weights(small_world()).sum() == pytest.approx(1.0)


def test_breaches_are_counted_in_the_run() -> None:
    """What a policy commits is counted by the world, whatever the policy says of itself."""

    class Greedy(Idle):
        def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
            plan = super().act(view, events)
            return replace(plan, price=plan.price * 1.2)

    run = run_days(small_world(), Greedy(), 1, 3)

    assert run.figures.guardrail_breaches == 3 * (90 + 1)
    assert run.figures.price_index == pytest.approx(1.2)
