"""The retailer's own plan of prices, displays and mailers, day by day, and the dates of the days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.panel import Panel

WEEK_TWO = date(2017, 1, 2)
"""The Monday on which week 2 of the data begins."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The plan of the weeks that are simulated; rows are weeks, the last one repeated for the look ahead."""

    first_day: date
    price: FloatArray
    """(weeks + 1, products) dollars."""
    funding: FloatArray
    """(weeks + 1, products) dollars that vendors pay for each unit sold."""
    display: FloatArray
    """(weeks + 1, products, clusters) displayed share."""
    mailer: FloatArray
    """(weeks + 1, products) share of stores."""

    def date(self, day: int) -> date:
        """Return the date of a simulated day, 0 the first."""
        return self.first_day + timedelta(days=day)

    def weeks_ahead(self, day: int) -> list[int]:
        """Return the plan's row of each day from `day` to the end of the next week."""
        return [ahead // 7 for ahead in range(day, (day // 7 + 2) * 7)]


def planned_calendar(panel: Panel, vendor_funding: float) -> Calendar:
    """Return the plan of the panel's test weeks.

    Args:
        panel: The real data.
        vendor_funding: Share of planned discounts that vendors pay.
    """
    first = panel.split.fit_weeks
    price = panel.price[:, first:].T
    discount = np.maximum(panel.list_price[:, first:].T - price, 0.0)
    return Calendar(
        first_day=WEEK_TWO + timedelta(weeks=panel.split.test[0] - 2),
        price=_repeat_last(price),
        funding=_repeat_last(vendor_funding * discount),
        display=_repeat_last(np.moveaxis(panel.display[:, :, first:], -1, 0)),
        mailer=_repeat_last(panel.mailer[:, first:].T),
    )


def _repeat_last(weeks: FloatArray) -> FloatArray:
    """Return read-only rows with the last one twice: beyond the last week nothing is known, so nothing changes."""
    result: FloatArray = np.concatenate([weeks, weeks[-1:]])
    result.setflags(write=False)
    return result
