"""A run of days: units and money add up, nothing is known before it happens, rails hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import other_world, small_world

from autoops.agents.tracing import NoTracing
from autoops.simulation.days import Evening, run_days
from autoops.simulation.ledger import stock_value
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.policy import Actions
from autoops.simulation.policies.static import StaticPolicy
from autoops.simulation.variants import WORLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.simulation.world import World


class RandomPolicy:
    """Does anything that is possible."""

    name = "random"

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:  # noqa: ARG002 - it listens to nobody
        """Order, price, display and mark down at random."""
        shape, rng = view.stock.shape, self._rng
        return Actions(
            orders=np.floor(rng.gamma(0.5, 60.0, shape)),
            price=view.price[0][:, None] * rng.uniform(0.8, 1.2, shape),
            display=rng.permuted(view.display[0], axis=0),
            markdown=rng.choice([0.0, 0.25, 0.55], shape),
        )

    def learn(self, observation: Observation) -> None:
        """Learn nothing."""


def _agents(world: World) -> AgentsPolicy:
    """Return fresh agents that record nothing."""
    return AgentsPolicy(world.shop, world.history, NoTracing())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_units_and_money_add_up_for_any_policy(seed: int, days: int) -> None:
    """Units delivered are sold, wasted or on hand; goods bought are goods sold, wasted or on hand, at cost."""
    world, evenings = small_world(), list[Evening]()
    opening = world.opening_store(seed)
    run = run_days(world, RandomPolicy(seed), seed, days, evenings.append)
    received = sum(evening.facts.received for evening in evenings)
    gone = sum(evening.facts.sale.sold + evening.facts.wasted for evening in evenings)
    end = evenings[-1].on_hand.sum(axis=0)

    assert opening.stock + received == pytest.approx(gone + end)
    ordered = sum(evening.facts.orders for evening in evenings)
    under_way = opening.on_order.sum(axis=0) + ordered - received
    assert (under_way >= 0.0).all(), "nothing is delivered that was not ordered"
    cost = world.shop.cost[:, None]
    paid = sum(day.goods for day in run.days)
    assert float((cost * opening.stock).sum()) + paid == pytest.approx(float((cost * (gone + end)).sum()))
    cash = sum(
        day.sales + day.funding - day.goods - day.ordering - day.holding - day.labels for day in run.days
    )
    change = float((stock_value(world.shop, end) - stock_value(world.shop, opening.stock)).sum())
    assert run.figures.profit == pytest.approx(cash + change)
    assert run.figures.objective == pytest.approx(run.figures.profit - sum(day.goodwill for day in run.days))
    assert sum(run.by_product) == pytest.approx(run.figures.objective)
    for rate in (run.figures.fill_rate, run.figures.waste_rate, run.figures.stockout_rate):
        assert 0.0 <= rate <= 1.0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(WORLDS)))
def test_units_and_money_add_up_in_every_world(seed: int, name: str) -> None:
    """Substitutes, half the households, drifting levels and full docks lose no unit and no dollar."""
    world, evenings = other_world(name), list[Evening]()
    opening = world.opening_store(seed)
    run = run_days(world, RandomPolicy(seed), seed, 12, evenings.append)
    received = sum(evening.facts.received for evening in evenings)
    gone = sum(evening.facts.sale.sold + evening.facts.wasted for evening in evenings)

    assert opening.stock + received == pytest.approx(gone + evenings[-1].on_hand.sum(axis=0))
    assert sum(run.by_product) == pytest.approx(run.figures.objective)
    assert all((evening.facts.sale.lost >= 0.0).all() for evening in evenings)


def test_breaches_of_guard_rails_are_counted() -> None:
    """Prices that roam twenty per cent around the plan are seen; the agents' and the baseline's never are."""
    world = small_world()

    assert run_days(world, RandomPolicy(1), 1, 7).figures.guardrail_breaches > 0
    assert run_days(world, _agents(world), 1, 28).figures.guardrail_breaches == 0
    assert run_days(world, StaticPolicy(world.shop, world.history), 1, 28).figures.guardrail_breaches == 0


def test_the_same_seed_is_the_same_run() -> None:
    """Nothing but the seed decides."""
    world = small_world()

    assert run_days(world, _agents(world), 3, 14).days == run_days(world, _agents(world), 3, 14).days


def test_fewer_days_are_the_beginning_of_more() -> None:
    """A shorter run is a longer one cut off."""
    world = small_world()

    assert run_days(world, _agents(world), 5, 14).days[:6] == run_days(world, _agents(world), 5, 6).days


def test_displays_stay_as_many_as_planned() -> None:
    """Agents move displays; they hang no more of them."""
    world, evenings = small_world(), list[Evening]()
    run_days(world, _agents(world), 1, 14, evenings.append)

    for evening in evenings:
        planned = world.calendar.display[evening.day // 7].sum(axis=0)
        assert evening.facts.display.sum(axis=0) == pytest.approx(planned)


def test_the_price_index_does_not_rise() -> None:
    """At the fixed weights of the past, the agents' prices are not dearer than the plan's."""
    world, evenings = small_world(), list[Evening]()
    run_days(world, _agents(world), 1, 21, evenings.append)
    weight = world.history.units.sum(axis=(1, 2)) * world.shop.reference_price
    index = [
        float((weight * np.log(evening.facts.price[:, 0] / world.calendar.price[evening.day // 7])).sum())
        / float(weight.sum())
        for evening in evenings
    ]

    assert max(index) < 1e-3, "but for prices in whole cents"
