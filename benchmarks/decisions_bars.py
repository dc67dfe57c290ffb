"""The bars that decisions are judged by: what was demanded before the weeks were played, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from decisions_text import change, rate

from autoops.simulation.report import estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from decisions_evidence import Evidence

    from autoops.simulation.report import Estimate, Report

MET, MET_BOTH, MISSED, REPORTED, ABSENT = "met", "met, the aim too", "**missed**", "reported", "not played"
"""Verdicts."""

LEAK = 0.25
"""One-week errors under this are presumed to know the week that they forecast, until explained."""


@dataclass(frozen=True)
class Limit:
    """Where a figure must lie.

    Attributes:
        least: The smallest allowed.
        most: The largest allowed.
        beyond: Whether the ends themselves are not allowed.
        whose: Where an end comes from, if it is itself a figure of the run.
    """

    least: float = -math.inf
    most: float = math.inf
    beyond: bool = False
    whose: str = ""

    def holds(self, figure: float) -> bool:
        """Whether the figure lies there."""
        if self.beyond:
            return self.least < figure < self.most
        return self.least <= figure <= self.most

    def words(self, show: Callable[[float], str]) -> str:
        """The limit as it reads in a table."""
        if math.isfinite(self.least) and math.isfinite(self.most):
            text = show(self.least) if self.least == self.most else f"{show(self.least)} to {show(self.most)}"
        elif math.isfinite(self.least):
            text = f"{'more than' if self.beyond else 'at least'} {show(self.least)}"
        else:
            text = f"{'less than' if self.beyond else 'at most'} {show(self.most)}"
        return f"{text} ({self.whose})" if self.whose else text


@dataclass(frozen=True)
class Check:
    """One figure against its limits.

    Attributes:
        figure: What is judged; None if it was not measured.
        told: What was measured, in words.
        must: Where it has to lie; None if it is only reported.
        aim: Where it should lie.
        show: The limits' format.
        name: Of the figure, where a bar has several.
    """

    figure: float | None
    told: str
    must: Limit | None = None
    aim: Limit | None = None
    show: Callable[[float], str] = "{:.1%}".format
    name: str = ""


@dataclass(frozen=True)
class Bar:
    """One line of the table: it is met if all its checks hold."""

    what: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """What the figures come to."""
        if any(check.figure is None for check in self.checks):
            return ABSENT
        judged = [(check.figure, check.must, check.aim) for check in self.checks if check.figure is not None]
        if any(must is not None and not must.holds(figure) for figure, must, _ in judged):
            return MISSED
        if all(must is None for _, must, _ in judged):
            return REPORTED
        return MET_BOTH if all(aim is not None and aim.holds(figure) for figure, _, aim in judged) else MET

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The bar as a row: what, must, aim, measured, verdict."""
        must, aim, measured = (
            "; ".join(_named(check, text) for check, text in zip(self.checks, texts, strict=True) if text)
            for texts in (
                [_words(check.must, check) for check in self.checks],
                [_words(check.aim, check) for check in self.checks],
                [check.told for check in self.checks],
            )
        )
        return self.what, must or "-", aim or "-", measured, self.verdict


def _named(check: Check, text: str) -> str:
    return f"{check.name} {text}" if check.name else text


def _words(limit: Limit | None, check: Check) -> str:
    return "" if limit is None else limit.words(check.show)


def bars(evidence: Evidence) -> list[Bar]:
    """All bars, in the order in which they were set."""
    return [
        _gain(
            evidence,
            "Agents earn more than a good replenishment system (`agents` over `rolling_calendar`)",
            ("agents", "rolling_calendar"),
            Limit(0.03),
            Limit(0.08),
        ),
        _gain(
            evidence,
            "So does the inventory agent alone (`inventory_only` over `rolling_calendar`)",
            ("inventory_only", "rolling_calendar"),
            Limit(0.0, beyond=True),
            Limit(0.02),
        ),
        *_gaps(evidence),
        _service(evidence.main),
        _promotion(evidence.main),
        _fewer(evidence.main),
        _gain(
            evidence,
            "Agents together earn no less than agents that do not talk (`agents` over `independent`)",
            ("agents", "independent"),
            Limit(-0.015, beyond=True),
            Limit(0.0, beyond=True),
        ),
        _gain(
            evidence,
            "... and more than such that match every competitor's price cut (`agents` over `reflex`)",
            ("agents", "reflex"),
            Limit(0.0, beyond=True),
            Limit(0.02),
        ),
        _wape(evidence),
        _interval(evidence.main),
        _rails(evidence.main),
        *(
            _gain(
                evidence,
                f"Less is earned without the {part} agent (`agents` over `no_{part}`)",
                ("agents", f"no_{part}"),
                Limit(0.0, beyond=True),
                Limit(0.0, beyond=True),
            )
            for part in ("inventory", "pricing", "promotion")
        ),
    ]


