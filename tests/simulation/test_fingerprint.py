"""The stored fingerprint: whoever changes the world changes this file, and shows every bar before and after.

uv run python tests/simulation/test_fingerprint.py      # writes it anew
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from autoops.simulation.assumptions import Assumptions
from autoops.simulation.fingerprint import fingerprint, truth_record
from autoops.simulation.policies.registry import play
from autoops.simulation.tuning import tuning_world
from autoops.simulation.world import build_world

STORED = Path(__file__).with_name("fingerprint.json")

SEEDS = (1, 2, 3)


def _now(cache: Path) -> dict[str, Any]:
    """Return the world of weeks 27-39 as it is."""
    world = tuning_world(cache)
    return {
        "fingerprint": fingerprint(world),
        "assumptions": json.loads(json.dumps(world.assumed.record())),
        "truth": truth_record(world),
        "objective": {
            policy: [round(play(world, policy, seed, 91).figures.objective, 2) for seed in SEEDS]
            for policy in ("static", "ceiling", "oracle")
        },
    }


def test_the_world_is_the_one_that_was_measured() -> None:
    """Assumptions, truth and the objectives of static, ceiling and oracle on seeds 1-3 are those on file."""
    from worlds import panel_folder

    stored, now = json.loads(STORED.read_text(encoding="utf-8")), _now(panel_folder())

    assert now["assumptions"] == stored["assumptions"]
    for name, value in stored["truth"].items():
        assert now["truth"][name] == pytest.approx(value, rel=1e-5), name
    for policy, objectives in stored["objective"].items():
        assert now["objective"][policy] == pytest.approx(objectives, rel=1e-5), policy


def test_another_world_has_another_fingerprint() -> None:
    """An assumption, a variant or other products show in it; the same world made twice has the same."""
    from worlds import small_panel, small_world

    one = fingerprint(small_world())

    assert fingerprint(build_world(small_panel(), Assumptions())) == one
    assert fingerprint(build_world(small_panel(), Assumptions(goodwill=0.9))) != one
    assert fingerprint(build_world(small_panel(), Assumptions(), "split")) != one


if __name__ == "__main__":
    STORED.write_text(json.dumps(_now(Path(".autoops/cache")), indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{STORED.name} is written\n")
