"""The clairvoyant: it knows every customer and every delivery. Nobody's result is read to make it.

Prices and displays are the plan's, or the best for expected demand under everybody's rails, or these with a view to
what will be short (in a run of a few days, cheap prices would sell out what is there before anything can arrive):
whatever earns most. Until the first delivery can come, displays go each day where there is stock. Given these, stock is
exact within a relaxation that can only help it: a sale may be refused while there is stock, lead times of all days are
known, and nothing limits what a cluster receives. Then every cell is an uncapacitated lot-sizing problem in which a
delivery is sold before the next one comes, solved by dynamic programming.

In `capacity` it is the oracle of `base`: full docks keep from the shelf what has been paid for, which helps nobody. In
`substitution` who finds nothing tries the neighbours until the first delivery can come; thereafter every sale can be
served or refused by itself, and what refusing one for a dearer neighbour could earn is left out. So the bound is one of
stock at given prices and displays; over all that policies do, tests watch it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.lot_sizing import Lots, best_lots
from autoops.retail.markdown import DEPTHS, is_promoted
from autoops.retail.promotion import Shelf, best_deal
from autoops.simulation.days import Evening, Run
from autoops.simulation.ledger import DayFacts, day_figures, product_money, run_figures, stock_value
from autoops.simulation.levers import best_levers, diverted, planned_levers
from autoops.simulation.nature import draw_nature
from autoops.simulation.neighbours import sell_to_neighbours
from autoops.simulation.policies.policy import Actions
from autoops.simulation.rails import ShelfLabels, breaches, index_weights, price_index
from autoops.simulation.store import Sale, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.retail.arrays import BoolArray, FloatArray, IntArray
    from autoops.retail.lot_sizing import LotPlan
    from autoops.simulation.levers import Levers
    from autoops.simulation.market import Market
    from autoops.simulation.world import World

NAME = "oracle"
"""As it stands in reports."""

REVISIONS = 2
"""Most times that prices and displays are made anew by what was short under those before, while that helps."""


def run_oracle(world: World, seed: int, days: int, watch: Callable[[Evening], None] | None = None) -> Run:
    """Return what a clairvoyant would have made of a seed's days."""
    solved = [_solve(world, seed, days, make) for make in (best_levers, planned_levers)]
    runs = [_account(world, seed, solution, None) for solution in solved]
    for _ in range(REVISIONS):
        solved.append(_solve(world, seed, days, partial(best_levers, served=solved[-1].served)))
        runs.append(_account(world, seed, solved[-1], None))
        if runs[-1].figures.objective <= runs[-2].figures.objective:
            break
    best = max(range(len(runs)), key=lambda place: runs[place].figures.objective)
    return runs[best] if watch is None else _account(world, seed, solved[best], watch)


