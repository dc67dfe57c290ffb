"""What decisions are worth on weeks 40-52, which tuned nothing: the only program that plays them.

    uv run python benchmarks/decisions.py              # appends to docs/held-out-log.md
    uv run python benchmarks/decisions.py --rehearse   # weeks 27-39, two seeds, writes nothing

Every look at the held-out weeks is a temptation: each run is logged with its date, its commit and its figures,
whether they please or not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from autoops.simulation.panel import HELD_OUT, LAST_WEEK, Split
from autoops.simulation.policies.registry import YARDSTICKS
from autoops.simulation.report import COVERAGE
from autoops.simulation.run import Options, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.simulation.report import Estimate, Report

ROOT = Path(__file__).parents[1]
LOG = ROOT / "docs" / "held-out-log.md"
CACHE = ROOT / ".autoops" / "cache"

DECIDING = ("autoops/simulation", "autoops/agents", "autoops/retail", "benchmarks/decisions.py")
"""What figures depend on."""

SEEDS = tuple(range(1, 21))
"""Of the main setting."""
FEWER_SEEDS = tuple(range(1, 11))
"""Of the others."""

HEAD = """# Held-out log

Every run of `benchmarks/decisions.py`, the only program that plays weeks 40-52, in the order in which they were made.
Nothing is tuned on these weeks, product ranks 201-400 or the worlds beside `base`.
"""

COLUMNS = "| policy | objective, $ | profit, $ | fill | waste | stock-outs | on display | labels | breaches | index |"
RULE = "|---|---|---|---|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Setting:
    """One thing to play.

    Attributes:
        name: As it stands in the log.
        world: Of `autoops.simulation.variants`.
        first_rank: Rank of the first of 200 products.
        seeds: Random numbers.
    """

    name: str
    world: str = "base"
    first_rank: int = 1
    seeds: tuple[int, ...] = FEWER_SEEDS


SETTINGS = (
    Setting("base, ranks 1-200", seeds=SEEDS),
    Setting("base, ranks 201-400", first_rank=201),
    *(
        Setting(f"{world}, ranks 1-200", world)
        for world in ("misspecified", "split", "substitution", "capacity")
    ),
)


def play(setting: Setting, split: Split) -> Report:
    """The agents and their yardsticks in one setting, on all cores."""
    options = Options(
        seeds=setting.seeds,
        policies=YARDSTICKS,
        split=split,
        first_rank=setting.first_rank,
        world=setting.world,
    )
    return simulate(options, cache=CACHE, workers=os.cpu_count() or 1)


def section(setting: Setting, report: Report) -> str:
    """A setting's figures as Markdown."""
    lines = [
        f"### {setting.name}: weeks {report.weeks[0]}-{report.weeks[1]}, {len(report.seeds)} seeds",
        "",
        f"{report.headline}. Fingerprint `{report.fingerprint}`, {report.seconds:.0f} s.",
        "",
        COLUMNS,
        RULE,
        *(_row(report, policy) for policy in report.policies),
        "",
    ]
    lines += [
        f"- {item.better} over {item.than}: {_share(item.relative)}, worst seed ${item.worst_seed:,.0f}"
        for item in report.comparisons()
    ]
    for name, gap in report.gap_shares().items():
        ends = (
            ""
            if gap.over_seeds is None
            else f" ({gap.over_seeds[0]:.3f} to {gap.over_seeds[1]:.3f} over seeds"
        )
        ends += (
            ""
            if gap.over_products is None
            else f", {gap.over_products[0]:.3f} to {gap.over_products[1]:.3f} over products"
        )
        lines.append(f"- gap share of {name}: {gap.mean:.3f}{ends + ')' if ends else ''}")
    lines += [
        f"- oracle at least every policy on every seed: {'yes' if report.oracle_dominates else 'NO'}",
        f"- one-week WAPE, product x week, real sales: {report.wape:.3f}",
        *_calibration(report),
        "",
        COVERAGE,
        "A cluster is one stock location: pooled stock flatters every policy.",
        "",
    ]
    return "\n".join(lines)


def _row(report: Report, policy: str) -> str:
    """A policy's line of the table."""
    money = [_money(report.estimate(policy, figure)) for figure in ("objective", "profit")]
    rates = [
        f"{report.estimate(policy, figure).mean:.1%}"
        for figure in ("fill_rate", "waste_rate", "stockout_rate", "promo_stockout_rate")
    ]
    counts = [
        f"{report.estimate(policy, figure).mean:,.0f}" for figure in ("price_changes", "guardrail_breaches")
    ]
    index = f"{report.estimate(policy, 'price_index').mean:.4f}"
    return f"| {' | '.join([policy, *money, *rates, *counts, index])} |"


def _calibration(report: Report) -> list[str]:
    """What the orchestrated agents' words were worth: Brier scores, and what was stated against what came."""
    return [
        f"- claims of {agent}: {found['judged']:,} judged, {found['borne_out']:.1%} borne out, Brier "
        f"{found['brier']:.3f} ({found['model_brier']:.3f} before recalibration); stated > came (count): "
        + ", ".join(
            f"{row['stated']:.2f} > {row['borne_out']:.2f} ({row['count']:,})" for row in found["reliability"]
        )
        for agent, found in report.calibration().get("agents", {}).items()
        if found["judged"]
    ]


def _money(estimate: Estimate) -> str:
    """Dollars with half the width of their interval."""
    half = "" if estimate.ci95 is None else f" ± {estimate.ci95[1] - estimate.mean:,.0f}"
    return f"{estimate.mean:,.0f}{half}"


def _share(estimate: Estimate) -> str:
    """A share with its interval, in per cent."""
    ends = "" if estimate.ci95 is None else f" ({estimate.ci95[0]:+.1%} to {estimate.ci95[1]:+.1%})"
    return f"{estimate.mean:+.1%}{ends}"


def commit() -> str:
    """The commit that runs, and whether anything is changed on top of it."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *DECIDING)
    return f"{name} with uncommitted changes" if changed else name


def _git(*arguments: str) -> str:
    """What git says."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip()


def append(log: Path, parts: Sequence[str]) -> None:
    """Leave a run's sections in the log, under its date and commit, after those before it."""
    title = f"## {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}\n"
    before = log.read_text(encoding="utf-8") if log.exists() else HEAD
    log.write_text("\n".join([before.rstrip(), "", title, *parts]).rstrip() + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Play, print, log."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rehearse", action="store_true", help="weeks 27-39, two seeds; nothing is logged")
    rehearse = parser.parse_args(arguments).rehearse
    began = time.perf_counter()
    parts = []
    for setting in SETTINGS:
        chosen = replace(setting, seeds=setting.seeds[:2]) if rehearse else setting
        split = Split.of(27, 39) if rehearse else Split.of(HELD_OUT, LAST_WEEK)
        parts.append(section(chosen, play(chosen, split)))
        sys.stdout.write(parts[-1] + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"{time.perf_counter() - began:.0f} s\n")
    if rehearse:
        return
    append(LOG, parts)


if __name__ == "__main__":
    main()
