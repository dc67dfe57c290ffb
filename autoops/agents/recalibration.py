"""How far an agent's word is to be believed, learned from what became of its earlier words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.figures import probability

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray

INTERCEPT_SD = 1.0
"""Prior standard deviation of the intercept around 0, log odds; assumed, about fifteen outcomes outweigh it."""

SLOPE_SD = 0.5
"""Prior standard deviation of the slope around 1; assumed."""

WEIGHT = 0.3
"""Of an outcome: those of a day share its luck, so that three tell about as much as one alone. Chosen on weeks 27-39."""

MOST_STEPS = 25
"""Of Newton's method, which needs three to six."""


class Recalibrator:
    """Logistic recalibration, shrunk to leaving probabilities as they are: logit q = a + b logit p.

    Sources: Cox, "Two Further Applications of a Model for Binary Regression", Biometrika 45 (1958), 562-565, for the
    model; Platt, "Probabilistic Outputs for Support Vector Machines" (1999), for its use; Gelman et al., "A Weakly
    Informative Default Prior Distribution for Logistic and Other Regression Models", Annals of Applied Statistics 2
    (2008), for the prior.
    """

    def __init__(self) -> None:
        self._stated: list[float] = []
        self._outcome: list[bool] = []
        self.intercept, self.slope = 0.0, 1.0
        self._fitted = 0

    def corrected(self, stated: float) -> float:
        """Return the probability that what was stated with `stated` has deserved so far."""
        if not self._fitted:
            return stated
        log_odds = self.intercept + self.slope * _logit(stated)
        return probability(1.0 / (1.0 + math.exp(-log_odds)))

    def take_in(self, stated: float, *, outcome: bool) -> None:
        """Remember how one stated probability turned out; `fit` makes use of it."""
        self._stated.append(stated)
        self._outcome.append(outcome)

    def fit(self) -> None:
        """Find the most probable intercept and slope given all outcomes, by damped Newton steps."""
        if self._fitted == len(self._stated):
            return
        self._fitted = len(self._stated)
        p = np.clip(np.array(self._stated), 1e-6, 1.0 - 1e-6)
        x = np.column_stack([np.ones_like(p), np.log(p / (1.0 - p))])
        y = np.array(self._outcome, dtype=np.float64)
        prior, precision = np.array([0.0, 1.0]), np.array([INTERCEPT_SD**-2, SLOPE_SD**-2])

        def loss(at: FloatArray) -> float:
            z = x @ at
            fit = float((np.logaddexp(0.0, z) - y * z).sum())
            return WEIGHT * fit + 0.5 * float((precision * (at - prior) ** 2).sum())

        at = np.array([self.intercept, self.slope])
        for _ in range(MOST_STEPS):
            q = 1.0 / (1.0 + np.exp(-(x @ at)))
            gradient = WEIGHT * x.T @ (q - y) + precision * (at - prior)
            curvature = WEIGHT * (x * (q * (1.0 - q))[:, None]).T @ x + np.diag(precision)
            step = np.linalg.solve(curvature, gradient)
            while loss(at - step) > loss(at) and np.abs(step).max() > 1e-9:
                step = step / 2.0
            at = at - step
            if np.abs(step).max() < 1e-6:
                break
        self.intercept, self.slope = float(at[0]), float(at[1])


def _logit(p: float) -> float:
    """Return log odds."""
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return math.log(p / (1.0 - p))
