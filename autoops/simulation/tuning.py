"""How the constants of policies are tuned: coordinate descent from several starts on weeks 27-39, each for itself.

    uv run python -m autoops.simulation.tuning static rolling rolling_calendar ceiling

The tuning world learns from weeks 2-26, its customers are fitted on weeks 2-39, and its seeds are used for nothing
else. Weeks 40 and later are not read.
"""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from autoops.retail.replenishment import life_class
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.days import run_days
from autoops.simulation.panel import PanelOptions, Split
from autoops.simulation.policies.ceiling import CEILING_TUNING, CeilingPolicy
from autoops.simulation.policies.rolling import ROLLING_TUNING, RollingPolicy
from autoops.simulation.policies.rolling_calendar import ROLLING_CALENDAR_TUNING, RollingCalendarPolicy
from autoops.simulation.policies.static import STATIC_TUNING, StaticPolicy
from autoops.simulation.world import World, build_world

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoops.retail.arrays import FloatArray
    from autoops.simulation.policies.order_levels import LevelTuning
    from autoops.simulation.policies.policy import Policy

Tuning = TypeVar("Tuning")

TUNING_SPLIT = Split.of(27, 39)
"""Weeks of the tuning: they end before the held-out weeks begin."""

TUNING_SEEDS = (901, 902, 903, 904)
"""Seeds of the tuning."""

FACTORS = (0.8, 0.93, 1.07, 1.25)
"""Factors tried on each constant."""

OFFSETS = (-0.15, 0.15)
"""What is added to each constant, so that it can leave zero and change its sign."""

CLASSES = 3
"""Of shelf life, see `LevelTuning`."""

STARTS = 6
"""Places that a descent begins in: the constants as they are, and others drawn around them."""

START_SPREAD = 0.5
"""Standard deviation of the log factor on each number of a drawn start."""


def tuning_world(cache: Path | None = None, products: int = 200, clusters: int = 8) -> World:
    """Return the world that constants are tuned in."""
    return build_world(load_panel(PanelOptions(products, clusters, TUNING_SPLIT), cache), Assumptions())


def mean_objective(
    world: World, make: Callable[[World, int], Policy], seeds: Sequence[int] = TUNING_SEEDS
) -> float:
    """Return the mean objective, in dollars, of the policy that `make` makes for a world and a seed."""
    days = len(world.truth.planned)
    return sum(run_days(world, make(world, seed), seed, days).figures.objective for seed in seeds) / len(
        seeds
    )


def neighbours(tuning: Tuning, only: Sequence[str] | None = None) -> list[tuple[str, Tuning]]:
    """Return every tuning that a single step on one number leads to, each with words for it.

    Args:
        tuning: A frozen dataclass of numbers and tuples of numbers.
        only: Fields to move; None moves all.
    """
    found = []
    for item in fields(tuning):  # type: ignore[arg-type] # any frozen dataclass of numbers and tuples of them
        if only is not None and item.name not in only:
            continue
        value = getattr(tuning, item.name)
        numbers = value if isinstance(value, tuple) else (value,)
        for place, number in enumerate(numbers):
            for moved in _moves(number):
                if abs(moved - number) < 1e-12:
                    continue
                changed = (*numbers[:place], moved, *numbers[place + 1 :])
                words = f"{item.name}[{place}] {number:.3f} -> {moved:.3f}"
                found.append(
                    (words, _with(tuning, item.name, changed if isinstance(value, tuple) else moved))
                )
    return found


def _moves(number: float) -> list[float]:
    """Return what single steps make of a number."""
    return [*(number * factor for factor in FACTORS), *(number + offset for offset in OFFSETS)]


def by_class(
    name: str, world: World, seeds: Sequence[int] = TUNING_SEEDS
) -> Callable[[LevelTuning], FloatArray]:
    """Return the mean objective of each class of shelf life under a baseline, as a function of its tuning.

    Baselines leave prices and displays at the plan, so that in the base world no product's outcome depends on
    another's, and a constant of one class moves nothing in the others.
    """
    make, _ = BASELINES[name]
    days, kind = len(world.truth.planned), life_class(world.shop.shelf_life)

    def objectives(tuning: LevelTuning) -> FloatArray:
        runs = [run_days(world, make(world.shop, world.history, tuning), seed, days) for seed in seeds]
        each: FloatArray = np.mean([run.by_product for run in runs], axis=0)
        return np.array([each[kind == number].sum() for number in range(CLASSES)])

    return objectives


