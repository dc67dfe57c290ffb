"""The oracle keeps everybody's books, and nobody beats it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import other_world, small_panel, small_world

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.days import Evening
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.oracle import run_oracle
from autoops.simulation.policies.registry import POLICIES, play
from autoops.simulation.variants import WORLDS
from autoops.simulation.world import build_world

if TYPE_CHECKING:
    from autoops.simulation.days import Run
    from autoops.simulation.world import World

SEEDS = (1, 2, 3)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_nobody_beats_the_oracle(name: str) -> None:
    """In every world, on every seed, no policy's objective is larger than the clairvoyant's."""
    world = other_world(name)
    for seed in SEEDS:
        best, best_of_four_weeks = (run_oracle(world, seed, days).figures.objective for days in (91, 28))
        for policy in POLICIES:
            # Policies of agents are slow: four weeks, and those that lack a part in one world only.
            if policy in CREWS and (policy == "agents" or name == "base"):
                assert play(world, policy, seed, 28).figures.objective <= best_of_four_weeks, policy
            elif policy not in CREWS:
                assert play(world, policy, seed, 91).figures.objective <= best, policy


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_nobody_beats_the_oracle_in_a_few_days(name: str) -> None:
    """Runs of one to seven days live on the opening stock: in every world nobody makes more of it than the oracle.

    Takes about ten seconds for each world: a bound that fails fails on some seed and some length only.
    """
    world = other_world(name)
    yardsticks = [policy for policy in POLICIES if policy not in CREWS]
    for days in range(1, 8):
        for seed in SEEDS:
            best = run_oracle(world, seed, days).figures.objective
            for policy in yardsticks if days > 3 or seed > 1 else [*yardsticks, "agents"]:
                assert play(world, policy, seed, days).figures.objective <= best, (policy, days, seed)


def test_full_docks_and_the_clairvoyant() -> None:
    """Docks keep from the shelf what has been paid for: the oracle of `capacity` is that of `base`."""
    assert (
        run_oracle(other_world("capacity"), 1, 28).by_product == run_oracle(small_world(), 1, 28).by_product
    )


def test_the_oracle_spends_no_display_on_what_is_short() -> None:
    """In three days nothing much arrives: the plan's displays run out more than twice as often."""
    world = small_world()
    for seed in SEEDS:
        oracle, static = (play(world, policy, seed, 3).figures for policy in ("oracle", "static"))
        assert oracle.promo_stockout_rate < 0.5 * static.promo_stockout_rate, (oracle, static)


def test_nights_with_the_oracle_tell_ages() -> None:
    """What expires stands in its night's row, what keeps in the last; what has been sold last was on its last day."""
    world, evenings = small_world(), list[Evening]()
    run_oracle(world, 1, 42, evenings.append)

    assert world.opening_store(1).on_hand.shape == evenings[0].on_hand.shape
    for evening in evenings:
        assert evening.on_hand.sum(axis=0) == pytest.approx(evening.facts.stock)
        assert not evening.on_hand[-1][world.shop.perishable].any()
        assert not evening.on_hand[:-1][:, ~world.shop.perishable].any()
    # The opening stock is gone: a lot of four days or more is sold until the night before which it expires.
    assert sum(float(evening.on_hand[0].sum()) for evening in evenings[20:]) > 0.0


def test_the_oracle_keeps_everybodys_books() -> None:
    """Units delivered are sold, wasted or on hand; products add up to the objective; the rails hold."""
    world, evenings = small_world(), list[Evening]()
    run = run_oracle(world, 1, 91, evenings.append)
    received = sum(evening.facts.received for evening in evenings)
    gone = sum(evening.facts.sale.sold + evening.facts.wasted for evening in evenings)

    assert world.opening_store(1).stock + received == pytest.approx(gone + evenings[-1].facts.stock)
    assert sum(run.by_product) == pytest.approx(run.figures.objective)
    assert run.figures.price_index <= 1.001
    planned = world.calendar.display[:13].sum(axis=1).mean()
    shown = np.mean([evening.facts.display.sum(axis=0) for evening in evenings])
    assert shown == pytest.approx(planned)


def test_fewer_days_are_no_better_known() -> None:
    """The oracle of a shorter run plans for its own end; its figures are of its own days."""
    run = run_oracle(small_world(), 1, 14)

    assert len(run.days) == 14
    assert run.figures.fill_rate > 0.9


def _evenings(world: World, days: int) -> tuple[Run, list[Evening]]:
    """Return the oracle's run of seed 1 and its evenings."""
    evenings = list[Evening]()
    return run_oracle(world, 1, days, evenings.append), evenings


def test_good_will_is_worth_serving_for() -> None:
    """Once deliveries come, and a lost customer costs ten margins, fewer are turned away than where one costs nothing."""
    lost = []
    for goodwill in (0.0, 10.0):
        run = run_oracle(build_world(small_panel(), Assumptions(goodwill=goodwill)), 1, 28)
        lost.append(sum(day.lost for day in run.days[7:]))

    assert lost[1] < 0.95 * lost[0]


def test_what_would_expire_is_stickered() -> None:
    """Of the opening stock, where more expires tonight than sells: some units are cleared, and fewer are wasted for it."""
    _, evenings = _evenings(small_world(), 10)

    assert sum(float(evening.facts.sale.cleared.sum()) for evening in evenings) > 0.0
    for evening in evenings:
        assert not (evening.facts.markdown[~small_world().shop.perishable] > 0.0).any()


def test_labels_are_paid_for_as_everybodys_are() -> None:
    """Each price that is not where the last label put it, over a plan that moves, is a dollar."""
    world = small_world()
    run, evenings = _evenings(world, 35)
    over, changes = np.ones(world.shop.shape), 0
    for evening in evenings:
        planned, price = world.calendar.price[evening.day // 7][:, None], evening.facts.price
        changed = np.abs(price - over * planned) > 0.0101
        over = np.where(changed, price / planned, over)
        changes += int(changed.sum())

    assert run.figures.price_changes == changes > 50
    assert sum(day.labels for day in run.days) == pytest.approx(changes * world.assumed.label_cost)
