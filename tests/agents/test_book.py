"""What is committed stands on the right days and inside its rails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import CHIPS, COLA, MILK, made_shop, made_view

from autoops.agents.book import Book
from autoops.retail.pricing import price_rails


def test_a_passing_price_gives_way_to_the_standing_one() -> None:
    """An answer to a competitor holds for its days, then the week's price returns."""
    book = Book(made_shop())
    book.set_price(COLA, 1.05, 0)
    book.set_price(COLA, 0.9, 2)

    price = book.page(made_view()).price[:, COLA]

    assert price[:3].tolist() == [1.8, 1.8, 2.1]


def test_prices_stay_inside_their_rail_when_the_plan_changes() -> None:
    """A factor that was allowed on one plan is held over cost on the next."""
    book, view = Book(made_shop()), made_view()
    book.set_price(COLA, 0.9, 0)
    plan = view.price.copy()
    plan[7:, COLA] = 1.45

    price = book.page(replace(view, price=plan)).price[:, COLA]

    assert price[0] == 1.8
    assert price[7] == pytest.approx(1.4)


@given(st.integers(20, 3000), st.floats(0.85, 1.15))
def test_whole_cents_stay_inside_the_rail(cents: int, factor: float) -> None:
    """Ten per cent of 1.85 is half a cent: the price is rounded to where it is allowed, not to the nearest."""
    book, view = Book(made_shop()), made_view()
    plan = np.full_like(view.price, cents / 100.0)
    book.set_price(COLA, factor, 0)
    price = book.page(replace(view, price=plan)).price[0, COLA]
    low, high = price_rails(plan[0], made_shop().cost, 0.1)

    assert low[COLA] - 1e-6 <= price <= high[COLA] + 1e-6
    assert price == pytest.approx(round(price, 2))


def test_swaps_exchange_shares_and_end() -> None:
    """Two products exchange their slots for some days; swaps of swaps follow the slot."""
    book = Book(made_shop())
    book.swap_displays(COLA, CHIPS, 0, 0, 2)
    book.swap_displays(CHIPS, MILK, 0, 1, 1)

    display = book.page(made_view()).display[:, :, 0]

    assert display[0].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert display[1].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert display[2].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_a_new_day_clears_orders_and_stickers() -> None:
    """What was ordered and marked down yesterday is not done again."""
    book = Book(made_shop())
    book.order(COLA, 0, 12.0)
    book.mark_down(MILK, 1, 0.4)
    before = book.page(made_view())
    book.open_day(1)
    after = book.page(made_view(day=1))

    assert before.orders[COLA, 0] == 12.0
    assert before.markdown[MILK, 1] == 0.4
    assert not after.orders.any()
    assert not after.markdown.any()


def test_a_page_cannot_be_written() -> None:
    """Agents read the book; only the orchestrator writes in it."""
    page = Book(made_shop()).page(made_view())

    with pytest.raises(ValueError, match="read-only"):
        page.price[0, 0] = 1.0
    assert isinstance(page.orders, np.ndarray)
