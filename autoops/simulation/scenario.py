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
    delayed, delays = _draw_delays(calendar, (days, clusters), assumed, seed)
    lead = generator(seed, Stream.LEAD_TIME).choice(np.array(assumed.lead_times), size=(days, clusters))
    announced = sorted([*spikes, *cuts, *delays], key=lambda event: (event.day, event.id))
    return Scenario(spike, cut, lead + assumed.delay_days * delayed, delayed, tuple(announced))


def _happenings(rng: np.random.Generator, shape: tuple[int, ...], rate: float, spread: float) -> IntArray:
    """Return the (count, axes) places of a seed's happenings, about `rate` of all, in order of their day."""
    size = int(np.prod(shape))
    count = round(rate * size * rng.uniform(1.0 - spread, 1.0 + spread))
    flat = np.sort(rng.choice(size, size=min(count, size), replace=False))
    return np.stack(np.unravel_index(flat, shape), axis=1)


def _draw_spikes(
    calendar: Calendar, shape: tuple[int, int, int], assumed: Assumptions, seed: int
) -> tuple[FloatArray, list[Event]]:
    """Return the multipliers, and what is heard of them: announcements, and trends that may be false alarms."""
    rng, trends = generator(seed, Stream.SPIKES), generator(seed, Stream.TRENDS)
    multiplier = np.ones(shape)
    events = []
    for day, product, cluster in _happenings(rng, shape, assumed.spike_rate, assumed.count_spread).tolist():
        size, length = rng.uniform(*assumed.spike_size), int(rng.integers(*assumed.spike_days, endpoint=True))
        known, error = rng.random() < assumed.spike_announced, rng.normal(0.0, assumed.spike_error)
        multiplier[day : day + length, product, cluster] = size
        said = round(1.0 + (size - 1.0) * float(np.exp(error)), 2)
        where = product, cluster
        if known:
            events.append(_announcement(calendar, day, where, said, length, assumed.spike_notice))
        elif trends.random() < assumed.trend_share:
            events.append(_trend(calendar, day, where, said, assumed))
    true = sum(event.type is EventType.SOCIAL_TREND for event in events)
    false = round(true * (1.0 - assumed.trend_true) / assumed.trend_true)
    for day, product, cluster in _happenings(
        trends, shape, false / multiplier.size, assumed.count_spread
    ).tolist():
        said = round(
            1.0 + float(trends.uniform(*assumed.spike_size) - 1.0) * float(trends.lognormal(0.0, 0.25)), 2
        )
        if multiplier[day, product, cluster] > 1.0:
            # What is seen two days before a spike is no false alarm.
            continue
        events.append(_trend(calendar, day, (product, cluster), said, assumed))
    return multiplier, events


def _announcement(
    calendar: Calendar, day: int, where: tuple[int, int], multiplier: float, length: int, notice: int
) -> Event:
    """Return the announcement of a spike that begins on `day`."""
    said = max(day - notice, 0)
    return Event(
        id=f"spike-{day:02d}-{where[0]}-{where[1]}",
        type=EventType.DEMAND_SPIKE,
        day=said,
        date=calendar.date(said),
        source="local_events_calendar",
        product=where[0],
        cluster=where[1],
        facts={"multiplier": multiplier, "starts_in_days": day - said, "length_days": length},
    )


def _trend(
    calendar: Calendar, day: int, where: tuple[int, int], multiplier: float, assumed: Assumptions
) -> Event:
    """Return the signal of a spike that may begin on `day`; nothing in it tells true from false."""
    seen = max(day - assumed.trend_notice, 0)
    return Event(
        id=f"trend-{day:02d}-{where[0]}-{where[1]}",
        type=EventType.SOCIAL_TREND,
        day=seen,
        date=calendar.date(seen),
        source="social_media",
        product=where[0],
        cluster=where[1],
        facts={
            "multiplier": multiplier,
            "starts_in_days": day - seen,
            "length_days": round(sum(assumed.spike_days) / 2),
            "share_true": assumed.trend_true,
        },
    )


def _draw_cuts(
    calendar: Calendar, shape: tuple[int, int, int], assumed: Assumptions, seed: int
) -> tuple[FloatArray, list[Event]]:
    """Return the cuts and the messages of the shoppers who compare prices; each is seen on its first day."""
    days, products, _ = shape
    rng = generator(seed, Stream.COMPETITOR)
    cut = np.zeros((days, products))
    events = []
    for day, product in _happenings(
        rng, (days, products), assumed.competitor_rate, assumed.count_spread
    ).tolist():
        depth = rng.uniform(*assumed.competitor_cut)
        length = int(rng.integers(*assumed.competitor_days, endpoint=True))
        cut[day : day + length, product] = depth
        ours = float(calendar.price[day // 7][product])
        events.append(
            Event(
                id=f"competitor-{day:02d}-{product}",
                type=EventType.COMPETITOR_PRICE,
                day=day,
                date=calendar.date(day),
                source="price_comparison",
                product=product,
                facts={
                    "planned_price": round(ours, 2),
                    "competitor_price": round(ours * (1.0 - depth), 2),
                    "length_days": length,
                },
            )
        )
    return cut, events


def _draw_delays(
    calendar: Calendar, shape: tuple[int, int], assumed: Assumptions, seed: int
) -> tuple[BoolArray, list[Event]]:
    """Return the days on which suppliers are late, and their messages on the first of them."""
    delayed = np.zeros(shape, dtype=np.bool_)
    events = []
    for day, cluster in _happenings(
        generator(seed, Stream.DELAYS), shape, assumed.delay_rate, assumed.count_spread
    ).tolist():
        delayed[day : day + assumed.delay_length, cluster] = True
        events.append(
            Event(
                id=f"delay-{day:02d}-{cluster}",
                type=EventType.SUPPLY_DELAY,
                day=day,
                date=calendar.date(day),
                source="supplier",
                cluster=cluster,
                facts={"delay_days": assumed.delay_days, "length_days": assumed.delay_length},
            )
        )
    return delayed, events
