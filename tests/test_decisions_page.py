"""The page of decisions is made of figures: verdicts follow from them, and nothing of it is written where it should not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import decisions
import decisions_bars as bars
import pytest
from decisions_evidence import Evidence, kept, wapes
from decisions_page import page
from worlds import OPTIONS, panel_folder, small_panel

from autoops.agents.calibration import Calibration, Reliability
from autoops.agents.claims import Verdict
from autoops.agents.intervals import IntervalCoverage
from autoops.simulation.days import Run
from autoops.simulation.ledger import RunFigures
from autoops.simulation.policies.registry import POLICIES
from autoops.simulation.report import Report
from autoops.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

GOOD: dict[str, dict[str, float]] = {
    "agents": {"objective": 190.0, "promo_stockout_rate": 0.02},
    "static": {"objective": 100.0, "promo_stockout_rate": 0.05},
    "rolling_calendar": {"objective": 150.0},
    "ceiling": {"objective": 200.0},
    "inventory_only": {"objective": 170.0},
    "independent": {"objective": 180.0, "promo_stockout_rate": 0.04},
    "reflex": {"objective": 170.0},
    "no_inventory": {"objective": 150.0},
    "no_pricing": {"objective": 180.0},
    "no_promotion": {"objective": 180.0},
}
"""Policies by what they come to, in which every aim is reached."""

USUAL = {
    "fill_rate": 0.96,
    "waste_rate": 0.01,
    "promo_stockout_rate": 0.05,
    "displayed_share": 0.2,
    "guardrail_breaches": 0.0,
}
"""Figures of a policy unless something else is said."""


def played(policy: str, seed: int, figures: Mapping[str, float], inside: float) -> Run:
    """A run that nobody played: a seed moves its objective a little, and with it everybody's of that seed."""
    rest = {**USUAL, **figures}
    money = rest.pop("objective") * (1.0 + 0.001 * seed) * 1000.0
    blank = dict.fromkeys(RunFigures.__slots__, 0.0)
    agents = policy == "agents"
    words = Reliability.of([0.7, 0.9, 0.9], [True, True, False])
    said = Calibration("pricing_agent", "price", Counter({Verdict.BORNE_OUT: 2}), words, words)
    return Run(
        policy=policy,
        seed=seed,
        figures=RunFigures(**{**blank, **rest, "objective": money, "profit": money}),
        days=(),
        opening_units=0.0,
        by_product=(money / 4.0,) * 4,
        calibration=(said,) if agents else (),
        intervals=IntervalCoverage(100, (100, 100, 100), (50.0, 100.0 * inside, 95.0)) if agents else None,
    )


def made_up(
    policies: Mapping[str, Mapping[str, float]], world: str = "base", first_rank: int = 1, inside: float = 0.8
) -> Report:
    """A report that nobody simulated."""
    return Report(
        run_id="none",
        session_id="none",
        days=91,
        weeks=(27, 39),
        seeds=(1, 2, 3),
        products=4,
        first_rank=first_rank,
        clusters=2,
        world=world,
        fingerprint="none",
        headline="Made up",
        wape=0.252,
        runs=tuple(
            played(policy, seed, figures, inside)
            for seed in (1, 2, 3)
            for policy, figures in policies.items()
        ),
        seconds=1.0,
    )


def evidence_of(
    policies: Mapping[str, Mapping[str, float]],
    others: Mapping[str, Mapping[str, float]] = GOOD,
    *,
    inside: float = 0.8,
    error: float = 0.252,
) -> Evidence:
    """What a run might have found."""
    reports = [
        made_up(policies, inside=inside),
        made_up(others, first_rank=201),
        *(made_up(others, world) for world in ("misspecified", "split", "substitution", "capacity")),
    ]
    return Evidence(
        reports={f"{report.world}, from {report.first_rank}": report for report in reports},
        wape={1: error, 2: 0.26, 4: 0.27},
        repeated={1: 0.4, 2: 0.45, 4: 0.5},
        when="2026-01-01",
        commit="none",
        command="make it up",
    )


