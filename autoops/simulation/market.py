"""What customers would buy at a price: the truth, which no agent sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import Response, fit_response
from autoops.simulation.streams import Stream, generator

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.assumptions import Assumptions
    from autoops.simulation.calendar import Calendar
    from autoops.simulation.panel import Panel
    from autoops.simulation.scenario import Scenario

SHARE_PRIOR_UNITS = 50.0
"""Units; a product's split over clusters is shrunk towards the clusters' sizes by this many."""

MEMORY_DAYS = 7.0
"""Days over which customers remember what they stocked up on."""


def explanatory(
    price: FloatArray, reference: FloatArray, display: FloatArray, mailer: FloatArray
) -> FloatArray:
    """Return (products, weeks, 3): log price over reference, displayed share, mailer share."""
    return np.stack([np.log(price / reference[:, None]), display, mailer], axis=-1)


@dataclass(frozen=True, slots=True)
class Truth:
    """The fit of the world: the response on all of the panel's weeks, test weeks included."""

    response: Response
    planned: FloatArray
    """(days, products, clusters) units a day if the plan is followed, on the scale of the simulation."""


def fit_truth(panel: Panel, scale: float) -> Truth:
    """Fit what customers do on all weeks and replay the test weeks' own level shifts, shrunk for counting noise.

    Args:
        panel: The real data.
        scale: Times real demand.
    """
    group = np.array([int(product.shelf_life > 0) for product in panel.products])
    size = np.array([cluster.sales_share for cluster in panel.clusters])
    sold = panel.units.sum(axis=2) + SHARE_PRIOR_UNITS * size
    share = sold / sold.sum(axis=1, keepdims=True)
    display = (panel.display * share[:, :, None]).sum(axis=1)
    x = explanatory(panel.price, panel.reference_price, display, panel.mailer)
    response = fit_response(panel.units.sum(axis=1), x, group)
    fitted = np.exp(response.level[:, None] + response.season[group]) * response.effect(x)
    # Of a week's residual, the part that counting noise does not explain is what really happened.
    real = response.alpha / (response.alpha + response.phi / np.maximum(fitted, 0.5))
    first = panel.split.fit_weeks
    weekly = (fitted * np.exp(real * response.residual))[:, first:]
    shown = panel.display[:, :, first:] - display[:, None, first:]
    cells = weekly[:, None] * share[:, :, None] * np.exp(response.beta[:, 1, None, None] * shown)
    daily = scale / 7.0 * np.moveaxis(cells, -1, 0).repeat(7, axis=0)
    weekday = panel.weekday[group].T[np.arange(len(daily)) % 7]
    return Truth(response, daily * weekday[:, :, None])


class Market:
    """Customers of one seed: their response drawn from its posterior, their noise fixed, their memory of late."""

    def __init__(
        self,
        panel: Panel,
        truth: Truth,
        calendar: Calendar,
        scenario: Scenario,
        assumed: Assumptions,
        seed: int,
    ) -> None:
        self._calendar, self._scenario, self._assumed = calendar, scenario, assumed
        self._planned = truth.planned
        rng = generator(seed, Stream.RESPONSE)
        response = truth.response
        root = np.linalg.cholesky(response.beta_covariance)
        beta = response.beta + np.einsum("pkl,pl->pk", root, rng.standard_normal(response.beta.shape))
        self._elasticity = np.minimum(beta[:, 0], -0.2)[:, None]
        causal = rng.uniform(*assumed.display_causal, len(beta))
        self._display_lift = (np.maximum(beta[:, 1], 0.0) * causal)[:, None]
        categories = sorted({product.category for product in panel.products})
        of = np.array([categories.index(product.category) for product in panel.products])
        self._member = (of[:, None] == np.arange(len(categories))[None]).astype(np.float64)
        self._luck, self._rounding = _noise(truth, seed)
        self._stocked_up = np.zeros(truth.planned.shape[1:])
        self._base = np.zeros_like(self._stocked_up)

    def intensity(self, day: int, price: FloatArray, display: FloatArray) -> FloatArray:
        """Return (products, clusters) expected units of a day at these shelf prices and displayed shares.

        At the plan this is the replay of what was really sold; a deviation acts through the drawn response,
        takes from or gives to its category, and is remembered for a week.
        """
        week = day // 7
        cut = self._scenario.competitor_cut[day][:, None]
        self._base = (
            self._planned[day]
            * self._scenario.spike[day]
            * (1.0 - cut) ** self._assumed.competitor_cross
            * (1.0 - self._assumed.promotion_dip * self._stocked_up)
        )
        elasticity = np.where(cut > 0.0, self._assumed.competitor_steepening, 1.0) * self._elasticity
        ratio = price / self._calendar.price[week][:, None]
        shown = display - self._calendar.display[week]
        wanted = self._base * ratio**elasticity * np.exp(self._display_lift * shown)
        result: FloatArray = np.maximum(wanted - self._taken(wanted - self._base), 0.1 * wanted)
        return result

    def demand(self, day: int, intensity: FloatArray) -> FloatArray:
        """Return whole units wanted; monotone in the intensity, so that no change redraws the noise."""
        result: FloatArray = np.floor(intensity * self._luck[day] + self._rounding[day])
        return result

    def clearance(self, day: int, intensity: FloatArray, depth: FloatArray) -> FloatArray:
        """Return whole units wanted of what is stickered `depth` off the price."""
        return self.demand(day, intensity * (1.0 - depth) ** self._assumed.clearance_elasticity)

    def remember(self, wanted: FloatArray) -> None:
        """Take in what customers bought beyond, or short of, what they would have under the plan."""
        uplift = np.clip(wanted / np.maximum(self._base, 1e-9) - 1.0, -0.5, 1.0)
        self._stocked_up += (uplift - self._stocked_up) / MEMORY_DAYS

    def _taken(self, extra: FloatArray) -> FloatArray:
        """Return (products, clusters) units that the category's other products' extra units take from each."""
        category = self._member @ (self._member.T @ self._base)
        others = category - self._base
        rate = np.where(others > 1e-9, extra / np.maximum(others, 1e-9), 0.0)
        total = self._member @ (self._member.T @ rate)
        result: FloatArray = self._assumed.cannibalisation * self._base * (total - rate)
        return result


def _noise(truth: Truth, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return (days, products, clusters) gamma factors of mean one, and uniform roundings.

    Their variance makes that of demand phi * mean + alpha * mean^2 at the planned intensity.
    """
    variance = truth.response.phi / np.maximum(truth.planned, 1e-3) + truth.response.alpha
    luck = generator(seed, Stream.DEMAND).standard_gamma(1.0 / variance) * variance
    return luck, generator(seed, Stream.ROUNDING).random(truth.planned.shape)
