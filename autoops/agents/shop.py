"""What a shop can know: its assortment, its costs, its past, its shelves this morning, its sales tonight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.arrays import freeze_arrays
from autoops.retail.reorder_levels import Goods

if TYPE_CHECKING:
    from datetime import date

    from autoops.retail.arrays import BoolArray, FloatArray, IntArray


WEEK = 7
"""Days of a promotional week, Monday to Sunday: the plan changes on a Monday."""


@dataclass(frozen=True, slots=True)
class Product:
    """One article of the assortment."""

    id: int
    """The retailer's product number."""
    name: str
    department: str
    category: str
    shelf_life: int
    """Days on the shelf, the day of delivery included; 0 keeps."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Stores that are supplied and sell alike; treated as one stock location."""

    name: str
    stores: int
    """Number of stores."""
    sales_share: float
    """Share of the chain's sales in the weeks of the fit."""


@dataclass(frozen=True, slots=True)
class Economics:
    """Costs and rules that the shop knows; their sources stand in the simulation's assumptions."""

    order_line_cost: float
    """Dollars for each order line."""
    holding_rate: float
    """Share of a unit's cost for each night it is held."""
    label_cost: float
    """Dollars for each shelf label changed, per product and cluster."""
    goodwill: float
    """Margins lost by a lost sale beyond its own."""
    vendor_funding: float
    """Share of planned discounts that vendors pay."""
    price_rail: float
    """Largest deviation from the planned price, as a share of it."""
    perishable_salvage: float
    """Share of cost at which perishable end stock is valued."""
    lead_time_mean: float
    """Days from order to delivery."""
    lead_time_variance: float
    """Days squared."""


@dataclass(frozen=True)
class Shop:
    """The assortment and its costs: what does not change from day to day. Arrays are read-only."""

    products: tuple[Product, ...]
    clusters: tuple[Cluster, ...]
    cost: FloatArray
    """(products,) dollars a unit costs."""
    reference_price: FloatArray
    """(products,) median shelf price in the weeks of the fit, dollars."""
    economics: Economics
    index_weight: FloatArray
    """(products,) fixed weights of the price index: shares of revenue in the weeks of the fit."""
    receiving_limit: FloatArray | None = None
    """(clusters,) units that can be received a day; None without a limit."""

    def __post_init__(self) -> None:
        """Let nobody who is shown it change it."""
        freeze_arrays(self)

    @cached_property
    def shelf_life(self) -> IntArray:
        """(products,) days; 0 keeps."""
        days = np.array([product.shelf_life for product in self.products], dtype=np.int64)
        days.setflags(write=False)
        return days

    @cached_property
    def perishable(self) -> BoolArray:
        """(products,) whether stock expires."""
        result: BoolArray = self.shelf_life > 0
        result.setflags(write=False)
        return result

    @cached_property
    def category(self) -> IntArray:
        """(products,) index of each product's category."""
        names = sorted({product.category for product in self.products})
        index = np.array([names.index(product.category) for product in self.products], dtype=np.int64)
        index.setflags(write=False)
        return index

    def goods(self, earned: FloatArray, goodwill: float) -> Goods:
        """Return what is stocked, for its reorder levels.

        Args:
            earned: (products,) or (products, clusters) dollars that a unit earns over its cost.
            goodwill: Margins lost with a lost sale, beyond its own.
        """
        rules = self.economics
        return Goods(
            shelf_life=self.shelf_life,
            cost=self.cost,
            earned=earned,
            goodwill=goodwill,
            order_line_cost=rules.order_line_cost,
            holding_rate=rules.holding_rate,
            lead_time_mean=rules.lead_time_mean,
            lead_time_variance=rules.lead_time_variance,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Return (products, clusters)."""
        return len(self.products), len(self.clusters)


@dataclass(frozen=True, slots=True)
class SalesHistory:
    """Weekly sales and their circumstances in the weeks an agent may learn from; weeks are the last axis.

    Arrays are read-only.
    """

    units: FloatArray
    """(products, clusters, weeks) units sold, on the scale of the days to come."""
    price: FloatArray
    """(products, weeks) shelf price, dollars."""
    display: FloatArray
    """(products, clusters, weeks) displayed share of a cluster's stores, by their sales."""
    mailer: FloatArray
    """(products, weeks) 1 where the product is in the weekly mailer, as a share of stores."""
    weekday: FloatArray
    """(2, 7) factor on mean daily demand by weekday, Monday first: row 0 what keeps, row 1 perishables."""
    scale: float
    """Times real sales that one unit of `units` stands for."""

    def __post_init__(self) -> None:
        """Let nobody who is shown it change it."""
        freeze_arrays(self)


@dataclass(frozen=True, slots=True)
class ShopView:
    """What the shop sees in the morning, after deliveries. Arrays are read-only.

    The calendar is the retailer's own plan for this week and the next, today first: 14 days on a Monday, 8 on a
    Sunday.
    """

    day: int
    date: date
    on_hand: FloatArray
    """(ages, products, clusters) units by nights left: row 0 expires tonight, the last row keeps."""
    on_order: FloatArray
    """(days, products, clusters) units by the confirmed days until delivery: row 0 is tomorrow's."""
    price: FloatArray
    """(days, products) planned shelf price, dollars."""
    display: FloatArray
    """(days, products, clusters) planned displayed share."""
    mailer: FloatArray
    """(days, products) share of stores with the product in the mailer."""
    funding: FloatArray
    """(days, products) dollars that vendors pay for each unit sold at its planned discount."""

    def __post_init__(self) -> None:
        """Let nobody who is shown it change it."""
        freeze_arrays(self)

    @property
    def weekday(self) -> int:
        """Return 0 for Monday to 6 for Sunday."""
        return self.date.weekday()

    @property
    def stock(self) -> FloatArray:
        """Return (products, clusters) units on hand."""
        result: FloatArray = self.on_hand.sum(axis=0)
        return result


@dataclass(frozen=True, slots=True)
class Observation:
    """What the shop knows in the evening; every array is (products, clusters) and read-only."""

    day: int
    sold: FloatArray
    """Units sold, stickered ones included."""
    sold_out: BoolArray
    """Whether the shelf was empty at closing time: demand may have been larger than sales."""
    cleared: FloatArray
    """Units sold under a last-day sticker, in `sold` too."""
    wasted: FloatArray
    """Units expired tonight."""
    received: FloatArray
    """Units delivered this morning."""
    stock: FloatArray
    """Units left for the night, what expired aside."""
    price: FloatArray
    """Shelf price asked, dollars."""
    earned: FloatArray
    """Dollars from customers and vendors, less the cost of what was sold."""

    def __post_init__(self) -> None:
        """Let nobody who is shown it change it."""
        freeze_arrays(self)