def step_gains(name: str, world: World, seeds: Sequence[int] = TUNING_SEEDS) -> dict[str, float]:
    """Return what each single step on a baseline's constants adds to its mean objective, in dollars.

    One run tells of the same move on the constants of all classes, see `by_class`.
    """
    objectives, now = by_class(name, world, seeds), BASELINES[name][1]
    as_tuned, found = objectives(now), {}
    for item in fields(now):
        value = getattr(now, item.name)
        numbers = value if isinstance(value, tuple) else (value,)
        for moved in zip(*map(_moves, numbers), strict=True):
            step = _with(now, item.name, moved if isinstance(value, tuple) else moved[0])
            gains = objectives(step) - as_tuned
            for place, number in enumerate(numbers):
                words = f"{item.name}[{place}] {number:.3f} -> {moved[place]:.3f}"
                found[words] = float(gains[place] if isinstance(value, tuple) else gains.sum())
    return found


def best_of_each_class(
    found: Sequence[LevelTuning], objectives: Callable[[LevelTuning], FloatArray]
) -> LevelTuning:
    """Return the best of several tunings with the numbers of each class from whichever serves that class best."""
    each = np.array([objectives(tuning) for tuning in found])
    best = found[int(each.sum(axis=1).argmax())]
    winners = [found[int(index)] for index in each.argmax(axis=0)]
    for name in ("safety", "cover", "life_share"):
        places = range(len(getattr(best, name)))
        best = _with(best, name, tuple(getattr(winners[place], name)[place] for place in places))
    return best


def starts(tuning: Tuning, count: int = STARTS) -> list[Tuning]:
    """Return the tuning and `count - 1` others, each number multiplied by a factor drawn for it.

    One descent ends on the first hill that it climbs; several show whether there is a higher one.
    """
    rng = np.random.default_rng(len(fields(tuning)))  # type: ignore[arg-type] # a frozen dataclass, as above
    found = [tuning]
    for _ in range(count - 1):
        drawn = tuning
        for item in fields(tuning):  # type: ignore[arg-type] # as above
            value = np.atleast_1d(getattr(tuning, item.name))
            moved = (value * np.exp(START_SPREAD * rng.standard_normal(len(value)))).tolist()
            single = not isinstance(getattr(tuning, item.name), tuple)
            drawn = _with(drawn, item.name, moved[0] if single else tuple(moved))
        found.append(drawn)
    return found


def _with(tuning: Tuning, name: str, value: object) -> Tuning:
    """Return the tuning with another value of one field."""
    result: Tuning = replace(cast("Any", tuning), **{name: value})
    return result


def descend(
    objective: Callable[[Tuning], float],
    start: Tuning,
    *,
    only: Sequence[str] | None = None,
    rounds: int = 12,
    say: Callable[[str], None] = print,
) -> Tuning:
    """Return the tuning from which no single step helps, taking every step that does.

    Args:
        objective: What to raise.
        start: Where to begin.
        only: Fields to move; None moves all. What is assumed is not to be tuned.
        rounds: Most rounds over all numbers.
        say: Told of each step that helps.
    """
    best, most = start, objective(start)
    for _ in range(rounds):
        before, place = most, 0
        steps = neighbours(best, only)
        while place < len(steps):
            value = objective(steps[place][1])
            if value > most:
                say(f"{steps[place][0]}: {value:,.0f}")
                best, most = steps[place][1], value
                steps = neighbours(best, only)
            place += 1
        if most <= before:
            break
    return best


BASELINES: dict[str, tuple[Callable[..., Policy], LevelTuning]] = {
    "static": (StaticPolicy, STATIC_TUNING),
    "rolling": (RollingPolicy, ROLLING_TUNING),
    "rolling_calendar": (RollingCalendarPolicy, ROLLING_CALENDAR_TUNING),
}
"""Policies made from shop, history and tuning, with their constants."""


def objective_of(
    name: str, world: World, seeds: Sequence[int] = TUNING_SEEDS
) -> tuple[Callable[[Any], float], Any]:
    """Return the mean objective of a policy as a function of its tuning, and its tuning."""
    if name == "ceiling":
        return lambda tuning: mean_objective(
            world, lambda w, seed: CeilingPolicy(w, seed, tuning), seeds
        ), CEILING_TUNING
    make, now = BASELINES[name]
    return lambda tuning: mean_objective(world, lambda w, _: make(w.shop, w.history, tuning), seeds), now


def main(names: Sequence[str]) -> None:
    """Tune the policies named and print their constants."""
    world = tuning_world(Path(".autoops/cache"))
    for name in names:
        objective, now = objective_of(name, world)
        found = []
        for number, start in enumerate(starts(now), 1):
            found.append(descend(objective, start, say=lambda words: print(f"  {words}", flush=True)))  # noqa: T201 - a script
            print(f"{name}, start {number} of {STARTS}: {objective(found[-1]):,.0f}", flush=True)  # noqa: T201 - a script
        if name in BASELINES:
            found.append(descend(objective, best_of_each_class(found, by_class(name, world))))
        best = max(found, key=objective)
        print(f"{name}: {objective(best):,.0f} with {best}", flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main(sys.argv[1:])
