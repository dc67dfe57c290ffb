"""A made-up shop of four products in two clusters, and situations in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.agent import Situation
from autoops.agents.book import Book
from autoops.agents.forecast import Forecast
from autoops.agents.messages import Action, Effect, Event, EventType, Line, Proposal
from autoops.agents.shop import Cluster, Economics, Observation, Product, Shop, ShopView

if TYPE_CHECKING:
    from collections.abc import Sequence

MILK, BREAD, COLA, CHIPS = range(4)
"""Two that expire, in 8 and 3 days, and two that keep."""

MONDAY = date(2017, 6, 26)

ECONOMICS = Economics(
    order_line_cost=1.5,
    holding_rate=0.002,
    label_cost=1.0,
    goodwill=1.0,
    vendor_funding=0.6,
    price_rail=0.1,
    perishable_salvage=0.5,
    lead_time_mean=3.0,
    lead_time_variance=2.0 / 3.0,
)


def made_shop() -> Shop:
    """Return the shop: every price is 2 dollars and every cost 1.40."""
    products = (
        Product(1, "Milk (1)", "GROCERY", "FLUID MILK PRODUCTS", 8),
        Product(2, "Bread (2)", "PASTRY", "BREAD", 3),
        Product(3, "Cola (3)", "GROCERY", "SOFT DRINKS", 0),
        Product(4, "Chips (4)", "GROCERY", "BAG SNACKS", 0),
    )
    clusters = Cluster("cluster 1", 30, 0.7), Cluster("cluster 2", 10, 0.3)
    return Shop(
        products, clusters, np.full(4, 1.4), np.full(4, 2.0), ECONOMICS, index_weight=np.full(4, 0.25)
    )


def made_view(*, stock: float = 60.0, day: int = 0) -> ShopView:
    """Return a morning with `stock` units of everything, fresh, nothing on order, cola on display in cluster 1."""
    shop = made_shop()
    on_hand = np.zeros((9, 4, 2))
    on_hand[-1, ~shop.perishable] = stock
    on_hand[7, MILK] = stock
    on_hand[2, BREAD] = stock
    display = np.zeros((14, 4, 2))
    display[:, COLA, 0] = 1.0
    return ShopView(
        day=day,
        date=date.fromordinal(MONDAY.toordinal() + day),
        on_hand=on_hand,
        on_order=np.zeros((12, 4, 2)),
        price=np.full((14, 4), 2.0),
        display=display,
        mailer=np.zeros((14, 4)),
        funding=np.zeros((14, 4)),
    )


def made_situation(
    view: ShopView | None = None, book: Book | None = None, *, daily: float = 10.0
) -> Situation:
    """Return a situation in which every product is expected to sell `daily` units a day in each cluster."""
    shop, view = made_shop(), view or made_view()
    forecast = Forecast(
        daily=np.full((len(view.price), 4, 2), daily),
        usual=np.full((4, 2), daily),
        phi=1.2,
        alpha=0.05,
        elasticity=np.array([-0.6, -1.0, -6.0, -2.5]),
        elasticity_sd=np.full(4, 0.3),
        lift=np.full(4, 0.5),
        unsure=np.full((2, 4, 2), 0.01),
        level_variance=np.full(4, 0.01),
        weekday=view.weekday,
    )
    return Situation(shop, view, (book or Book(shop)).page(view), forecast)


def made_evening(
    day: int = 0,
    *,
    sold: float = 0.0,
    cleared: float = 0.0,
    wasted: float = 0.0,
    stock: float = 60.0,
    earned: float = 0.0,
    sold_out: Sequence[tuple[int, int]] = (),
) -> Observation:
    """Return an evening on which every product in each cluster sold, cleared, wasted, kept and earned the same.

    Shelves of the (product, cluster) pairs `sold_out` were empty at closing time.
    """
    out = np.zeros((4, 2), dtype=np.bool_)
    for where in sold_out:
        out[where] = True
    figures = {"sold": sold, "cleared": cleared, "wasted": wasted, "stock": stock, "earned": earned}
    return Observation(
        day=day,
        sold_out=out,
        received=np.zeros((4, 2)),
        price=np.full((4, 2), 2.0),
        **{name: np.full((4, 2), value) for name, value in figures.items()},
    )


def expiring(view: ShopView, product: int, cluster: int, units: float) -> ShopView:
    """Return the morning with so many units of a product that expire tonight."""
    on_hand = view.on_hand.copy()
    on_hand[0, product, cluster] = units
    return replace(view, on_hand=on_hand)


def event(kind: EventType, **changes: object) -> Event:
    """Return an event of a kind on the Monday."""
    plain = Event(id=f"{kind.value}-test", type=kind, day=0, date=MONDAY, source="test")
    return replace(plain, **changes)  # type: ignore[arg-type] # fields of an event, as the test says


def proposal(action: Action, line: Line, **changes: object) -> Proposal:
    """Return a proposal with one line."""
    plain = Proposal(
        id=f"test/{action.value}",
        agent="test_agent",
        action=action,
        type=f"test_{action.value}",
        lines=(line,),
        unit="units",
        claim="",
        confidence=0.5,
        effect=Effect(0.0, 0.0, 0.0, "dollars", 1),
        first_day=0,
        days=7,
        inputs={},
        reasoning="",
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # fields of a proposal, as the test says
