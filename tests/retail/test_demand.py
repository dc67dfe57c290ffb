"""The response is recovered from data made with a known one; levels follow news and not noise."""

from __future__ import annotations

import numpy as np
import pytest

from autoops.retail.demand import (
    DailyNoise,
    Learned,
    adjusted_level,
    fit_response,
    level_gain,
    variance_parameters,
)


def _made(products: int, weeks: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return units, explanatory columns, groups and the true coefficients of a made-up assortment."""
    rng = np.random.default_rng(seed)
    group = np.arange(products) % 2
    beta = np.array([[-2.0, 0.8, 0.3], [-1.0, 0.4, 0.1]])[group] + rng.normal(0.0, 0.2, (products, 3))
    price = np.where(rng.random((products, weeks)) < 0.3, np.log(0.8), 0.0)
    x = np.stack([price, rng.random((products, weeks)), rng.random((products, weeks))], axis=-1)
    level = rng.uniform(3.0, 5.0, products)
    units = rng.poisson(np.exp(level[:, None] + (x * beta[:, None]).sum(axis=-1))).astype(np.float64)
    return units, x, group, beta


def test_groups_are_recovered() -> None:
    """Each group's mean elasticity and lifts come out near those that made the data."""
    units, x, group, _ = _made(80, 30)

    response = fit_response(units, x, group)

    assert response.group_beta[0] == pytest.approx([-2.0, 0.8, 0.3], abs=0.15)
    assert response.group_beta[1] == pytest.approx([-1.0, 0.4, 0.1], abs=0.15)


def test_shrinking_beats_each_product_for_itself() -> None:
    """Shrunk coefficients are nearer the truth than least squares per product."""
    units, x, group, beta = _made(60, 12)

    shrunk = fit_response(units, x, group).beta
    design = np.concatenate([np.ones((*x.shape[:2], 1)), x], axis=-1)
    alone = np.stack(
        [np.linalg.lstsq(design[p], np.log(units[p] + 0.5), rcond=None)[0][1:] for p in range(60)]
    )

    assert ((shrunk - beta) ** 2).mean() < ((alone - beta) ** 2).mean()


def test_a_product_without_variation_takes_its_groups_response() -> None:
    """What its own weeks cannot say, the group says, with the group's uncertainty."""
    units, x, group, _ = _made(40, 20)
    x[0] = 0.0

    response = fit_response(units, x, group)

    assert response.beta[0] == pytest.approx(response.group_beta[0], abs=0.05)
    assert response.beta_covariance[0, 0, 0] > response.beta_covariance[2, 0, 0]


def test_noise_is_recovered() -> None:
    """The variance function is found again from negative binomial counts."""
    rng = np.random.default_rng(5)
    mean = rng.uniform(5.0, 300.0, (200, 40))
    alpha = 0.05
    units = rng.poisson(mean * rng.gamma(1.0 / alpha, alpha, mean.shape)).astype(np.float64)

    phi, found = variance_parameters(units, mean)

    assert phi == pytest.approx(1.0, abs=0.35)
    assert found == pytest.approx(alpha, abs=0.01)


def test_level_takes_promotions_out() -> None:
    """Weeks sold at twice the usual rate because of a display leave the level where it is."""
    effect = np.array([[1.0, 2.0, 1.0, 2.0]])

    assert adjusted_level(10.0 * effect, effect, 0.3) == pytest.approx([10.0])


def test_gain_grows_with_the_count() -> None:
    """A large count is news about the level, a small one is mostly noise; the worked value is q/(q+alpha+phi/m)."""
    gain = level_gain(np.array([1.0, 1000.0]), drift=0.015, phi=1.0, alpha=0.05)

    assert gain == pytest.approx([0.015 / 1.065, 0.015 / 0.066])


def learned(*, level: float = 0.1, week: float = 0.2, lift: float = 0.5) -> Learned:
    """One product of which a level, a week's own and one coefficient are unknown."""
    return Learned(np.zeros((1, 3)), np.diag([level, week, lift])[None])


def test_a_day_is_shared_out_by_what_was_unknown() -> None:
    """Worked: unknown 0.1 + 0.2 against noise 0.3 take half of the error, a third of it the level's."""
    after = learned().seen(np.array([[[1.0, 1.0, 0.0]]]), np.array([[0.6]]), np.array([[1.0 / 0.3]]))

    assert after.mean[0] == pytest.approx([0.1, 0.2, 0.0])
    assert after.variance(np.array([[[1.0, 1.0, 0.0]]]))[0, 0] == pytest.approx(0.15)


def test_cells_that_differ_tell_the_coefficient() -> None:
    """Of two cells, one displayed, the displayed one sells more: that is the display, not the level."""
    cells = np.array([[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]])
    after = learned().seen(cells, np.array([[0.0, 0.5]]), np.full((1, 2), 1000.0))

    assert after.mean[0, 2] == pytest.approx(0.5, abs=0.02)
    assert after.mean[0, :2] == pytest.approx([0.0, 0.0], abs=0.02)


def test_what_was_not_seen_teaches_nothing() -> None:
    """A cell of no precision leaves all as it was."""
    after = learned().seen(np.array([[[1.0, 1.0, 1.0]]]), np.array([[2.0]]), np.zeros((1, 1)))

    assert after.mean == pytest.approx(np.zeros((1, 3)))
    assert after.covariance == pytest.approx(learned().covariance)


def test_a_new_week_begins_with_a_share_of_the_old() -> None:
    """A quarter of the week's own goes on as level; the new week's is unknown again."""
    told = Learned(np.array([[0.1, 0.4, 0.3]]), learned().covariance)
    after = told.new_week(0.25, 0.2)

    assert after.mean[0] == pytest.approx([0.2, 0.0, 0.3])
    assert np.diagonal(after.covariance[0]) == pytest.approx([0.1 + 0.2 / 16.0, 0.2, 0.5])


def test_noise_of_days_is_found() -> None:
    """Days drawn with variance 1.8 m + 0.2 m^2 say so, whatever was believed before."""
    rng = np.random.default_rng(1)
    mean = rng.uniform(1.0, 40.0, 40_000)
    shape = mean**2 / (0.8 * mean + 0.2 * mean**2)
    units = rng.poisson(mean * rng.gamma(shape) / shape).astype(np.float64)
    noise = DailyNoise.opening(1.2, 0.05, 100.0).seen(units, mean, np.full(mean.shape, True))

    assert noise.parameters[0] == pytest.approx(1.8, abs=0.15)
    assert noise.parameters[1] == pytest.approx(0.2, abs=0.02)
