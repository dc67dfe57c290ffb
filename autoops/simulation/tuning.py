"""How the constants of policies are tuned: coordinate descent on weeks that are never simulated in earnest.

The constants in the code came from `tuning_world()`: fitted on weeks 2-19, played on weeks 20-26, on seeds of
their own. The default simulation fits on weeks 2-26 and plays weeks 27-39, which no constant has seen.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.days import run_days
from autoops.simulation.panel import PanelOptions, Split
from autoops.simulation.world import World, build_world

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from autoops.simulation.policies.policy import Policy

Tuning = TypeVar("Tuning")

TUNING_SPLIT = Split(fit=(2, 19), test=(20, 26))
"""Weeks of the tuning: they end before the default simulation begins."""

TUNING_SEEDS = (901, 902, 903, 904)
"""Seeds of the tuning."""

STEPS = (0.7, 0.85, 1.15, 1.4)
"""Factors tried on each constant."""


def tuning_world(cache: Path | None = None, products: int = 120, clusters: int = 6) -> World:
    """Return the world that constants are tuned in."""
    return build_world(load_panel(PanelOptions(products, clusters, TUNING_SPLIT), cache), Assumptions())


def mean_objective(
    world: World, make: Callable[[World], Policy], seeds: Sequence[int] = TUNING_SEEDS
) -> float:
    """Return the policy's mean objective over the seeds, in dollars."""
    days = len(world.truth.planned)
    return sum(run_days(world, make(world), seed, days).figures.objective for seed in seeds) / len(seeds)


def coordinates(tuning: object) -> list[tuple[str, int | None]]:
    """Return every number of a tuning: its field, and its place if the field is a tuple."""
    found: list[tuple[str, int | None]] = []
    for item in fields(tuning):  # type: ignore[arg-type] # any frozen dataclass of numbers and tuples of them
        value = getattr(tuning, item.name)
        found += [
            (item.name, place) for place in (range(len(value)) if isinstance(value, tuple) else (None,))
        ]
    return found


def stepped(tuning: Tuning, name: str, place: int | None, step: float) -> Tuning:
    """Return the tuning with one of its numbers multiplied by `step`."""
    value = getattr(tuning, name)
    if place is not None:
        value = tuple(number * step if index == place else number for index, number in enumerate(value))
    else:
        value *= step
    return replace(tuning, **{name: value})  # type: ignore[type-var] # any frozen dataclass


def descend(
    world: World,
    make: Callable[[World, Tuning], Policy],
    start: Tuning,
    *,
    only: Sequence[str] | None = None,
    rounds: int = 6,
    say: Callable[[str], None] = print,
) -> Tuning:
    """Return the tuning reached by taking every single step that helps, until none does.

    Args:
        world: Where to play.
        make: Makes the policy of a tuning.
        start: Where to begin.
        only: Fields to move; None moves all. What is assumed is not to be tuned.
        rounds: Most rounds over all numbers.
        say: Told of each step that helps.
    """
    best, most = start, mean_objective(world, lambda w: make(w, start))
    for _ in range(rounds):
        before = most
        for name, place in coordinates(best):
            if only is not None and name not in only:
                continue
            for step in STEPS:
                candidate = stepped(best, name, place, step)
                value = mean_objective(world, partial(_made, make, candidate))
                if value > most:
                    best, most = candidate, value
                    say(f"{name}[{place}] x {step}: {value:,.0f}")
        if most <= before:
            break
    return best


def _made(make: Callable[[World, Tuning], Policy], tuning: Tuning, world: World) -> Policy:
    """Return the policy of a tuning in a world."""
    return make(world, tuning)
