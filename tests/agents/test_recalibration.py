"""Probabilities that are off by construction are corrected; without evidence they stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.agents.recalibration import Recalibrator


def test_without_outcomes_nothing_is_corrected() -> None:
    """The first word is taken as it is."""
    fresh = Recalibrator()
    fresh.fit()

    assert fresh.corrected(0.9) == 0.9


def test_one_outcome_moves_little() -> None:
    """Shrunk: a single disappointment is no proof."""
    once = Recalibrator()
    once.take_in(0.9, outcome=False)
    once.fit()

    assert 0.6 < once.corrected(0.9) < 0.9


@pytest.mark.parametrize(("stated", "true"), [(0.95, 0.6), (0.3, 0.7), (0.5, 0.5)])
def test_many_outcomes_win(stated: float, true: float) -> None:
    """After 400 outcomes the correction is within three points of what was deserved."""
    long = Recalibrator()
    for index in range(400):
        long.take_in(stated, outcome=index % 20 < 20 * true)
    long.fit()

    assert long.corrected(stated) == pytest.approx(true, abs=0.03)


def test_intercept_and_slope_are_recovered() -> None:
    """Log odds twice too far from even, and one too high: the fit finds half and minus a half."""
    random = np.random.default_rng(5)
    log_odds = random.normal(0.0, 2.0, 6000)
    deserved = 1.0 / (1.0 + np.exp(-(0.5 * log_odds - 0.5)))
    model = Recalibrator()
    for z, outcome in zip(log_odds, random.random(6000) < deserved, strict=True):
        model.take_in(float(1.0 / (1.0 + np.exp(-z))), outcome=bool(outcome))
    model.fit()

    assert model.intercept == pytest.approx(-0.5, abs=0.1)
    assert model.slope == pytest.approx(0.5, abs=0.05)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=60), st.floats(0.0, 1.0))
def test_it_never_claims_certainty(words: list[tuple[float, bool]], stated: float) -> None:
    """Whatever it was told, what it corrects stays strictly between 0 and 1."""
    any_ = Recalibrator()
    for probability, outcome in [*words, (0.5, True)]:
        any_.take_in(probability, outcome=outcome)
    any_.fit()

    assert 0.0 < any_.corrected(stated) < 1.0
