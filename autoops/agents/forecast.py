"""What the agents expect customers to buy: fitted on the past, followed from day to day, told of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import EventType
from autoops.retail.demand import adjusted_level, fit_response, level_gain, update_level

if TYPE_CHECKING:
    from autoops.agents.book import Commitments
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView
    from autoops.retail.arrays import FloatArray

SHARE_PRIOR_UNITS = 50.0
"""Units; a product's split over clusters is shrunk towards the clusters' sizes by this many."""


@dataclass(frozen=True, slots=True)
class ForecastTuning:
    """Constants of the forecast, tuned on weeks 20-26 with fits on weeks 2-19, and what is assumed."""

    smoothing: float = 0.25
    """Weight of the newest week in the opening level."""
    product_drift: float = 0.015
    """Variance of a day's step of a product's log level."""
    cell_drift: float = 0.0014
    """The same of one product in one cluster, beyond its product's."""
    causal_lift: float = 0.6
    """Share of the fitted display lift that a moved display is believed to bring; assumed, displays follow demand."""
    spike_trust: float = 0.9
    """Share of an announced spike that is believed; assumed."""
    competitor_cross: float = 0.5
    """Assumed answer of our demand to a competitor's price, as an elasticity."""
    competitor_steepening: float = 1.3
    """Assumed factor on our own elasticity while a competitor's cut lasts."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected demand on the days that the calendar covers, today first."""

    daily: FloatArray
    """(days, products, clusters) units, at the committed prices and displays."""
    base: FloatArray
    """(products, clusters) units on a mean day at the reference price without support."""
    phi: float
    """Variance over mean of a day's small counts."""
    alpha: float
    """Squared coefficient of variation of a day's large counts."""
    elasticity: FloatArray
    """(products,) d log units / d log price, competitor cuts taken into account."""
    elasticity_sd: FloatArray
    """(products,) standard deviation of what is not known about it."""
    lift: FloatArray
    """(products,) log lift that a whole display is believed to bring."""

    def over(self, days: int) -> FloatArray:
        """Return (products, clusters) units expected over the coming days, beyond the calendar at the mean."""
        known = min(days, len(self.daily))
        result: FloatArray = self.daily[:known].sum(axis=0) + (days - known) * self.base
        return result


