"""Each world differs from the base in what it says, and in nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import other_world, small_world

from autoops.errors import SimulationError
from autoops.simulation.days import Evening, run_days
from autoops.simulation.nature import draw_nature
from autoops.simulation.policies.registry import make, play
from autoops.simulation.variants import WORLDS, variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.simulation.market import Market
    from autoops.simulation.policies.policy import Actions, Policy


def _market(name: str) -> Market:
    """Return the customers of seed 1 in a world."""
    return draw_nature(other_world(name), 1).market


def _answer(name: str, product: int, factor: float) -> np.ndarray:
    """Return the log change of a product's own demand on the first day at `factor` times its planned price."""
    world = other_world(name)
    price = np.repeat(world.calendar.price[0][:, None], len(world.shop.clusters), axis=1)
    plan = _market(name).intensity(0, price, world.calendar.display[0])[product]
    price[product] *= factor
    result: np.ndarray = np.log(_market(name).intensity(0, price, world.calendar.display[0])[product] / plan)
    return result


@pytest.mark.parametrize("product", [0, 11, 29])
def test_raises_cost_more_in_the_misspecified_world(product: int) -> None:
    """Above plan the response is 1.6 times as steep, below it is the same."""
    assert _answer("misspecified", product, 0.95) == pytest.approx(_answer("base", product, 0.95))
    assert _answer("misspecified", product, 1.05) == pytest.approx(1.6 * _answer("base", product, 1.05))


def test_levels_drift_in_the_misspecified_world() -> None:
    """From week to week the levels of cells walk by about eight per cent, and within a week they stand."""
    base, other = _market("base"), _market("misspecified")
    walked = np.stack([np.log(other.base(day) / base.base(day)) for day in range(91)])
    steps = np.diff(walked, axis=0)

    assert steps[6::7].std() == pytest.approx(0.08, rel=0.1)
    assert np.delete(steps, np.arange(6, 90, 7), axis=0) == pytest.approx(0.0, abs=1e-12)


def test_shops_and_customers_are_different_households_in_the_split_world() -> None:
    """The shop's past is one half of the real sales, doubled; the truth is fitted on the other."""
    world, base = other_world("split"), small_world()
    fit = base.panel.split.fit_weeks
    other_half = 2.0 * world.assumed.scale * base.panel.half[:, :, :fit]

    assert world.history.units + other_half == pytest.approx(2.0 * base.history.units)
    assert world.truth.planned.sum() == pytest.approx(base.truth.planned.sum(), rel=0.2)
    assert world.truth.response.beta != pytest.approx(base.truth.response.beta)


def test_lost_sales_move_to_neighbours_in_the_substitution_world() -> None:
    """Less is lost, more of the rest of the category is sold, and at most 60 % of the lost is found again."""
    evenings: dict[str, list[Evening]] = {"base": [], "substitution": []}
    for name, seen in evenings.items():
        play(other_world(name), "rolling", 1, 7, seen.append)
    first = {name: seen[0].facts for name, seen in evenings.items()}
    found = first["base"].sale.lost.sum() - first["substitution"].sale.lost.sum()

    assert 0.0 <= found <= 0.6 * first["base"].sale.lost.sum() + len(small_world().shop.products) * 3
    totals = {name: sum(evening.figures.lost for evening in seen) for name, seen in evenings.items()}
    assert totals["substitution"] < totals["base"]


def test_three_in_five_of_the_lost_choose_a_neighbour_and_none_the_same() -> None:
    """Ten thousand who found nothing of one product: 6,000 look for others of its category, by their shares."""
    world, market = other_world("substitution"), _market("substitution")
    category = world.shop.category
    product = int(np.flatnonzero(np.bincount(category)[category] >= 3)[0])
    intensity = market.base(0)
    lost = np.zeros_like(intensity)
    lost[product] = 10_000.0
    moved = market.substitutes(0, intensity, lost)
    others = (category == category[product]) & (np.arange(len(category)) != product)
    share = intensity[others] / intensity[others].sum(axis=0)

    assert not moved[product].any()
    assert not moved[category != category[product]].any()
    assert moved[others].sum(axis=0) == pytest.approx(6_000.0, abs=float(others.sum()))
    assert moved[others] == pytest.approx(6_000.0 * share, abs=1.0)


class Clerk:
    """Lets another policy decide, and notes the shelves of each morning and what was sold."""

    def __init__(self, policy: Policy) -> None:
        self.name, self._policy = policy.name, policy
        self.shelves: list[np.ndarray] = []
        self.sold: list[np.ndarray] = []

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Note the morning's shelves and let it act."""
        self.shelves.append(view.stock)
        return self._policy.act(view, events)

    def learn(self, observation: Observation) -> None:
        """Note what was sold and let it learn."""
        self.sold.append(observation.sold)
        self._policy.learn(observation)


def test_docks_are_small_in_the_capacity_world() -> None:
    """No cluster takes in more than 1.15 times its mean daily demand, though more is paid for; nobody gains by that."""
    world = other_world("capacity")
    clerk, limit = Clerk(make(world, "static", 1)), world.shop.receiving_limit
    run = run_days(world, clerk, 1, 28)
    shelves, sold = np.stack(clerk.shelves), np.stack(clerk.sold)
    # Of what is thrown away some stood on the shelf and some waited: without it, this much at least was taken in.
    taken = (shelves[1:] - shelves[:-1] + sold[:-1]).sum(axis=1)

    assert limit is not None
    assert (taken <= limit).all()
    assert (taken > 0.98 * limit).any()
    assert max(day.received for day in run.days) > limit.sum()
    assert (
        run.figures.objective
        < run_days(small_world(), make(small_world(), "static", 1), 1, 28).figures.objective
    )


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_a_world_says_what_it_is(name: str) -> None:
    """A name, and a sentence."""
    assert variant(name).name == name
    assert len(variant(name).meaning) > 20


def test_an_unknown_world_is_a_mistake() -> None:
    """The message says which there are."""
    with pytest.raises(SimulationError, match="--world: received flat; allowed: base, misspecified"):
        variant("flat")
