"""A claim is judged by what a shop saw on its days, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import BREAD, CHIPS, COLA, MILK, made_evening

from autoops.agents.claims import Claim, ClaimKind, Verdict, judge

if TYPE_CHECKING:
    from autoops.agents.shop import Observation

KINDS = st.sampled_from(list(ClaimKind))


def _claim(kind: ClaimKind, products: tuple[int, ...], first: int, last: int, amount: float = 0.0) -> Claim:
    """Return a claim about cluster 1."""
    return Claim("as said", kind, products, 0, first, last, amount)


def test_a_claim_reads_as_its_sentence() -> None:
    """What is shown is the sentence alone."""
    assert str(_claim(ClaimKind.EARNS, (COLA,), 0, 0)) == "as said"


@pytest.mark.parametrize(("amount", "verdict"), [(2, Verdict.BORNE_OUT), (3, Verdict.NOT_BORNE_OUT)])
def test_products_not_sold_out_are_counted(amount: int, verdict: Verdict) -> None:
    """Of three products one is sold out in the cluster: two are not."""
    evening = made_evening(3, sold_out=[(BREAD, 0), (COLA, 1)])
    found = judge(_claim(ClaimKind.NOT_SOLD_OUT, (MILK, BREAD, COLA), 3, 3, amount), {3: evening})

    assert found.verdict is verdict
    assert found.seen == "2 of 3 not sold out"


def test_a_product_that_was_sold_out_on_one_of_the_evenings_counts_as_sold_out() -> None:
    """Over several evenings none may be empty."""
    evenings = {0: made_evening(0, sold_out=[(COLA, 0)]), 1: made_evening(1)}

    assert judge(_claim(ClaimKind.NOT_SOLD_OUT, (COLA,), 0, 1, 1), evenings).verdict is Verdict.NOT_BORNE_OUT
    assert judge(_claim(ClaimKind.NOT_SOLD_OUT, (COLA,), 1, 1, 1), evenings).verdict is Verdict.BORNE_OUT


@pytest.mark.parametrize(
    ("kind", "amount", "verdict", "seen"),
    [
        (ClaimKind.SELLS, 40.0, Verdict.BORNE_OUT, "40 units sold"),
        (ClaimKind.SELLS, 40.5, Verdict.NOT_BORNE_OUT, "40 units sold"),
        (ClaimKind.EARNS, 24.0, Verdict.BORNE_OUT, "$24 earned"),
        (ClaimKind.EARNS, 25.0, Verdict.NOT_BORNE_OUT, "$24 earned"),
        (ClaimKind.LESS_LEFT, 51.0, Verdict.BORNE_OUT, "50 units left"),
        (ClaimKind.LESS_LEFT, 50.0, Verdict.NOT_BORNE_OUT, "50 units left"),
    ],
)
def test_units_and_dollars_are_added_up(kind: ClaimKind, amount: float, verdict: Verdict, seen: str) -> None:
    """Two products sell ten units a day each in the cluster, over two days."""
    evenings = {day: made_evening(day, sold=10.0, stock=25.0, earned=6.0) for day in (4, 5)}
    found = judge(_claim(kind, (COLA, CHIPS), 4, 5, amount), evenings)

    assert (found.verdict, found.seen) == (verdict, seen)


def test_no_cluster_is_all_of_them() -> None:
    """Both clusters' sales count."""
    claim = replace(_claim(ClaimKind.SELLS, (COLA,), 0, 0, 20.0), cluster=None)

    assert judge(claim, {0: made_evening(0, sold=10.0)}).verdict is Verdict.BORNE_OUT


@pytest.mark.parametrize(("wasted", "verdict"), [(0.0, Verdict.BORNE_OUT), (1.0, Verdict.NOT_BORNE_OUT)])
def test_all_units_sold_when_none_expired(wasted: float, verdict: Verdict) -> None:
    """One loaf in the bin is one that did not sell."""
    claim = _claim(ClaimKind.ALL_SELL, (BREAD,), 2, 2)

    assert judge(claim, {2: made_evening(2, wasted=wasted)}).verdict is verdict


def test_a_claim_is_open_until_its_last_evening() -> None:
    """With the second of three evenings missing nothing is decided."""
    claim = _claim(ClaimKind.SELLS, (COLA,), 0, 2, 1.0)

    assert judge(claim, {0: made_evening(0), 2: made_evening(2)}).verdict is Verdict.OPEN


@given(KINDS, st.integers(0, 6), st.integers(0, 6), st.floats(0.0, 200.0), st.integers(0, 2**32 - 1))
def test_a_verdict_depends_on_the_claims_days_alone(
    kind: ClaimKind, first: int, length: int, amount: float, seed: int
) -> None:
    """Other evenings may be anything, or missing: the verdict is the same."""
    claim = _claim(kind, (MILK, COLA), first, first + length, amount)
    evenings = {day: _drawn(day, seed + day) for day in range(14)}
    others = {day: evenings[day] if day in claim.days else _drawn(day, seed + 99 + day) for day in range(14)}
    alone = {day: evenings[day] for day in claim.days}

    assert judge(claim, evenings) == judge(claim, others) == judge(claim, alone)
    assert judge(claim, evenings).verdict in {Verdict.BORNE_OUT, Verdict.NOT_BORNE_OUT}


def _drawn(day: int, seed: int) -> Observation:
    """Return an evening of random units."""
    random = np.random.default_rng(seed)
    sold, wasted, stock, earned = random.integers(0, 9, (4, 4, 2)).astype(np.float64)
    return replace(
        made_evening(day), sold=sold, sold_out=stock == 0.0, wasted=wasted, stock=stock, earned=earned
    )
