"""Figures over seeds with their confidence intervals, as dataclasses and as the object that `--json` prints."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Any

from autoops.agents.calibration import calibration_record
from autoops.agents.intervals import LEVELS, IntervalCoverage
from autoops.agents.mandate import USUAL, Mandate
from autoops.simulation.gaps import CEILING, FLOOR, GapShare, gap_share
from autoops.simulation.policies.crews import CREWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.simulation.days import Run

FIGURES = (
    "profit",
    "objective",
    "fill_rate",
    "waste_rate",
    "stockout_rate",
    "promo_stockout_rate",
    "displayed_share",
    "price_changes",
    "guardrail_breaches",
    "price_index",
    "under_cost_markdowns",
)
"""Figures reported for each policy: fields of `RunFigures`, money first, in dollars."""

MONEY = frozenset({"profit", "objective"})
"""Figures in dollars; rates are 0 to 1, the rest are counts."""

YARDSTICKS = ("rolling_calendar", "rolling", "static")
"""Policies that others are compared with, the one that headlines are quoted against first."""

AGENTS = "agents"
"""The policy whose parts are told apart."""

ORACLE = "oracle"
"""The policy that no other can beat."""

BOUNDS = {
    **{name: (0.0, 1.0) for name in FIGURES if name.endswith(("_rate", "_share"))},
    **dict.fromkeys(("price_changes", "guardrail_breaches", "under_cost_markdowns"), (0.0, math.inf)),
}
"""What a figure can be: shares of something, and counts; an interval is cut there."""

LEAST_SEEDS = 5
"""For an interval that is shown to people: with fewer seeds it tells of their number, not of the policies."""

INTERVALS = (
    "Intervals are 95 %, by Student's t over seeds (differences seed by seed, on the same random numbers); "
    "those of gap shares are bootstrapped."
)
"""How intervals are made."""

COVERAGE = "Intervals cover simulated noise and draws of the customers' response; not another quarter, retailer or set of products."
"""What stands under every table of intervals."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds and its 95 % confidence interval; none with one seed."""

    mean: float
    ci95: tuple[float, float] | None

    def record(self, digits: int) -> dict[str, Any]:
        """Return it for a script, rounded."""
        interval = None if self.ci95 is None else [round(end, digits) for end in self.ci95]
        return {"mean": round(self.mean, digits), "ci95": interval}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One policy's objective less another's, seed by seed on the same random numbers."""

    better: str
    than: str
    difference: Estimate
    """Dollars."""
    worst_seed: float
    """Dollars, in the seed that favours it least."""
    relative: Estimate
    """The same as a share of the other's objective in each seed."""


@dataclass(frozen=True, slots=True)
class Covered:
    """How often a day's demand fell into agents' central predictive intervals of one level."""

    share: Estimate
    """Of the cells' days that show it, 0 to 1."""
    seen: int
    """Cells' days that show it, over all seeds."""
    cells: int
    """Cells' days that were forecast, over all seeds."""

    def record(self) -> dict[str, Any]:
        """Return it for a script, rounded."""
        return {**self.share.record(4), "seen": self.seen, "cells": self.cells}


