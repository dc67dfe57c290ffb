"""Random streams by name: the same seed gives every policy the same demand, lead times and events."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What is drawn; each has its own generator, so that drawing more of one changes none of the others."""

    RESPONSE = 1
    """Elasticities and display lifts of the customers."""
    DEMAND = 2
    """Daily noise."""
    ROUNDING = 9
    """Whether a fraction of a unit is sold; apart, for noise takes as many draws as it needs."""
    LEAD_TIME = 3
    SPIKES = 4
    COMPETITOR = 5
    DELAYS = 6
    SENSOR = 7
    """Errors of the shelf sensors."""
    OPENING = 8
    """Ages of the opening stock."""
    DRIFT = 10
    """Weekly steps of levels, in worlds where they walk."""
    TRENDS = 11
    """Signals of social media, true and false."""


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return the generator of one stream of one seed."""
    return np.random.default_rng([seed, int(stream)])
