"""Quantiles, probabilities and shortages against tables and exact distributions."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.retail.distribution import (
    demand_cdf,
    demand_quantile,
    demand_variance,
    expected_beyond,
    expected_shortage,
    normal_cdf,
    normal_loss,
    normal_quantile,
)


def test_normal_matches_the_standard_library() -> None:
    """Probabilities and quantiles of arrays are those of `statistics.NormalDist`."""
    z = np.array([-3.0, -1.0, 0.0, 0.5, 2.3])

    assert normal_cdf(z) == pytest.approx([NormalDist().cdf(each) for each in z])
    assert normal_quantile(normal_cdf(z)) == pytest.approx(z)


@given(st.floats(1e-12, 1.0 - 1e-12))
def test_normal_quantiles_are_exact(probability: float) -> None:
    """Middle and tails agree with the standard library to twelve digits."""
    exact = NormalDist().inv_cdf(probability)

    assert float(normal_quantile(np.array(probability))) == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("z", "loss"), [(0.0, 0.3989), (0.5, 0.1978), (1.0, 0.0833), (2.0, 0.0085)])
def test_loss_matches_the_textbook_table(z: float, loss: float) -> None:
    """G_u(k) is that of Silver, Pyke and Thomas, appendix II."""
    assert float(normal_loss(np.array(z))) == pytest.approx(loss, abs=5e-5)


@pytest.mark.parametrize(
    ("degrees", "probability", "quantile"), [(10, 0.95, 18.307), (4, 0.90, 7.779), (30, 0.05, 18.493)]
)
def test_demand_quantile_is_a_gamma_quantile(degrees: int, probability: float, quantile: float) -> None:
    """A chi-square is a gamma: Wilson and Hilferty's quantiles are within 1 % of the table's."""
    z = NormalDist().inv_cdf(probability)

    found = demand_quantile(np.array(float(degrees)), np.array(2.0 * degrees), z)

    assert float(found) == pytest.approx(quantile, rel=0.01)


@given(mean=st.floats(1.0, 1e4), spread=st.floats(0.05, 1.0), probability=st.floats(0.05, 0.95))
def test_probability_is_the_inverse_of_the_quantile(mean: float, spread: float, probability: float) -> None:
    """The demand not exceeded with a probability is not exceeded with that probability."""
    variance = np.array((spread * mean) ** 2)
    units = demand_quantile(np.array(mean), variance, NormalDist().inv_cdf(probability))

    assert float(demand_cdf(units, np.array(mean), variance)) == pytest.approx(probability, abs=1e-6)


def test_demand_is_never_negative() -> None:
    """Small and erratic demand has a low quantile of zero, where the normal's would be negative."""
    assert float(demand_quantile(np.array(0.5), np.array(4.0), -2.0)) >= 0.0


def test_variance_is_poisson_without_overdispersion() -> None:
    """With phi 1 and alpha 0 the variance is the mean."""
    assert float(demand_variance(np.array(7.0), 1.0, 0.0)) == 7.0


def test_shortage_at_the_mean_is_the_loss_of_zero() -> None:
    """With stock at the mean, 0.3989 standard deviations are expected to be short."""
    found = expected_shortage(np.array(100.0), np.array(100.0), np.array(400.0))

    assert float(found) == pytest.approx(0.3989 * 20.0, rel=1e-3)


def test_hidden_demand_is_the_tail_beyond_what_was_sold() -> None:
    """Worked: known to be over its mean, a normal exceeds it by sqrt(2 / pi) deviations."""
    beyond = expected_beyond(np.array(40.0), np.array(40.0), np.array(25.0))

    assert float(beyond) == pytest.approx(5.0 * np.sqrt(2.0 / np.pi))
    assert float(expected_beyond(np.array(0.0), np.array(40.0), np.array(25.0))) == pytest.approx(
        40.0, abs=1e-6
    )
