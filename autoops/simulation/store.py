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
    s days, the day of delivery included. What docks could not take in is in `waiting`, rows as in `on_hand`: it has
    been delivered and ages, but cannot be sold.
    """

    def __init__(self, shelf_life: IntArray, clusters: int) -> None:
        products = len(shelf_life)
        self._ages = int(max(shelf_life.max(), 1))
        self.on_hand: FloatArray = np.zeros((self._ages + 1, products, clusters))
        self.waiting: FloatArray = np.zeros_like(self.on_hand)
        self.on_order: FloatArray = np.zeros((LONGEST_WAIT, products, clusters))
        self._row = np.where(shelf_life > 0, shelf_life - 1, self._ages)
        self._products = np.arange(products)

    @property
    def stock(self) -> FloatArray:
        """Return (products, clusters) units on hand."""
        result: FloatArray = self.on_hand.sum(axis=0)
        return result

    @property
    def owned(self) -> FloatArray:
        """Return (ages, products, clusters) units on hand and waiting."""
        return self.on_hand + self.waiting

    @property
    def coming(self) -> FloatArray:
        """Return (days, products, clusters) units by the days until they can be taken in, what waits included."""
        result: FloatArray = self.on_order.copy()
        result[0] += self.waiting.sum(axis=0)
        return result

    def deliver(self, units: FloatArray, aged: FloatArray | None = None) -> None:
        """Put (products, clusters) units on the shelf, fresh, or with `aged` nights (products, clusters) spent."""
        self._add(self.on_hand, units, aged)

    def _add(self, rows: FloatArray, units: FloatArray, aged: FloatArray | None = None) -> None:
        """Add units to rows by nights left."""
        row = np.broadcast_to(self._row[:, None], units.shape)
        if aged is not None:
            row = np.where(row == self._ages, row, np.maximum(row - aged.astype(np.int64), 0))
        np.add.at(rows, (row, self._products[:, None], np.arange(units.shape[1])[None, :]), units)

    def receive(self, limit: FloatArray | None = None) -> FloatArray:
        """Take in what is due this morning and return it, what has to wait included.

        Args:
            limit: (clusters,) units that can be taken in a day; each product is cut by the same share, and what is
                cut waits for tomorrow. What has waited longest is taken in first.
        """
        due: FloatArray = self.on_order[0].copy()
        self.on_order[:-1] = self.on_order[1:]
        self.on_order[-1] = 0.0
        if limit is None:
            self.deliver(due)
            return due
        self._add(self.waiting, due)
        taken = _oldest(self.waiting, _cut(self.waiting.sum(axis=0), limit))
        self.waiting -= taken
        self.on_hand += taken
        return due

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
        taken = _oldest(self.on_hand, wanted)
        self.on_hand -= taken
        full_price: FloatArray = taken.sum(axis=0)
        return Sale(full_price, cleared, wanted - full_price)

    def expire(self) -> FloatArray:
        """End the day: throw away what expires tonight, return it, and age the rest by a night."""
        wasted: FloatArray = self.on_hand[0] + self.waiting[0]
        for rows in (self.on_hand, self.waiting):
            rows[: self._ages - 1] = rows[1 : self._ages]
            rows[self._ages - 1] = 0.0
        return wasted


def _oldest(rows: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return what to take of (ages, products, clusters) units so that (products, clusters) are taken, oldest first."""
    before = np.cumsum(rows, axis=0) - rows
    result: FloatArray = np.clip(wanted[None] - before, 0.0, rows)
    return result


def _cut(due: FloatArray, limit: FloatArray) -> FloatArray:
    """Return whole (products, clusters) units of what is due, each line by the same share, (clusters,) `limit` in all.

    Fractions of one line are carried to the next, so that many small lines lose no more than large ones.
    """
    share = np.minimum(limit / np.maximum(due.sum(axis=0), 1.0), 1.0)
    whole = np.floor(np.cumsum(due * share, axis=0) + 1e-9)
    result: FloatArray = np.minimum(np.diff(whole, axis=0, prepend=0.0), due)
    return result
