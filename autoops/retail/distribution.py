"""Quantiles, probabilities and expected shortages of over-dispersed demand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

Z80 = 1.2816
"""Standard deviations to either end of an 80 % interval."""

SMALLEST_MEAN = 1e-6
"""Units; a mean demand under this is treated as this, so that no formula divides by zero."""

_CENTRE = (
    (
        2509.0809287301227,
        33430.57558358813,
        67265.7709270087,
        45921.95393154987,
        13731.69376550946,
        1971.5909503065513,
        133.14166789178438,
        3.3871328727963665,
    ),
    (
        5226.495278852854,
        28729.085735721943,
        39307.89580009271,
        21213.794301586597,
        5394.196021424751,
        687.1870074920579,
        42.31333070160091,
        1.0,
    ),
)
_TAIL = (
    (
        0.0007745450142783414,
        0.022723844989269184,
        0.2417807251774506,
        1.2704582524523684,
        3.6478483247632045,
        5.769497221460691,
        4.630337846156546,
        1.4234371107496835,
    ),
    (
        1.0507500716444169e-09,
        0.0005475938084995345,
        0.015198666563616457,
        0.14810397642748008,
        0.6897673349851,
        1.6763848301838038,
        2.053191626637759,
        1.0,
    ),
)
_FAR_TAIL = (
    (
        2.0103343992922881e-07,
        2.7115555687434876e-05,
        0.0012426609473880784,
        0.026532189526576124,
        0.29656057182850487,
        1.7848265399172913,
        5.463784911164114,
        6.657904643501103,
    ),
    (
        2.0442631033899397e-15,
        1.421511758316446e-07,
        1.8463183175100548e-05,
        0.0007868691311456133,
        0.014875361290850615,
        0.1369298809227358,
        0.599832206555888,
        1.0,
    ),
)
"""Numerators and denominators of Wichura's approximation: the middle, the tails, the tails beyond 1e-11."""


def _erf(z: FloatArray) -> FloatArray:
    """Return the error function of each number; many times faster on a few numbers than `np.vectorize`."""
    flat = z.ravel()
    return np.fromiter(map(math.erf, flat.tolist()), np.float64, flat.size).reshape(z.shape)


def normal_cdf(z: FloatArray) -> FloatArray:
    """Return the standard normal's probability of staying at or under each `z`."""
    result: FloatArray = 0.5 * (1.0 + _erf(np.asarray(z) / math.sqrt(2.0)))
    return result


def normal_quantile(probability: FloatArray) -> FloatArray:
    """Return the standard normal's quantile of each probability, open interval (0, 1), to sixteen digits.

    Source: Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988).
    """
    probability = np.asarray(probability, dtype=np.float64)
    centred = probability - 0.5
    middle = np.abs(centred) <= 0.425
    tail = np.sqrt(-np.log(np.where(middle, 0.25, np.minimum(probability, 1.0 - probability))))
    near = _rational(_TAIL, tail - 1.6)
    far = _rational(_FAR_TAIL, tail - 5.0)
    outside = np.copysign(np.where(tail <= 5.0, near, far), centred)
    result: FloatArray = np.where(middle, centred * _rational(_CENTRE, 0.180625 - centred**2), outside)
    return result


def _rational(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: FloatArray) -> FloatArray:
    """Return a ratio of two polynomials, highest power first."""
    above, below = (np.polyval(np.array(each), x) for each in coefficients)
    result: FloatArray = above / below
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


def expected_beyond(units: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the units of demand expected beyond `units` if it is known to be more (normal approximation).

    Source: the inverse Mills ratio; Nahmias, "Demand Estimation in Lost Sales Inventory Systems", Naval Research
    Logistics 41 (1994), 739-757.
    """
    deviation = np.sqrt(np.maximum(variance, SMALLEST_MEAN))
    z = np.clip((units - mean) / deviation, -8.0, 5.0)
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    result: FloatArray = mean + deviation * density / (1.0 - normal_cdf(z)) - units
    return result


def _gamma_shape(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return mean^2 / variance, kept inside the range where Wilson-Hilferty is of use."""
    mean = np.maximum(mean, SMALLEST_MEAN)
    result: FloatArray = np.clip(mean**2 / np.maximum(variance, SMALLEST_MEAN), 0.05, 1e9)
    return result
