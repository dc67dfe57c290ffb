"""The pricing agent keeps the index, and answers competitors by margin and not by reflex."""

from __future__ import annotations

import numpy as np
import pytest
from shops import CHIPS, COLA, MILK, event, made_shop, made_situation, made_view

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Measured
from autoops.agents.messages import EventType, Proposal
from autoops.agents.pricing import PricingAgent
from autoops.agents.shop import SalesHistory

FACTS = {"planned_price": 2.0, "competitor_price": 1.6, "length_days": 7}


def _agent() -> PricingAgent:
    """Return the agent of the made-up shop, every product of the same weight."""
    history = SalesHistory(
        units=np.full((4, 2, 10), 70.0),
        price=np.full((4, 10), 2.0),
        display=np.zeros((4, 2, 10)),
        mailer=np.zeros((4, 10)),
        weekday=np.ones((2, 7)),
        scale=1.0,
    )
    return PricingAgent(made_shop(), history)


def _answer(product: int) -> Proposal:
    """Return the answer to a competitor who cuts a product by a fifth."""
    cut = event(EventType.COMPETITOR_PRICE, product=product, facts=FACTS)
    (answer,) = _agent().propose(cut, made_situation(daily=100.0))
    return answer


def test_weekly_prices_do_not_raise_the_index() -> None:
    """Inelastic milk up, elastic cola down; with equal weights the log changes do not add up to more than zero."""
    (weekly,) = _agent().propose(event(EventType.DAY_STARTED), made_situation(daily=100.0))
    after = {line.product: line.after for line in weekly.lines}

    assert after[MILK] > 2.0 > after[COLA]
    assert sum(np.log(price / 2.0) for price in after.values()) <= 0.01
    assert all(1.8 - 0.005 <= price <= 2.2 + 0.005 for price in after.values())


def test_prices_are_revised_while_it_pays() -> None:
    """On a Wednesday the same prices are weighed for the five days that are left."""
    (revision,) = _agent().propose(event(EventType.DAY_STARTED), made_situation(made_view(day=2)))

    assert revision.type == "price_revision"
    assert revision.effect.horizon_days == 5


def test_inelastic_prices_are_held_against_a_competitor() -> None:
    """Where matching costs margin the price stays, and the record says what matching would have brought."""
    answer = _answer(MILK)
    (line,) = answer.lines

    assert line.after == line.before == 2.0
    assert line.figures["gain_of_matching"] < 0.0
    assert "stays" in answer.reasoning


def test_elastic_prices_answer_a_competitor() -> None:
    """Where demand answers strongly a cut pays; how deep it may be is the orchestrator's affair."""
    answer = _answer(COLA)
    (line,) = answer.lines

    assert line.after < 2.0
    assert line.figures["gain_of_answer"] > 0.0
    assert answer.days == 7


def test_an_answer_is_not_overruled_by_the_week() -> None:
    """While a product answers a competitor, the weekly prices leave it out."""
    agent, situation = _agent(), made_situation(daily=100.0)
    agent.propose(event(EventType.COMPETITOR_PRICE, product=COLA, facts=FACTS), situation)

    weekly = agent.propose(event(EventType.DAY_STARTED), situation)

    assert all(line.product != COLA for proposal in weekly for line in proposal.lines)
    assert any(line.product == CHIPS for proposal in weekly for line in proposal.lines)


def test_prices_claim_what_their_products_earn_until_sunday() -> None:
    """The claim names the products that change, the days that are left and the dollars of its sentence."""
    (revision,) = _agent().propose(event(EventType.DAY_STARTED), made_situation(made_view(day=2)))
    claim = revision.claim

    assert isinstance(claim, Claim)
    assert claim.kind is ClaimKind.EARNS
    assert claim.products == tuple(line.product for line in revision.lines)
    assert claim.cluster is None
    assert claim.days == range(5), "the event says day 0"
    assert f"${claim.amount:,}" in str(claim)
    assert 0.5 < revision.confidence < 0.9


def test_prices_are_measured_as_a_whole() -> None:
    """All prices off plan count, against what the planned ones should have earned at 60 cents a unit and 88 %."""
    (weekly,) = _agent().propose(event(EventType.DAY_STARTED), made_situation(daily=100.0))

    assert weekly.gauge is not None
    assert weekly.gauge.what is Measured.EARNED
    assert weekly.gauge.baseline == pytest.approx(0.88 * 0.6 * 1400.0 * len(weekly.gauge.products))


def test_an_answer_is_measured_against_holding() -> None:
    """Seven days of two clusters at a hundred units and 60 cents, 88 % of them."""
    (line,) = _answer(COLA).lines

    assert line.gauge is not None
    assert line.gauge.baseline == pytest.approx(0.88 * 0.6 * 1400.0)
