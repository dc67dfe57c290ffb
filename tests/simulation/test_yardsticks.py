"""Where the yardsticks stand on weeks 27-39, products ranked 1-200: pinned, so that no baseline is let down."""

from __future__ import annotations

import functools
from statistics import fmean

from worlds import panel_folder

from autoops.simulation.policies.registry import play
from autoops.simulation.tuning import tuning_world

SEEDS = (1, 2, 3)


@functools.cache
def _objective(policy: str) -> float:
    """Return a policy's mean objective over three seeds that nobody tuned on."""
    world = tuning_world(panel_folder())
    return fmean(play(world, policy, seed, 91).figures.objective for seed in SEEDS)


def test_the_ceiling_is_half_of_the_way_to_the_oracle() -> None:
    """Of the gap from static to the clairvoyant, true means close .48 or more."""
    share = (_objective("ceiling") - _objective("static")) / (_objective("oracle") - _objective("static"))

    assert 0.48 <= share < 1.0


def test_the_ceiling_is_far_above_what_is_blind_to_the_calendar() -> None:
    """True means and all freedoms earn at least 40 % more than rolling levels."""
    assert _objective("ceiling") >= 1.4 * _objective("rolling")


def test_reading_the_calendar_pays() -> None:
    """The baseline that reads the plan earns at least 15 % more than those that are blind to it."""
    assert _objective("rolling_calendar") >= 1.15 * max(_objective("static"), _objective("rolling"))
    assert _objective("rolling_calendar") < _objective("ceiling")


def test_the_oracle_is_beaten_by_nobody_at_full_size() -> None:
    """On each of the seeds, with the whole assortment."""
    world = tuning_world(panel_folder())
    for seed in SEEDS:
        most = play(world, "oracle", seed, 91).figures.objective
        for policy in ("static", "rolling", "rolling_calendar", "ceiling"):
            assert play(world, policy, seed, 91).figures.objective <= most
