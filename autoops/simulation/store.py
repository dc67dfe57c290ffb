"""The stock of all products and clusters: by age, under way, sold first in first out, expired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray, IntArray

LONGEST_WAIT = 12
"""Days; no lead time, delays included, is longer."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What a day sold; every array is (products, clusters), in units."""

    full_price: FloatArray
    cleared: FloatArray
    """Sold under a last-day sticker."""
    lost: FloatArray
    """Wanted at the shelf price and not there."""

    @property
    def sold(self) -> FloatArray:
        """Return all units sold."""
        return self.full_price + self.cleared


class Store:
    """Stock on hand by nights left and orders by days until delivery.

    Row 0 of `on_hand` expires tonight; the last row holds what keeps. A delivery of shelf life s can be sold on
    s days, the day of delivery included.
    """

    def __init__(self, shelf_life: IntArray, clusters: int) -> None:
        products = len(shelf_life)
        self._ages = int(max(shelf_life.max(), 1))
        self.on_hand: FloatArray = np.zeros((self._ages + 1, products, clusters))
        self.on_order: FloatArray = np.zeros((LONGEST_WAIT, products, clusters))
        self._row = np.where(shelf_life > 0, shelf_life - 1, self._ages)
        self._products = np.arange(products)

    @property
    def stock(self) -> FloatArray:
        """Return (products, clusters) units on hand."""
        result: FloatArray = self.on_hand.sum(axis=0)
        return result

    def deliver(self, units: FloatArray, aged: FloatArray | None = None) -> None:
        """Put (products, clusters) units on the shelf, fresh, or with `aged` nights (products, clusters) spent."""
        row = np.broadcast_to(self._row[:, None], units.shape)
        if aged is not None:
            row = np.where(row == self._ages, row, np.maximum(row - aged.astype(np.int64), 0))
        np.add.at(self.on_hand, (row, self._products[:, None], np.arange(units.shape[1])[None, :]), units)

    def receive(self, limit: FloatArray | None = None) -> FloatArray:
        """Take in what is due this morning and return it.

        Args:
            limit: (clusters,) units that can be received a day; each line is cut by the same share, and what is cut
                comes tomorrow.
        """
        due: FloatArray = self.on_order[0].copy()
        taken = due if limit is None else _cut(due, limit)
        self.deliver(taken)
        self.on_order[:-1] = self.on_order[1:]
        self.on_order[-1] = 0.0
        self.on_order[0] += due - taken
        return taken

    def order(self, units: FloatArray, lead_time: IntArray) -> None:
        """Place (products, clusters) orders, delivered `lead_time` (clusters,) mornings from today, at least 1."""
        for cluster, days in enumerate(lead_time):
            self.on_order[int(days) - 1, :, cluster] += units[:, cluster]

    def sell(self, demand: FloatArray, clearance: FloatArray) -> Sale:
        """Sell a day's demand, oldest units first, and return what was sold and lost.

        Args:
            demand: (products, clusters) whole units wanted at the shelf price.
            clearance: (products, clusters) whole units wanted under tonight's sticker; 0 where there is none.
        """
        cleared = np.minimum(self.on_hand[0], clearance)
        self.on_hand[0] -= cleared
        wanted = np.maximum(demand - cleared, 0.0)
        before = np.cumsum(self.on_hand, axis=0) - self.on_hand
        taken = np.clip(wanted[None] - before, 0.0, self.on_hand)
        self.on_hand -= taken
        full_price: FloatArray = taken.sum(axis=0)
        return Sale(full_price, cleared, wanted - full_price)

    def expire(self) -> FloatArray:
        """End the day: throw away what expires tonight, return it, and age the rest by a night."""
        wasted: FloatArray = self.on_hand[0].copy()
        self.on_hand[: self._ages - 1] = self.on_hand[1 : self._ages]
        self.on_hand[self._ages - 1] = 0.0
        return wasted


def _cut(due: FloatArray, limit: FloatArray) -> FloatArray:
    """Return whole (products, clusters) units of what is due, each line by the same share, (clusters,) `limit` in all.

    Fractions of one line are carried to the next, so that many small lines lose no more than large ones.
    """
    share = np.minimum(limit / np.maximum(due.sum(axis=0), 1.0), 1.0)
    whole = np.floor(np.cumsum(due * share, axis=0) + 1e-9)
    result: FloatArray = np.minimum(np.diff(whole, axis=0, prepend=0.0), due)
    return result
