"""What decisions are worth on weeks 40-52, which tuned nothing: the only program that plays them.

    uv run python benchmarks/decisions.py              # appends to docs/held-out-log.md, makes docs/decisions.md
    uv run python benchmarks/decisions.py --again      # makes the page again of what the last run kept, plays nothing
    uv run python benchmarks/decisions.py --rehearse   # weeks 27-39, two seeds, few policies; writes nothing into docs

Every look at the held-out weeks is a temptation: each run is logged with its date, its commit and its figures,
whether they please or not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from decisions_evidence import Evidence, kept, wapes
from decisions_text import change, dollars

from autoops.simulation.panel import HELD_OUT, LAST_WEEK, Split
from autoops.simulation.policies.registry import POLICIES
from autoops.simulation.report import COVERAGE
from autoops.simulation.run import Options, panel_of, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.simulation.report import Report

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LOG = DOCS / "held-out-log.md"
CACHE = ROOT / ".autoops" / "cache"
KEPT = ROOT / ".autoops" / "decisions.pickle"
"""What the last run found, for `--again`."""

DECIDING = ("autoops/simulation", "autoops/agents", "autoops/retail", "benchmarks/decisions.py")
"""What figures depend on."""

SEEDS = tuple(range(1, 21))
"""Of the main setting."""
FEWER_SEEDS = tuple(range(1, 11))
"""Of the others."""

FEWER_POLICIES = ("agents", "rolling_calendar", "static", "ceiling")
"""Of the others: what gap shares and gains are made of."""
REHEARSED = ("agents", "rolling_calendar", "static", "ceiling", "independent_informed", "no_pricing")
"""Of the main setting in a rehearsal: the yardsticks and two of the parts."""

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
        policies: Who plays.
    """

    name: str
    world: str = "base"
    first_rank: int = 1
    seeds: tuple[int, ...] = FEWER_SEEDS
    policies: tuple[str, ...] = FEWER_POLICIES

    def options(self, split: Split) -> Options:
        """What is simulated on the weeks of a split."""
        return Options(
            seeds=self.seeds,
            policies=self.policies,
            split=split,
            first_rank=self.first_rank,
            world=self.world,
        )


SETTINGS = (
    Setting("base, ranks 1-200", seeds=SEEDS, policies=POLICIES),
    Setting("base, ranks 201-400", first_rank=201),
    *(
        Setting(f"{world}, ranks 1-200", world)
        for world in ("misspecified", "split", "substitution", "capacity")
    ),
)


def play(setting: Setting, split: Split) -> Report:
    """A setting's policies and seeds, on all cores."""
    return simulate(setting.options(split), cache=CACHE, workers=os.cpu_count() or 1)


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
        f"- {item.better} over {item.than}: {change(item.relative)}, worst seed ${item.worst_seed:,.0f}"
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
    if report.oracle_dominates is not None:
        lines.append(
            f"- oracle at least every policy on every seed: {'yes' if report.oracle_dominates else 'NO'}"
        )
    lines += [
        f"- one-week WAPE, product x week, real sales: {report.wape:.3f}",
        *_calibration(report),
        *_intervals(report),
        "",
        COVERAGE,
        "A cluster is one stock location: pooled stock flatters every policy.",
        "",
    ]
    return "\n".join(lines)


def _row(report: Report, policy: str) -> str:
    """A policy's line of the table."""
    money = [dollars(report.estimate(policy, figure)) for figure in ("objective", "profit")]
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


def _intervals(report: Report) -> list[str]:
    """How often a day's demand fell into the orchestrated agents' intervals."""
    return [
        f"- demand inside the {level:.0%} interval of its morning: {found.share.mean:.1%} of {found.seen:,} that could tell"
        for level, found in report.predictive_intervals().get("agents", {}).items()
    ]


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


def publish(evidence: Evidence, folder: Path) -> Path:
    """Make the page and its plots in a folder and return the page."""
    # Drawing is slow to import, and workers that only play import this file too.
    from decisions_page import page
    from decisions_plots import draw
    from decisions_text import IMAGES

    draw(evidence, folder / IMAGES)
    path = folder / "decisions.md"
    path.write_text(page(evidence), encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Play, print, log, publish."""
    asked = _asked(arguments)
    if asked.again:
        sys.stdout.write(f"{publish(kept(KEPT), DOCS)}\n")
        return
    began, rehearse = time.perf_counter(), asked.rehearse
    settings = SETTINGS
    if rehearse:
        settings = tuple(
            replace(
                setting,
                seeds=setting.seeds[:2],
                policies=REHEARSED if setting.policies == POLICIES and not asked.all else setting.policies,
            )
            for setting in SETTINGS
        )
    split = Split.of(27, 39) if rehearse else Split.of(HELD_OUT, LAST_WEEK)
    told = [option for option in ("rehearse", "all") if getattr(asked, option)]
    command = " ".join(["uv run python benchmarks/decisions.py", *(f"--{option}" for option in told)])
    evidence = gather(settings, split, None if rehearse else LOG, command)
    if not rehearse:
        evidence.keep(KEPT)
    folder = DOCS if not rehearse else asked.into or Path(tempfile.mkdtemp(prefix="decisions-"))
    sys.stdout.write(f"{publish(evidence, folder)}, {time.perf_counter() - began:.0f} s\n")


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is to be done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rehearse", action="store_true", help="weeks 27-39, two seeds; nothing is logged")
    parser.add_argument("--all", action="store_true", help="rehearse with every policy")
    parser.add_argument("--into", type=Path, help="folder of a rehearsal's page; a temporary one by default")
    parser.add_argument(
        "--again", action="store_true", help="make the page of the last run again, play nothing"
    )
    asked = parser.parse_args(arguments)
    if asked.again and asked.rehearse:
        parser.error("--again makes the page of the last run on held-out weeks; a rehearsal keeps nothing")
    if (asked.into or asked.all) and not asked.rehearse:
        parser.error("--into and --all go with --rehearse")
    if asked.into and DOCS in (asked.into.resolve(), *asked.into.resolve().parents):
        parser.error("--into: a rehearsal's figures have no place in docs")
    return asked


def gather(settings: Sequence[Setting], split: Split, log: Path | None, command: str) -> Evidence:
    """Play the settings one after the other; what was played is logged, even if something fails on the way."""
    reports, parts = {}, []
    try:
        for setting in settings:
            reports[setting.name] = play(setting, split)
            parts.append(section(setting, reports[setting.name]))
            sys.stdout.write(parts[-1] + "\n")
            sys.stdout.flush()
    finally:
        if log is not None and parts:
            append(log, parts)
    ours, repeated = wapes(panel_of(settings[0].options(split), CACHE))
    return Evidence(
        reports=reports,
        wape=ours,
        repeated=repeated,
        when=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit(),
        command=command,
    )


if __name__ == "__main__":
    main()
