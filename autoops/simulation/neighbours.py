"""Customers who find nothing and try a neighbour of the category."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation.store import Sale

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.market import Market
    from autoops.simulation.store import Store


def sell_to_neighbours(market: Market, store: Store, day: int, intensity: FloatArray, sale: Sale) -> Sale:
    """Return the day's sale after customers who found nothing have tried the neighbours.

    Args:
        market: Whose customers they are.
        store: What is left to sell; what they buy is taken from it.
        day: Of the sale.
        intensity: (products, clusters) expected units of the day.
        sale: What has been sold and lost so far.
    """
    member = market.member
    wanted = market.substitutes(day, intensity, sale.lost)
    second = store.sell(wanted, np.zeros_like(wanted))
    served, lost = member.T @ second.full_price, member.T @ sale.lost
    kept = member @ np.clip(1.0 - served / np.maximum(lost, 1e-9), 0.0, 1.0)
    return Sale(sale.full_price + second.full_price, sale.cleared, sale.lost * kept)
