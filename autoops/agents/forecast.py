"""What the agents expect customers to buy: fitted on the past, followed from day to day, told of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import EventType
from autoops.agents.shop import WEEK
from autoops.retail.arrays import freeze_arrays
from autoops.retail.demand import DailyNoise, Learned, adjusted_level, fit_response, level_gain, shrunk_shares
from autoops.retail.distribution import demand_variance, expected_beyond

if TYPE_CHECKING:
    from autoops.agents.book import Commitments
    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, SalesHistory, Shop, ShopView
    from autoops.retail.arrays import FloatArray
    from autoops.retail.demand import Response

LEAST_ELASTIC = -0.2
"""Elasticities are believed no closer to zero: nobody buys more because it is dearer."""

LEAST_EXPECTED = 0.5
"""Units; errors are relative to no less."""

MOST_SURPRISE = 2.0
"""Largest relative error that a day may teach: beyond, it is an event and no level."""


@dataclass(frozen=True, slots=True)
class ForecastTuning:
    """Constants of the forecast, tuned on weeks 27-39 with fits on weeks 2-26, and what is assumed."""

    smoothing: float = 0.24
    """Weight of the newest week in the opening level."""
    level_variance: float = 0.0216
    """Variance of the log of a product's level on the first morning."""
    level_drift: float = 0.00024
    """Variance of a day's step of it."""
    week_variance: float = 0.06
    """Variance of the log of what is particular to a product's week."""
    carried: float = 0.18
    """Share of it that lasts into the next week."""
    cell_drift: float = 0.0011
    """Variance of a day's step of one cluster's share of a product."""
    noise: tuple[float, float] = (1.5, 0.15)
    """phi and alpha of a cell's day (see `retail.demand`) before any has been seen."""
    noise_weight: float = 3000.0
    """Cells' days that this is worth."""
    causal_lift: float = 0.6
    """Share of the fitted display lift that a moved display is believed to bring; assumed, displays follow demand."""
    causal_deviation: float = 0.17
    """Standard deviation of that share over products; assumed."""
    spike_trust: float = 0.9
    """Share of an announced spike that is believed; assumed."""
    competitor_cross: float = 0.5
    """Assumed answer of our demand to a competitor's price, as an elasticity."""
    competitor_steepening: float = 1.3
    """Assumed factor on our own elasticity while a competitor's cut lasts."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected demand on the days that the calendar covers, today first. Arrays are read-only."""

    daily: FloatArray
    """(days, products, clusters) units, at the committed prices and displays."""
    usual: FloatArray
    """(products, clusters) units on a mean day with the prices and the support of the past: for days beyond the calendar."""
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
    unsure: FloatArray
    """(2, products, clusters) variance of the log of demand that comes of not knowing it: this week's and the next's."""
    level_variance: FloatArray
    """(products,) the part of it that both weeks share."""
    weekday: int
    """0 for Monday to 6 for Sunday, of the first day."""

    def __post_init__(self) -> None:
        """Let nobody who is shown it change it."""
        freeze_arrays(self)

    def upcoming(self, days: int) -> FloatArray:
        """Return (days, products, clusters) units expected a day, today first; beyond the calendar, the usual."""
        beyond = np.repeat(self.usual[None], max(days - len(self.daily), 0), axis=0)
        result: FloatArray = np.concatenate([self.daily[:days], beyond])
        return result


