"""Quantiles, probabilities and expected shortages of over-dispersed demand."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

Z80 = 1.2816
"""Standard deviations to either end of an 80 % interval."""

SMALLEST_MEAN = 1e-6
"""Units; a mean demand under this is treated as this, so that no formula divides by zero."""

_erf = np.vectorize(math.erf, otypes=[np.float64])
_inverse_normal = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


def normal_cdf(z: FloatArray) -> FloatArray:
    """Return the standard normal's probability of staying at or under each `z`."""
    result: FloatArray = 0.5 * (1.0 + _erf(np.asarray(z) / math.sqrt(2.0)))
    return result


def normal_quantile(probability: FloatArray) -> FloatArray:
    """Return the standard normal's quantile of each probability, open interval (0, 1)."""
    result: FloatArray = _inverse_normal(probability)
    return result


def normal_loss(z: FloatArray) -> FloatArray:
    """Return the standard normal loss E[(Z - z)+], in standard deviations.

    Source: Silver, Pyke and Thomas, *Inventory and Production Management in Supply Chains* (4th ed. 2017),
    appendix II, function G_u(k).
    """
    z = np.asarray(z, dtype=np.float64)
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return density - z * (1.0 - normal_cdf(z))


def demand_variance(mean: FloatArray, phi: float, alpha: float) -> FloatArray:
    """Return the variance of demand with the given mean, in units squared.

    Args:
        mean: Expected units.
        phi: Variance over mean of small counts; 1 is Poisson.
        alpha: Squared coefficient of variation that does not vanish for large counts.

    Source: the quadratic variance function of the negative binomial (Cameron and Trivedi, *Regression
    Analysis of Count Data*, 2nd ed. 2013, section 3.3), with a free linear term.
    """
    return phi * mean + alpha * mean**2


def demand_quantile(mean: FloatArray, variance: FloatArray, z: FloatArray | float) -> FloatArray:
    """Return the demand that is not exceeded with the probability whose normal quantile is `z`, in units.

    Demand is taken as gamma with this mean and variance: skewed and never negative, unlike the normal.

    Source: Wilson and Hilferty, "The Distribution of Chi-square", PNAS 17 (1931), 684-688.
    """
    shape = _gamma_shape(mean, variance)
    root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * np.sqrt(shape))
    result: FloatArray = np.maximum(mean, SMALLEST_MEAN) * np.maximum(root, 0.0) ** 3
    return result


def demand_cdf(units: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the probability that demand stays at or under `units`; the inverse of `demand_quantile`."""
    shape = _gamma_shape(mean, variance)
    ratio = np.maximum(units, 0.0) / np.maximum(mean, SMALLEST_MEAN)
    return normal_cdf((np.cbrt(ratio) - 1.0 + 1.0 / (9.0 * shape)) * 3.0 * np.sqrt(shape))


def expected_shortage(units: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the units of demand expected beyond the `units` at hand (normal approximation)."""
    deviation = np.sqrt(np.maximum(variance, SMALLEST_MEAN))
    return deviation * normal_loss((units - mean) / deviation)


def _gamma_shape(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return mean^2 / variance, kept inside the range where Wilson-Hilferty is of use."""
    mean = np.maximum(mean, SMALLEST_MEAN)
    result: FloatArray = np.clip(mean**2 / np.maximum(variance, SMALLEST_MEAN), 0.05, 1e9)
    return result
