"""Money and units of a day, and what a run of days comes to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.shop import Shop
    from autoops.retail.arrays import BoolArray, FloatArray
    from autoops.simulation.store import Sale


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day of one policy, summed over products and clusters."""

    sales: float
    """Dollars received from customers."""
    funding: float
    """Dollars received from vendors."""
    goods: float
    """Dollars paid for deliveries."""
    ordering: float
    """Dollars for order lines."""
    holding: float
    """Dollars for stock held over night."""
    labels: float
    """Dollars for shelf labels changed."""
    goodwill: float
    """Dollars of good will lost with lost sales; in the objective, not in the profit."""
    received: float
    """Units delivered."""
    sold: float
    """Units sold."""
    wasted: float
    """Units expired."""
    lost: float
    """Units wanted and not there."""
    on_hand: float
    """Units left at night."""
    stock_value: float
    """Dollars that the stock left at night is worth."""
    stockouts: float
    """Cells on which demand exceeded stock."""
    cells: float
    """Products x clusters."""
    promoted_stockouts: float
    """Displayed cells on which demand exceeded stock."""
    promoted: float
    """Displayed cells."""
    price_changes: float
    """Shelf labels changed."""
    guardrail_breaches: float
    """What the policy did outside its guard rails, see `simulation.rails`."""
    displayed: float
    """Displayed shares, summed."""
    price_index: float
    """Prices over plan at fixed weights."""
    under_cost: float
    """Cells whose last-day sticker went under cost, which stickers may."""

    @property
    def cash(self) -> float:
        """Return dollars in less dollars out."""
        return self.sales + self.funding - self.goods - self.ordering - self.holding - self.labels


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What a day's figures are made of; arrays are (products, clusters) unless said."""

    price: FloatArray
    """Shelf prices, dollars."""
    markdown: FloatArray
    """Share taken off what expires tonight."""
    funding: FloatArray
    """(products,) dollars from vendors a unit."""
    display: FloatArray
    received: FloatArray
    orders: FloatArray
    sale: Sale
    wasted: FloatArray
    stock: FloatArray
    """Units left at night, what waits at the docks included."""
    labels: BoolArray
    """Whether a shelf label was changed."""
    breaches: int
    price_index: float


DISPLAYED = 0.5
"""Displayed share from which a cell counts as promoted."""


@dataclass(frozen=True, slots=True)
class ProductMoney:
    """A day's dollars by product; every field has shape (products,). Fields as in `DayFigures`."""

    sales: FloatArray
    funding: FloatArray
    goods: FloatArray
    ordering: FloatArray
    holding: FloatArray
    labels: FloatArray
    goodwill: FloatArray

    @property
    def objective(self) -> FloatArray:
        """Return dollars in less dollars out, less good will lost."""
        spent = self.goods + self.ordering + self.holding + self.labels + self.goodwill
        result: FloatArray = self.sales + self.funding - spent
        return result


def product_money(shop: Shop, facts: DayFacts) -> ProductMoney:
    """Return a day's dollars by product."""
    rules, cost, sale = shop.economics, shop.cost, facts.sale
    margin = np.maximum(facts.price + (facts.funding - cost)[:, None], 0.0)
    revenue = facts.price * (sale.full_price + (1.0 - facts.markdown) * sale.cleared)
    return ProductMoney(
        sales=revenue.sum(axis=1),
        funding=facts.funding * sale.sold.sum(axis=1),
        goods=cost * facts.received.sum(axis=1),
        ordering=rules.order_line_cost * (facts.orders > 0.0).sum(axis=1),
        holding=rules.holding_rate * cost * facts.stock.sum(axis=1),
        labels=rules.label_cost * facts.labels.sum(axis=1),
        goodwill=rules.goodwill * (margin * sale.lost).sum(axis=1),
    )


def day_figures(shop: Shop, facts: DayFacts, money: ProductMoney) -> DayFigures:
    """Return the figures of a day."""
    sale, out = facts.sale, facts.sale.lost > 0.0
    shown = facts.display >= DISPLAYED
    stickered = (facts.markdown > 0.0) & (sale.cleared > 0.0)
    under = stickered & ((1.0 - facts.markdown) * facts.price < shop.cost[:, None])
    return DayFigures(
        **{item.name: float(getattr(money, item.name).sum()) for item in fields(ProductMoney)},
        received=float(facts.received.sum()),
        sold=float(sale.sold.sum()),
        wasted=float(facts.wasted.sum()),
        lost=float(sale.lost.sum()),
        on_hand=float(facts.stock.sum()),
        stock_value=float(stock_value(shop, facts.stock).sum()),
        stockouts=float(out.sum()),
        cells=float(out.size),
        promoted_stockouts=float((out & shown).sum()),
        promoted=float(shown.sum()),
        price_changes=float(facts.labels.sum()),
        guardrail_breaches=float(facts.breaches),
        displayed=float(facts.display.sum()),
        price_index=facts.price_index,
        under_cost=float(under.sum()),
    )


def stock_value(shop: Shop, stock: FloatArray) -> FloatArray:
    """Return (products,) dollars that (products, clusters) units are worth: cost, less for what will expire."""
    share = np.where(shop.perishable, shop.economics.perishable_salvage, 1.0)
    result: FloatArray = share * shop.cost * stock.sum(axis=1)
    return result


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run of days comes to; rates are 0 to 1, money in dollars."""

    profit: float
    """Cash, plus what the end stock is worth beyond the opening stock."""
    objective: float
    """Profit less the good will of lost sales."""
    fill_rate: float
    """Units sold over units wanted."""
    waste_rate: float
    """Units expired over units delivered and in the opening stock."""
    stockout_rate: float
    """Share of cells and days on which demand exceeded stock."""
    promo_stockout_rate: float
    """The same among displayed cells."""
    displayed_share: float
    """Mean displayed share of a cell."""
    price_changes: float
    """Shelf labels changed."""
    guardrail_breaches: float
    price_index: float
    """Mean of the days' prices over plan at fixed weights; 1 is the plan."""
    under_cost_markdowns: float
    """Cells and days whose last-day sticker went under cost."""
    sales: float


def run_figures(days: Sequence[DayFigures], opening_units: float, opening_value: float) -> RunFigures:
    """Return the figures of a run.

    Args:
        days: Its days, in order.
        opening_units: Units on hand before the first.
        opening_value: Dollars they are worth.
    """
    total = {item.name: sum(getattr(day, item.name) for day in days) for item in fields(DayFigures)}
    profit = sum(day.cash for day in days) + days[-1].stock_value - opening_value
    supplied, promoted = opening_units + total["received"], total["promoted"]
    return RunFigures(
        profit=profit,
        objective=profit - total["goodwill"],
        fill_rate=total["sold"] / max(total["sold"] + total["lost"], 1.0),
        waste_rate=total["wasted"] / max(supplied, 1.0),
        stockout_rate=total["stockouts"] / total["cells"],
        promo_stockout_rate=total["promoted_stockouts"] / max(promoted, 1.0),
        displayed_share=total["displayed"] / total["cells"],
        price_changes=total["price_changes"],
        guardrail_breaches=total["guardrail_breaches"],
        price_index=total["price_index"] / len(days),
        under_cost_markdowns=total["under_cost"],
        sales=total["sales"],
    )
