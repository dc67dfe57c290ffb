"""What a day came to, as it stands in the journal: money, rates, and each cluster's units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoops.agents.figures import plain
from autoops.simulation.ledger import DISPLAYED

if TYPE_CHECKING:
    from autoops.agents.shop import Shop
    from autoops.simulation.days import Evening


def evening_record(shop: Shop, evening: Evening) -> dict[str, Any]:
    """Return a day's figures for the record."""
    day = evening.figures
    wanted = day.sold + day.lost
    money = ("sales", "funding", "goods", "ordering", "holding", "labels", "goodwill", "cash", "stock_value")
    units = ("received", "sold", "wasted", "lost", "on_hand")
    profit = day.cash + day.stock_value - evening.opening_value
    return {
        "dollars": {
            **{name: plain(getattr(day, name)) for name in money},
            "opening_stock_value": plain(evening.opening_value),
            "profit": plain(profit),
            "objective": plain(profit - day.goodwill),
        },
        "units": {name: plain(getattr(day, name), 0) for name in units},
        "fill_rate": plain(day.sold / wanted if wanted else 1.0, 4),
        "stockout_rate": plain(day.stockouts / day.cells, 4),
        "guardrail_breaches": plain(day.guardrail_breaches, 0),
        "price_index": plain(day.price_index, 5),
        "clusters": {cluster.name: _cluster(evening, index) for index, cluster in enumerate(shop.clusters)},
    }


def _cluster(evening: Evening, index: int) -> dict[str, Any]:
    """Return one cluster's units, by nights left where they expire."""
    facts = evening.facts
    aging = evening.on_hand[:-1, :, index].sum(axis=1)
    return {
        "received": plain(facts.received[:, index].sum(), 0),
        "ordered": plain(facts.orders[:, index].sum(), 0),
        "sold": plain(facts.sale.sold[:, index].sum(), 0),
        "lost": plain(facts.sale.lost[:, index].sum(), 0),
        "wasted": plain(facts.wasted[:, index].sum(), 0),
        "mean_price": plain(facts.price[:, index].mean()),
        "labels_changed": int(facts.labels[:, index].sum()),
        "displayed_products": int((facts.display[:, index] >= DISPLAYED).sum()),
        "keeps": plain(evening.on_hand[-1, :, index].sum(), 0),
        "expires_in_nights": {
            str(night + 1): plain(units, 0) for night, units in enumerate(aging) if units > 0
        },
    }