def verdicts(evidence: Evidence) -> list[str]:
    """The verdicts on all bars, in their order."""
    return [bar.verdict for bar in bars.bars(evidence)]


def changed(policy: str, **figures: float) -> dict[str, dict[str, float]]:
    """Good policies, but that one comes to something else."""
    return {**GOOD, policy: {**GOOD[policy], **figures}}


def test_every_aim_reached() -> None:
    """With figures beyond every aim, nothing is missed, and what has no bar is only reported."""
    found = Counter(verdicts(evidence_of(GOOD)))

    assert found == {bars.MET_BOTH: 16, bars.REPORTED: 3}


def test_every_bar_missed() -> None:
    """With figures short of every bar, none that is judged is met."""
    worst = {
        policy: {"objective": 100.0, "promo_stockout_rate": 0.05, "displayed_share": 0.2} for policy in GOOD
    }
    worst["agents"] = {"objective": 99.0, "promo_stockout_rate": 0.5, "displayed_share": 0.1}
    worst["agents"] |= {"fill_rate": 0.9, "waste_rate": 0.05, "guardrail_breaches": 1.0}
    worst["inventory_only"] = {"objective": 90.0}
    worst["ceiling"] = {"objective": 200.0}
    worst["independent"] = {"objective": 110.0, "promo_stockout_rate": 0.1}
    found = Counter(verdicts(evidence_of(worst, worst, inside=0.6, error=0.3)))

    assert found == {bars.MISSED: 16, bars.REPORTED: 3}


@pytest.mark.parametrize(
    ("index", "policies", "verdict"),
    [
        (0, changed("agents", objective=157.0), "MET"),
        (0, changed("agents", objective=154.0), "MISSED"),
        (1, changed("inventory_only", objective=151.0), "MET"),
        (1, changed("inventory_only", objective=149.0), "MISSED"),
        (2, changed("agents", objective=180.0), "MET"),
        (2, changed("agents", objective=174.0), "MISSED"),
        (8, changed("agents", fill_rate=0.94), "MET"),
        (8, changed("agents", fill_rate=0.93), "MISSED"),
        (8, changed("agents", waste_rate=0.022), "MET"),
        (8, changed("agents", waste_rate=0.026), "MISSED"),
        (9, changed("agents", promo_stockout_rate=0.06), "MET"),
        (9, changed("agents", promo_stockout_rate=0.08), "MISSED"),
        (9, changed("agents", displayed_share=0.19), "MISSED"),
        (10, changed("agents", promo_stockout_rate=0.03), "MET"),
        (10, changed("agents", promo_stockout_rate=0.035), "MISSED"),
        (11, changed("independent", objective=191.0), "MET"),
        (11, changed("independent", objective=195.0), "MISSED"),
        (12, changed("reflex", objective=188.0), "MET"),
        (12, changed("reflex", objective=190.0), "MISSED"),
        (15, changed("agents", guardrail_breaches=1.0), "MISSED"),
    ],
)
def test_a_bar_is_met_by_its_own_figure(
    index: int, policies: dict[str, dict[str, float]], verdict: str
) -> None:
    """Between must and aim a bar is met, short of must it is missed; the bounds are those demanded."""
    assert verdicts(evidence_of(policies))[index] == getattr(bars, verdict)


@pytest.mark.parametrize(
    ("index", "others", "verdict"),
    [
        (3, 160.0, "MET"),
        (3, 149.0, "MISSED"),
        (4, 170.0, "MET"),
        (4, 164.0, "MISSED"),
        (5, 0.0, "REPORTED"),
        (6, 0.0, "REPORTED"),
        (7, 0.0, "REPORTED"),
    ],
)
def test_gap_shares_elsewhere_have_bars_of_their_own(index: int, others: float, verdict: str) -> None:
    """Half of the way on other products, .65 in the world that the models do not know; the rest is reported."""
    found = verdicts(evidence_of(GOOD, changed("agents", objective=others)))

    assert found[index] == getattr(bars, verdict)