def estimate(values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate:
    """Return the mean and its 95 % confidence interval by Student's t, cut at what is possible at all."""
    mean = fmean(values)
    if len(values) < 2:
        return Estimate(mean, None)
    half = student_quantile(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Estimate(mean, (max(mean - half, bounds[0]), min(mean + half, bounds[1])))


def student_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t, exact for 1 and 2 degrees of freedom and within 1 % from 3 on.

    Source: Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.7.5, to the fourth term.
    """
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2.0 * probability - 1.0) * math.sqrt(2.0 / (4.0 * probability * (1.0 - probability)))
    z, n = NormalDist().inv_cdf(probability), degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What a simulation came to."""

    run_id: str
    session_id: str
    days: int
    weeks: tuple[int, int]
    """First and last week of 2017 that were simulated."""
    seeds: tuple[int, ...]
    products: int
    first_rank: int
    clusters: int
    world: str
    fingerprint: str
    headline: str
    """The main assumptions, for the line above money."""
    wape: float
    """Error of one-week forecasts of the chain's real sales in the weeks that were simulated."""
    runs: tuple[Run, ...]
    seconds: float
    mandate: Mandate = USUAL
    """What the retailer weighed, and had proposed only."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Return the policies' names, in the order in which they ran."""
        return tuple(dict.fromkeys(run.policy for run in self.runs))

    def values(self, policy: str, figure: str) -> list[float]:
        """Return a policy's figure for each seed."""
        return [float(getattr(run.figures, figure)) for run in self.runs if run.policy == policy]

    def estimate(self, policy: str, figure: str) -> Estimate:
        """Return a policy's figure over the seeds."""
        return estimate(self.values(policy, figure), BOUNDS.get(figure, (-math.inf, math.inf)))

    def comparisons(self) -> list[Comparison]:
        """Return every policy's objective against the yardsticks that ran, and the agents' against their parts'."""
        found = [
            self._compare(policy, than)
            for than in YARDSTICKS
            for policy in self.policies
            if than in self.policies and policy != than
        ]
        parts = [policy for policy in self.policies if policy in CREWS and policy != AGENTS]
        return found + [self._compare(AGENTS, part) for part in parts if AGENTS in self.policies]

    def _compare(self, policy: str, than: str) -> Comparison:
        """Return one policy against another, seed by seed."""
        pairs = list(zip(self.values(policy, "objective"), self.values(than, "objective"), strict=True))
        differences = [ours - theirs for ours, theirs in pairs]
        # Of nothing there is no share.
        shares = [(ours - theirs) / (abs(theirs) or math.inf) for ours, theirs in pairs]
        return Comparison(policy, than, estimate(differences), min(differences), estimate(shares))

    def gap_shares(self) -> dict[str, GapShare]:
        """Return each policy's share of the gap from static to ceiling, and the ceiling's from static to oracle."""
        found = {policy: gap_share(self.runs, policy) for policy in self.policies}
        found |= {"ceiling_to_oracle": gap_share(self.runs, CEILING, FLOOR, ORACLE)}
        return {
            name: share for name, share in found.items() if share is not None and name not in {FLOOR, CEILING}
        }

    @property
    def oracle_dominates(self) -> bool | None:
        """Return whether no policy earned more than the oracle in any seed; None if it did not run."""
        if ORACLE not in self.policies:
            return None
        best = self.values(ORACLE, "objective")
        return all(
            ours <= most
            for policy in self.policies
            for ours, most in zip(self.values(policy, "objective"), best, strict=True)
        )

    def record(self, journal: dict[str, Any] | None) -> dict[str, Any]:
        """Return the object that `--json` prints.

        Args:
            journal: `path`, `traces` and `spans`; None without tracing.
        """
        return {
            "run_id": self.run_id,
            "session_id": self.session_id,
            "days": self.days,
            "weeks": list(self.weeks),
            "seeds": list(self.seeds),
            "products": self.products,
            "product_ranks": [self.first_rank, self.first_rank + self.products - 1],
            "clusters": self.clusters,
            "world": self.world,
            "priorities": asdict(self.mandate.priorities),
            "only_proposed": list(self.mandate.propose),
            "fingerprint": self.fingerprint,
            "assumptions": self.headline,
            "intervals": INTERVALS,
            "coverage": COVERAGE,
            "journal": journal,
            "policies": self.policy_records(),
            "comparisons": {
                f"{item.better}_vs_{item.than}": {
                    **item.difference.record(2),
                    "worst_seed": round(item.worst_seed, 2),
                    "relative": item.relative.record(4),
                }
                for item in self.comparisons()
            },
            "gap_share": {name: share.record() for name, share in self.gap_shares().items()},
            "oracle_dominates": self.oracle_dominates,
            "calibration": self.calibration(),
            "predictive_intervals": {
                policy: {f"{level:g}": covered.record() for level, covered in levels.items()}
                for policy, levels in self.predictive_intervals().items()
            },
            "wape": round(self.wape, 4),
            "seconds": round(self.seconds, 2),
        }

    def calibration(self) -> dict[str, dict[str, Any]]:
        """Return what agents' words were worth over all seeds, by policy and agent."""
        return {
            policy: calibration_record(
                each for run in self.runs if run.policy == policy for each in run.calibration
            )
            for policy in self.policies
            if any(run.policy == policy and run.calibration for run in self.runs)
        }

    def predictive_intervals(self) -> dict[str, dict[float, Covered]]:
        """Return how often demand fell into one-day-ahead intervals, by policy and the intervals' probability."""
        found: dict[str, dict[float, Covered]] = {}
        for policy in self.policies:
            runs = [run.intervals for run in self.runs if run.policy == policy and run.intervals is not None]
            together = sum(runs, IntervalCoverage())
            for index, level in enumerate(LEVELS):
                shares = [share for share in (run.shares[index] for run in runs) if share is not None]
                if shares:
                    covered = Covered(estimate(shares, (0.0, 1.0)), together.seen[index], together.cells)
                    found.setdefault(policy, {})[level] = covered
        return found

    def policy_records(self) -> dict[str, dict[str, Any]]:
        """Return each policy's figures, rounded: dollars to cents, rates to four digits."""
        return {
            policy: {
                figure: self.estimate(policy, figure).record(2 if figure in MONEY else 4)
                for figure in FIGURES
            }
            for policy in self.policies
        }
