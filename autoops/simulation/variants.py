"""Worlds that differ from the base in one stated way, to see which findings depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from autoops.errors import SimulationError


@dataclass(frozen=True, slots=True)
class Variant:
    """In what a world differs from the base; all of it is assumed."""

    name: str
    meaning: str
    asymmetry: float = 1.0
    """Factor on the elasticity of a price above plan."""
    drift: float = 0.0
    """Standard deviation of a week's step of each cell's log level."""
    split_households: bool = False
    """Whether customers are fitted on one half of the households and shops learn from the other."""
    substitution: float = 0.0
    """Share of a lost sale's customers who take a neighbour of the category, if it is there."""
    receiving: float | None = None
    """Units that a cluster can receive a day, over its mean daily demand; None is no limit."""


WORLDS = {
    variant.name: variant
    for variant in (
        Variant("base", "the truth and the shops' models share their log-linear form"),
        Variant(
            "misspecified",
            "prices above plan cost 1.6 times the elasticity, and every cell's level drifts by 8 % a week",
            asymmetry=1.6,
            drift=0.08,
        ),
        Variant(
            "split",
            "customers are fitted on one random half of the households, shops learn from the other",
            split_households=True,
        ),
        Variant(
            "substitution",
            "of those who find nothing, 60 % choose a neighbour in the category (logit shares), 40 % leave",
            substitution=0.6,
        ),
        Variant(
            "capacity",
            "a cluster takes in at most 1.15 times its mean daily demand a day; products are cut pro rata, the rest waits at the dock, paid and ageing",
            receiving=1.15,
        ),
    )
}
"""Worlds by name."""


def variant(name: str) -> Variant:
    """Return the world of a name.

    Raises:
        SimulationError: There is none of that name.
    """
    if name not in WORLDS:
        raise SimulationError(f"--world: received {name}; allowed: {', '.join(WORLDS)}")
    return WORLDS[name]
