"""Money and units of a day, and what a run of days comes to."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.shop import Shop
    from autoops.retail.arrays import FloatArray
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
    """Prices under cost or outside their rail, as the policy left them."""

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
    """Units left at night."""
    labels: int
    breaches: int


DISPLAYED = 0.5
"""Displayed share from which a cell counts as promoted."""


def day_figures(shop: Shop, facts: DayFacts) -> DayFigures:
    """Return the figures of a day."""
    rules, cost, sale = shop.economics, shop.cost[:, None], facts.sale
    out = sale.lost > 0.0
    shown = facts.display >= DISPLAYED
    margin = np.maximum(facts.price + facts.funding[:, None] - cost, 0.0)
    revenue = facts.price * (sale.full_price + (1.0 - facts.markdown) * sale.cleared)
    return DayFigures(
        sales=float(revenue.sum()),
        funding=float((facts.funding[:, None] * sale.sold).sum()),
        goods=float((cost * facts.received).sum()),
        ordering=rules.order_line_cost * int((facts.orders > 0.0).sum()),
        holding=float((rules.holding_rate * cost * facts.stock).sum()),
        labels=rules.label_cost * facts.labels,
        goodwill=rules.goodwill * float((margin * sale.lost).sum()),
        received=float(facts.received.sum()),
        sold=float(sale.sold.sum()),
        wasted=float(facts.wasted.sum()),
        lost=float(sale.lost.sum()),
        on_hand=float(facts.stock.sum()),
        stock_value=stock_value(shop, facts.stock),
        stockouts=float(out.sum()),
        cells=float(out.size),
        promoted_stockouts=float((out & shown).sum()),
        promoted=float(shown.sum()),
        price_changes=float(facts.labels),
        guardrail_breaches=float(facts.breaches),
    )


def stock_value(shop: Shop, stock: FloatArray) -> float:
    """Return dollars that (products, clusters) units are worth: cost, less for what will expire."""
    share = np.where(shop.perishable, shop.economics.perishable_salvage, 1.0)
    return float(((share * shop.cost)[:, None] * stock).sum())


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
    price_changes: float
    guardrail_breaches: float
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
        price_changes=total["price_changes"],
        guardrail_breaches=total["guardrail_breaches"],
        sales=total["sales"],
    )