def _solve(world: World, seed: int, days: int, make: Callable[[World, Market], Levers]) -> _Solution:
    """Return the best stock under the levers that `make` makes."""
    shop, calendar = world.shop, world.calendar
    nature = draw_nature(world, seed)
    levers = make(world, draw_nature(world, seed).market)
    open_ = _reachable(nature.scenario.lead_time, days)
    opening = _sell_opening(world, nature.market, levers, seed, open_)
    levers = replace(levers, display=opening.display)
    worth = np.stack(
        [levers.price[day] + (calendar.funding[day // 7] - shop.cost)[:, None] for day in range(days)]
    )
    served_worth = np.maximum(worth + shop.economics.goodwill * np.maximum(worth, 0.0), 0.0)
    lots = best_lots(
        Lots(
            demand=opening.left,
            worth=served_worth,
            open=open_,
            holding=shop.economics.holding_rate * shop.cost,
            life=np.where(shop.perishable, shop.shelf_life, days),
            order_cost=shop.economics.order_line_cost,
        )
    )
    return _Solution(levers, opening, lots)


@dataclass(frozen=True, slots=True)
class _Solution:
    """Levers, and what becomes of stock under them."""

    levers: Levers
    opening: _Opening
    lots: LotPlan

    @property
    def served(self) -> FloatArray:
        """Return (days, products, clusters) shares of demand that are served."""
        sold = self.opening.full_price + self.opening.cleared + self.lots.served
        lost = self.opening.left - self.lots.served
        result: FloatArray = np.where(lost > 0.0, sold / np.maximum(sold + lost, 1e-9), 1.0)
        return result


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
    on_hand: FloatArray
    """(days, ages, products, clusters) at night, as `Store.on_hand`."""
    left: FloatArray
    """Demand that it leaves to later deliveries."""
    display: FloatArray
    """Displayed shares."""


def _sell_opening(world: World, market: Market, levers: Levers, seed: int, open_: BoolArray) -> _Opening:
    """Sell what everybody begins with, oldest first, with the best stickers on what would expire.

    `open_` is (days, clusters), whether a delivery can come. Until one can, displays go where stock is.
    """
    store, shop = world.opening_store(seed), world.shop
    alone = ~np.logical_or.accumulate(open_, axis=0)
    rows: list[tuple[FloatArray, ...]] = []
    for day in range(len(open_)):
        received = store.receive()
        price, display = levers.price[day], levers.display[day]
        if alone[day].any():
            display = np.where(alone[day], _displays(world, market, day, levers, store), display)
        intensity = market.intensity(day, price, display)
        market.remember(intensity)
        demand = market.demand(day, intensity)
        barred = is_promoted(world.calendar.price[day // 7], shop.reference_price)[:, None]
        expiring = np.where(shop.perishable[:, None], store.on_hand[0], 0.0)
        worth = price + (world.calendar.funding[day // 7] - shop.cost)[:, None]
        # Where deliveries come, they serve what the opening stock cannot.
        fresh = np.where(alone[day], store.stock - expiring, np.inf)
        depth, wanted = _best_stickers(market, day, intensity, (expiring, demand, price, worth, fresh))
        depth = np.where(barred | (expiring <= 0.0), 0.0, depth)
        sale = store.sell(demand, np.where(depth > 0.0, wanted, 0.0))
        if alone[day].any() and world.variant.substitution > 0.0:
            found = sell_to_neighbours(
                market, store, day, intensity, replace(sale, lost=sale.lost * alone[day])
            )
            sale = replace(found, lost=np.where(alone[day], found.lost, sale.lost))
        wasted = store.expire()
        rows.append(
            (
                received,
                sale.full_price,
                sale.cleared,
                depth,
                expiring,
                wasted,
                store.on_hand.copy(),
                sale.lost,
                display,
            )
        )
    return _Opening(*(np.stack(column) for column in zip(*rows, strict=True)))


def _displays(world: World, market: Market, day: int, levers: Levers, store: Store) -> FloatArray:
    """Return the day's displayed shares dealt to where the stock that there is earns most, luck known."""
    shop, price, share = world.shop, levers.price[day], levers.display[day]
    # What is left at the end is worth what it is valued at: of what expires, a share of its cost.
    worth = shop.cost * np.where(shop.perishable, shop.economics.perishable_salvage, 1.0)
    margin = price + (world.calendar.funding[day // 7] - worth)[:, None]
    shelf = Shelf(
        stock=store.stock,
        expiring=np.where(shop.perishable[:, None], store.on_hand[0], 0.0),
        margin=margin,
        cost=worth[:, None],
        goodwill=shop.economics.goodwill,
    )
    wanted = market.demand(day, market.intensity(day, price, np.zeros_like(share)))
    # A neighbour that is short loses nothing to a display.
    others = market.base(day) * (wanted <= store.stock)
    value = shelf.display_value(
        wanted,
        market.display_lift,
        np.stack([diverted(world, market, day // 7, each[:, None]) for each in others.T], axis=1),
        np.zeros_like,
    )
    return best_deal(share, value)


def _best_stickers(
    market: Market,
    day: int,
    intensity: FloatArray,
    cell: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return the best depth for what expires tonight, luck known, and the units that want it.

    `cell` is what expires, demand, the price, what a fresh unit sold at it earns, and how many fresh units there are.
    """
    expiring, demand, price, worth, fresh = cell
    best, depth, units = np.full(price.shape, -np.inf), np.zeros_like(price), np.zeros_like(price)
    for share in DEPTHS:
        wanted = (
            market.clearance(day, intensity, np.full_like(price, share)) if share else np.zeros_like(price)
        )
        cleared = np.minimum(expiring, wanted if share else demand)
        left = np.maximum(demand - cleared, 0.0)
        gained = price * (1.0 - share) * cleared + worth * np.minimum(left, fresh + expiring - cleared)
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


def _account(world: World, seed: int, solution: _Solution, watch: Callable[[Evening], None] | None) -> Run:
    """Return the run in the same books as everybody's."""
    shop, calendar, weight = world.shop, world.calendar, index_weights(world)
    levers, opening, lots = solution.levers, solution.opening, solution.lots
    at_start = world.opening_store(seed).stock
    value, by_product, figures = stock_value(shop, at_start), -stock_value(shop, at_start), []
    last_value = float(value.sum())
    labels, shelf = ShelfLabels(shop.shape), Store(shop.shelf_life, shop.shape[1])
    for day in range(len(lots.served)):
        planned, price = calendar.price[day // 7], levers.price[day]
        shelf.deliver(lots.received[day])
        shelf.sell(lots.served[day], np.zeros(shop.shape))
        shelf.expire()
        on_hand = opening.on_hand[day] + shelf.on_hand
        index = price_index(price, planned, weight)
        actions = Actions(lots.received[day], price, levers.display[day], opening.markdown[day])
        facts = DayFacts(
            price=price,
            markdown=opening.markdown[day],
            funding=calendar.funding[day // 7],
            display=levers.display[day],
            received=opening.received[day] + lots.received[day],
            orders=lots.received[day],
            sale=Sale(
                opening.full_price[day] + lots.served[day],
                opening.cleared[day],
                opening.left[day] - lots.served[day],
            ),
            wasted=opening.wasted[day],
            stock=on_hand.sum(axis=0),
            labels=labels.changed(price, planned),
            breaches=breaches(world, day, opening.expiring[day], actions, index),
            price_index=index,
        )
        money = product_money(shop, facts)
        by_product = by_product + money.objective
        figures.append(day_figures(shop, facts, money))
        if watch is not None:
            watch(Evening(day, figures[-1], facts, on_hand, last_value))
        last_value = figures[-1].stock_value
    by_product = by_product + stock_value(shop, facts.stock)
    return Run(
        policy=NAME,
        seed=seed,
        figures=run_figures(figures, float(at_start.sum()), float(value.sum())),
        days=tuple(figures),
        opening_units=float(at_start.sum()),
        by_product=tuple(by_product.tolist()),
    )
