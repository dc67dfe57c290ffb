"""What has been committed: prices, displays, today's orders and stickers. The orchestrator alone writes in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.agents.shop import Shop, ShopView
    from autoops.retail.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Commitments:
    """A morning's page of the book; the first axis of prices and displays is days, today first."""

    price: FloatArray
    """(days, products) shelf price, dollars."""
    display: FloatArray
    """(days, products, clusters) displayed share."""
    orders: FloatArray
    """(products, clusters) units ordered today."""
    markdown: FloatArray
    """(products, clusters) share off what expires tonight."""


class Book:
    """Deviations from the retailer's plan, by the day they hold on, and today's orders and stickers."""

    def __init__(self, shop: Shop) -> None:
        self._shape = shop.shape
        self._day = 0
        self._price: dict[int, dict[int, float]] = {}
        self._display: dict[int, dict[tuple[int, int], float]] = {}
        self._orders, self._markdown = np.zeros(shop.shape), np.zeros(shop.shape)

    def open_day(self, day: int) -> None:
        """Turn to a new day: yesterday's orders and stickers are done."""
        for past in [before for before in (*self._price, *self._display) if before < day]:
            self._price.pop(past, None)
            self._display.pop(past, None)
        self._day = day
        self._orders, self._markdown = np.zeros(self._shape), np.zeros(self._shape)

    def set_price(self, product: int, factor: float, first_day: int, days: int) -> None:
        """Commit a shelf price as a factor on the plan, in all clusters, for some days."""
        for day in range(first_day, first_day + days):
            self._price.setdefault(day, {})[product] = factor

    def set_display(self, product: int, cluster: int, share: float, first_day: int, days: int) -> None:
        """Commit a product's displayed share in a cluster for some days."""
        for day in range(first_day, first_day + days):
            self._display.setdefault(day, {})[product, cluster] = share

    def order(self, product: int, cluster: int, units: float) -> None:
        """Commit an order, added to what was ordered today."""
        self._orders[product, cluster] += units

    def mark_down(self, product: int, cluster: int, share: float) -> None:
        """Commit a sticker on what expires tonight."""
        self._markdown[product, cluster] = share

    def page(self, view: ShopView) -> Commitments:
        """Return what is committed for the days that the calendar covers; read-only."""
        price, display = view.price.copy(), view.display.copy()
        for ahead in range(len(price)):
            for product, factor in self._price.get(view.day + ahead, {}).items():
                price[ahead, product] = round(float(price[ahead, product]) * factor, 2)
            for (product, cluster), share in self._display.get(view.day + ahead, {}).items():
                display[ahead, product, cluster] = share
        page = Commitments(price, display, self._orders.copy(), self._markdown.copy())
        for array in (page.price, page.display, page.orders, page.markdown):
            array.setflags(write=False)
        return page
