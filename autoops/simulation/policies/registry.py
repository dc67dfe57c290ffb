"""Every policy by its name, and how one is run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoops.agents.mandate import USUAL, Mandate
from autoops.agents.tracing import NoTracing
from autoops.simulation.days import run_days
from autoops.simulation.policies import oracle
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.simulation.policies.ceiling import CeilingPolicy
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.rolling import RollingPolicy
from autoops.simulation.policies.rolling_calendar import RollingCalendarPolicy
from autoops.simulation.policies.static import StaticPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.agents.tracing import Tracing
    from autoops.simulation.days import Evening, Run
    from autoops.simulation.policies.policy import Policy
    from autoops.simulation.world import World

YARDSTICKS = ("agents", "rolling_calendar", "rolling", "static", "ceiling", "oracle")
"""The agents and what they are measured by."""

PARTS = tuple(name for name in CREWS if name != "agents")
"""The agents but for a part, which tell what the part is worth."""

POLICIES = (*YARDSTICKS, *PARTS)
"""Names that `--policy` takes, besides `all`, which is all of them."""

DEFAULT = ("agents", "rolling_calendar", "static")
"""What runs unless something else is asked for."""

ALL_KNOWING = frozenset({"ceiling", "oracle"})
"""Policies that are told the truth; the others see what a shop sees."""

_PLAIN = {policy.name: policy for policy in (StaticPolicy, RollingPolicy, RollingCalendarPolicy)}


def make(
    world: World,
    name: str,
    seed: int,
    tracing: Tracing | None = None,
    session_id: str | None = None,
    mandate: Mandate = USUAL,
) -> Policy:
    """Return a fresh instance of a policy for a seed; the oracle is none that acts day by day.

    Args:
        world: Where it will decide.
        name: Of the policy.
        seed: Of the run; only policies that are told the truth look at it.
        tracing: Where agents record what they do; None records nothing.
        session_id: Of the traces.
        mandate: How agents are to weigh, and what they only propose.
    """
    if name in _PLAIN:
        return _PLAIN[name](world.shop, world.history)
    if name == CeilingPolicy.name:
        return CeilingPolicy(world, seed)
    if name in CREWS:
        tags = ("simulation", f"policy:{name}", f"seed:{seed}")
        return AgentsPolicy(
            world.shop,
            world.history,
            tracing or NoTracing(),
            crew=CREWS[name],
            mandate=mandate,
            session_id=session_id,
            tags=tags,
        )
    raise ValueError(f"no policy of the name {name}")


def play(
    world: World,
    name: str,
    seed: int,
    days: int,
    watch: Callable[[Evening], None] | None = None,
    *,
    tracing: Tracing | None = None,
    session_id: str | None = None,
    mandate: Mandate = USUAL,
) -> Run:
    """Run a policy on a seed; `watch` is called each evening."""
    if name == oracle.NAME:
        return oracle.run_oracle(world, seed, days, watch)
    policy = make(world, name, seed, tracing, session_id, mandate)
    run = run_days(world, policy, seed, days, watch)
    if not isinstance(policy, AgentsPolicy):
        return run
    orchestrator = policy.orchestrator
    return replace(
        run,
        calibration=policy.close(),
        intervals=orchestrator.intervals.coverage,
        failures=orchestrator.failures.total(),
    )