@pytest.mark.parametrize(
    ("inside", "error", "coverage", "wape"),
    [
        (0.8, 0.255, "MET_BOTH", "MET_BOTH"),
        (0.76, 0.27, "MET", "MET"),
        (0.84, 0.28, "MET", "MET"),
        (0.74, 0.281, "MISSED", "MISSED"),
        (0.86, 0.4, "MISSED", "MISSED"),
    ],
)
def test_forecasts_have_bars(inside: float, error: float, coverage: str, wape: str) -> None:
    """An interval can be too wide as well as too narrow; an error only too large."""
    found = verdicts(evidence_of(GOOD, inside=inside, error=error))

    assert found[13] == getattr(bars, wape)
    assert found[14] == getattr(bars, coverage)


def test_what_did_not_play_is_neither_met_nor_missed() -> None:
    """A rehearsal of few policies says so, and draws and writes what it has."""
    few = {policy: GOOD[policy] for policy in ("agents", "rolling_calendar", "static", "ceiling")}
    found = bars.bars(evidence_of(few))

    assert {bar.what for bar in found if bar.verdict == "not played"} == {
        bar.what for bar in found if re.search("inventory_only|independent|reflex|no_", bar.what)
    }


@pytest.mark.parametrize(
    ("objective", "said"),
    [(150.0, "rules add to agents"), (199.0, "cost more than they bring"), (None, "adds nothing measurable")],
)
def test_the_page_says_what_the_orchestrator_adds(objective: float | None, said: str) -> None:
    """Something, less than nothing, or nothing that can be measured: as the interval has it."""
    policies = changed("agents")
    if objective is None:
        # As good as the agents over all seeds, though on none.
        policies["independent_informed"] = {"objective": 190.0}
        found = evidence_of(policies)
        report = found.main
        odd = [
            replace(
                run, figures=replace(run.figures, objective=run.figures.objective + (run.seed - 2) * 900.0)
            )
            if run.policy == "independent_informed"
            else run
            for run in report.runs
        ]
        reports = {**found.reports, "base, from 1": replace(report, runs=tuple(odd))}
        found = replace(found, reports=reports)
    else:
        policies["independent_informed"] = {"objective": objective}
        found = evidence_of(policies)

    assert said in page(found).replace("\n", " ")


def test_a_page_of_a_real_run(tmp_path: Path) -> None:
    """Every policy has its row, every bar its verdict, every plot is small and can be read; no figure is missing."""
    options = replace(OPTIONS, days=14, clusters=3, policies=POLICIES, seeds=(1, 2))
    report = simulate(options, cache=panel_folder())
    ours, repeated = wapes(small_panel())
    found = Evidence({"small": report}, ours, repeated, when="2026-01-01", commit="none", command="uv run x")
    text = decisions.publish(found, tmp_path).read_text(encoding="utf-8")

    for policy in POLICIES:
        assert f"| `{policy}` | " in text
    for bar in bars.bars(found):
        assert f"| {' | '.join(bar.cells)} |" in text
    assert not re.search(r"\b(nan|inf|None)\b", text)
    assert "Made by `uv run x` on 2026-01-01, commit `none`" in text
    links = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(links) == len(set(links)) == 5
    for link in links:
        plot = (tmp_path / link).read_text(encoding="utf-8")
        assert len(plot) < 100_000
        ET.fromstring(plot)  # noqa: S314 - drawn a moment ago


def test_a_run_is_kept_whole(tmp_path: Path) -> None:
    """The page can be made again of what was kept, word for word; another file is refused."""
    found, path = evidence_of(GOOD), tmp_path / "folder" / "kept.pickle"
    found.keep(path)

    assert page(kept(path)) == page(found)


@pytest.mark.parametrize("folder", ["docs", "docs/images/x", "docs/../docs"])
def test_a_rehearsal_never_writes_into_docs(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its figures would be taken for those of held-out weeks."""
    with pytest.raises(SystemExit):
        decisions.main(["--rehearse", "--into", str(BENCHMARKS.parent / folder)])

    assert "no place in docs" in capsys.readouterr().err
