"""What tracing costs the simulation, and whether it changes anything: the same run with and without.

    uv run python benchmarks/simulation_cost.py [--json] [--quick]

Whole runs of `autoops simulate` on a fresh journal, in turns with runs under --no-tracing. Then every evening's prices,
orders, displays and markdowns are compared bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from contenders import clean_environment
from measure import Bound, Figure, Result, Size, main, median, shown

from autoops.agents.tracing import NoTracing
from autoops.cli.simulate import CACHE
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.days import run_days
from autoops.simulation.panel import PanelOptions, Split
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.world import build_world
from autoops.tracing import LangfuseConfig, LangfuseIntegrationService

if TYPE_CHECKING:
    from autoops.agents.tracing import Tracing
    from autoops.simulation.days import Evening

DAYS = 28
SEED = 1
OF_THE_RUN = ("run_id", "session_id", "journal", "seconds")
"""What a report says of its own run rather than of the shop."""
TRACED, UNTRACED = "traced", "--no-tracing"


def measure(size: Size) -> Result:
    """Run both in turns; compare reports, then decisions."""
    days = size.many(DAYS, least=2)
    taken: dict[str, list[tuple[float, float]]] = {TRACED: [], UNTRACED: []}
    reports: dict[str, dict[str, Any]] = {}
    spans = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, days, UNTRACED)  # prepares the panel that all runs share
        for number in range(size.rounds):
            for how in taken if number % 2 == 0 else reversed(taken):
                wall, cpu, report = run(folder, days, how)
                taken[how].append((wall, cpu))
                if how == TRACED:
                    spans = report["journal"]["spans"]
                reports[how] = {key: value for key, value in report.items() if key not in OF_THE_RUN}
        prints = {how: decisions(days, folder, is_traced=how == TRACED) for how in taken}
    same = reports[TRACED] == reports[UNTRACED] and prints[TRACED] == prints[UNTRACED]
    more = {
        index: [
            (ours[index] / bare[index] - 1) * 100
            for ours, bare in zip(taken[TRACED], taken[UNTRACED], strict=True)
        ]
        for index in (0, 1)
    }
    return Result(
        "The simulation with tracing and without",
        [
            Figure(
                "simulation with tracing against --no-tracing, wall",
                median(more[0]),
                "%",
                Bound("≤", 5),
                Bound("≤", 2),
            ),
            Figure("... CPU of the process", median(more[1]), "%"),
            Figure(
                "... evenings whose decisions differ in a bit, and reports that differ",
                float(0 if same else max(1, differing(prints))),
                "",
                Bound("≤", 0),
            ),
        ],
        ("run", "wall, s", "CPU, s"),
        [(how, *(shown(median([each[index] for each in taken[how]])) for index in (0, 1))) for how in taken],
        (
            (
                f"autoops simulate --days {days} --seed {SEED}, all policies, whole process from start to exit; "
                f"{spans:,} spans into a fresh journal."
            ),
            f"Compared: the two reports, and a hash of each of {days} evenings' arrays under the agents' policy.",
        ),
        {"seconds": taken},
    )


def run(folder: Path, days: int, how: str) -> tuple[float, float, dict[str, Any]]:
    """One whole run: wall and CPU seconds, and its report."""
    journal = folder / "journal"
    for old in journal.parent.glob("journal*"):
        old.unlink()
    command = [
        sys.executable,
        "-m",
        "autoops.cli",
        "simulate",
        "--json",
        "--days",
        str(days),
        "--seed",
        str(SEED),
    ]
    before = os.times()
    began = time.perf_counter()
    ended = subprocess.run(
        [*command, *([UNTRACED] if how == UNTRACED else [])],
        cwd=folder,
        env=clean_environment({"AUTOOPS_JOURNAL": str(journal)}),
        check=True,
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - began
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, json.loads(ended.stdout)


def decisions(days: int, folder: Path, *, is_traced: bool) -> list[str]:
    """A hash of each evening under the agents' policy: everything that was decided and what came of it.

    Args:
        days: How many evenings.
        folder: Where the runs prepared their panel, and where to keep a journal.
        is_traced: Whether anything is recorded.
    """
    panel = load_panel(PanelOptions(120, 6, Split()), folder / CACHE)
    world = build_world(panel, Assumptions())
    tracing: Tracing = NoTracing()
    service = None
    if is_traced:
        service = LangfuseIntegrationService(LangfuseConfig(journal=str(folder / "decisions.db")))
        tracing = service
    policy = AgentsPolicy(world.shop, world.history, tracing, session_id="benchmark", tags=("benchmark",))
    prints: list[str] = []

    def watch(evening: Evening) -> None:
        found = hashlib.sha256()
        _feed(found, evening)
        prints.append(found.hexdigest())

    run_days(world, policy, SEED, days, watch)
    if service is not None:
        service.shutdown()
    return prints


def differing(prints: dict[str, list[str]]) -> int:
    """Evenings that differ."""
    return sum(ours != theirs for ours, theirs in zip(prints[TRACED], prints[UNTRACED], strict=True))


def _feed(found: Any, value: Any) -> None:
    """Hash every number of a nest of dataclasses and arrays."""
    if isinstance(value, np.ndarray):
        found.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(found, astuple(value))
    elif isinstance(value, tuple | list):
        for each in value:
            _feed(found, each)
    else:
        found.update(repr(value).encode())


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(measure, __doc__)
