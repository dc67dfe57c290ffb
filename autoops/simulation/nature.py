"""What happens in one seed, whoever decides: happenings, customers and the errors of sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoops.simulation.market import Market
from autoops.simulation.scenario import Scenario, draw_scenario
from autoops.simulation.streams import Stream, generator

if TYPE_CHECKING:
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.world import World


@dataclass(frozen=True, slots=True)
class Nature:
    """One seed, for one run: the market remembers what it sold."""

    scenario: Scenario
    market: Market
    sensor_reading: FloatArray
    """(days, products, clusters) what a shelf sensor reads over what is there."""


def draw_nature(world: World, seed: int) -> Nature:
    """Return what happens in a seed; the same for every policy."""
    shape, error = world.truth.planned.shape, world.assumed.sensor_error
    scenario = draw_scenario(world.calendar, shape, world.assumed, seed)
    reading = generator(seed, Stream.SENSOR).uniform(1.0 - error, 1.0 + error, shape)
    return Nature(scenario, Market(world, scenario, seed), reading)