class Forecaster:
    """One per run: the level of every product and cluster, and the events that were announced."""

    def __init__(self, shop: Shop, history: SalesHistory, tuning: ForecastTuning | None = None) -> None:
        self._shop, self._tuning = shop, tuning or ForecastTuning()
        self._group = shop.perishable.astype(np.int64)
        size = np.array([cluster.sales_share for cluster in shop.clusters])
        # Households' counts are scaled up to a network; the noise is that of the counts themselves.
        units = history.units / history.scale
        sold = units.sum(axis=2) + SHARE_PRIOR_UNITS * size
        share = sold / sold.sum(axis=1, keepdims=True)
        display = (history.display * share[:, :, None]).sum(axis=1)
        x = np.stack(
            [np.log(history.price / shop.reference_price[:, None]), display, history.mailer], axis=-1
        )
        weekly = units.sum(axis=1)
        self._response = fit_response(weekly, x, self._group)
        level = adjusted_level(weekly, self._response.effect(x), self._tuning.smoothing)
        self._base: FloatArray = level[:, None] * share * history.scale / 7.0
        self._weekday = history.weekday
        self._elasticity = np.minimum(self._response.beta[:, 0], -0.2)
        self._lift = self._tuning.causal_lift * np.maximum(self._response.beta[:, 1], 0.0)
        self._spikes: list[tuple[int, int, int, int, float]] = []
        self._cuts: list[tuple[int, int, int, float]] = []
        self._expected = np.zeros(shop.shape)
        self._last: tuple[ShopView, FloatArray, FloatArray, Forecast] | None = None
        """The last forecast and what it was made for; most of a morning's events change nothing of that."""

    def hear(self, event: Event) -> None:
        """Take in what an event announces about demand: a spike, or a competitor's price."""
        facts, self._last = event.facts, None
        spikes = event.type in {EventType.DEMAND_SPIKE, EventType.SOCIAL_TREND}
        if spikes and event.product is not None and event.cluster is not None:
            start = event.day + int(facts["starts_in_days"])
            trust = self._tuning.spike_trust * facts.get("share_true", 1.0)
            factor = 1.0 + trust * (facts["multiplier"] - 1.0)
            self._spikes.append(
                (event.product, event.cluster, start, start + int(facts["length_days"]), factor)
            )
        elif event.type is EventType.COMPETITOR_PRICE and event.product is not None:
            ratio = facts["competitor_price"] / facts["planned_price"]
            self._cuts.append((event.product, event.day, event.day + int(facts["length_days"]), ratio))

    def forecast(self, view: ShopView, committed: Commitments) -> Forecast:
        """Return what is expected at the committed prices and displays."""
        made_for = view, committed.price, committed.display
        if self._last is None or any(one is not now for one, now in zip(self._last, made_for, strict=False)):
            self._last = (*made_for, self._forecast(view, committed))
        return self._last[3]

    def _forecast(self, view: ShopView, committed: Commitments) -> Forecast:
        """Return the forecast, made anew."""
        days, response = len(view.price), self._response
        reference = self._shop.reference_price
        planned = (response.beta[:, 0] * np.log(view.price / reference) + response.beta[:, 2] * view.mailer)[
            :, :, None
        ] + response.beta[:, 1, None] * view.display
        steep, competitor = self._competition(view.day, days)
        moved = (steep * self._elasticity * np.log(committed.price / view.price))[:, :, None] + self._lift[
            :, None
        ] * (committed.display - view.display)
        weekday = self._weekday[self._group][:, (view.weekday + np.arange(days)) % 7].T
        daily = self._base * weekday[:, :, None] * np.exp(planned + moved) * competitor[:, :, None]
        for product, cluster, start, end, factor in self._spikes:
            daily[max(start - view.day, 0) : max(end - view.day, 0), product, cluster] *= factor
        return Forecast(
            daily=daily,
            base=self._base,
            phi=response.phi,
            alpha=response.alpha,
            elasticity=steep[0] * self._elasticity,
            elasticity_sd=steep[0] * np.sqrt(response.beta_covariance[:, 0, 0]),
            lift=self._lift,
        )

    def expect(self, forecast: Forecast) -> None:
        """Remember what today should bring, now that the day's decisions are made."""
        self._expected = forecast.daily[0]

    def learn(self, observation: Observation) -> None:
        """Move the levels by the day's sales: first each product's in all clusters, then each cell's own.

        Cells that sold out, or sold under a sticker, say little about demand at the shelf price and are left out.
        """
        tuning, noise, self._last = self._tuning, self._response, None
        seen = ~observation.sold_out & (observation.cleared == 0.0)
        sold = np.where(seen, observation.sold, 0.0).sum(axis=1)
        expected = np.where(seen, self._expected, 0.0).sum(axis=1)
        gain = level_gain(expected, tuning.product_drift, noise.phi, noise.alpha)
        level = update_level(np.ones_like(sold), sold, expected, gain, seen.any(axis=1))
        self._base = self._base * level[:, None]
        cell = self._expected * level[:, None]
        gain = level_gain(cell, tuning.cell_drift, noise.phi, noise.alpha)
        self._base = update_level(self._base, observation.sold, cell, gain, seen)

    def _competition(self, day: int, days: int) -> tuple[FloatArray, FloatArray]:
        """Return (days, products) factors on our elasticity and on our demand from competitors' cuts."""
        steep, demand = np.ones((days, len(self._shop.products))), np.ones((days, len(self._shop.products)))
        for product, start, end, ratio in self._cuts:
            when = slice(max(start - day, 0), max(end - day, 0))
            steep[when, product] = self._tuning.competitor_steepening
            demand[when, product] = ratio**self._tuning.competitor_cross
        return steep, demand
