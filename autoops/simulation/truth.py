"""What customers do, fitted on all of the panel's weeks: the simulated weeks as they were, and their noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.retail.demand import Response, fit_response, shrunk_shares
from autoops.simulation.assumptions import REPLAY

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.panel import Panel

FOLLOWS = 0.91
"""Correlation of a product's weekly means with the real ones from which they follow them."""

LEVEL_PRIOR_UNITS = 5.0
"""Units; a product's level over the simulated weeks is shrunk towards the fit by this many."""

NOISE_HALF_WEIGHT = 10.0
"""Units a day at which a cell has half the weight in the fit of the noise, per unit of mean."""


def explanatory(
    price: FloatArray, reference: FloatArray, display: FloatArray, mailer: FloatArray
) -> FloatArray:
    """Return (products, weeks, 3): log price over reference, displayed share, mailer share."""
    return np.stack([np.log(price / reference[:, None]), display, mailer], axis=-1)


@dataclass(frozen=True, slots=True)
class Truth:
    """The fit of the world: the response on all of the panel's weeks, simulated weeks included."""

    response: Response
    planned: FloatArray
    """(days, products, clusters) units a day if the plan is followed, on the scale of the simulation."""
    phi: float
    """Variance over mean of a cell's small daily counts, as in the real panel."""
    alpha: float
    """Squared coefficient of variation of a cell's large daily counts, as in the real panel."""


def fit_truth(panel: Panel, scale: float, units: FloatArray | None = None) -> Truth:
    """Fit what customers do on all weeks and replay the simulated weeks' own deviations.

    Args:
        panel: The real data.
        scale: Times real demand.
        units: (products, clusters, weeks) to fit on instead of the panel's own.
    """
    units = panel.units if units is None else units
    group = np.array([int(product.shelf_life > 0) for product in panel.products])
    size = np.array([cluster.sales_share for cluster in panel.clusters])
    share = shrunk_shares(units.sum(axis=2), size)
    display = (panel.display * share[:, :, None]).sum(axis=1)
    x = explanatory(panel.price, panel.reference_price, display, panel.mailer)
    weekly, first = units.sum(axis=1), panel.split.fit_weeks
    response = fit_response(weekly, x, group)
    fitted = np.exp(response.level[:, None] + response.season[group]) * response.effect(x)
    replayed = _replay(weekly[:, first:], fitted[:, first:], response.phi, response.alpha)
    shown = panel.display[:, :, first:] - display[:, None, first:]
    split = share[:, :, None] * np.exp(response.beta[:, 1, None, None] * shown)
    cells = replayed[:, None] * split / split.sum(axis=1, keepdims=True)
    daily = np.moveaxis(cells, -1, 0).repeat(7, axis=0) / 7.0
    weekday = panel.weekday[group].T[np.arange(len(daily)) % 7]
    planned = daily * weekday[:, :, None]
    # Of half the households the noise is not known apart; a household's own is the same in either half.
    real = np.moveaxis(panel.daily[:, :, 7 * first :], -1, 0)
    whole = planned * panel.units[:, :, first:].sum() / max(units[:, :, first:].sum(), 1.0)
    phi, alpha = daily_noise(real, whole)
    return Truth(response, scale * planned, phi, alpha)


def _replay(weekly: FloatArray, fitted: FloatArray, phi: float, alpha: float) -> FloatArray:
    """Return (products, weeks) expected units of weeks as they were, without all of their counting noise.

    A posterior mean would be smoother than the truth; the square root of its weight gives the right spread:
    Louis, "Estimating a Population of Parameter Values Using Bayes and Empirical Bayes Methods", JASA 79 (1984).
    """
    level = (weekly.sum(axis=1) + LEVEL_PRIOR_UNITS) / (fitted.sum(axis=1) + LEVEL_PRIOR_UNITS)
    fitted = fitted * level[:, None]
    known = np.sqrt(alpha / (alpha + phi / np.maximum(fitted, 0.5)))
    result: FloatArray = fitted
    follows = np.zeros(len(weekly), dtype=np.bool_)
    for least in REPLAY:
        means = fitted + np.maximum(known, least) * (weekly - fitted)
        result = np.where(follows[:, None], result, means)
        follows = _correlation(result, weekly) >= FOLLOWS
    return result


def _correlation(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return each row's correlation with the other's row; 1 where nothing varies."""
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    result: FloatArray = np.where(spread > 1e-9, (one * other).sum(axis=1) / np.maximum(spread, 1e-9), 1.0)
    return result


def daily_noise(units: FloatArray, mean: FloatArray) -> tuple[float, float]:
    """Return (phi, alpha) of variance = phi * mean + alpha * mean^2 from days of single cells and their means.

    Squared errors over means regressed on the means. Not trimmed: most cells sell nothing on most days, and what is
    rare there is the variance.

    Source: Cameron and Trivedi, *Regression Analysis of Count Data*, 2nd ed. 2013, section 3.4.
    """
    mean = np.maximum(mean, 1e-3).ravel()
    ratio = (units.ravel() - mean) ** 2 / mean
    weight = mean / (1.0 + mean / NOISE_HALF_WEIGHT) ** 2
    design = np.stack([np.ones_like(mean), mean], axis=1)
    phi, alpha = np.linalg.solve(design.T @ (design * weight[:, None]), design.T @ (weight * ratio))
    return float(max(phi, 1.0)), float(max(alpha, 0.005))


def noise_factor_variance(mean: FloatArray, phi: float, alpha: float) -> FloatArray:
    """Return the variance of the gamma factor on a cell's mean that makes demand's phi * mean + alpha * mean^2.

    Demand is floor(mean * factor + uniform); what the rounding adds, about half the mean for small means and 1/6 for large
    ones, is taken off.
    """
    mean = np.maximum(mean, 1e-3)
    rounding = (1.0 - np.exp(-3.0 * mean)) / 6.0
    result: FloatArray = np.maximum(phi * mean + alpha * mean**2 - rounding, 0.05 * mean) / mean**2
    return result
