"""The ceiling has every freedom within the rails, and is far above the baselines and below the oracle."""

from __future__ import annotations

from worlds import small_world

from autoops.simulation.days import run_days
from autoops.simulation.policies.ceiling import CeilingPolicy
from autoops.simulation.policies.registry import play

SEEDS = (1, 2, 3)


def test_the_ceiling_keeps_the_rails() -> None:
    """Prices, index, displays and stickers: it breaches nothing."""
    for seed in SEEDS:
        run = run_days(small_world(), CeilingPolicy(small_world(), seed), seed, 91)

        assert run.figures.guardrail_breaches == 0
        assert run.figures.price_index <= 1.001


def test_the_ceiling_is_above_every_baseline() -> None:
    """On every seed it earns more than each policy that sees only what a shop sees."""
    for seed in SEEDS:
        most = play(small_world(), "ceiling", seed, 91).figures.objective
        for name in ("static", "rolling", "rolling_calendar"):
            assert play(small_world(), name, seed, 91).figures.objective < most
