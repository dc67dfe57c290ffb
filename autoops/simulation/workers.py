"""Runs that nobody traces, on all cores: a policy and a seed are one job."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING

from autoops.agents.mandate import USUAL, Mandate
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.registry import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autoops.simulation.days import Run
    from autoops.simulation.world import World

LEAST_JOBS = 8
"""Fewer are done before another process has imported numpy."""

_given: tuple[World, Mandate] | None = None
"""The world and the mandate of this worker; set once when it starts."""


def play_all(
    world: World,
    jobs: Sequence[tuple[str, int]],
    days: int,
    workers: int,
    done: Callable[[str, int], None],
    mandate: Mandate = USUAL,
) -> list[Run]:
    """Return the runs of (policy, seed) jobs in their order; `done` hears of each as it ends.

    Workers are spawned, not forked: a fork in a process with threads may stand still for ever.
    """
    if workers < 2 or len(jobs) < LEAST_JOBS:
        return [_told(play(world, name, seed, days, mandate=mandate), done) for name, seed in jobs]
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(world, mandate)
    )
    try:
        # The slow ones first, so that no core is left with them at the end.
        order = sorted(range(len(jobs)), key=lambda index: jobs[index][0] not in CREWS)
        with _interrupts_for_us_alone():
            futures = {pool.submit(_job, *jobs[index], days): index for index in order}
        found = {futures[future]: _told(future.result(), done) for future in as_completed(futures)}
    except BaseException:
        _end(pool)
        raise
    pool.shutdown()
    return [found[index] for index in range(len(jobs))]


@contextlib.contextmanager
def _interrupts_for_us_alone() -> Iterator[None]:
    """Have processes that start meanwhile never hear Ctrl-C: their tracebacks would be all that is seen.

    A terminal sends it to the whole group; what is blocked stays blocked in a child, and it waits for us.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the workers at once: whoever stops a run does not wait for the jobs that are under way."""
    started = list((pool._processes or {}).values())  # noqa: SLF001 - public from Python 3.14 on, as kill_workers
    pool.shutdown(wait=False, cancel_futures=True)
    for process in started:
        process.terminate()


def _told(run: Run, done: Callable[[str, int], None]) -> Run:
    """Tell that a run has ended, and return it."""
    done(run.policy, run.seed)
    return run


def _begin(world: World, mandate: Mandate) -> None:
    """Keep the world that this worker plays in and how its shops are run, and end it with whoever started it."""
    global _given
    _given = world, mandate
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End this process once its parent has: a parent that is killed tells its workers nothing, and they would stay."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _job(name: str, seed: int, days: int) -> Run:
    """Run one job in a worker."""
    assert _given is not None  # noqa: S101 - the initializer has run
    world, mandate = _given
    return play(world, name, seed, days, mandate=mandate)