class Forecaster:
    """One per run: the level of every product and cluster, and the events that were announced."""

    def __init__(self, shop: Shop, history: SalesHistory, tuning: ForecastTuning | None = None) -> None:
        self._shop, self._tuning = shop, tuning or ForecastTuning()
        self._group = shop.perishable.astype(np.int64)
        size = np.array([cluster.sales_share for cluster in shop.clusters])
        # Households' counts are scaled up to a network; the noise is that of the counts themselves.
        units = history.units / history.scale
        share = shrunk_shares(units.sum(axis=2), size)
        display = (history.display * share[:, :, None]).sum(axis=1)
        x = np.stack(
            [np.log(history.price / shop.reference_price[:, None]), display, history.mailer], axis=-1
        )
        weekly = units.sum(axis=1)
        response = fit_response(weekly, x, self._group)
        effect = response.effect(x)
        self._supported: FloatArray = effect.mean(axis=1)
        tuning = self._tuning
        level = adjusted_level(weekly, effect, tuning.smoothing)
        self._base: FloatArray = level[:, None] * share * history.scale / 7.0
        self._fitted, self._learned = _opening(response, tuning)
        self._noise = DailyNoise.opening(*tuning.noise, tuning.noise_weight)
        self._weekday = history.weekday
        self._spikes: list[tuple[int, int, int, int, float]] = []
        self._cuts: list[tuple[int, int, int, float]] = []
        self._expected, self._today = np.zeros(shop.shape), 0
        self._plan: tuple[ShopView, FloatArray] | None = None
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
        days, tuning = len(view.price), self._tuning
        price, _, _, lift = (self._fitted + self._learned.mean[:, 2:]).T
        elasticity, lift = np.minimum(price, LEAST_ELASTIC), np.maximum(lift, 0.0)
        steep, competitor = self._competition(view.day, days)
        moved = (steep * elasticity * np.log(committed.price / view.price))[:, :, None] + lift[:, None] * (
            committed.display - view.display
        )
        daily = self._planned(view) * np.exp(moved) * competitor[:, :, None]
        for product, cluster, start, end, factor in self._spikes:
            daily[max(start - view.day, 0) : max(end - view.day, 0), product, cluster] *= factor
        phi, alpha = self._noise.parameters
        self._answers = self._answering(view, committed, steep, 0)
        next_week = min(WEEK - view.weekday, days - 1)
        coming = self._learned.new_week(tuning.carried, tuning.week_variance)
        return Forecast(
            daily=daily,
            usual=self._base * (self._supported * np.exp(self._learned.mean[:, 0]))[:, None],
            phi=phi,
            alpha=alpha,
            elasticity=steep[0] * elasticity,
            elasticity_sd=steep[0] * np.sqrt(self._learned.covariance[:, 2, 2]),
            lift=lift,
            unsure=np.stack(
                [
                    self._learned.variance(self._answers),
                    coming.variance(self._answering(view, committed, steep, next_week)),
                ]
            ),
            level_variance=self._learned.covariance[:, 0, 0],
            weekday=view.weekday,
        )

    def _planned(self, view: ShopView) -> FloatArray:
        """Return (days, products, clusters) units expected under the plan, made once a morning."""
        if self._plan is None or self._plan[0] is not view:
            price, display, mailer, _ = (self._fitted + self._learned.mean[:, 2:]).T
            days = np.arange(len(view.price)) + view.weekday
            answer = price * np.log(view.price / self._shop.reference_price) + mailer * view.mailer
            lasting, passing = self._learned.mean[:, 0], self._learned.mean[:, 1]
            level = lasting + np.where((days >= WEEK)[:, None], self._tuning.carried, 1.0) * passing
            factor = self._weekday[self._group][:, days % WEEK].T * np.exp(answer + level)
            units = self._base * factor[:, :, None] * np.exp(display[:, None] * view.display)
            self._plan = view, units
        return self._plan[1]

    def _answering(self, view: ShopView, committed: Commitments, steep: FloatArray, ahead: int) -> FloatArray:
        """Return the (products, clusters, 6) numbers that demand answers to on a day: see `retail.demand.Learned`."""
        own = np.log(committed.price[ahead] / view.price[ahead])
        price = np.log(view.price[ahead] / self._shop.reference_price) + steep[ahead] * own
        result: FloatArray = np.ones((*self._shop.shape, 6))
        result[:, :, 2] = price[:, None]
        result[:, :, 3] = view.display[ahead]
        result[:, :, 4] = view.mailer[ahead][:, None]
        result[:, :, 5] = committed.display[ahead] - view.display[ahead]
        return result

    def expect(self, forecast: Forecast) -> None:
        """Remember what today should bring, now that the day's decisions are made."""
        self._expected, self._today = forecast.daily[0], forecast.weekday

    def learn(self, observation: Observation) -> None:
        """Move the levels by the day's sales: first each product's in all clusters, then each cell's own.

        Of cells that sold out, the demand that they hid is filled in; those that sold under a sticker say little about
        demand at the shelf price and are left out.
        """
        tuning, expected, self._last = self._tuning, self._expected, None
        phi, alpha = self._noise.parameters
        seen = observation.cleared == 0.0
        variance = demand_variance(expected, phi, alpha)
        hidden = np.maximum(expected_beyond(observation.sold, expected, variance), 0.0)
        demand = observation.sold + np.where(observation.sold_out, hidden, 0.0)
        before = self._learned
        least = np.maximum(expected, LEAST_EXPECTED)
        error = np.minimum((demand - expected) / least, MOST_SURPRISE)
        self._learned = before.seen(
            self._answers, error, np.where(seen, least**2 / demand_variance(least, phi, alpha), 0.0)
        )
        moved = (self._answers * (self._learned.mean - before.mean)[:, None]).sum(axis=2)
        cell = expected * np.exp(moved)
        gain = level_gain(cell, tuning.cell_drift, phi, alpha)
        surprise = np.minimum(demand / np.maximum(cell, LEAST_EXPECTED) - 1.0, MOST_SURPRISE)
        self._base = np.where(seen, self._base * np.exp(gain * surprise), self._base)
        self._noise = self._noise.seen(observation.sold, expected, seen & ~observation.sold_out)
        self._learned = self._learned.overnight(tuning.level_drift)
        if self._today == WEEK - 1:
            self._learned = self._learned.new_week(tuning.carried, tuning.week_variance)

    def _competition(self, day: int, days: int) -> tuple[FloatArray, FloatArray]:
        """Return (days, products) factors on our elasticity and on our demand from competitors' cuts."""
        steep, demand = np.ones((days, len(self._shop.products))), np.ones((days, len(self._shop.products)))
        for product, start, end, ratio in self._cuts:
            when = slice(max(start - day, 0), max(end - day, 0))
            steep[when, product] = self._tuning.competitor_steepening
            demand[when, product] = ratio**self._tuning.competitor_cross
        return steep, demand


def _opening(response: Response, tuning: ForecastTuning) -> tuple[FloatArray, Learned]:
    """Return the fitted (products, 4) coefficients of price, display, mailer and a moved display, and what is not known."""
    products = len(response.beta)
    lift = np.maximum(response.beta[:, 1], 0.0)
    covariance = np.zeros((products, 6, 6))
    covariance[:, 0, 0], covariance[:, 1, 1] = tuning.level_variance, tuning.week_variance
    covariance[:, 2:5, 2:5] = response.beta_covariance
    covariance[:, 5, 5] = (
        tuning.causal_lift**2 * response.beta_covariance[:, 1, 1] + (tuning.causal_deviation * lift) ** 2
    )
    fitted = np.concatenate([response.beta, tuning.causal_lift * lift[:, None]], axis=1)
    return fitted, Learned(np.zeros((products, 6)), covariance)
