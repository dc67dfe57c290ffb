"""Agents who decide together: they read one book, share a forecast, and their proposals meet before they are committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.agents.agent import Agent, Situation
from autoops.agents.book import Book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.forecast import Forecast, Forecaster
    from autoops.agents.mandate import Priorities
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, Shop, ShopView


class Circle:
    """Some agents and what they know; each of several circles knows its own commitments and forecasts by them.

    What the others do shows in its sales, and its forecast learns from these.
    """

    def __init__(
        self, shop: Shop, forecaster: Forecaster, agents: Sequence[Agent], priorities: Priorities
    ) -> None:
        self.agents = tuple(agents)
        self.book = Book(shop)
        self._shop, self._forecaster, self._priorities = shop, forecaster, priorities

    def begin(self, day: int, events: Sequence[Event]) -> None:
        """Turn to a new day and hear what is announced."""
        self.book.open_day(day)
        for event in events:
            self._forecaster.hear(event)

    def situation(self, view: ShopView) -> Situation:
        """Return what its agents may know now, the forecast at what they know to be committed."""
        committed = self.book.page(view)
        forecast = self._forecaster.forecast(view, committed)
        return Situation(self._shop, view, committed, forecast, self._priorities)

    def end(self, view: ShopView) -> Forecast:
        """Remember what today should bring, now that its decisions are made, and return it."""
        forecast = self.situation(view).forecast
        self._forecaster.expect(forecast)
        return forecast

    def learn(self, observation: Observation) -> list[tuple[Agent, Exception]]:
        """Take in what the day showed; return who failed to, and how: the others go on."""
        self._forecaster.learn(observation)
        failed: list[tuple[Agent, Exception]] = []
        for agent in self.agents:
            try:
                agent.learn(observation)
            except Exception as error:
                failed.append((agent, error))
        return failed
