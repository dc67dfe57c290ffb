"""The day loop: deliveries, events, decisions, customers, expiry, money, evening."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import Event, EventType
from autoops.agents.shop import Observation, ShopView
from autoops.simulation.ledger import (
    DayFacts,
    DayFigures,
    RunFigures,
    day_figures,
    product_money,
    run_figures,
    stock_value,
)
from autoops.simulation.nature import Nature, draw_nature
from autoops.simulation.neighbours import sell_to_neighbours
from autoops.simulation.rails import ShelfLabels, breaches, check_actions, index_weights, price_index
from autoops.simulation.sensors import Sensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.agents.calibration import Calibration
    from autoops.agents.intervals import IntervalCoverage
    from autoops.retail.arrays import BoolArray, FloatArray
    from autoops.simulation.policies.policy import Actions, Policy
    from autoops.simulation.store import Store
    from autoops.simulation.world import World


@dataclass(frozen=True, slots=True)
class Evening:
    """What a day left behind, for whoever watches the run; arrays are (products, clusters)."""

    day: int
    figures: DayFigures
    facts: DayFacts
    on_hand: FloatArray
    """(ages, products, clusters) at night, what waits at the docks included."""
    opening_value: float
    """Dollars that the stock of the night before was worth."""


@dataclass(frozen=True, slots=True)
class Run:
    """One policy's days in one seed."""

    policy: str
    seed: int
    figures: RunFigures
    days: tuple[DayFigures, ...]
    opening_units: float
    by_product: tuple[float, ...]
    """Each product's objective, dollars."""
    calibration: tuple[Calibration, ...] = ()
    """What agents' words were worth; nothing of policies that say none."""
    intervals: IntervalCoverage | None = None
    """How often a day's demand fell into the agents' predictive intervals; None of policies that make none."""
    failures: int = 0
    """How often an agent raised; the run went on without what it would have said."""


def run_days(
    world: World,
    policy: Policy,
    seed: int,
    days: int,
    watch: Callable[[Evening], None] | None = None,
    nature: Nature | None = None,
) -> Run:
    """Run one policy through the days of one seed.

    Args:
        world: Where.
        policy: Who decides; a fresh instance.
        seed: Of demand, lead times and events.
        days: How many, from the first of the test weeks.
        watch: Called each evening.
        nature: What happens, if not what the seed draws.

    Raises:
        SimulationError: The policy asks for what cannot be done, see `simulation.rails`.
    """
    nature = nature or draw_nature(world, seed)
    sensors = Sensors(world.shop, world.history.units.mean(axis=2) / 7.0, nature.sensor_reading)
    store = world.opening_store(seed)
    opening_units, opening_value = float(store.stock.sum()), stock_value(world.shop, store.stock)
    shelf = _Shelf(world, nature, store)
    by_product, figures, last_value = -opening_value, [], float(opening_value.sum())
    for day in range(days):
        received = store.receive(world.shop.receiving_limit)
        view = _morning(world, store, day)
        events = [*nature.scenario.events(day), *sensors.events(view), _day_started(view)]
        actions = policy.act(view, events)
        check_actions(actions)
        store.order(actions.orders, nature.scenario.lead_time[day])
        facts, observation = shelf.trade(view, actions, received)
        money = product_money(world.shop, facts)
        by_product = by_product + money.objective
        figures.append(day_figures(world.shop, facts, money))
        sensors.learn(observation)
        policy.learn(observation)
        if watch is not None:
            watch(Evening(day, figures[-1], facts, store.owned, last_value))
        last_value = figures[-1].stock_value
    by_product = by_product + stock_value(world.shop, store.owned.sum(axis=0))
    return Run(
        policy=policy.name,
        seed=seed,
        figures=run_figures(figures, opening_units, float(opening_value.sum())),
        days=tuple(figures),
        opening_units=opening_units,
        by_product=tuple(by_product.tolist()),
    )


def _morning(world: World, store: Store, day: int) -> ShopView:
    """Return what the shop sees after deliveries: copies, so that no policy can move the world's stock or plan."""
    calendar, weeks = world.calendar, world.calendar.weeks_ahead(day)
    return ShopView(
        day=day,
        date=calendar.date(day),
        on_hand=store.on_hand.copy(),
        on_order=store.coming,
        price=calendar.price[weeks],
        display=calendar.display[weeks],
        mailer=calendar.mailer[weeks],
        funding=calendar.funding[weeks],
    )


def _day_started(view: ShopView) -> Event:
    """Return the event that asks for the day's routine."""
    return Event(f"day-{view.day:02d}", EventType.DAY_STARTED, view.day, view.date, "clock")


class _Shelf:
    """Where customers meet stock, a day at a time."""

    def __init__(self, world: World, nature: Nature, store: Store) -> None:
        self._world, self._market, self._store = world, nature.market, store
        self._weight, self._labels = index_weights(world), ShelfLabels(world.shop.shape)

    def trade(self, view: ShopView, actions: Actions, received: FloatArray) -> tuple[DayFacts, Observation]:
        """Open the shop for a day and return what happened and what could be seen of it."""
        market, store, day, calendar = self._market, self._store, view.day, self._world.calendar
        planned = calendar.price[day // 7]
        intensity = market.intensity(day, actions.price, actions.display)
        demand = market.demand(day, intensity)
        clearance = np.where(actions.markdown > 0.0, market.clearance(day, intensity, actions.markdown), 0.0)
        sale = store.sell(demand, clearance)
        if self._world.variant.substitution > 0.0:
            sale = sell_to_neighbours(market, store, day, intensity, sale)
        market.remember(intensity + np.maximum(sale.cleared - demand, 0.0))
        sold_out = store.stock <= 0.0
        wasted = store.expire()
        index = price_index(actions.price, planned, self._weight)
        facts = DayFacts(
            price=actions.price,
            markdown=actions.markdown,
            funding=calendar.funding[day // 7],
            display=actions.display,
            received=received,
            orders=actions.orders,
            sale=sale,
            wasted=wasted,
            stock=store.owned.sum(axis=0),
            labels=self._labels.changed(actions.price, planned),
            breaches=breaches(self._world, day, view.on_hand[0], actions, index),
            price_index=index,
        )
        return facts, self._seen(day, facts, sold_out)

    def _seen(self, day: int, facts: DayFacts, sold_out: BoolArray) -> Observation:
        """Return what a shop's tills, shelves and bins tell of a day."""
        sale, margin = facts.sale, facts.price + (facts.funding - self._world.shop.cost)[:, None]
        return Observation(
            day=day,
            sold=sale.sold,
            sold_out=sold_out,
            cleared=sale.cleared,
            wasted=facts.wasted,
            received=facts.received,
            stock=facts.stock,
            price=facts.price,
            earned=margin * sale.sold - facts.markdown * facts.price * sale.cleared,
        )
