"""What a run of `decisions.py` found, kept in a file so that its page can be made again without playing again."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoops.simulation.wape import chain_wape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoops.simulation.panel import Panel
    from autoops.simulation.report import Comparison, Report

HORIZONS = (1, 2, 4)
"""Weeks ahead that the chain's sales are forecast for."""


@dataclass(frozen=True)
class Evidence:
    """Everything that the page is made of.

    Attributes:
        reports: By the setting's name, in the order in which they were played.
        wape: Error of forecasts of the chain's real sales, by weeks ahead.
        repeated: The same of a forecast that repeats the last week known.
        when: Date of the run.
        commit: That ran.
        command: That made it.
    """

    reports: Mapping[str, Report]
    wape: Mapping[int, float]
    repeated: Mapping[int, float]
    when: str
    commit: str
    command: str

    def report(self, world: str = "base", first_rank: int = 1) -> Report | None:
        """A setting's report; None if it was not played."""
        found = (
            report
            for report in self.reports.values()
            if report.world == world and report.first_rank == first_rank
        )
        return next(found, None)

    @property
    def main(self) -> Report:
        """The base world with the best sellers."""
        report = self.report()
        if report is None:
            raise LookupError("the base world was not played")
        return report

    def compared(self, better: str, than: str) -> Comparison | None:
        """Two policies of the main setting, seed by seed; None if one did not play."""
        pairs = {(item.better, item.than): item for item in self.main.comparisons()}
        return pairs.get((better, than))

    def keep(self, path: Path) -> None:
        """Write all of it to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(self))


def kept(path: Path) -> Evidence:
    """What an earlier run has kept."""
    found = pickle.loads(path.read_bytes())  # noqa: S301 - written by this program, into its own folder
    if not isinstance(found, Evidence):
        raise TypeError(f"{path} holds no run of this program")
    return found


def wapes(panel: Panel) -> tuple[dict[int, float], dict[int, float]]:
    """Errors by weeks ahead: of the agents' kind of model, and of repeating the last week known."""
    weekly, first = panel.units.sum(axis=1), panel.split.fit_weeks
    sold = weekly[:, first:]
    repeated = {
        ahead: float(np.abs(sold - weekly[:, first - ahead : -ahead]).sum() / sold.sum())
        for ahead in HORIZONS
    }
    return {ahead: chain_wape(panel, ahead) for ahead in HORIZONS}, repeated
