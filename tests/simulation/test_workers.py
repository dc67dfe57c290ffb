"""Two processes play what one plays."""

from __future__ import annotations

from worlds import small_world

from autoops.simulation.policies.registry import play
from autoops.simulation.workers import LEAST_JOBS, play_all

JOBS = [(policy, seed) for seed in (1, 2, 3) for policy in ("static", "ceiling", "oracle")]


def test_two_processes_play_what_one_plays() -> None:
    """Every run comes back in its place, to the last bit as it is played here, and each is told of once.

    Takes some seconds: two processes that import numpy.
    """
    told: list[tuple[str, int]] = []
    runs = play_all(small_world(), JOBS, 7, 2, lambda policy, seed: told.append((policy, seed)))

    assert len(JOBS) >= LEAST_JOBS, "or nothing would be spread"
    assert [(run.policy, run.seed) for run in runs] == JOBS
    assert sorted(told) == sorted(JOBS)
    assert runs == [play(small_world(), policy, seed, 7) for policy, seed in JOBS]


def test_few_runs_are_played_here() -> None:
    """Another process would not have begun before they are over."""
    told: list[str] = []
    (run,) = play_all(small_world(), [("static", 1)], 3, 2, lambda policy, _: told.append(policy))

    assert run.policy == "static"
    assert told == ["static"]
