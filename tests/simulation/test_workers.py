"""Two processes play what one plays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from worlds import CLUSTERS, PRODUCTS, panel_folder, small_panel, small_world

from autoops.simulation.policies.registry import play
from autoops.simulation.workers import LEAST_JOBS, play_all

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = [(policy, seed) for seed in (1, 2, 3) for policy in ("static", "ceiling", "oracle")]


def test_two_processes_play_what_one_plays() -> None:
    """Every run comes back in its place, to the last bit as it is played here, and each is told of once.

    Takes some seconds: two processes that import numpy.
    """
    told: list[tuple[str, int]] = []
    runs = play_all(small_world(), JOBS, 7, 2, lambda policy, seed: told.append((policy, seed)))

    assert len(JOBS) >= LEAST_JOBS, "or nothing would be spread"
    assert [(run.policy, run.seed) for run in runs] == JOBS
    assert sorted(told) == sorted(JOBS)
    assert runs == [play(small_world(), policy, seed, 7) for policy, seed in JOBS]


def test_few_runs_are_played_here() -> None:
    """Another process would not have begun before they are over."""
    told: list[str] = []
    (run,) = play_all(small_world(), [("static", 1)], 3, 2, lambda policy, _: told.append(policy))

    assert run.policy == "static"
    assert told == ["static"]


JOBS_TO_STOP = 2000
"""More than anybody waits for."""

_MANY = """
import json, signal, sys
from pathlib import Path
from autoops.simulation.tuning import tuning_world
from autoops.simulation.workers import play_all

# Whoever runs the tests in the background may have had Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, products, clusters, jobs = json.loads(sys.argv[1])
world = tuning_world(Path(folder), products, clusters)
play_all(world, [("static", seed) for seed in range(jobs)], 91, 2, lambda policy, seed: print(seed, flush=True))
"""
"""Two processes with more to do than anybody waits for; each job that has ended is a line."""


@contextmanager
def _many_jobs() -> Iterator[subprocess.Popen[str]]:
    """Run them in a group of processes of their own, one of which has ended a job."""
    small_panel()
    process = subprocess.Popen(
        [sys.executable, "-c", _MANY, json.dumps([str(panel_folder()), PRODUCTS, CLUSTERS, JOBS_TO_STOP])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a terminal's Ctrl-C goes to a group of processes")
def test_ctrl_c_ends_every_process_at_once() -> None:
    """What has not begun never does, nobody waits for the rest, and the workers say nothing of it."""
    with _many_jobs() as process:
        os.killpg(process.pid, signal.SIGINT)
        # Every process of the group writes there: what is read to its end has nobody left.
        output, errors = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGINT
    assert len(output.splitlines()) < JOBS_TO_STOP / 2
    assert errors.count("Traceback") == 1
    assert "Process" not in errors


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="what is left of the group is ended as one")
def test_workers_end_with_a_parent_that_is_killed() -> None:
    """Nobody is left to tell them that there is nothing more to do."""
    with _many_jobs() as process:
        process.kill()
        output, _ = process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert len(output.splitlines()) < JOBS_TO_STOP / 2
