"""All that a simulation stands on, made once: the shop, its past, its calendar, and the truth behind its sales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.shop import SalesHistory, Shop
from autoops.simulation.calendar import Calendar, planned_calendar
from autoops.simulation.store import Store
from autoops.simulation.streams import Stream, generator
from autoops.simulation.truth import Truth, fit_truth
from autoops.simulation.variants import variant

if TYPE_CHECKING:
    from autoops.simulation.assumptions import Assumptions
    from autoops.simulation.panel import Panel
    from autoops.simulation.variants import Variant

OPENING_ORDERS = 3
"""Days on which the opening orders arrive: until then, no order of the policy can have arrived."""


@dataclass(frozen=True, slots=True)
class World:
    """The panel, what the shop knows of it, and what it does not."""

    panel: Panel
    assumed: Assumptions
    shop: Shop
    history: SalesHistory
    calendar: Calendar
    truth: Truth
    variant: Variant

    def opening_store(self, seed: int) -> Store:
        """Return the stock and orders that every policy begins with: some days of mean demand, of mixed age."""
        store = Store(self.shop.shelf_life, self.shop.shape[1])
        daily = self.history.units.mean(axis=2) / 7.0
        life = self.shop.shelf_life[:, None]
        cover = np.where(
            life > 0, np.minimum(self.assumed.opening_cover, 0.6 * life), self.assumed.opening_cover
        )
        aged = np.floor(generator(seed, Stream.OPENING).random(daily.shape) * np.maximum(life - 1, 1))
        store.deliver(np.round(daily * cover), aged)
        store.on_order[:OPENING_ORDERS] = np.round(daily)
        return store


def build_world(panel: Panel, assumed: Assumptions, world: str = "base") -> World:
    """Fit the truth on all of the panel's weeks; give the shop the weeks of the fit alone.

    Args:
        panel: The real data.
        assumed: What is assumed beyond it.
        world: Name of the world, see `simulation.variants`.

    Raises:
        SimulationError: There is no world of that name.
    """
    kind = variant(world)
    weeks = panel.split.fit_weeks
    # Either half of the households stands for all of them.
    known, scale = (panel.units - panel.half, 2.0) if kind.split_households else (panel.units, 1.0)
    history = SalesHistory(
        units=assumed.scale * scale * known[:, :, :weeks],
        price=panel.price[:, :weeks],
        display=panel.display[:, :, :weeks],
        mailer=panel.mailer[:, :weeks],
        weekday=panel.weekday,
        scale=assumed.scale * scale,
    )
    revenue = history.units.sum(axis=(1, 2)) * panel.reference_price
    daily = history.units.mean(axis=2).sum(axis=0) / 7.0
    shop = Shop(
        panel.products,
        panel.clusters,
        panel.cost,
        panel.reference_price,
        assumed.economics(),
        index_weight=revenue / revenue.sum(),
        receiving_limit=None if kind.receiving is None else kind.receiving * daily,
    )
    calendar = planned_calendar(panel, assumed.vendor_funding)
    truth = fit_truth(panel, assumed.scale * scale, panel.half if kind.split_households else None)
    return World(panel, assumed, shop, history, calendar, truth, kind)
