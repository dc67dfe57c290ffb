"""How demand answers price, display and mailer, and how a level is followed from day to day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray

EM_ROUNDS = 40
"""Rounds of the empirical-Bayes fit; coefficients move by under 0.001 after about 25."""

SHARE_PRIOR_UNITS = 50.0
"""Units; a product's split over clusters is shrunk towards the clusters' sizes by this many."""

HALF_WEIGHT_UNITS = 20.0
"""Weekly units at which a week has half the largest weight; beyond, level shifts outweigh counting noise."""


@dataclass(frozen=True, slots=True)
class Response:
    """A log-linear demand model: log units = level + season + beta . x, and what is not known about beta.

    x has three columns: log(price / reference price), display share, mailer share.
    """

    level: FloatArray
    """(products,) log of weekly units at the reference price with no support."""
    season: FloatArray
    """(groups, weeks) common movement of a group in the weeks of the fit."""
    beta: FloatArray
    """(products, 3) shrunk coefficients: elasticity, display lift, mailer lift."""
    beta_covariance: FloatArray
    """(products, 3, 3) posterior covariance of `beta`."""
    group_beta: FloatArray
    """(groups, 3) mean that a group's products are shrunk towards."""
    residual: FloatArray
    """(products, weeks) log residuals of the fit."""
    phi: float
    """Variance over mean of small weekly counts."""
    alpha: float
    """Squared coefficient of variation of large weekly counts."""

    def effect(self, x: FloatArray) -> FloatArray:
        """Return the factor on demand of `x`, shape (products, …, 3), one where x is zero."""
        beta = self.beta.reshape(self.beta.shape[0], *([1] * (x.ndim - 2)), 3)
        result: FloatArray = np.exp((x * beta).sum(axis=-1))
        return result


def shrunk_shares(sold: FloatArray, size: FloatArray) -> FloatArray:
    """Return (products, clusters) shares of each product's sales, shrunk towards the clusters' sizes.

    Args:
        sold: (products, clusters) units.
        size: (clusters,) shares of all sales.
    """
    known = sold + SHARE_PRIOR_UNITS * size
    result: FloatArray = known / known.sum(axis=1, keepdims=True)
    return result


def fit_response(units: FloatArray, x: FloatArray, group: IntArray) -> Response:
    """Fit the log-linear response, each product's coefficients shrunk to its group's mean.

    Args:
        units: (products, weeks) units sold.
        x: (products, weeks, 3) explanatory columns, see `Response`.
        group: (products,) index of each product's group, 0 to groups - 1.

    Source: hierarchical normal regression, fitted by EM: Lindley and Smith, "Bayes Estimates for the Linear
    Model", JRSS B 34 (1972), 1-41; Dempster, Laird and Rubin, JRSS B 39 (1977), 1-38. Why shrunk: per product
    least squares is noise here (elasticities of weeks 2-39 and 40-52 correlate by .09).
    """
    y = np.log(units + 0.5)
    weight = units / (1.0 + units / HALF_WEIGHT_UNITS) + 0.05
    groups = int(group.max()) + 1
    season = np.zeros((groups, units.shape[1]))
    mean = np.tile(np.array([-1.5, 0.5, 0.2]), (groups, 1))
    spread = np.tile(np.array([1.0, 0.5, 0.5]), (groups, 1))
    noise = 1.0
    for _ in range(EM_ROUNDS):
        beta, covariance, level = _posterior(y - season[group], x, weight, noise, mean[group], spread[group])
        residual = y - season[group] - level[:, None] - np.einsum("pwk,pk->pw", x, beta)
        noise = float((weight * residual**2).sum() / residual.size)
        for g in range(groups):
            inside = group == g
            mean[g] = beta[inside].mean(axis=0)
            second = np.einsum("pkk->pk", covariance[inside]) + (beta[inside] - mean[g]) ** 2
            spread[g] = np.maximum(second.mean(axis=0), 1e-4)
            common = (weight[inside] * (residual[inside] + season[g])).sum(axis=0) / weight[inside].sum(
                axis=0
            )
            season[g] = common - common.mean()
    fitted = np.exp(level[:, None] + season[group] + np.einsum("pwk,pk->pw", x, beta))
    # Duan's smearing: the mean of a log is not the log of a mean.
    smear = units.sum(axis=1) / fitted.sum(axis=1)
    phi, alpha = variance_parameters(units, fitted * smear[:, None])
    residual = y - np.log(fitted)
    return Response(level + np.log(smear), season, beta, covariance, mean, residual, phi, alpha)