def _gain(evidence: Evidence, words: str, pair: tuple[str, str], must: Limit, aim: Limit) -> Bar:
    """A difference in objective, judged by the end of its interval that favours it least."""
    item, what = evidence.compared(*pair), f"{words}, lower end"
    if item is None or item.relative.ci95 is None:
        return Bar(what, (Check(None, ABSENT, must, aim),))
    return Bar(what, (Check(item.relative.ci95[0], change(item.relative), must, aim),))


def _gaps(evidence: Evidence) -> list[Bar]:
    """Gap shares in the settings."""
    asked = (
        ("base", 1, Limit(0.75), Limit(0.85)),
        ("base", 201, Limit(0.50), Limit(0.65)),
        ("misspecified", 1, Limit(0.65), Limit(0.75)),
        ("split", 1, None, None),
        ("substitution", 1, None, None),
        ("capacity", 1, None, None),
    )
    found = []
    for world, first, must, aim in asked:
        report = evidence.report(world, first)
        gap = None if report is None else report.gap_shares().get("agents")
        told = ABSENT if gap is None else f"{gap.mean:.2f}"
        if gap is not None and gap.over_seeds is not None and gap.over_products is not None:
            told += " ({:.2f} to {:.2f} over seeds, ".format(*gap.over_seeds)
            told += "{:.2f} to {:.2f} over products)".format(*gap.over_products)
        figure = None if gap is None else gap.mean
        what = f"Gap share: how far agents get from a textbook to the possible, world `{world}`, products from rank {first}"
        found.append(Bar(what, (Check(figure, told, must, aim, "{:.2f}".format),)))
    return found


def _service(report: Report) -> Bar:
    """Fill and waste together."""
    fill, waste = (report.estimate("agents", figure) for figure in ("fill_rate", "waste_rate"))
    return Bar(
        "Both: fill (units sold of units wanted) and waste (units expired of units supplied)",
        (
            Check(fill.mean, rate(fill), Limit(0.935), Limit(0.95), name="fill"),
            Check(waste.mean, rate(waste), Limit(most=0.025), Limit(most=0.02), name="waste"),
        ),
    )


def _promotion(report: Report) -> Bar:
    """Stock-outs of what is displayed, and that no fewer displays brought them."""
    out = report.estimate("agents", "promo_stockout_rate")
    aim = None
    if "static" in report.policies:
        aim = Limit(most=report.estimate("static", "promo_stockout_rate").mean, whose="`static`'s")
    checks = [Check(out.mean, rate(out), Limit(most=0.075), aim, name="sold out")]
    shown = displayed_over_plan(report, "agents")
    told = ABSENT if shown is None else rate(shown)
    plan = Limit(0.99, 1.01)
    checks.append(
        Check(None if shown is None else shown.mean, told, plan, plan, name="displayed share over plan")
    )
    return Bar(
        "What is on display is seldom sold out, with no less and no more on display than planned",
        tuple(checks),
    )


def displayed_over_plan(report: Report, policy: str) -> Estimate | None:
    """A policy's displayed share over the plan's, which `rolling_calendar` keeps; None if either did not play."""
    if not {policy, "rolling_calendar"} <= set(report.policies):
        return None
    plan = report.values("rolling_calendar", "displayed_share")
    ours = report.values(policy, "displayed_share")
    return estimate([one / max(planned, 1e-9) for one, planned in zip(ours, plan, strict=True)])


def _fewer(report: Report) -> Bar:
    """Stock-outs of what is displayed against those of agents that do not talk."""
    what, must, aim = (
        "... and less often than with agents that do not talk (against `independent`)",
        Limit(most=-0.20),
        Limit(most=-0.35),
    )
    if "independent" not in report.policies:
        return Bar(what, (Check(None, ABSENT, must, aim, "{:+.0%}".format),))
    ours, theirs = (report.values(policy, "promo_stockout_rate") for policy in ("agents", "independent"))
    found = estimate([one / max(other, 1e-9) - 1.0 for one, other in zip(ours, theirs, strict=True)])
    return Bar(what, (Check(found.mean, change(found), must, aim, "{:+.0%}".format),))


def _wape(evidence: Evidence) -> Bar:
    """Forecasts of the chain's real sales, no simulation in them."""
    error = evidence.wape[1]
    what = "Real sales of the chain are told a week ahead: error (WAPE, product by week)"
    return Bar(what, (Check(error, f"{error:.3f}", Limit(most=0.28), Limit(most=0.255), "{:.3f}".format),))


def _interval(report: Report) -> Bar:
    """Coverage of the 80 % interval."""
    found = report.predictive_intervals().get("agents", {}).get(0.8)
    figure, told = (None, ABSENT) if found is None else (found.share.mean, rate(found.share))
    what = "A day's demand falls into the agents' 80 % interval as often as that says"
    return Bar(what, (Check(figure, told, Limit(0.75, 0.85), Limit(0.78, 0.82), "{:.0%}".format),))


def _rails(report: Report) -> Bar:
    """Guard rails that the agents left, over all seeds."""
    count = sum(report.values("agents", "guardrail_breaches"))
    none = Limit(0.0, 0.0)
    told = f"{count:,.0f} in {len(report.seeds)} seeds"
    return Bar("No guard rail is breached by `agents`", (Check(count, told, none, none, "{:.0f}".format),))
