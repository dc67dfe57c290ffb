"""Brier scores and reliability tables, against values worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.agents.calibration import Calibration, Reliability, calibration_record
from autoops.agents.claims import Verdict

WORDS = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=30)


def _table(words: list[tuple[float, bool]]) -> Reliability:
    """Return the table of (probability, outcome) pairs."""
    return Reliability.of([p for p, _ in words], [true for _, true in words])


def test_the_score_of_a_worked_example() -> None:
    """Rain at 70 % that fell, at 30 % that fell, at 90 % that did not: (.09 + .49 + .81) / 3."""
    table = _table([(0.7, True), (0.3, True), (0.9, False)])

    assert table.judged == 3
    assert table.brier == pytest.approx(1.39 / 3)


def test_rows_compare_what_was_stated_with_what_came() -> None:
    """Two at about 85 %, one borne out; one at certainty belongs to the last bin."""
    rows = _table([(0.82, True), (0.86, False), (1.0, True)]).rows()

    assert rows == [
        {"from": 0.8, "to": 0.9, "count": 2, "stated": 0.84, "borne_out": 0.5},
        {"from": 0.9, "to": 1.0, "count": 1, "stated": 1.0, "borne_out": 1.0},
    ]


def test_nothing_judged_has_no_score() -> None:
    """None, not 0, which would be perfect."""
    assert _table([]).brier is None


@given(WORDS, WORDS)
def test_runs_add_up(one: list[tuple[float, bool]], other: list[tuple[float, bool]]) -> None:
    """The sum of two tables is the table of all words."""
    both, together = _table(one) + _table(other), _table(one + other)

    assert both.count == together.count
    assert both.borne_out == together.borne_out
    assert both.squared_error == pytest.approx(together.squared_error)
    assert both.stated == pytest.approx(together.stated)


def test_agents_are_recorded_with_their_kinds_of_decisions() -> None:
    """Two runs of two kinds: each kind's runs are added, and all of them make the agent's."""
    good, bad = _table([(0.9, True)]), _table([(0.9, False)])
    verdicts = {Verdict.BORNE_OUT: 1, Verdict.OPEN: 2}
    orders = Calibration("inventory_agent", "low_stock_order", verdicts, good, bad)
    routine = Calibration("inventory_agent", "routine_order", {Verdict.NOT_BORNE_OUT: 1}, bad, bad)
    record = calibration_record([orders, routine, orders])["inventory_agent"]

    assert record["judged"] == 3
    assert record["verdicts"] == {"borne_out": 2, "not_borne_out": 1, "open": 4, "not_observable": 0}
    assert record["brier"] == pytest.approx((0.01 + 0.01 + 0.81) / 3, abs=1e-4)
    assert record["types"]["low_stock_order"]["model_brier"] == 0.81
    assert record["types"]["low_stock_order"]["judged"] == 2
