"""The inventory agent orders what is missing, and says how sure it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from shops import BREAD, COLA, MILK, event, expiring, made_situation, made_view

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Measured
from autoops.agents.inventory import InventoryAgent
from autoops.agents.messages import Action, EventType


def test_a_full_shelf_asks_for_nothing() -> None:
    """With stock for two months only bread is ordered, of which most will have expired."""
    tables = InventoryAgent().propose(event(EventType.DAY_STARTED), made_situation(made_view(stock=600.0)))

    assert {line.product for table in tables for line in table.lines} == {BREAD}


def test_routine_orders_are_one_table_for_each_cluster() -> None:
    """Empty shelves make one proposal a cluster, a line for every product."""
    tables = InventoryAgent().propose(event(EventType.DAY_STARTED), made_situation(made_view(stock=0.0)))

    assert [len(table.lines) for table in tables] == [4, 4]
    assert {line.cluster for line in tables[1].lines} == {1}
    assert all(table.action is Action.ORDER for table in tables)
    assert all(line.after > 0.0 for table in tables for line in table.lines)


def test_what_keeps_is_ordered_for_longer_than_what_expires() -> None:
    """The same sales ask for less bread than cola, for bread lasts three days."""
    table, _ = InventoryAgent().propose(event(EventType.DAY_STARTED), made_situation(made_view(stock=0.0)))
    ordered = {line.product: line.after for line in table.lines}

    assert ordered[BREAD] < ordered[MILK] < ordered[COLA]


def test_a_low_shelf_is_ordered_alone() -> None:
    """An event about one product makes one line, with its numbers and a date until which it lasts."""
    low = event(EventType.LOW_STOCK, product=COLA, cluster=0, facts={"reading_units": 3.0})
    (order,) = InventoryAgent().propose(low, made_situation(made_view(stock=3.0)))
    (line,) = order.lines

    assert (line.product, line.cluster) == (COLA, 0)
    assert line.figures["position"] == 3.0
    assert line.figures["position"] + line.after == pytest.approx(line.figures["order_up_to"], abs=1.1)
    assert "29 June" in str(order.claim)
    assert 0.0 < order.confidence < 1.0
    assert order.effect.low <= order.effect.mean <= order.effect.high


def test_what_will_expire_unsold_does_not_count() -> None:
    """Fifty loaves of which most expire tonight are not fifty loaves."""
    agent = InventoryAgent()
    (fresh, *_) = agent.propose(event(EventType.DAY_STARTED), made_situation(made_view(stock=0.0)))
    (loaves, *_) = agent.propose(
        event(EventType.DAY_STARTED), made_situation(expiring(made_view(stock=0.0), BREAD, 0, 50.0))
    )

    assert loaves.lines[BREAD].figures["will_expire"] == pytest.approx(40.0)
    assert loaves.lines[BREAD].figures["position"] == fresh.lines[BREAD].figures["position"] + 10.0


def test_a_late_supplier_is_seen_in_his_confirmations() -> None:
    """A delivery confirmed for later than usual makes the cluster's orders larger."""
    view = made_view(stock=0.0)
    on_order = view.on_order.copy()
    on_order[6, COLA, 0] = 1.0
    levels = InventoryAgent().levels(made_situation(replace(view, on_order=on_order)))

    assert levels.lead_days.tolist() == [6.0, 3.0]
    assert levels.trigger[COLA, 0] > levels.trigger[COLA, 1]


def test_an_order_claims_that_its_shelf_is_not_empty_when_it_arrives() -> None:
    """The claim names the evening of the delivery; the order is measured by what sells beyond what was there."""
    low = event(EventType.LOW_STOCK, product=COLA, cluster=0, facts={"reading_units": 3.0})
    (order,) = InventoryAgent().propose(low, made_situation(made_view(stock=3.0)))
    (line,) = order.lines
    claim, gauge = order.claim, line.gauge

    assert isinstance(claim, Claim)
    assert (claim.kind, claim.products, claim.cluster, claim.amount) == (
        ClaimKind.NOT_SOLD_OUT,
        (COLA,),
        0,
        1,
    )
    assert claim.days == range(3, 4)
    assert gauge is not None
    assert (gauge.what, gauge.baseline) == (Measured.SERVED, 3.0)
    assert gauge.worth == pytest.approx(1.2), "60 cents of margin, once more for good will"


def test_a_table_claims_how_many_of_its_products_are_left() -> None:
    """At least as many as the sentence says, and fewer than all."""
    table, _ = InventoryAgent().propose(event(EventType.DAY_STARTED), made_situation(made_view(stock=0.0)))
    claim = table.claim

    assert isinstance(claim, Claim)
    assert claim.products == tuple(line.product for line in table.lines)
    assert f"at least {claim.amount:g} of {len(table.lines)} products" in str(claim)
    assert 0 < claim.amount < len(table.lines)


def test_demand_that_is_lost_before_the_delivery_is_not_saved_by_it() -> None:
    """Empty cola waits three days: of four days' demand of ten an order saves about the last day's, $1.20 a unit."""
    low = event(EventType.LOW_STOCK, product=COLA, cluster=0, facts={"reading_units": 0.0})
    (order,) = InventoryAgent().propose(low, made_situation(made_view(stock=0.0)))

    assert order.effect.mean == pytest.approx(10.0 * 1.2, rel=0.05)
