"""Whether stated probabilities were right: Brier scores and reliability tables, by agent and kind of decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from autoops.agents.claims import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BINS = 10
"""Of equal width, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Stated probabilities against what became of them; sums, so that runs add up.

    Sources: Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78 (1950), 1-3;
    Murphy and Winkler, "Reliability of Subjective Probability Forecasts of Precipitation and Temperature", Applied
    Statistics 26 (1977), 41-47, for the table.
    """

    count: tuple[int, ...]
    """Of probabilities in each bin."""
    stated: tuple[float, ...]
    """Sum of the probabilities in each bin."""
    borne_out: tuple[int, ...]
    """How many of each bin came true."""
    squared_error: float
    """Sum over all."""

    @classmethod
    def of(cls, stated: Sequence[float], outcome: Sequence[bool]) -> Reliability:
        """Return the table of probabilities and outcomes, in the same order."""
        p, y = np.array(stated, dtype=np.float64), np.array(outcome, dtype=np.float64)
        where = np.minimum((p * BINS).astype(np.int64), BINS - 1)
        count, total, true = (
            np.bincount(where, weights=weight, minlength=BINS) for weight in (np.ones_like(p), p, y)
        )
        return cls(
            count=tuple(int(each) for each in count),
            stated=tuple(float(each) for each in total),
            borne_out=tuple(int(each) for each in true),
            squared_error=float(((p - y) ** 2).sum()),
        )

    def __add__(self, other: Reliability) -> Reliability:
        """Return the table of both."""
        return Reliability(
            tuple(a + b for a, b in zip(self.count, other.count, strict=True)),
            tuple(a + b for a, b in zip(self.stated, other.stated, strict=True)),
            tuple(a + b for a, b in zip(self.borne_out, other.borne_out, strict=True)),
            self.squared_error + other.squared_error,
        )

    @property
    def judged(self) -> int:
        """Return how many probabilities there are."""
        return sum(self.count)

    @property
    def brier(self) -> float | None:
        """Return the mean squared error, 0 to 1, less is better; None of nothing."""
        return self.squared_error / self.judged if self.judged else None

    def rows(self) -> list[dict[str, Any]]:
        """Return the bins that hold anything, for a script."""
        return [
            {
                "from": round(index / BINS, 2),
                "to": round((index + 1) / BINS, 2),
                "count": count,
                "stated": round(self.stated[index] / count, 3),
                "borne_out": round(self.borne_out[index] / count, 3),
            }
            for index, count in enumerate(self.count)
            if count
        ]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the words of one agent about one kind of decision were worth.

    Prequential: every probability was fixed before its outcome and before any later outcome could correct it (Dawid,
    "Statistical Theory: The Prequential Approach", Journal of the Royal Statistical Society A 147 (1984), 278-292).
    """

    agent: str
    type: str
    """Of the decisions."""
    verdicts: Mapping[Verdict, int]
    """How many came to each; the first two are those judged."""
    stated: Reliability
    """Of the confidences of the decisions, recalibrated."""
    model: Reliability
    """Of the confidences as the agents' models give them."""

    def __add__(self, other: Calibration) -> Calibration:
        """Return both together, under the name of the first."""
        verdicts = Counter(self.verdicts) + Counter(other.verdicts)
        return Calibration(
            self.agent, self.type, verdicts, self.stated + other.stated, self.model + other.model
        )

    def record(self) -> dict[str, Any]:
        """Return it for a script, tables of the bins aside."""
        true, judged = self.verdicts.get(Verdict.BORNE_OUT, 0), self.stated.judged
        return {
            "judged": judged,
            "verdicts": {verdict.value: self.verdicts.get(verdict, 0) for verdict in Verdict},
            "borne_out": round(true / judged, 4) if judged else None,
            "brier": _rounded(self.stated.brier),
            "model_brier": _rounded(self.model.brier),
        }


def calibration_record(found: Iterable[Calibration]) -> dict[str, dict[str, Any]]:
    """Return each agent's calibration for a script: all its decisions with reliability rows, then by their kinds.

    Args:
        found: Of any number of runs.
    """
    by_agent = groupby(sorted(found, key=lambda each: each.agent), key=lambda each: each.agent)
    return {agent: _agent(list(group)) for agent, group in by_agent}


def _agent(found: list[Calibration]) -> dict[str, Any]:
    """Return one agent's calibration."""
    by_type = groupby(sorted(found, key=lambda each: each.type), key=lambda each: each.type)
    types = {kind: added(group) for kind, group in by_type}
    together = added(types.values())
    return {
        **together.record(),
        "reliability": together.stated.rows(),
        "model_reliability": together.model.rows(),
        "types": {kind: each.record() for kind, each in types.items()},
    }


def added(found: Iterable[Calibration]) -> Calibration:
    """Return one or more together."""
    first, *others = found
    for other in others:
        first = first + other
    return first


def _rounded(value: float | None) -> float | None:
    """Return a score to four digits."""
    return None if value is None else round(value, 4)
