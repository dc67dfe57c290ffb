"""How long what is left of a run will take, from what has passed of it."""

from __future__ import annotations

import re
import shutil

import pytest
from terminal import on_terminal
from worlds import CLUSTERS, PRODUCTS, panel_folder, small_panel

from autoops.cli.progress import Expectation
from autoops.cli.simulate import CACHE
from autoops.tracing.journal import reader


def test_what_is_left_follows_from_each_policys_own_days() -> None:
    """Ten slow days took 20 s and ten quick ones 1 s: ten of each are left, and take 21."""
    expected = Expectation({"agents": 20, "static": 20}, now=100.0)
    expected.tell("agents", 10, now=120.0)
    expected.tell("static", 10, now=121.0)

    seconds, whole = expected.left()
    assert seconds == pytest.approx(21.0)
    assert whole
    assert expected.words() == "about 21 s left"


def test_a_policy_that_has_not_run_is_not_guessed() -> None:
    """What is known is a lower bound, and is said to be one."""
    expected = Expectation({"static": 10, "agents": 10}, now=0.0)
    expected.tell("static", 5, now=1.0)

    seconds, whole = expected.left()
    assert seconds == pytest.approx(1.0)
    assert not whole
    assert expected.words() == "more than 1 s left"


def test_nothing_is_said_before_anything_has_passed() -> None:
    """Without a measured day there is no expectation."""
    assert Expectation({"static": 10}, now=0.0).words() == ""


def test_a_run_that_is_over_has_nothing_left() -> None:
    """All days of all policies have passed."""
    expected = Expectation({"static": 2}, now=0.0)
    expected.tell("static", 2, now=9.0)

    assert expected.left() == (0.0, True)


def test_ctrl_c_in_a_long_run_ends_cleanly() -> None:
    """The screen says what runs and what is left; then one word, code 130, and a journal that can be read.

    Takes some seconds: the real command on a terminal, until a day has been recorded.
    """
    small_panel()
    CACHE.parent.mkdir(exist_ok=True)
    shutil.copytree(panel_folder(), CACHE, dirs_exist_ok=True)
    small = ("--products", str(PRODUCTS), "--clusters", str(CLUSTERS))
    code, screen = on_terminal(
        *("simulate", *small, "--seeds", "50", "--policy", "static,rolling"),
        until=lambda printed: "static, seed 2" in printed,
        columns=120,
    )

    assert code == 130
    assert screen.rstrip().endswith("autoops: stopped")
    assert "Traceback" not in screen
    assert "50 seeds one after the other" in screen
    assert re.search(r"(about|more than) \d+ (s|min) left", screen)
    found = reader.list_traces(reader.open_journal(".autoops/journal.db"), limit=10).traces
    assert [trace.name for trace in found] == ["simulation.run"]
    assert found[0].spans > 91
