"""The day loop: deliveries, events, decisions, customers, expiry, money, evening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import Event, EventType
from autoops.agents.shop import Observation, ShopView
from autoops.retail.pricing import price_rails
from autoops.simulation.ledger import DayFacts, DayFigures, RunFigures, day_figures, run_figures, stock_value
from autoops.simulation.market import Market
from autoops.simulation.scenario import draw_scenario
from autoops.simulation.sensors import Sensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.retail.arrays import FloatArray
    from autoops.simulation.policies.policy import Actions, Policy
    from autoops.simulation.store import Store
    from autoops.simulation.world import World

PRICE_TOLERANCE = 0.005
"""Dollars; prices are in whole cents, so that half a cent is neither a new label nor a breach of a rail."""


@dataclass(frozen=True, slots=True)
class Evening:
    """What a day left behind, for whoever watches the run; arrays are (products, clusters)."""

    day: int
    figures: DayFigures
    facts: DayFacts
    on_hand: FloatArray
    """(ages, products, clusters) at night."""


@dataclass(frozen=True, slots=True)
class Run:
    """One policy's days in one seed."""

    policy: str
    seed: int
    figures: RunFigures
    days: tuple[DayFigures, ...]
    opening_units: float


def run_days(
    world: World, policy: Policy, seed: int, days: int, watch: Callable[[Evening], None] | None = None
) -> Run:
    """Run one policy through the days of one seed.

    Args:
        world: Where.
        policy: Who decides; a fresh instance.
        seed: Of demand, lead times and events.
        days: How many, from the first of the test weeks.
        watch: Called each evening.
    """
    horizon = len(world.truth.planned)
    scenario = draw_scenario(world.calendar, world.truth.planned.shape, world.assumed, seed)
    market = Market(world.panel, world.truth, world.calendar, scenario, world.assumed, seed)
    usual = world.history.units.mean(axis=2) / 7.0
    sensors = Sensors(world.shop, usual, horizon, world.assumed.sensor_error, seed)
    store = world.opening_store(seed)
    opening_units, opening_value = float(store.stock.sum()), stock_value(world.shop, store.stock)
    before = np.ones(world.shop.shape)
    figures = []
    for day in range(days):
        received = store.receive()
        view = _morning(world, store, day)
        events = [*scenario.events(day), *sensors.events(view), _day_started(view)]
        actions = policy.act(view, events)
        store.order(actions.orders, scenario.lead_time[day])
        evening, observation = _trade(world, market, store, day, actions, received, before)
        before = actions.price / view.price[0][:, None]
        sensors.learn(observation)
        policy.learn(observation)
        figures.append(evening.figures)
        if watch is not None:
            watch(evening)
    return Run(
        policy.name, seed, run_figures(figures, opening_units, opening_value), tuple(figures), opening_units
    )


def _morning(world: World, store: Store, day: int) -> ShopView:
    """Return what the shop sees after deliveries: copies, so that no policy can move the world's stock."""
    calendar, weeks = world.calendar, world.calendar.weeks_ahead(day)
    on_hand, on_order = store.on_hand.copy(), store.on_order.copy()
    on_hand.setflags(write=False)
    on_order.setflags(write=False)
    return ShopView(
        day=day,
        date=calendar.date(day),
        on_hand=on_hand,
        on_order=on_order,
        price=calendar.price[weeks],
        display=calendar.display[weeks],
        mailer=calendar.mailer[weeks],
        funding=calendar.funding[weeks],
    )


def _day_started(view: ShopView) -> Event:
    """Return the event that asks for the day's routine."""
    return Event(f"day-{view.day:02d}", EventType.DAY_STARTED, view.day, view.date, "clock")


def _trade(
    world: World,
    market: Market,
    store: Store,
    day: int,
    actions: Actions,
    received: FloatArray,
    before: FloatArray,
) -> tuple[Evening, Observation]:
    """Open the shop for a day and return what it made and showed; `before` is yesterday's price over plan."""
    shop, planned = world.shop, world.calendar.price[day // 7]
    intensity = market.intensity(day, actions.price, actions.display)
    demand = market.demand(day, intensity)
    clearance = np.where(actions.markdown > 0.0, market.clearance(day, intensity, actions.markdown), 0.0)
    sale = store.sell(demand, clearance)
    market.remember(intensity + np.maximum(sale.cleared - demand, 0.0))
    sold_out = store.stock <= 0.0
    wasted = store.expire()
    facts = DayFacts(
        price=actions.price,
        markdown=actions.markdown,
        funding=world.calendar.funding[day // 7],
        display=actions.display,
        received=received,
        orders=actions.orders,
        sale=sale,
        wasted=wasted,
        stock=store.stock,
        labels=int((np.abs(actions.price - before * planned[:, None]) > PRICE_TOLERANCE).sum()),
        breaches=_breaches(actions.price, planned, shop.cost, shop.economics.price_rail),
    )
    evening = Evening(day, day_figures(shop, facts), facts, store.on_hand.copy())
    return evening, Observation(day, sale.sold, sold_out, sale.cleared, wasted)


def _breaches(price: FloatArray, planned: FloatArray, cost: FloatArray, rail: float) -> int:
    """Return how many prices are outside their rail or under cost; a plan under cost is the plan's affair."""
    low, high = price_rails(planned, cost, rail)
    outside = (price < low[:, None] - PRICE_TOLERANCE) | (price > high[:, None] + PRICE_TOLERANCE)
    return int(outside.sum())
