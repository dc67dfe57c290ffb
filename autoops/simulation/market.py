"""What customers of one seed would buy at a price: no agent sees any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation.assumptions import LEAST_ELASTIC, MEMORY_DAYS
from autoops.simulation.streams import Stream, generator
from autoops.simulation.truth import noise_factor_variance

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.scenario import Scenario
    from autoops.simulation.world import World


class Market:
    """Customers of one seed: their response drawn from its posterior, their noise fixed, their memory of late."""

    def __init__(self, world: World, scenario: Scenario, seed: int) -> None:
        self._calendar, self._scenario, self._assumed = world.calendar, scenario, world.assumed
        self._variant = world.variant
        truth = world.truth
        rng = generator(seed, Stream.RESPONSE)
        response = truth.response
        root = np.linalg.cholesky(response.beta_covariance)
        beta = response.beta + np.einsum("pkl,pl->pk", root, rng.standard_normal(response.beta.shape))
        self._elasticity = np.minimum(beta[:, 0], LEAST_ELASTIC)[:, None]
        causal = rng.uniform(*self._assumed.display_causal, len(beta))
        self.display_lift: FloatArray = (np.maximum(beta[:, 1], 0.0) * causal)[:, None]
        """(products, 1) log lift of a whole display."""
        self.member: FloatArray = (
            world.shop.category[:, None] == np.arange(world.shop.category.max() + 1)
        ).astype(np.float64)
        """(products, categories) 1 where a product belongs."""
        self._planned = truth.planned * _drift(truth.planned.shape, self._variant.drift, seed)
        self._luck, self._rounding, self._second_rounding = _noise(world, seed)
        self._stocked_up = np.zeros(truth.planned.shape[1:])
        self._base = np.zeros_like(self._stocked_up)

    def base(self, day: int) -> FloatArray:
        """Return (products, clusters) expected units of a day at the plan, spikes and competitors included."""
        cut = self._scenario.competitor_cut[day][:, None]
        result: FloatArray = (
            self._planned[day] * self._scenario.spike[day] * (1.0 - cut) ** self._assumed.competitor_cross
        )
        return result

    def elasticity(self, day: int) -> FloatArray:
        """Return (products, 1) d log units / d log price of a day, steeper while a competitor is cheaper."""
        cut = self._scenario.competitor_cut[day][:, None]
        result: FloatArray = np.where(cut > 0.0, self._assumed.competitor_steepening, 1.0) * self._elasticity
        return result

    def intensity(self, day: int, price: FloatArray, display: FloatArray) -> FloatArray:
        """Return (products, clusters) expected units of a day at these shelf prices and displayed shares.

        At the plan this is the replay of what was really sold; a deviation acts through the drawn response,
        takes from or gives to its category, and is remembered for a week.
        """
        week = day // 7
        self._base = self.base(day) * (1.0 - self._assumed.promotion_dip * self._stocked_up)
        change = np.log(price / self._calendar.price[week][:, None])
        slope = self.elasticity(day) * np.where(change > 0.0, self._variant.asymmetry, 1.0)
        shown = display - self._calendar.display[week]
        wanted = self._base * np.exp(slope * change + self.display_lift * shown)
        result: FloatArray = np.maximum(wanted - self._taken(wanted - self._base), 0.1 * wanted)
        return result

    def demand(self, day: int, intensity: FloatArray) -> FloatArray:
        """Return whole units wanted; monotone in the intensity, so that no change redraws the noise."""
        result: FloatArray = np.floor(intensity * self._luck[day] + self._rounding[day])
        return result

    def clearance(self, day: int, intensity: FloatArray, depth: FloatArray) -> FloatArray:
        """Return whole units wanted of what is stickered `depth` off the price."""
        return self.demand(day, intensity * (1.0 - depth) ** self._assumed.clearance_elasticity)

    def substitutes(self, day: int, intensity: FloatArray, lost: FloatArray) -> FloatArray:
        """Return whole units of lost sales that are wanted of each cell's neighbours instead.

        Logit choice: those who do not leave choose among the category's other products in proportion to their
        intensity (Train, *Discrete Choice Methods with Simulation*, 2nd ed. 2009, section 3.3).
        """
        category = self.member @ (self.member.T @ intensity)
        others = np.maximum(category - intensity, 1e-9)
        rate = self._variant.substitution * lost / others
        moved = intensity * (self.member @ (self.member.T @ rate) - rate)
        result: FloatArray = np.floor(np.maximum(moved, 0.0) + self._second_rounding[day])
        return np.where(moved > 1e-9, result, 0.0)

    def remember(self, wanted: FloatArray) -> None:
        """Take in what customers bought beyond, or short of, what they would have under the plan."""
        uplift = np.clip(wanted / np.maximum(self._base, 1e-9) - 1.0, -0.5, 1.0)
        self._stocked_up += (uplift - self._stocked_up) / MEMORY_DAYS

    def _taken(self, extra: FloatArray) -> FloatArray:
        """Return (products, clusters) units that the category's other products' extra units take from each."""
        category = self.member @ (self.member.T @ self._base)
        others = category - self._base
        rate = np.where(others > 1e-9, extra / np.maximum(others, 1e-9), 0.0)
        total = self.member @ (self.member.T @ rate)
        result: FloatArray = self._assumed.cannibalisation * self._base * (total - rate)
        return result


def _drift(shape: tuple[int, ...], step: float, seed: int) -> FloatArray:
    """Return (days, products, clusters) factors of levels that walk by `step` a week; ones if they do not."""
    days, products, clusters = shape
    steps = generator(seed, Stream.DRIFT).standard_normal((days // 7 + 1, products, clusters))
    walked = np.exp(step * np.cumsum(steps, axis=0))
    result: FloatArray = walked[np.arange(days) // 7]
    return result


def _noise(world: World, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (days, products, clusters) gamma factors of mean one, and uniform roundings of demand and substitutes.

    Their variance makes that of demand phi * mean + alpha * mean^2 at the planned intensity.
    """
    truth = world.truth
    variance = noise_factor_variance(truth.planned, truth.phi, truth.alpha)
    luck = generator(seed, Stream.DEMAND).standard_gamma(1.0 / variance) * variance
    rounding = generator(seed, Stream.ROUNDING)
    return luck, rounding.random(truth.planned.shape), rounding.random(truth.planned.shape)
