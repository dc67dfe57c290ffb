"""Claims: statements about days to come that a shop can check by what it sees, and the verdicts on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from autoops.agents.figures import counted, money

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoops.agents.shop import Observation
    from autoops.retail.arrays import BoolArray, FloatArray


class ClaimKind(StrEnum):
    """What a claim says of its products, its cluster and its days."""

    NOT_SOLD_OUT = "not_sold_out"
    """At least `amount` of the products are sold out on none of the evenings; a product counts in each cluster."""
    SELLS = "sells"
    """Together they sell at least `amount` units."""
    EARNS = "earns"
    """Together they earn at least `amount` dollars over the cost of what is sold."""
    ALL_SELL = "all_sell"
    """None of their units expire unsold."""
    LESS_LEFT = "less_left"
    """Less than `amount` units of them are left on the last evening."""


class Verdict(StrEnum):
    """What came of a claim."""

    BORNE_OUT = "borne_out"
    NOT_BORNE_OUT = "not_borne_out"
    OPEN = "open"
    """The run ended before the claim's last day."""
    NOT_OBSERVABLE = "not_observable"
    """A plain sentence, or about something that was not done after all."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement that is true or not by the evening of its last day; as text it is its sentence."""

    sentence: str
    kind: ClaimKind
    products: tuple[int, ...]
    cluster: int | None
    """None is all clusters."""
    first_day: int
    last_day: int
    """The last of its days; the first one for a claim about a single evening."""
    amount: float = 0.0
    """What the kind compares with: products, units or dollars."""

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence

    @property
    def days(self) -> range:
        """Return the days whose observations decide it, and no others do."""
        first = self.last_day if self.kind is ClaimKind.LESS_LEFT else self.first_day
        return range(first, self.last_day + 1)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and in words what was seen."""

    verdict: Verdict
    seen: str


def judge(claim: Claim, observations: Mapping[int, Observation]) -> Finding:
    """Return whether a claim was borne out; open while one of its days has not been observed.

    Args:
        claim: What was said.
        observations: Evenings by their day.
    """
    missing = [day for day in claim.days if day not in observations]
    if missing or not claim.days:
        return Finding(Verdict.OPEN, "the run ended before its last evening")
    days = [observations[day] for day in claim.days]
    kind, amount = claim.kind, claim.amount
    if kind is ClaimKind.NOT_SOLD_OUT:
        out = np.stack([_cells(day.sold_out, claim) for day in days]).any(axis=0)
        kept = int((~out).sum())
        return _found(f"{kept} of {out.size} not sold out", true=kept >= amount)
    if kind is ClaimKind.SELLS:
        sold = _total([day.sold for day in days], claim)
        return _found(f"{counted(sold, 'unit')} sold", true=sold >= amount)
    if kind is ClaimKind.EARNS:
        earned = _total([day.earned for day in days], claim)
        return _found(f"{money(earned)} earned", true=earned >= amount)
    if kind is ClaimKind.ALL_SELL:
        wasted = _total([day.wasted for day in days], claim)
        return _found(f"{counted(wasted, 'unit')} expired", true=wasted <= 0.0)
    left = _total([day.stock for day in days], claim)
    return _found(f"{counted(left, 'unit')} left", true=left < amount)


def _found(seen: str, *, true: bool) -> Finding:
    """Return the verdict on a statement that has turned out so."""
    return Finding(Verdict.BORNE_OUT if true else Verdict.NOT_BORNE_OUT, seen)


def _cells(array: BoolArray, claim: Claim) -> BoolArray:
    """Return what a claim is about of a (products, clusters) array."""
    rows = array[list(claim.products)]
    return rows if claim.cluster is None else rows[:, claim.cluster]


def _total(arrays: list[FloatArray], claim: Claim) -> float:
    """Return the sum over days of what a claim is about."""
    clusters = slice(None) if claim.cluster is None else claim.cluster
    return float(sum(array[list(claim.products), clusters].sum() for array in arrays))
