"""What happens to the shop in one seed: spikes, competitors, delays, lead times; the same for every policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.messages import Event, EventType
from autoops.simulation.streams import Stream, generator

if TYPE_CHECKING:
    from autoops.retail.arrays import BoolArray, FloatArray, IntArray
    from autoops.simulation.assumptions import Assumptions
    from autoops.simulation.calendar import Calendar


@dataclass(frozen=True, slots=True)
class Scenario:
    """The happenings of a seed and what is announced of them."""

    spike: FloatArray
    """(days, products, clusters) multiplier on demand."""
    competitor_cut: FloatArray
    """(days, products) share that a competitor has cut its price by."""
    lead_time: IntArray
    """(days, clusters) days from an order placed that day to its delivery."""
    delayed: BoolArray
    """(days, clusters) whether suppliers are late."""
    announced: tuple[Event, ...]
    """Events that come from outside, in order of their day."""

    def events(self, day: int) -> list[Event]:
        """Return what is announced on a day."""
        return [event for event in self.announced if event.day == day]


def draw_scenario(
    calendar: Calendar, shape: tuple[int, int, int], assumed: Assumptions, seed: int
) -> Scenario:
    """Draw the happenings of a seed.

    Args:
        calendar: For dates and planned prices.
        shape: (days, products, clusters); days are all that could be simulated, so that fewer are a beginning.
        assumed: Rates and sizes.
        seed: Of the draw.
    """
    days, _, clusters = shape
    spike, spikes = _draw_spikes(calendar, shape, assumed, seed)
    cut, cuts = _draw_cuts(calendar, shape, assumed, seed)
    delayed = _spread(
        generator(seed, Stream.DELAYS).random((days, clusters)) < assumed.delay_rate, assumed.delay_length
    )
    lead = generator(seed, Stream.LEAD_TIME).choice(np.array(assumed.lead_times), size=(days, clusters))
    announced = sorted([*spikes, *cuts], key=lambda event: (event.day, event.id))
    return Scenario(spike, cut, lead + assumed.delay_days * delayed, delayed, tuple(announced))


def _draw_spikes(
    calendar: Calendar, shape: tuple[int, int, int], assumed: Assumptions, seed: int
) -> tuple[FloatArray, list[Event]]:
    """Return the multipliers and the announcements of those that are known ahead."""
    rng = generator(seed, Stream.SPIKES)
    multiplier = np.ones(shape)
    events = []
    for day, product, cluster in np.argwhere(rng.random(shape) < assumed.spike_rate):
        size, length = rng.uniform(*assumed.spike_size), int(rng.integers(*assumed.spike_days, endpoint=True))
        known, error = rng.random() < assumed.spike_announced, rng.normal(0.0, assumed.spike_error)
        multiplier[day : day + length, product, cluster] = size
        if known:
            notice = max(int(day) - assumed.spike_notice, 0)
            events.append(
                Event(
                    id=f"spike-{day:02d}-{product}-{cluster}",
                    type=EventType.DEMAND_SPIKE,
                    day=notice,
                    date=calendar.date(notice),
                    source="local_events_calendar",
                    product=int(product),
                    cluster=int(cluster),
                    facts={
                        "multiplier": round(1.0 + (size - 1.0) * float(np.exp(error)), 2),
                        "starts_in_days": int(day) - notice,
                        "length_days": length,
                    },
                )
            )
    return multiplier, events


def _draw_cuts(
    calendar: Calendar, shape: tuple[int, int, int], assumed: Assumptions, seed: int
) -> tuple[FloatArray, list[Event]]:
    """Return the cuts and the messages of the shoppers who compare prices; each is seen on its first day."""
    days, products, _ = shape
    rng = generator(seed, Stream.COMPETITOR)
    cut = np.zeros((days, products))
    events = []
    for day, product in np.argwhere(rng.random((days, products)) < assumed.competitor_rate):
        depth, length = (
            rng.uniform(*assumed.competitor_cut),
            int(rng.integers(*assumed.competitor_days, endpoint=True)),
        )
        cut[day : day + length, product] = depth
        ours = float(calendar.price[day // 7][product])
        events.append(
            Event(
                id=f"competitor-{day:02d}-{product}",
                type=EventType.COMPETITOR_PRICE,
                day=int(day),
                date=calendar.date(int(day)),
                source="price_comparison",
                product=int(product),
                facts={
                    "planned_price": round(ours, 2),
                    "competitor_price": round(ours * (1.0 - depth), 2),
                    "length_days": length,
                },
            )
        )
    return cut, events


def _spread(starts: BoolArray, length: int) -> BoolArray:
    """Return the days on which something that starts and lasts `length` days is under way."""
    under_way = starts.copy()
    for later in range(1, length):
        under_way[later:] |= starts[:-later]
    return under_way
