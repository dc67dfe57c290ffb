"""Units are conserved, whatever is ordered, sold and marked down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.simulation.store import Store

LIFE = np.array([3, 8, 0])
"""Shelf lives: bread, milk, cola."""

units = st.integers(0, 60).map(float)


def _cells(data: st.DataObject) -> np.ndarray:
    """Draw (3, 2) whole units."""
    return np.array(data.draw(st.lists(units, min_size=6, max_size=6))).reshape(3, 2)


@given(st.data())
def test_units_in_are_units_sold_wasted_and_on_hand(data: st.DataObject) -> None:
    """Over any days of orders, demand and stickers, cell by cell, nothing appears and nothing is lost."""
    store = Store(LIFE, 2)
    received, sold, wasted = np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))
    for _ in range(data.draw(st.integers(1, 12))):
        received += store.receive()
        store.order(_cells(data), np.array(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=2))))
        demand, clearance = _cells(data), _cells(data)
        sale = store.sell(demand, clearance)
        assert (sale.lost >= 0.0).all()
        assert (sale.full_price + sale.lost + sale.cleared >= demand).all()
        sold += sale.sold
        wasted += store.expire()

    assert received == pytest.approx(sold + wasted + store.stock)
    assert (store.on_hand >= 0.0).all()
    assert not wasted[2].any(), "what keeps is never wasted"


def test_a_delivery_lasts_its_shelf_life() -> None:
    """Bread that arrives on a morning is sold on three days and expires on the third night."""
    store = Store(LIFE, 1)
    store.deliver(np.array([[10.0], [0.0], [0.0]]))

    wasted = [float(store.expire()[0, 0]) for _ in range(3)]

    assert wasted == [0.0, 0.0, 10.0]


def test_the_oldest_is_sold_first() -> None:
    """Two deliveries a day apart: sales come from the first."""
    store = Store(LIFE, 1)
    store.deliver(np.array([[4.0], [0.0], [0.0]]))
    store.expire()
    store.deliver(np.array([[4.0], [0.0], [0.0]]))
    store.sell(np.array([[5.0], [0.0], [0.0]]), np.zeros((3, 1)))

    assert store.on_hand[:, 0, 0].tolist()[:3] == [0.0, 0.0, 3.0]


def test_an_order_arrives_on_its_morning() -> None:
    """A lead time of two days is two mornings later."""
    store = Store(LIFE, 1)
    store.order(np.array([[0.0], [0.0], [7.0]]), np.array([2]))

    arrivals = [float(store.receive()[2, 0]) for _ in range(3)]

    assert arrivals == [0.0, 7.0, 0.0]


@given(st.data())
def test_what_a_dock_cuts_comes_later(data: st.DataObject) -> None:
    """On any days with any limits: what was ordered is received or still under way, in whole units, none over limit."""
    store, ordered, received = Store(LIFE, 2), np.zeros((3, 2)), np.zeros((3, 2))
    for _ in range(data.draw(st.integers(1, 12))):
        limit = np.array(data.draw(st.lists(st.floats(0.0, 150.0), min_size=2, max_size=2)))
        due = store.on_order[0].copy()
        taken = store.receive(limit)
        received += taken
        assert (taken == np.floor(taken)).all()
        assert (taken >= 0.0).all()
        assert (taken <= due).all()
        assert (taken.sum(axis=0) <= limit + 1e-6).all()
        units = _cells(data)
        store.order(units, np.array(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=2))))
        ordered += units
        assert received + store.on_order.sum(axis=0) == pytest.approx(ordered)

    assert received == pytest.approx(store.stock)


def test_a_full_dock_takes_what_it_can() -> None:
    """Sixty lines of one unit and a limit of 24.5: 24 come today, 24 tomorrow and 12 the day after."""
    store = Store(np.zeros(60, dtype=np.int64), 1)
    store.order(np.ones((60, 1)), np.array([1]))

    assert [float(store.receive(np.array([24.5])).sum()) for _ in range(4)] == [24.0, 24.0, 12.0, 0.0]


def test_a_dock_cuts_every_line_alike() -> None:
    """Of 40, 20 and 60 units, half: 20, 10 and 30."""
    store = Store(LIFE, 1)
    store.order(np.array([[40.0], [20.0], [60.0]]), np.array([1]))

    assert store.receive(np.array([60.0]))[:, 0].tolist() == [20.0, 10.0, 30.0]


def test_opening_stock_has_spent_its_nights() -> None:
    """Milk of eight days that has spent five is thrown away on the third night; no age is older than tonight."""
    store = Store(LIFE, 1)
    store.deliver(np.array([[0.0], [7.0], [0.0]]), np.array([[0.0], [5.0], [0.0]]))
    store.deliver(np.array([[2.0], [0.0], [4.0]]), np.array([[9.0], [0.0], [9.0]]))

    assert [store.expire()[:, 0].tolist() for _ in range(3)] == [
        [2.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 7.0, 0.0],
    ]
    assert store.stock[2, 0] == 4.0, "what keeps has no age"


def test_a_sticker_sells_only_what_expires_tonight() -> None:
    """Twenty want the sticker and four expire: four are cleared, and full-price demand is served from the rest."""
    store = Store(LIFE, 1)
    store.deliver(np.array([[4.0], [0.0], [0.0]]), np.array([[2.0], [0.0], [0.0]]))
    store.deliver(np.array([[10.0], [0.0], [0.0]]))

    sale = store.sell(np.array([[6.0], [0.0], [0.0]]), np.array([[20.0], [0.0], [0.0]]))

    assert (sale.cleared[0, 0], sale.full_price[0, 0], sale.lost[0, 0]) == (4.0, 2.0, 0.0)
