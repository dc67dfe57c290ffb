"""The world counts what leaves the guard rails, one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.errors import SimulationError
from autoops.retail.markdown import is_promoted
from autoops.simulation.days import Evening, run_days
from autoops.simulation.policies.policy import Actions
from autoops.simulation.rails import (
    ShelfLabels,
    breaches,
    check_actions,
    index_tolerance,
    index_weights,
    price_index,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def test_a_cluster_may_show_no_sliver_more_than_planned() -> None:
    """A hundredth of a display in one cluster is a breach; what floating point adds is none."""
    for more, expected in ((0.01, 1), (1e-9, 0)):
        actions = _plan(_morning())
        actions.display[int(np.argmin(actions.display[:, 0])), 0] += more
        assert _count(actions) == expected


def test_a_display_is_between_none_and_whole() -> None:
    """Two displays on one product and less than none on another keep the sum, and are two breaches."""
    actions = _plan(_morning())
    total = actions.display[:, 0].sum()
    actions.display[:, 0] = 0.0
    actions.display[:2, 0] = total + 1.5, -1.5

    assert _count(actions) == 2


def test_rounding_to_cents_is_all_that_the_index_allows() -> None:
    """Three deviations of the roundings of 30 products are about a thousandth: a fifth less is free, a fifth more not."""
    view, weight = _morning(), index_weights(small_world())
    allowed = index_tolerance(view.price[0], weight)
    by_hand = 3.0 * np.sqrt(sum((weight[p].sum() * 0.01 / view.price[0][p]) ** 2 / 12.0 for p in range(30)))

    assert allowed == pytest.approx(float(by_hand))
    assert 0.0005 < allowed < 0.0015
    for share, expected in ((0.8, 0), (1.2, 1)):
        actions = _plan(view)
        actions.price[:] *= 1.0 + share * allowed
        assert _count(actions) == expected


def test_rounding_adds_to_the_index_what_it_is_said_to() -> None:
    """Prices moved at random and rounded to cents: the index is off by the deviation that the tolerance is made of."""
    world, rng = small_world(), np.random.default_rng(5)
    planned, weight = world.calendar.price[0], index_weights(world)
    off = []
    for _ in range(2000):
        exact = planned * np.exp(rng.uniform(-0.1, 0.1, len(planned)))
        cents = np.round(exact, 2)
        off.append(np.log(cents / exact) @ weight.sum(axis=1))

    assert np.std(off) == pytest.approx(index_tolerance(planned, weight) / 3.0, rel=0.1)


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


class Doing(Idle):
    """Does to the plan whatever it is given to do."""

    def __init__(self, change: Callable[[ShopView, Actions], Actions]) -> None:
        super().__init__()
        self._change = change

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Do it."""
        return self._change(view, super().act(view, events))


def test_a_label_that_creeps_is_paid_for() -> None:
    """A cent a day is a new label every second day: what counts is the distance from the last label."""
    labels, planned = ShelfLabels((1, 1)), np.array([2.0])
    paid = [bool(labels.changed(np.array([[2.0 + 0.01 * day]]), planned)[0, 0]) for day in range(1, 7)]

    assert paid == [False, True, False, True, False, True]


def test_a_label_that_follows_the_plan_is_free() -> None:
    """Five per cent under plan, in whole cents, while the plan moves: one label, and none again."""
    labels = ShelfLabels((1, 1))
    paid = [
        bool(labels.changed(np.array([[round(0.95 * plan, 2)]]), np.array([plan]))[0, 0])
        for plan in (2.0, 2.49, 2.0, 1.79, 2.19)
    ]

    assert paid == [True, False, False, False, False]


def test_labels_of_more_than_a_cent_are_new() -> None:
    """One cent may be the rounding of a plan that moves; two cents are a decision."""
    assert not ShelfLabels((1, 1)).changed(np.array([[2.01]]), np.array([2.0])).any()
    assert ShelfLabels((1, 1)).changed(np.array([[2.02]]), np.array([2.0])).all()


def test_no_policy_can_write_to_what_it_sees() -> None:
    """Stock, orders and plan are read-only; the world reads its own plan, not what a policy makes of a view."""
    for name in ("on_hand", "on_order", "price", "display", "mailer", "funding"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(_morning(), name)[:] = 0.0

    def forge(view: ShopView, plan: Actions) -> Actions:
        for array in (view.price, view.funding):
            array.setflags(write=True)
            array[:] = 9.0 * array + 50.0
        return plan

    honest, forged = (list[Evening](), list[Evening]())
    run_days(small_world(), Idle(), 1, 3, honest.append)
    run_days(small_world(), Doing(forge), 1, 3, forged.append)
    assert [evening.figures for evening in forged] == [evening.figures for evening in honest]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("orders", -1.0, "orders: received -1 for product 4 in cluster 1; allowed: whole units, 0 or more"),
        ("orders", 0.5, "orders: received 0.5 for product 4 in cluster 1; allowed: whole units, 0 or more"),
        (
            "orders",
            np.inf,
            "orders: received inf for product 4 in cluster 1; allowed: whole units, 0 or more",
        ),
        ("price", np.nan, "prices: received nan for product 4 in cluster 1; allowed: dollars, more than 0"),
        ("price", 0.0, "prices: received 0 for product 4 in cluster 1; allowed: dollars, more than 0"),
        ("display", np.nan, "displays: received nan for product 4 in cluster 1; allowed: shares"),
        (
            "markdown",
            1.0,
            "stickers: received 1 for product 4 in cluster 1; allowed: shares, 0 or more and under 1",
        ),
        (
            "markdown",
            -0.5,
            "stickers: received -0.5 for product 4 in cluster 1; allowed: shares, 0 or more and under 1",
        ),
    ],
)
def test_what_cannot_be_done_ends_the_run(field: str, value: float, message: str) -> None:
    """It is no breach that a policy could pay for: one line says what was asked, where, and what is allowed."""

    def impossible(view: ShopView, plan: Actions) -> Actions:  # noqa: ARG001 - the same on all mornings
        array = getattr(plan, field).copy()
        array[4, 1] = value
        return replace(plan, **{field: array})

    with pytest.raises(SimulationError) as caught:
        run_days(small_world(), Doing(impossible), 1, 1)

    assert str(caught.value) == message
    check_actions(_plan(_morning()))
