"""The page's sections on whether agents are to be believed: their claims, their intervals, their forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decisions_text import heading, item, plot, prose, rate, table

from autoops.agents.intervals import LEVELS

if TYPE_CHECKING:
    from decisions_evidence import Evidence

    from autoops.simulation.report import Report


def calibration(report: Report) -> list[str]:
    """Whether stated probabilities came true."""
    found = report.calibration().get("agents", {})
    judged = {agent: one for agent, one in found.items() if one["judged"]}
    rows = [
        (
            f"`{agent}`",
            f"{one['judged']:,}",
            f"{one['borne_out']:.1%}",
            f"{one['brier']:.3f}",
            f"{one['model_brier']:.3f}",
            f"{one['borne_out'] * (1.0 - one['borne_out']):.3f}",
        )
        for agent, one in judged.items()
    ]
    return [
        *heading("Are the agents as sure as they should be?"),
        *prose(
            "Each decision claims something that a shop can check, with a probability: of claims stated at 80 %, 80 % should",
            "come true. The Brier score is the mean squared error of the probabilities, from 0; less is better. Each probability was",
            "fixed before its outcome. *Own model* is what the agent's model said before what had become of its earlier claims",
            "in the run corrected it; *constant* is what one and the same probability every time would score, the right one in",
            "hindsight.",
        ),
        *plot("calibration", "Stated probabilities against what came true, by agent"),
        *table(("agent", "claims judged", "came true", "Brier score", "own model", "constant"), rows),
        *(
            item(
                f"`{agent}`, stated > came true (claims):",
                ", ".join(
                    f"{row['stated']:.0%} > {row['borne_out']:.0%} ({row['count']:,})"
                    for row in one["reliability"]
                )
                + ".",
            )
            for agent, one in judged.items()
        ),
        "",
    ]


def intervals(report: Report) -> list[str]:
    """Coverage of predictive intervals."""
    found = report.predictive_intervals().get("agents", {})
    rows = [
        (
            f"{level:.0%}",
            rate(found[level].share),
            f"{found[level].seen:,}",
            f"{found[level].cells:,}",
        )
        for level in LEVELS
        if level in found
    ]
    return [
        *heading("Does demand fall where the agents expect it?"),
        *prose(
            "Each morning the agents expect the day's demand of each product in each cluster as a gamma distribution; each",
            "evening shows it. Cells count that bear no sticker and whose stock in the morning reaches the interval's upper",
            "end: there, sales tell whether demand fell inside, even if the shelf was emptied. Units are whole: a count",
            "stands for half a unit on either side, and is inside by the share of its probability that lies there (the",
            "nonrandomised transform of Czado, Gneiting and Held, 2009).",
        ),
        *table(("interval", "demand inside", "cells' days that could tell", "of all"), rows),
    ]


def wape(evidence: Evidence) -> list[str]:
    """Forecasts of the chain's real sales."""
    first, last = evidence.main.weeks
    rows = [
        (f"{ahead}", f"{error:.1%}", f"{evidence.repeated[ahead]:.1%}")
        for ahead, error in evidence.wape.items()
    ]
    return [
        *heading("How far ahead can real sales be told?"),
        *prose(
            f"Nothing is simulated here: the chain's real sales of weeks {first}-{last} by product and week. The response is fitted",
            f"on the weeks up to {first - 1}, the level follows the weeks known, and the planned calendar of the week that is",
            "forecast is known. WAPE is the sum of absolute errors over the sum of sales.",
        ),
        *plot("wape", "Error of forecasts of real sales by weeks ahead"),
        *table(("weeks ahead", "error (WAPE)", "of repeating the last week known"), rows),
    ]
