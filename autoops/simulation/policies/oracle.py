"""The clairvoyant: it knows every customer and every delivery. Nobody's result is read to make it.

Prices and displays are the best for expected demand under everybody's rails. Given these, stock is exact within a
relaxation that can only help it: a sale may be refused while there is stock, lead times of all days are known, and
nothing limits what a cluster receives. Then every cell is an uncapacitated lot-sizing problem in which a delivery is
sold before the next one comes, solved by dynamic programming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.markdown import DEPTHS, is_promoted
from autoops.simulation.days import Evening, Run
from autoops.simulation.ledger import DayFacts, day_figures, product_money, run_figures, stock_value
from autoops.simulation.levers import best_levers
from autoops.simulation.nature import draw_nature
from autoops.simulation.policies.policy import Actions
from autoops.simulation.rails import ShelfLabels, breaches, index_weights, price_index
from autoops.simulation.store import Sale

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.retail.arrays import BoolArray, FloatArray, IntArray
    from autoops.simulation.levers import Levers
    from autoops.simulation.market import Market
    from autoops.simulation.world import World

NAME = "oracle"
"""As it stands in reports."""


def run_oracle(world: World, seed: int, days: int, watch: Callable[[Evening], None] | None = None) -> Run:
    """Return what a clairvoyant would have made of a seed's days."""
    shop, calendar = world.shop, world.calendar
    nature = draw_nature(world, seed)
    levers = best_levers(world, draw_nature(world, seed).market)
    opening = _sell_opening(world, nature.market, levers, seed, days)
    worth = np.stack(
        [levers.price[day] + (calendar.funding[day // 7] - shop.cost)[:, None] for day in range(days)]
    )
    served_worth = np.maximum(worth + shop.economics.goodwill * np.maximum(worth, 0.0), 0.0)
    plan = best_lots(
        Lots(
            demand=opening.left,
            worth=served_worth,
            open=_reachable(nature.scenario.lead_time, days),
            holding=shop.economics.holding_rate * shop.cost,
            life=np.where(shop.perishable, shop.shelf_life, days),
            order_cost=shop.economics.order_line_cost,
        )
    )
    return _account(world, seed, levers, opening, plan, watch)


@dataclass(frozen=True, slots=True)
class Lots:
    """A lot-sizing problem of many cells."""

    demand: FloatArray
    """(days, products, clusters) units."""
    worth: FloatArray
    """(days, products, clusters) dollars gained by a unit sold on the day that it comes, 0 or more."""
    open: BoolArray
    """(days, clusters) whether a delivery can come."""
    holding: FloatArray
    """(products,) dollars a unit and night."""
    life: IntArray
    """(products,) days on which a delivery can be sold, its own included."""
    order_cost: float
    """Dollars a delivery."""


@dataclass(frozen=True, slots=True)
class LotPlan:
    """Its solution; arrays are (days, products, clusters), units."""

    received: FloatArray
    served: FloatArray
    value: FloatArray
    """(products, clusters) dollars."""


def best_lots(lots: Lots) -> LotPlan:
    """Return the deliveries that gain most when any sale may be refused.

    Source: Wagner and Whitin, "Dynamic Version of the Economic Lot Size Model", Management Science 5 (1958), 89-96,
    with the option to lose a sale: Aksen, Altinkemer and Chand, European Journal of Operational Research 145 (2003).
    """
    days, products, clusters = lots.demand.shape
    value = np.zeros((days + 1, products, clusters))
    until = np.zeros((days, products, clusters), dtype=np.int64)
    for day in range(days - 1, -1, -1):
        gain = _gains(lots, day)
        reached = np.cumsum(gain, axis=0) + value[day + 1 :] - lots.order_cost
        best = reached.argmax(axis=0)
        with_lot = np.take_along_axis(reached, best[None], axis=0)[0]
        takes = lots.open[day][None, :] & (with_lot > value[day + 1])
        value[day] = np.where(takes, with_lot, value[day + 1])
        until[day] = np.where(takes, day + 1 + best, 0)
    return _followed(lots, until, value[0])


def _gains(lots: Lots, day: int) -> FloatArray:
    """Return (days from `day`, products, clusters) dollars that a delivery of that day gains by serving each day."""
    later = np.arange(len(lots.demand) - day)
    net = lots.worth[day:] - (later[:, None] * lots.holding[None, :])[:, :, None]
    fresh = (later[:, None] < lots.life[None, :])[:, :, None]
    result: FloatArray = np.where(fresh, lots.demand[day:] * np.maximum(net, 0.0), 0.0)
    return result


def _followed(lots: Lots, until: IntArray, value: FloatArray) -> LotPlan:
    """Return the units that the choices bring and serve; `until` is the first day that a lot leaves to the next."""
    received, served = np.zeros_like(lots.demand), np.zeros_like(lots.demand)
    start = np.zeros(lots.demand.shape[1:], dtype=np.int64)
    end = np.zeros_like(start)
    rows, columns = np.indices(start.shape)
    for day in range(len(lots.demand)):
        begins = (day >= end) & (until[day] > 0)
        start, end = np.where(begins, day, start), np.where(begins, until[day], end)
        waited = day - start
        gains = (lots.worth[day] > waited * lots.holding[:, None]) & (waited < lots.life[:, None])
        served[day] = np.where((day < end) & gains, lots.demand[day], 0.0)
        np.add.at(received, (start, rows, columns), served[day])
    return LotPlan(received, served, value)


@dataclass(frozen=True, slots=True)
class _Opening:
    """What becomes of the stock and the orders that everybody begins with; arrays are (days, products, clusters)."""

    received: FloatArray
    full_price: FloatArray
    cleared: FloatArray
    markdown: FloatArray
    expiring: FloatArray
    """What expires tonight, as it stood in the morning."""
    wasted: FloatArray
    stock: FloatArray
    left: FloatArray
    """Demand that it leaves to later deliveries."""


def _sell_opening(world: World, market: Market, levers: Levers, seed: int, days: int) -> _Opening:
    """Sell what everybody begins with, oldest first, with the best stickers on what would expire."""
    store, shop = world.opening_store(seed), world.shop
    rows: list[tuple[FloatArray, ...]] = []
    for day in range(days):
        received = store.receive()
        price = levers.price[day]
        intensity = market.intensity(day, price, levers.display[day])
        market.remember(intensity)
        demand = market.demand(day, intensity)
        barred = is_promoted(world.calendar.price[day // 7], shop.reference_price)[:, None]
        expiring = np.where(shop.perishable[:, None], store.on_hand[0], 0.0)
        worth = price + (world.calendar.funding[day // 7] - shop.cost)[:, None]
        depth, wanted = _best_stickers(market, day, intensity, (expiring, demand, price, worth))
        depth = np.where(barred | (expiring <= 0.0), 0.0, depth)
        sale = store.sell(demand, np.where(depth > 0.0, wanted, 0.0))
        wasted = store.expire()
        rows.append(
            (received, sale.full_price, sale.cleared, depth, expiring, wasted, store.stock, sale.lost)
        )
    return _Opening(*(np.stack(column) for column in zip(*rows, strict=True)))


def _best_stickers(
    market: Market,
    day: int,
    intensity: FloatArray,
    cell: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return the best depth for what expires tonight, luck known, and the units that want it.

    `cell` is what expires, demand, the price, and what a fresh unit sold at it earns.
    """
    expiring, demand, price, worth = cell
    best, depth, units = np.full(price.shape, -np.inf), np.zeros_like(price), np.zeros_like(price)
    for share in DEPTHS:
        wanted = (
            market.clearance(day, intensity, np.full_like(price, share)) if share else np.zeros_like(price)
        )
        cleared = np.minimum(expiring, wanted if share else demand)
        gained = price * (1.0 - share) * cleared + worth * np.maximum(demand - cleared, 0.0)
        better = gained > best
        best, depth, units = (
            np.where(better, gained, best),
            np.where(better, share, depth),
            np.where(better, wanted, units),
        )
    return depth, units


def _reachable(lead_time: IntArray, days: int) -> BoolArray:
    """Return (days, clusters) whether an order placed on some day arrives then."""
    open_: BoolArray = np.zeros((days, lead_time.shape[1]), dtype=np.bool_)
    for day in range(days):
        for cluster, wait in enumerate(lead_time[day].tolist()):
            if day + wait < days:
                open_[day + wait, cluster] = True
    return open_


def _account(
    world: World,
    seed: int,
    levers: Levers,
    opening: _Opening,
    plan: LotPlan,
    watch: Callable[[Evening], None] | None,
) -> Run:
    """Return the run in the same books as everybody's."""
    shop, calendar, weight = world.shop, world.calendar, index_weights(world)
    at_start = world.opening_store(seed).stock
    value, by_product, figures = stock_value(shop, at_start), -stock_value(shop, at_start), []
    labels, lots_left = ShelfLabels(shop.shape), np.zeros(shop.shape)
    for day in range(len(plan.served)):
        planned, price = calendar.price[day // 7], levers.price[day]
        lots_left = lots_left + plan.received[day] - plan.served[day]
        index = price_index(price, planned, weight)
        actions = Actions(plan.received[day], price, levers.display[day], opening.markdown[day])
        facts = DayFacts(
            price=price,
            markdown=opening.markdown[day],
            funding=calendar.funding[day // 7],
            display=levers.display[day],
            received=opening.received[day] + plan.received[day],
            orders=plan.received[day],
            sale=Sale(
                opening.full_price[day] + plan.served[day],
                opening.cleared[day],
                opening.left[day] - plan.served[day],
            ),
            wasted=opening.wasted[day],
            stock=opening.stock[day] + lots_left,
            labels=labels.changed(price, planned),
            breaches=breaches(world, day, opening.expiring[day], actions, index),
            price_index=index,
        )
        money = product_money(shop, facts)
        by_product = by_product + money.objective
        figures.append(day_figures(shop, facts, money))
        if watch is not None:
            watch(Evening(day, figures[-1], facts, facts.stock[None]))
    by_product = by_product + stock_value(shop, facts.stock)
    return Run(
        policy=NAME,
        seed=seed,
        figures=run_figures(figures, float(at_start.sum()), float(value.sum())),
        days=tuple(figures),
        opening_units=float(at_start.sum()),
        by_product=tuple(by_product.tolist()),
    )
