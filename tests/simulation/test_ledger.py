"""A day's money and units, worked by hand: two products, one cluster, whole dollars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoops.agents.shop import Cluster, Economics, Product, Shop
from autoops.simulation.ledger import DayFacts, day_figures, product_money, run_figures, stock_value
from autoops.simulation.store import Sale

SHOP = Shop(
    products=(Product(1, "Bread", "PASTRY", "BREAD", 3), Product(2, "Cola", "GROCERY", "SODA", 0)),
    clusters=(Cluster("cluster 1", 1, 1.0),),
    cost=np.array([2.0, 1.0]),
    reference_price=np.array([4.0, 3.0]),
    economics=Economics(
        order_line_cost=1.5,
        holding_rate=0.01,
        label_cost=0.5,
        goodwill=0.8,
        vendor_funding=0.6,
        price_rail=0.1,
        perishable_salvage=0.25,
        lead_time_mean=3.0,
        lead_time_variance=1.0,
    ),
    index_weight=np.array([0.5, 0.5]),
)


def _column(bread: float, cola: float) -> np.ndarray:
    """Return (2 products, 1 cluster)."""
    return np.array([[bread], [cola]])


FACTS = DayFacts(
    price=_column(4.0, 3.0),
    markdown=_column(0.55, 0.0),
    funding=np.array([0.5, 0.25]),
    display=_column(0.2, 0.75),
    received=_column(30.0, 40.0),
    orders=_column(0.0, 12.0),
    sale=Sale(full_price=_column(10.0, 20.0), cleared=_column(4.0, 0.0), lost=_column(0.0, 5.0)),
    wasted=_column(6.0, 0.0),
    stock=_column(10.0, 50.0),
    labels=np.array([[True], [False]]),
    breaches=1,
    price_index=1.01,
)
"""Bread at 4 dollars: 10 sold, 4 under a sticker of 55 %, 6 wasted; cola at 3: 20 sold, 5 customers found none."""


def test_each_line_of_money_is_what_the_day_says() -> None:
    """Bread: 10 x 4 + 4 x 4 x .45 = 47.20 dollars; cola lost 5 customers, each .8 of 3 + .25 - 1 = 2.25 dollars."""
    money = product_money(SHOP, FACTS)

    assert money.sales.tolist() == pytest.approx([47.2, 60.0])
    assert money.funding.tolist() == pytest.approx([0.5 * 14.0, 0.25 * 20.0])
    assert money.goods.tolist() == pytest.approx([60.0, 40.0])
    assert money.ordering.tolist() == pytest.approx([0.0, 1.5])
    assert money.holding.tolist() == pytest.approx([0.01 * 2.0 * 10.0, 0.01 * 1.0 * 50.0])
    assert money.labels.tolist() == pytest.approx([0.5, 0.0])
    assert money.goodwill.tolist() == pytest.approx([0.0, 0.8 * 2.25 * 5.0])
    assert money.objective.tolist() == pytest.approx(
        [47.2 + 7.0 - 60.0 - 0.2 - 0.5, 60.0 + 5.0 - 40.0 - 1.5 - 0.5 - 9.0]
    )


def test_a_sale_under_cost_that_is_lost_costs_no_good_will() -> None:
    """Cola at half a dollar and a quarter from the vendor earns less than its cost: its good will is nothing."""
    cheap = replace(FACTS, price=_column(4.0, 0.5))

    assert product_money(SHOP, cheap).goodwill.tolist() == [0.0, 0.0]


def test_stock_is_worth_its_cost_and_what_expires_a_share_of_it() -> None:
    """Ten breads at 2 dollars are worth a quarter of that; fifty colas all of theirs."""
    assert stock_value(SHOP, FACTS.stock).tolist() == [5.0, 50.0]


def test_a_days_figures_add_up_its_cells() -> None:
    """Units, cells that ran out, displayed cells among them, labels, stickers under cost."""
    day = day_figures(SHOP, FACTS, product_money(SHOP, FACTS))

    assert (day.received, day.sold, day.wasted, day.lost, day.on_hand) == (70.0, 34.0, 6.0, 5.0, 60.0)
    assert (day.cells, day.stockouts, day.promoted, day.promoted_stockouts) == (2.0, 1.0, 1.0, 1.0)
    assert (day.price_changes, day.guardrail_breaches, day.under_cost) == (1.0, 1.0, 1.0)
    assert day.displayed == pytest.approx(0.95)
    assert day.price_index == 1.01
    assert day.cash == pytest.approx(107.2 + 12.0 - 100.0 - 1.5 - 0.7 - 0.5)


def test_a_runs_rates_are_over_what_they_say() -> None:
    """A day, and one on which bread, on display, runs out too: fill over wanted, waste over supplied, and so on."""
    one = day_figures(SHOP, FACTS, product_money(SHOP, FACTS))
    facts = replace(
        FACTS, display=_column(0.5, 0.0), sale=replace(FACTS.sale, lost=_column(1.0, 0.0)), price_index=0.97
    )
    other = day_figures(SHOP, facts, product_money(SHOP, facts))
    run = run_figures([one, other, other], opening_units=20.0, opening_value=33.0)

    assert run.fill_rate == pytest.approx(102.0 / (102.0 + 7.0))
    assert run.waste_rate == pytest.approx(18.0 / (20.0 + 210.0))
    assert run.stockout_rate == pytest.approx(3.0 / 6.0)
    assert run.promo_stockout_rate == pytest.approx(3.0 / 3.0)
    assert run.displayed_share == pytest.approx((0.95 + 0.5 + 0.5) / 6.0)
    assert (run.price_changes, run.guardrail_breaches, run.under_cost_markdowns) == (3.0, 3.0, 3.0)
    assert run.price_index == pytest.approx((1.01 + 0.97 + 0.97) / 3.0)
    assert run.sales == pytest.approx(3.0 * 107.2)
    assert run.profit == pytest.approx(one.cash + 2.0 * other.cash + 55.0 - 33.0)
    # Bread earns 4 + .5 - 2 dollars a unit.
    assert run.profit - run.objective == pytest.approx(9.0 + 2.0 * 0.8 * 2.5)


def test_promotions_that_ran_out_are_a_share_of_promotions() -> None:
    """One displayed cell of two runs out, and an undisplayed one: one half of what is on display."""
    facts = replace(FACTS, display=_column(0.5, 0.75))
    day = day_figures(SHOP, facts, product_money(SHOP, facts))

    assert run_figures([day], 0.0, 0.0).promo_stockout_rate == pytest.approx(0.5)
