"""The promotion agent moves displays to where they add margin and marks down what would expire."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from shops import BREAD, CHIPS, COLA, event, expiring, made_situation, made_view

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Measured
from autoops.agents.messages import Action, EventType
from autoops.agents.promotion import PromotionAgent

if TYPE_CHECKING:
    from autoops.agents.agent import Situation


def _chips_sell(situation: Situation, times: float) -> Situation:
    """Return the situation with more demand for chips in cluster 1."""
    daily = situation.forecast.daily.copy()
    daily[:, CHIPS, 0] *= times
    return replace(situation, forecast=replace(situation.forecast, daily=daily))


def _cola_runs_out(left: float, daily: float = 50.0) -> Situation:
    """Return a situation with 500 of everything on hand, but of cola so many."""
    view = made_view(stock=500.0)
    on_hand = view.on_hand.copy()
    on_hand[-1, COLA] = left
    return made_situation(replace(view, on_hand=on_hand), daily=daily)


def test_next_weeks_displays_are_planned_on_a_wednesday() -> None:
    """Chips that sell five times as much take cola's slot, from next Monday on."""
    wednesday = made_view(day=2)
    situation = _chips_sell(made_situation(wednesday, daily=50.0), 5.0)
    (plan,) = PromotionAgent().propose(event(EventType.DAY_STARTED, day=2), situation)
    (line,) = plan.lines

    assert (line.product, line.counterpart, line.cluster) == (CHIPS, COLA, 0)
    assert (plan.first_day, plan.days) == (7, 7)
    assert line.figures["gain"] > 0.0


def test_displays_move_to_what_there_is_to_sell() -> None:
    """Cola has the slot and four units left of fifty wanted; chips with plenty take it for the day."""
    (move,) = PromotionAgent().propose(event(EventType.DAY_STARTED), _cola_runs_out(4.0))
    (line,) = move.lines

    assert move.type == "display_day"
    assert (line.counterpart, line.cluster, move.days) == (COLA, 0, 1)
    assert line.product != COLA
    assert move.effect.mean > 5.0


def test_displays_stay_where_stock_suffices() -> None:
    """With plenty of everything nothing is worth the work of moving it."""
    assert PromotionAgent().propose(event(EventType.DAY_STARTED), _cola_runs_out(500.0, daily=10.0)) == []


def test_an_announced_spike_is_displayed_if_that_pays() -> None:
    """A spike takes the slot of what makes less of it, for the spike's days."""
    spike = event(
        EventType.DEMAND_SPIKE,
        product=CHIPS,
        cluster=0,
        facts={"multiplier": 3.0, "starts_in_days": 2, "length_days": 4},
    )
    (move,) = PromotionAgent().propose(spike, _chips_sell(made_situation(daily=50.0), 3.0))

    assert (move.lines[0].product, move.lines[0].counterpart) == (CHIPS, COLA)
    assert (move.first_day, move.days) == (2, 4)
    assert "3 times" in move.reasoning


def test_a_product_that_runs_low_gives_its_display_away() -> None:
    """Low cola hands its slot on; low chips have none to give."""
    agent, situation = PromotionAgent(), _cola_runs_out(4.0)

    (move,) = agent.propose(event(EventType.LOW_STOCK, product=COLA, cluster=0), situation)

    assert move.lines[0].counterpart == COLA
    assert agent.propose(event(EventType.LOW_STOCK, product=CHIPS, cluster=0), situation) == []


def test_what_would_expire_is_marked_down() -> None:
    """Thirty loaves against ten a day get a sticker; nine sell by themselves."""
    agent = PromotionAgent()
    many = made_situation(expiring(made_view(), BREAD, 0, 30.0))

    (sticker,) = agent.propose(event(EventType.EXPIRY_NEAR, cluster=0, lines={BREAD: 30.0}), many)

    assert sticker.action is Action.MARKDOWN
    assert sticker.lines[0].after == pytest.approx(0.4)
    known = 10.0 * 0.6**-1.8 * 0.6 * 2.0 - 10.0 * 2.0
    assert 0.0 < sticker.effect.mean < known, "luck leaves some of thirty unsold that the mean would sell"
    assert agent.propose(event(EventType.EXPIRY_NEAR, cluster=0, lines={BREAD: 9.0}), many) == []
    assert np.isclose(sticker.lines[0].figures["sticker_price"], 1.2)


def test_a_planned_display_claims_what_it_sells() -> None:
    """Seven days from next Monday, in its cluster, seven tenths of what is expected of it."""
    situation = _chips_sell(made_situation(made_view(day=2), daily=50.0), 5.0)
    (plan,) = PromotionAgent().propose(event(EventType.DAY_STARTED, day=2), situation)
    (line,) = plan.lines
    claim = plan.claim

    assert isinstance(claim, Claim)
    assert (claim.kind, claim.products, claim.cluster) == (ClaimKind.SELLS, (CHIPS,), 0)
    assert claim.days == range(7, 14)
    assert claim.amount == pytest.approx(0.7 * line.figures["displayed_units"], abs=1.0)


def test_a_display_is_measured_on_what_it_adds() -> None:
    """250 chips a day without it, 88 % of them; 42 cents a unit, of which neighbours have lost their part."""
    situation = _chips_sell(made_situation(made_view(day=2), daily=50.0), 5.0)
    (plan,) = PromotionAgent().propose(event(EventType.DAY_STARTED, day=2), situation)
    gauge = plan.lines[0].gauge

    assert gauge is not None
    assert gauge.what is Measured.SOLD
    assert gauge.baseline == pytest.approx(0.88 * 1750.0)
    assert gauge.worth == pytest.approx(0.42)
    assert gauge.foregone > 0.0


def test_a_sticker_claims_that_all_sells_tonight() -> None:
    """About this evening, this product and this cluster; it is measured by what sells under it."""
    many = made_situation(expiring(made_view(), BREAD, 0, 30.0))
    (sticker,) = PromotionAgent().propose(event(EventType.EXPIRY_NEAR, cluster=0, lines={BREAD: 30.0}), many)
    claim, gauge = sticker.claim, sticker.lines[0].gauge

    assert isinstance(claim, Claim)
    assert (claim.kind, claim.products, claim.cluster) == (ClaimKind.ALL_SELL, (BREAD,), 0)
    assert claim.days == range(1)
    assert gauge is not None
    assert gauge.what is Measured.CLEARED
    assert gauge.worth == pytest.approx(1.2)
