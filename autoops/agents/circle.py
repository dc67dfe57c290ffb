"""Agents who decide together: they read one book, and their proposals meet before anything is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.agents.agent import Agent, Situation
from autoops.agents.book import Book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.forecast import Forecast, Forecaster
    from autoops.agents.mandate import Priorities
    from autoops.agents.shop import Shop, ShopView
    from autoops.retail.arrays import FloatArray


class Circle:
    """Some agents and what they know to be committed; each of several circles knows its own commitments alone."""

    def __init__(
        self, shop: Shop, forecaster: Forecaster, agents: Sequence[Agent], priorities: Priorities
    ) -> None:
        self.agents, self._priorities = tuple(agents), priorities
        self.book = Book(shop)
        self._shop, self._forecaster = shop, forecaster
        self._last: tuple[ShopView, FloatArray, FloatArray, Forecast] | None = None
        """The last forecast and what it was made for; circles take turns with the forecaster."""

    def situation(self, view: ShopView) -> Situation:
        """Return what its agents may know now, the forecast at what they know to be committed."""
        committed = self.book.page(view)
        made_for = view, committed.price, committed.display
        if self._last is None or any(one is not now for one, now in zip(self._last, made_for, strict=False)):
            self._last = (*made_for, self._forecaster.forecast(view, committed))
        return Situation(self._shop, view, committed, self._last[3], self._priorities)
