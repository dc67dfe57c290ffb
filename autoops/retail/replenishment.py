"""When to order and how much: order-up-to levels for stock that keeps and stock that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.distribution import SMALLEST_MEAN, demand_cdf, demand_quantile, normal_quantile

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray, IntArray

MOST_COVER_DAYS = 14.0
"""Days; no economy of ordering justifies more stock than this on a shelf."""

SHORT_LIFE = 5
"""Days; shelf lives up to this are short."""


def life_class(shelf_life: IntArray) -> IntArray:
    """Return the class of each shelf life, in days: 0 up to 5 days, 1 longer, 2 keeps."""
    return np.select([shelf_life == 0, shelf_life > SHORT_LIFE], [2, 1], 0)


def critical_ratio(underage: FloatArray, overage: FloatArray) -> FloatArray:
    """Return the probability with which demand should be met: underage / (underage + overage).

    Args:
        underage: Dollars lost by one unit too few.
        overage: Dollars lost by one unit too many.

    Source: the newsvendor, Arrow, Harris and Marschak, "Optimal Inventory Policy", Econometrica 19 (1951).
    """
    result: FloatArray = np.clip(underage / (underage + np.maximum(overage, 1e-9)), 0.01, 0.999)
    return result


def economic_cover(daily: FloatArray, cost: FloatArray, order_cost: float, holding_rate: float) -> FloatArray:
    """Return the days of demand that one order should bring, at least 1.

    Args:
        daily: Expected units a day.
        cost: Dollars a unit.
        order_cost: Dollars an order line.
        holding_rate: Share of cost that a unit costs for each day it is held.

    Source: the economic order quantity, Harris (1913): Q = sqrt(2 K D / h), divided by D.
    """
    per_day = np.maximum(holding_rate * cost * daily, 1e-9)
    result: FloatArray = np.clip(np.sqrt(2.0 * order_cost / per_day), 1.0, MOST_COVER_DAYS)
    return result


def protection_variance(
    mean: FloatArray,
    days: FloatArray | IntArray | float,
    phi: float,
    alpha: float,
    *,
    lead_variance: float = 0.0,
) -> FloatArray:
    """Return the variance of demand over the protection interval, in units squared.

    Args:
        mean: Expected units over the interval.
        days: Its length.
        phi: Variance over mean of a day's small counts.
        alpha: Squared coefficient of variation of a day's large counts.
        lead_variance: Variance of the lead time, in days squared.

    Source: Silver, Pyke and Thomas (2017), section 6.10, for a random lead time: the daily mean squared times
    the variance of the lead time is added.
    """
    daily = mean / days
    return phi * mean + alpha * mean**2 / days + lead_variance * daily**2


def expected_waste(on_hand: FloatArray, forecast: FloatArray, days: int) -> FloatArray:
    """Return the units on hand that will expire within `days` days, if demand is as forecast and sold FIFO.

    Args:
        on_hand: (ages, products, clusters) units by nights left: row 0 expires tonight.
        forecast: (days or more, products, clusters) expected units a day, row 0 is today.
        days: How far to look.

    Source: the estimated waste of the EWA policy, Broekmeulen and van Donselaar, "A Heuristic to Manage
    Perishable Inventory with Batch Ordering, Positive Lead-Times, and Time-Varying Demand", Computers &
    Operations Research 36 (2009), 3013-3018.
    """
    stock = np.cumsum(on_hand[:days], axis=0)
    demand = np.cumsum(forecast[:days], axis=0)
    result: FloatArray = np.maximum((stock - demand).max(axis=0), 0.0)
    return result


def perishable_ceiling(
    mean: FloatArray, variance: FloatArray, margin: FloatArray, loss: FloatArray
) -> FloatArray:
    """Return the position beyond which one more unit is likelier to expire than to earn, in units.

    Args:
        mean: Expected units over shelf life plus lead time.
        variance: Their variance.
        margin: Dollars lost by a unit short.
        loss: Dollars lost by a unit expired: cost less salvage.

    Source: the newsvendor over the time that the unit lasts, after Nahmias, "Perishable Inventory Theory: A
    Review", Operations Research 30 (1982), 680-708.
    """
    return demand_quantile(mean, variance, normal_quantile(critical_ratio(margin, loss)))


def order_quantity(position: FloatArray, trigger: FloatArray, top: FloatArray) -> FloatArray:
    """Return whole units to order: up to `top` where the position is at or under `trigger`, else nothing.

    Source: the (s, S) policy, Scarf (1960), "The Optimality of (S, s) Policies in the Dynamic Inventory
    Problem".
    """
    wanted = np.ceil(np.maximum(top, trigger) - position)
    result: FloatArray = np.where(position <= trigger, np.maximum(wanted, 0.0), 0.0)
    return result


def within_shelf_life(top: FloatArray, daily: FloatArray, shelf_life: IntArray, share: float) -> FloatArray:
    """Return `top`, at most `share` of what sells in a shelf life; what keeps (shelf life 0) is not capped.

    Args:
        top: (products, clusters) units.
        daily: (products, clusters) expected units a day.
        shelf_life: (products,) days; 0 keeps.
        share: Days of demand allowed for each day of shelf life.
    """
    limit = daily * shelf_life[:, None] * share
    result: FloatArray = np.where(shelf_life[:, None] > 0, np.minimum(top, limit), top)
    return result


def left_probability(
    position: FloatArray, quantity: FloatArray, mean: FloatArray, variance: FloatArray, lead_days: float
) -> FloatArray:
    """Return the probability that something is left on the evening on which an order arrives.

    Args:
        position: Usable units on hand and under way without the order.
        quantity: Units ordered.
        mean: Units expected over `lead_days` and the day of the delivery, spread evenly.
        variance: Of the same, units squared.
        lead_days: Days from order to delivery.

    Demand beyond the position before the delivery is lost and takes nothing of the order: the lost-sales case of Hadley
    and Whitin, *Analysis of Inventory Systems* (1963), chapter 4, to first order.
    """
    position, before = np.maximum(position, 0.0), mean * lead_days / (lead_days + 1.0)
    served = np.minimum(before, position) + mean - before
    return demand_cdf(position + quantity, served, variance * served / np.maximum(mean, SMALLEST_MEAN))
