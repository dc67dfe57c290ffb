"""Estimates over seeds: intervals against Student's table, comparisons seed by seed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from worlds import OPTIONS, panel_folder

from autoops.simulation.report import estimate, student_quantile
from autoops.simulation.run import simulate

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
"""What newcomers read."""


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (19, 2.093), (99, 1.984)],
)
def test_quantiles_are_students(degrees: int, quantile: float) -> None:
    """97.5 % quantiles of the table, within one per cent."""
    assert student_quantile(0.975, degrees) == pytest.approx(quantile, rel=0.01)


def test_one_seed_has_no_interval() -> None:
    """With a single value nothing is known of its spread."""
    assert estimate([3.0]).ci95 is None
    assert estimate([3.0]).record(2) == {"mean": 3.0, "ci95": None}


def test_the_interval_of_a_worked_example() -> None:
    """Five values with mean 10 and standard deviation 1.58: 10 plus or minus 1.96."""
    found = estimate([8.0, 9.0, 10.0, 11.0, 12.0])

    assert found.mean == 10.0
    assert found.ci95 == pytest.approx((8.04, 11.96), abs=0.01)


def test_intervals_end_where_figures_do() -> None:
    """A rate is never under 0 or over 1 and a count never under 0, however little two seeds say; money is not cut."""
    report = simulate(replace(OPTIONS, days=2, policies=("static",), seeds=(1, 2)), cache=panel_folder())
    for figure in ("fill_rate", "waste_rate", "stockout_rate", "promo_stockout_rate", "displayed_share"):
        interval = report.estimate("static", figure).ci95
        assert interval is not None
        assert 0.0 <= interval[0] <= interval[1] <= 1.0
    counted = report.estimate("static", "under_cost_markdowns").ci95
    assert counted is not None
    assert counted[0] >= 0.0
    assert estimate([1.0, 2.0]).ci95 == pytest.approx((1.5 - 12.706 / 2, 1.5 + 12.706 / 2), abs=0.01)
    assert estimate([0.1, 0.2], (0.0, 1.0)).ci95 == pytest.approx((0.0, 0.785), abs=0.001)


def test_the_record_says_which_intervals_it_has() -> None:
    """By what they are made, and what they do not cover."""
    record = simulate(replace(OPTIONS, days=1, policies=("static",)), cache=panel_folder()).record(None)

    assert "Student's t over seeds" in record["intervals"]
    assert "not another quarter" in record["coverage"]


def test_the_page_lists_what_scripts_get() -> None:
    """Every key of the object, and every figure of a policy, stands in docs/simulation.md under "For scripts"."""
    record = simulate(replace(OPTIONS, days=1, policies=("static",)), cache=panel_folder()).record(None)
    _, _, page = PAGE.read_text("utf-8").partition("## For scripts")
    listed = set(re.findall(r"`(\w+)`", page.partition("\n## ")[0]))

    assert set(record) - listed == set()
    assert set(record["policies"]["static"]) - listed == set()


def test_policies_are_compared_seed_by_seed() -> None:
    """The difference's interval is narrower than the policies' own, for they share their random numbers."""
    report = simulate(replace(OPTIONS, seeds=(1, 2, 3)), cache=panel_folder())
    (objective,) = report.comparisons()
    pairs = zip(report.values("agents", "objective"), report.values("static", "objective"), strict=True)
    differences = [ours - theirs for ours, theirs in pairs]

    assert objective.difference.mean == pytest.approx(sum(differences) / 3)
    assert objective.worst_seed == min(differences)
    assert objective.difference.ci95 is not None


def test_one_policy_alone_is_compared_with_nothing() -> None:
    """Without the baseline there is no comparison."""
    report = simulate(replace(OPTIONS, days=1, policies=("agents",)), cache=panel_folder())

    assert report.comparisons() == []
    assert set(report.record(None)["policies"]) == {"agents"}
