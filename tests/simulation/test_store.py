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
def test_what_docks_cannot_take_in_waits(data: st.DataObject) -> None:
    """With any limits: what is ordered is under way or has come; what has come is sold, wasted, on the shelf or waits."""
    store, ordered, came, gone = (Store(LIFE, 2), *(np.zeros((3, 2)) for _ in range(3)))
    for _ in range(data.draw(st.integers(1, 12))):
        limit = np.array(data.draw(st.lists(st.floats(0.0, 150.0), min_size=2, max_size=2)))
        before = store.stock
        came += store.receive(limit)
        taken = store.stock - before
        assert (taken == np.floor(taken)).all()
        assert (taken >= 0.0).all()
        assert (taken.sum(axis=0) <= limit + 1e-6).all()
        units = _cells(data)
        store.order(units, np.array(data.draw(st.lists(st.integers(1, 7), min_size=2, max_size=2))))
        ordered += units
        gone += store.sell(_cells(data), _cells(data)).sold + store.expire()
        assert (store.waiting >= 0.0).all()
        assert came + store.on_order.sum(axis=0) == pytest.approx(ordered)
        assert came == pytest.approx(gone + store.owned.sum(axis=0))
        assert ordered - gone - store.stock == pytest.approx(store.coming.sum(axis=0))


def test_a_full_dock_takes_in_what_it_can() -> None:
    """Sixty products of one unit and a limit of 24.5: 24 come in today, 24 tomorrow and 12 the day after."""
    store, limit = Store(np.zeros(60, dtype=np.int64), 1), np.array([24.5])
    store.order(np.ones((60, 1)), np.array([1]))
    came, stood = [], []
    for _ in range(4):
        came.append(float(store.receive(limit).sum()))
        stood.append(float(store.stock.sum()))

    assert came == [60.0, 0.0, 0.0, 0.0], "paid for on the day that it comes"
    assert stood == [24.0, 48.0, 60.0, 60.0]


def test_a_dock_cuts_every_product_alike() -> None:
    """Of 40, 20 and 60 units, half: 20, 10 and 30; as many are there tomorrow, and nothing before."""
    store = Store(LIFE, 1)
    store.order(np.array([[40.0], [20.0], [60.0]]), np.array([1]))
    store.receive(np.array([60.0]))

    assert store.stock[:, 0].tolist() == [20.0, 10.0, 30.0]
    assert store.coming[0, :, 0].tolist() == [20.0, 10.0, 30.0]
    assert not store.sell(np.full((3, 1), 99.0), np.zeros((3, 1))).lost.min() < 39.0


def test_what_waits_at_the_dock_ages() -> None:
    """Bread of three days that waits two nights is sold on one day only; what waits three nights is thrown away."""
    for nights, sold in ((2, 8.0), (3, 0.0)):
        store = Store(LIFE, 1)
        store.order(np.array([[8.0], [0.0], [0.0]]), np.array([1]))
        wasted = 0.0
        for _ in range(nights):
            store.receive(np.array([0.0]))
            wasted += float(store.expire()[0, 0])
        store.receive(np.array([99.0]))

        assert wasted == 8.0 - sold
        assert float(store.on_hand[0, 0, 0]) == sold, "it expires tonight"


def test_what_has_waited_longest_is_taken_in_first() -> None:
    """Four wait since yesterday, four come today, five can be taken in: yesterday's four and one of today's."""
    store = Store(LIFE, 1)
    for limit in (0.0, 5.0):
        store.order(np.array([[4.0], [0.0], [0.0]]), np.array([1]))
        store.receive(np.array([limit]))
        if not limit:
            store.expire()

    assert store.on_hand[:3, 0, 0].tolist() == [0.0, 4.0, 1.0]


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
