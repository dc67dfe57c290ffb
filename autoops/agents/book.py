"""What has been committed: prices, displays, today's orders and stickers. The orchestrator alone writes in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.pricing import price_inside

if TYPE_CHECKING:
    from autoops.agents.shop import Shop, ShopView
    from autoops.retail.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Commitments:
    """A morning's page of the book; the first axis of prices and displays is days, today first."""

    price: FloatArray
    """(days, products) shelf price, dollars."""
    standing: FloatArray
    """(days, products) the same once passing prices have ended, such as answers to competitors."""
    display: FloatArray
    """(days, products, clusters) displayed share."""
    orders: FloatArray
    """(products, clusters) units ordered today."""
    markdown: FloatArray
    """(products, clusters) share off what expires tonight."""


class Book:
    """Deviations from the retailer's plan, by the day they hold on, and today's orders and stickers."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._day = 0
        self._standing = np.full(len(shop.products), np.nan)
        """Factors on the plan; NaN where the plan stands."""
        self._passing: dict[int, tuple[int, float]] = {}
        self._own = np.repeat(np.arange(len(shop.products))[:, None], len(shop.clusters), axis=1)
        self._slots: dict[int, IntArray] = {}
        """Day → (products, clusters) whose planned slot each product has."""
        self._orders, self._markdown = np.zeros(shop.shape), np.zeros(shop.shape)
        self._shown: tuple[ShopView, FloatArray, FloatArray, FloatArray] | None = None
        """Prices and displays as last shown, and the morning on which; most events change neither."""

    def open_day(self, day: int) -> None:
        """Turn to a new day: yesterday's orders and stickers are done."""
        self._slots = {when: slots for when, slots in self._slots.items() if when >= day}
        self._passing = {product: entry for product, entry in self._passing.items() if entry[0] > day}
        self._day, self._shown = day, None
        self._orders, self._markdown = np.zeros(self._shop.shape), np.zeros(self._shop.shape)

    def set_price(self, product: int, factor: float, days: int) -> None:
        """Commit a shelf price from today, as a factor on the plan, in all clusters.

        For `days`, after which the standing price returns; with 0 days it is the standing price.
        """
        self._shown = None
        if days:
            self._passing[product] = self._day + days, factor
        else:
            self._standing[product] = factor

    def swap_displays(self, giver: int, taker: int, cluster: int, first_day: int, days: int) -> None:
        """Commit that two products exchange their display slots in a cluster for some days."""
        self._shown = None
        for day in range(first_day, first_day + days):
            whose = self._slots.setdefault(day, self._own.copy())
            whose[[giver, taker], cluster] = whose[[taker, giver], cluster]

    def order(self, product: int, cluster: int, units: float) -> None:
        """Commit an order, added to what was ordered today."""
        self._orders[product, cluster] += units

    def mark_down(self, product: int, cluster: int, share: float) -> None:
        """Commit a sticker on what expires tonight."""
        self._markdown[product, cluster] = share

    def page(self, view: ShopView) -> Commitments:
        """Return what is committed for the days that the calendar covers; read-only."""
        if self._shown is None or self._shown[0] is not view:
            self._shown = (view, *self._shelves(view))
        page = Commitments(*self._shown[1:], self._orders.copy(), self._markdown.copy())
        for array in (page.price, page.standing, page.display, page.orders, page.markdown):
            array.setflags(write=False)
        return page

    def _shelves(self, view: ShopView) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the prices, standing prices and displays that are committed."""
        display = view.display.copy()
        standing = np.repeat(self._standing[None], len(view.price), axis=0)
        factor = standing.copy()
        for product, (end, passing) in self._passing.items():
            factor[: max(end - view.day, 0), product] = passing
        for ahead in range(len(display)):
            whose = self._slots.get(view.day + ahead)
            if whose is not None:
                display[ahead] = np.take_along_axis(view.display[ahead], whose, axis=0)
        return self._prices(view, factor), self._prices(view, standing), display

    def _prices(self, view: ShopView, factor: FloatArray) -> FloatArray:
        """Return (days, products) prices at factors on the plan, inside their rails; NaN is the plan."""
        # The plan may have changed since: what was inside its rail must stay inside.
        inside = price_inside(
            view.price * factor, view.price, self._shop.cost, self._shop.economics.price_rail
        )
        price: FloatArray = np.where(np.isnan(factor), view.price, inside)
        return price
