"""Gap shares are ratios of means, with intervals over seeds and over products."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from worlds import small_world

from autoops.simulation.gaps import gap_share
from autoops.simulation.policies.registry import play

if TYPE_CHECKING:
    from autoops.simulation.days import Run


def _run(policy: str, seed: int, *by_product: float) -> Run:
    """Return a run with these objectives; what else it has does not matter here."""
    return replace(_any_run(), policy=policy, seed=seed, by_product=by_product)


def _any_run() -> Run:
    """Return a run of a day."""
    return play(small_world(), "static", 1, 1)


def test_a_share_is_the_ratio_of_means() -> None:
    """Static makes 10 and 30, the ceiling 50 and 70, the policy 40 and 40: half of the gap."""
    runs = [
        *(_run("static", 1, 4.0, 6.0), _run("static", 2, 10.0, 20.0)),
        *(_run("ceiling", 1, 25.0, 25.0), _run("ceiling", 2, 30.0, 40.0)),
        *(_run("agents", 1, 20.0, 20.0), _run("agents", 2, 15.0, 25.0)),
    ]
    share = gap_share(runs, "agents")

    assert share is not None
    assert share.mean == pytest.approx((80.0 - 40.0) / (120.0 - 40.0))
    assert share.over_seeds == pytest.approx((0.25, 0.75))
    assert share.over_products is not None
    assert share.over_products[0] <= share.mean <= share.over_products[1]


def test_one_seed_has_no_interval_over_seeds() -> None:
    """With a single seed only products can be drawn anew."""
    runs = [_run("static", 1, 1.0, 2.0), _run("ceiling", 1, 4.0, 5.0), _run("agents", 1, 3.0, 3.0)]
    share = gap_share(runs, "agents")

    assert share is not None
    assert share.over_seeds is None
    assert share.record()["ci95"] is None


def test_without_both_ends_there_is_no_share() -> None:
    """No ceiling, no gap."""
    assert gap_share([_run("static", 1, 1.0), _run("agents", 1, 2.0)], "agents") is None


def test_without_a_gap_there_is_no_share() -> None:
    """Where nothing is sold, and where the ceiling falls under static, no share means anything."""
    for ceiling in (0.0, -1.0):
        runs = [_run("static", 1, 0.0, 0.0), _run("ceiling", 1, 0.0, ceiling), _run("agents", 1, 1.0, 0.0)]
        assert gap_share(runs, "agents") is None


def test_samples_without_a_gap_are_left_out() -> None:
    """One product of two has no gap: samples of it alone have no share, and no warning is raised."""
    runs = [_run("static", 1, 1.0, 5.0), _run("ceiling", 1, 3.0, 5.0), _run("agents", 1, 2.0, 5.0)]
    share = gap_share(runs, "agents")

    assert share is not None
    assert share.over_products == (0.5, 0.5)
