"""Order quantities against the literature's worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.distribution import demand_cdf, normal_quantile
from autoops.retail.replenishment import (
    critical_ratio,
    economic_cover,
    expected_waste,
    left_probability,
    order_quantity,
    perishable_ceiling,
    protection_variance,
    within_shelf_life,
)


def test_newsvendor_of_the_hammer_wetsuit() -> None:
    """Cachon and Terwiesch's Hammer 3/2: price 190, cost 110, salvage 90, N(3192, 1181): about 4,187 suits."""
    ratio = critical_ratio(np.array(80.0), np.array(20.0))
    suits = 3192.0 + 1181.0 * float(normal_quantile(ratio))

    assert float(ratio) == pytest.approx(0.8)
    assert suits == pytest.approx(4187.0, abs=5.0)


def test_economic_order_quantity_of_the_resistor() -> None:
    """Silver, Pyke and Thomas, 3-ohm resistor: 2,400 a year, $3.20 an order, $0.40 each, 24 % a year: 400 units."""
    daily = 2400.0 / 365.0
    cover = economic_cover(np.array(daily), np.array(0.40), order_cost=3.20, holding_rate=0.24 / 365.0)

    assert float(cover) == 14.0, "400 units are 61 days: held to the longest cover of a shelf"

    dear = economic_cover(np.array(daily), np.array(0.40), order_cost=0.10, holding_rate=0.24 / 365.0)
    assert float(dear) * daily == pytest.approx((2 * 0.10 * 2400 / (0.40 * 0.24)) ** 0.5)


def test_variance_of_a_random_lead_time() -> None:
    """Silver, Pyke and Thomas 6.10: E(L) var(D) + E(D)^2 var(L)."""
    found = protection_variance(np.array(40.0), 4.0, phi=1.0, alpha=0.0, lead_variance=0.5)

    assert float(found) == pytest.approx(40.0 + 10.0**2 * 0.5)


def test_waste_is_what_demand_leaves_over() -> None:
    """Ten expire tonight and six sell: four are lost; tomorrow's nine meet nine and none is."""
    on_hand = np.array([10.0, 9.0, 0.0]).reshape(3, 1, 1)
    forecast = np.array([6.0, 9.0, 9.0]).reshape(3, 1, 1)

    assert float(expected_waste(on_hand, forecast, 1)[0, 0]) == 4.0
    assert float(expected_waste(on_hand, forecast, 3)[0, 0]) == 4.0


def test_waste_counts_what_older_stock_keeps_from_selling() -> None:
    """Sold first in first out, old stock takes the sales of younger stock, which then expires."""
    on_hand = np.array([5.0, 20.0]).reshape(2, 1, 1)
    forecast = np.array([5.0, 5.0]).reshape(2, 1, 1)

    assert float(expected_waste(on_hand, forecast, 2)[0, 0]) == 15.0


def test_order_up_to() -> None:
    """(s, S): nothing above the reorder point, up to the top at or under it, in whole units."""
    position = np.array([11.0, 10.0, 2.5])

    assert order_quantity(position, np.full(3, 10.0), np.full(3, 25.0)).tolist() == [0.0, 15.0, 23.0]


def test_ceiling_falls_with_what_expiry_costs() -> None:
    """The dearer an expired unit, the lower the position that pays; at equal costs it is the median."""
    mean, variance = np.array(100.0), np.array(1.0)
    ceiling = [
        float(perishable_ceiling(mean, variance, np.array(1.0), np.array(loss))) for loss in (0.5, 1.0, 4.0)
    ]

    assert ceiling[0] > ceiling[1] > ceiling[2]
    assert ceiling[1] == pytest.approx(100.0, abs=0.1)


def test_shelf_life_caps_the_top_of_what_expires() -> None:
    """Three days of shelf life hold three days of demand; what keeps is not capped."""
    capped = within_shelf_life(np.full((2, 1), 100.0), np.full((2, 1), 10.0), np.array([3, 0]), 1.0)

    assert capped[:, 0].tolist() == [30.0, 100.0]


@given(st.floats(-50.0, 500.0), st.floats(0.0, 300.0), st.floats(0.0, 300.0))
def test_an_order_reaches_the_top_and_is_never_negative(
    position: float, trigger: float, extra: float
) -> None:
    """Whatever the position, an order is whole, not negative, and within a unit of the top if there is one."""
    top = trigger + extra
    order = float(order_quantity(np.array(position), np.array(trigger), np.array(top)))

    assert order >= 0.0
    assert order == int(order)
    assert order == 0.0 or top - 1e-9 <= position + order <= top + 1.0 + 1e-9


def test_what_is_short_before_a_delivery_takes_nothing_of_it() -> None:
    """An empty shelf that waits three days for 12 has 12 for the fourth day's 10: as likely left as with nothing before."""
    mean, variance = np.array(40.0), np.array(160.0)
    waited = left_probability(np.array(0.0), np.array(12.0), mean, variance, 3.0)
    alone = demand_cdf(np.array(12.0), np.array(10.0), np.array(40.0))

    assert float(waited) == pytest.approx(float(alone))
    assert float(demand_cdf(np.array(12.0), mean, variance)) < 0.05


def test_with_enough_until_the_delivery_all_of_it_counts() -> None:
    """A position that covers the wait is the plain probability of position and order together."""
    mean, variance = np.array(40.0), np.array(160.0)
    found = left_probability(np.array(30.0), np.array(15.0), mean, variance, 3.0)

    assert float(found) == pytest.approx(float(demand_cdf(np.array(45.0), mean, variance)))