def _posterior(
    y: FloatArray, x: FloatArray, weight: FloatArray, noise: float, mean: FloatArray, spread: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each product's posterior coefficients, their covariance and its level, given the group's prior."""
    total = weight.sum(axis=1, keepdims=True)
    y_mean = (weight * y).sum(axis=1, keepdims=True) / total
    x_mean = (weight[..., None] * x).sum(axis=1, keepdims=True) / total[..., None]
    xc, yc = x - x_mean, y - y_mean
    precision = np.einsum("pwk,pw,pwl->pkl", xc, weight, xc) / noise
    precision = precision + np.einsum("pk,kl->pkl", 1.0 / spread, np.eye(3))
    right = np.einsum("pwk,pw,pw->pk", xc, weight, yc) / noise + mean / spread
    covariance = np.linalg.inv(precision)
    beta = np.einsum("pkl,pl->pk", covariance, right)
    level = (y_mean - np.einsum("pwk,pk->pw", x_mean, beta))[:, 0]
    return beta, covariance, level


def variance_parameters(units: FloatArray, mean: FloatArray) -> tuple[float, float]:
    """Return (phi, alpha) of variance = phi * mean + alpha * mean^2, from units and their fitted means.

    The regression of squared error over mean on the mean, weighted against the heavy tail of large means.

    Source: Cameron and Trivedi, *Regression Analysis of Count Data*, 2nd ed. 2013, section 3.4.
    """
    mean = np.maximum(mean, 0.5).ravel()
    ratio = (units.ravel() - mean) ** 2 / mean
    ratio = np.minimum(ratio, np.quantile(ratio, 0.99))
    weight = 1.0 / (1.0 + 0.1 * mean) ** 2
    design = np.stack([np.ones_like(mean), mean], axis=1)
    normal = design.T @ (design * weight[:, None])
    phi, alpha = np.linalg.solve(normal, design.T @ (weight * ratio))
    return float(max(phi, 1.0)), float(max(alpha, 0.005))


def adjusted_level(units: FloatArray, effect: FloatArray, smoothing: float) -> FloatArray:
    """Return the newest level of weekly demand with price and promotions taken out, units a week.

    Args:
        units: (products, weeks) units sold.
        effect: (products, weeks) factor on demand of each week's price, display and mailer.
        smoothing: Weight of the newest week, 0 to 1.

    Source: simple exponential smoothing, Brown (1959); on the ratio of sums, which zero weeks do not break.
    """
    sold, factor = units[:, 0].copy(), effect[:, 0].copy()
    for week in range(1, units.shape[1]):
        sold = (1.0 - smoothing) * sold + smoothing * units[:, week]
        factor = (1.0 - smoothing) * factor + smoothing * effect[:, week]
    return sold / np.maximum(factor, 1e-6)


@dataclass(frozen=True, slots=True)
class Learned:
    """What days of sales have told of each product beyond the fit: its level, the week's own, the response to prices and so on.

    All act on the log of demand: a row (1, 1, x) times `mean` is added to it. The first number is a level that walks
    slowly, the second what is particular to the week, the others are corrections to coefficients.

    Source: the dynamic linear model of West and Harrison, *Bayesian Forecasting and Dynamic Models*, 2nd ed. 1997,
    chapters 4 and 9; a local level and a component that begins anew each week, both in logs.
    """

    mean: FloatArray
    """(products, k)."""
    covariance: FloatArray
    """(products, k, k)."""

    def variance(self, x: FloatArray) -> FloatArray:
        """Return the (products, cells) variance of the log of demand that comes of not knowing, for rows `x`."""
        result: FloatArray = ((x @ self.covariance) * x).sum(axis=2)
        return result

    def seen(self, x: FloatArray, error: FloatArray, precision: FloatArray) -> Learned:
        """Return what a day's relative forecast errors tell.

        Args:
            x: (products, cells, k) what demand in each cell answers to.
            error: (products, cells) units sold over units expected, less 1.
            precision: (products, cells) one over its variance by chance; 0 where nothing was seen.
        """
        weighted = x * precision[:, :, None]
        told = np.swapaxes(weighted, 1, 2) @ x
        covariance = np.asarray(np.linalg.inv(np.linalg.inv(self.covariance) + told), dtype=np.float64)
        news = np.swapaxes(weighted, 1, 2) @ error[:, :, None]
        mean: FloatArray = self.mean + (covariance @ news)[:, :, 0]
        return Learned(mean, covariance)

    def overnight(self, drift: float) -> Learned:
        """Return what is known in the morning, levels having moved by a step of variance `drift`."""
        covariance = self.covariance.copy()
        covariance[:, 0, 0] += drift
        return Learned(self.mean, covariance)

    def new_week(self, carried: float, variance: float) -> Learned:
        """Return what is known of a new week of its own `variance`, of whose predecessor the share `carried` lasts."""
        size = self.mean.shape[1]
        move = np.eye(size)
        move[0, 1], move[1, 1] = carried, 0.0
        covariance = np.asarray(move @ self.covariance @ move.T, dtype=np.float64)
        covariance[:, 1, 1] = variance
        return Learned(np.asarray(self.mean @ move.T, dtype=np.float64), covariance)


@dataclass(frozen=True, slots=True)
class DailyNoise:
    """What days of single cells have told of variance = phi * mean + alpha * mean^2 so far.

    The running sums of the regression of squared error over mean on the mean (see `variance_parameters`).
    """

    products: tuple[float, float, float]
    """Sums of weight, weight * mean, weight * mean^2."""
    answers: tuple[float, float]
    """Sums of weight * squared error / mean, and of the same * mean."""

    @classmethod
    def opening(cls, phi: float, alpha: float, days: float) -> DailyNoise:
        """Return what is known before the first day: as if `days` of small and of larger means had told it."""
        products = days, days * 5.0, days * 50.0
        answers = phi * products[0] + alpha * products[1], phi * products[1] + alpha * products[2]
        return cls(products, answers)

    @property
    def parameters(self) -> tuple[float, float]:
        """Return (phi, alpha)."""
        (n, x, xx), (y, xy) = self.products, self.answers
        slope = (n * xy - x * y) / max(n * xx - x * x, 1e-9)
        alpha = max(slope, 0.005)
        return max((y - alpha * x) / n, 1.0), alpha

    def seen(self, units: FloatArray, mean: FloatArray, whole: BoolArray) -> DailyNoise:
        """Return what a day adds.

        Args:
            units: What was sold.
            mean: What was expected, same shape.
            whole: Whether that was all that was wanted.
        """
        mean = np.maximum(mean, 0.1)
        weight = np.where(whole, mean / (1.0 + 0.1 * mean) ** 2, 0.0)
        ratio = weight * (units - mean) ** 2 / mean
        sums = (weight, weight * mean, weight * mean**2)
        found = [float(each.sum()) for each in sums]
        n, x, xx = self.products
        y, xy = self.answers
        return DailyNoise(
            (n + found[0], x + found[1], xx + found[2]),
            (y + float(ratio.sum()), xy + float((ratio * mean).sum())),
        )


def level_gain(expected: FloatArray, drift: float, phi: float, alpha: float) -> FloatArray:
    """Return the share of a log forecast error that is news about the level and not noise, 0 to 1.

    Args:
        expected: Units that were expected.
        drift: Variance of the log level's daily step.
        phi: See `variance_parameters`.
        alpha: See `variance_parameters`.

    Source: steady-state Kalman gain of a local level in logs, with the delta method's variance of log counts
    (Durbin and Koopman, *Time Series Analysis by State Space Methods*, 2nd ed. 2012, section 2.2), taking one
    step's drift as the prior variance.
    """
    result: FloatArray = drift / (drift + alpha + phi / np.maximum(expected, 0.1))
    return result
