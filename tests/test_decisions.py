"""The held-out log: every run is appended with its commit and its figures, and none is overwritten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import decisions
import pytest
from worlds import OPTIONS, panel_folder

from autoops.errors import SimulationError
from autoops.simulation.policies.registry import YARDSTICKS
from autoops.simulation.run import Options, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from autoops.simulation.panel import Split


def test_a_section_holds_every_policy_and_its_place() -> None:
    """A row a policy, comparisons with intervals, gap shares, calibration, and what the intervals do not cover."""
    report = simulate(replace(OPTIONS, policies=YARDSTICKS, seeds=(1, 2)), cache=panel_folder())
    text = decisions.section(decisions.Setting("small"), report)

    for policy in YARDSTICKS:
        assert f"| {policy} | " in text
    assert "agents over rolling_calendar: " in text
    assert "gap share of agents: " in text
    assert "oracle at least every policy on every seed: yes" in text
    for agent in ("inventory_agent", "pricing_agent", "promotion_agent"):
        assert f"- claims of {agent}: " in text
    assert "before recalibration); stated > came (count): " in text
    assert "not another quarter, retailer or set of products" in text
    assert report.fingerprint in text


def test_runs_are_appended(tmp_path: Path) -> None:
    """The second run stands below the first, each under its date and commit."""
    log = tmp_path / "log.md"
    decisions.append(log, ["### one\n"])
    decisions.append(log, ["### two\n"])
    text = log.read_text(encoding="utf-8")

    assert text.startswith("# Held-out log")
    assert text.count("UTC, commit ") == 2
    assert text.index("### one") < text.index("### two")


def test_the_held_out_settings_are_what_nobody_tuned_on() -> None:
    """Other ranks and all other worlds beside the base, with seeds that tuned nothing; twenty for the main setting."""
    from autoops.simulation.tuning import TUNING_SEEDS
    from autoops.simulation.variants import WORLDS

    settings = decisions.SETTINGS
    assert {setting.world for setting in settings} == set(WORLDS)
    assert {setting.first_rank for setting in settings} == {1, 201}
    assert len(settings[0].seeds) >= 20
    assert all(not set(setting.seeds) & set(TUNING_SEEDS) for setting in settings)


def test_what_was_played_is_logged_whatever_happens_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at held-out weeks is a look, even if a later setting fails and no page is made of it."""
    monkeypatch.setattr(decisions, "CACHE", panel_folder())

    class Small(decisions.Setting):
        """Some days of a small world in place of the whole."""

        def options(self, split: Split) -> Options:
            """Return what is played."""
            return replace(OPTIONS, split=split, policies=("static",), world=self.world)

    log = tmp_path / "log.md"
    with pytest.raises(SimulationError, match="nowhere"):
        decisions.gather((Small("first"), Small("second", "nowhere")), OPTIONS.split, log, "x")

    assert "### first: weeks 27-27" in log.read_text(encoding="utf-8")
