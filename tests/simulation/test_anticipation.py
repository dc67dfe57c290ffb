"""Nobody but the all-knowing knows anything before it happens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from worlds import small_world

from autoops.agents.tracing import NoTracing
from autoops.simulation.days import run_days
from autoops.simulation.market import Market
from autoops.simulation.nature import Nature, draw_nature
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.registry import ALL_KNOWING, POLICIES, make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.agents.messages import Event
    from autoops.agents.shop import Observation, ShopView
    from autoops.retail.arrays import FloatArray
    from autoops.simulation.policies.policy import Actions, Policy

LAST_DAY = 9
"""The last day on which both futures are one past."""

DAYS = 18


class OneThenOther(Market):
    """Customers who are replaced overnight by others, with another response, other luck and other levels."""

    def __init__(self, one: Market, other: Market) -> None:
        self.member = one.member
        self._one, self._other, self._now = one, other, one

    def intensity(self, day: int, price: FloatArray, display: FloatArray) -> FloatArray:
        """Return the expected units of whoever is there."""
        self._now = self._one if day <= LAST_DAY else self._other
        return self._now.intensity(day, price, display)

    def demand(self, day: int, intensity: FloatArray) -> FloatArray:
        """Return their demand."""
        return self._now.demand(day, intensity)

    def clearance(self, day: int, intensity: FloatArray, depth: FloatArray) -> FloatArray:
        """Return their demand under stickers."""
        return self._now.clearance(day, intensity, depth)

    def remember(self, wanted: FloatArray) -> None:
        """Let them remember."""
        self._now.remember(wanted)


def _with_another_future(seed: int, future: int) -> Nature:
    """Return what happens in a seed, and after the last common day what happens in another, to other customers."""
    world = small_world()
    planned = world.truth.planned.copy()
    planned[LAST_DAY + 1 :] *= np.random.default_rng(future).uniform(0.4, 2.0, planned[LAST_DAY + 1 :].shape)
    one, other = (
        draw_nature(world, seed),
        draw_nature(replace(world, truth=replace(world.truth, planned=planned)), future),
    )

    def then(past: np.ndarray, coming: np.ndarray) -> np.ndarray:
        return np.concatenate([past[: LAST_DAY + 1], coming[LAST_DAY + 1 :]])

    events = [event for event in one.scenario.announced if event.day <= LAST_DAY]
    events += [event for event in other.scenario.announced if event.day > LAST_DAY]
    scenario = replace(
        one.scenario,
        spike=then(one.scenario.spike, other.scenario.spike),
        competitor_cut=then(one.scenario.competitor_cut, other.scenario.competitor_cut),
        lead_time=then(one.scenario.lead_time, other.scenario.lead_time),
        delayed=then(one.scenario.delayed, other.scenario.delayed),
        announced=tuple(events),
    )
    return Nature(
        scenario, OneThenOther(one.market, other.market), then(one.sensor_reading, other.sensor_reading)
    )


class Witness:
    """Writes down what a policy does."""

    def __init__(self, policy: Policy) -> None:
        self.name, self._policy = policy.name, policy
        self.seen: list[Actions] = []

    def act(self, view: ShopView, events: Sequence[Event]) -> Actions:
        """Let it act."""
        self.seen.append(self._policy.act(view, events))
        return self.seen[-1]

    def learn(self, observation: Observation) -> None:
        """Let it learn."""
        self._policy.learn(observation)


def _same(one: Actions, other: Actions) -> bool:
    """Return whether two days' actions are equal to the last bit."""
    names = ("orders", "price", "display", "markdown")
    return all((getattr(one, name) == getattr(other, name)).all() for name in names)


@pytest.mark.parametrize("name", [name for name in POLICIES if name not in ALL_KNOWING])
def test_decisions_follow_from_what_was_seen(name: str) -> None:
    """Noise, events and truth drawn anew after a day change no decision up to it, and some thereafter."""
    world = small_world()
    for seed in (2, 5):
        witnesses = [Witness(make(world, name, seed)) for _ in range(3)]
        natures = (draw_nature(world, seed), _with_another_future(seed, 77), _with_another_future(seed, 78))
        for witness, nature in zip(witnesses, natures, strict=True):
            run_days(world, witness, seed, DAYS, nature=nature)
        first, *others = (witness.seen for witness in witnesses)

        for other in others:
            assert [_same(a, b) for a, b in zip(first, other, strict=True)][: LAST_DAY + 1] == [True] * (
                LAST_DAY + 1
            )
            if name != "static":
                assert not all(_same(a, b) for a, b in zip(first, other, strict=True))


def test_words_follow_from_what_was_seen() -> None:
    """What agents say of a decision, corrected by what became of earlier ones, is the same up to the last common day.

    What becomes of those decisions is not: some verdicts fall in the days after it.
    """
    world, said, verdicts = small_world(), [], []
    for nature in (draw_nature(world, 2), _with_another_future(2, 77)):
        policy = AgentsPolicy(world.shop, world.history, NoTracing())
        run_days(world, policy, 2, DAYS, nature=nature)
        policy.close()
        assert policy.memory is not None
        common = [
            outcome for outcome in policy.memory.outcomes if outcome.decision.proposal.first_day <= LAST_DAY
        ]
        said.append(
            [
                decision
                for decision in policy.orchestrator.decisions
                if (decision.date - world.calendar.first_day).days <= LAST_DAY
            ]
        )
        verdicts.append([outcome.finding for outcome in common])

    assert said[0] == said[1]
    assert any(decision.confidence != decision.model_confidence for decision in said[0])
    assert verdicts[0] != verdicts[1]


def test_the_futures_differ() -> None:
    """What comes after the last common day is another demand, and what came before is the same."""
    world = small_world()
    one, other = draw_nature(world, 2), _with_another_future(2, 77)
    price = np.repeat(world.calendar.price[0][:, None], len(world.shop.clusters), axis=1)
    sold = []
    for nature in (one, other):
        demands = []
        for day in range(DAYS):
            intensity = nature.market.intensity(day, price, world.calendar.display[0])
            demands.append(nature.market.demand(day, intensity))
        sold.append(np.stack(demands))

    assert (sold[0][: LAST_DAY + 1] == sold[1][: LAST_DAY + 1]).all()
    assert (sold[0][LAST_DAY + 1 :] != sold[1][LAST_DAY + 1 :]).any(axis=(1, 2)).all()
