"""Draws the plots of `docs/decisions.md`: SVG on white, in colours that the colour-blind tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from decisions_bars import LEAK

from autoops.simulation.policies.crews import CREWS
from autoops.simulation.policies.registry import ALL_KNOWING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from decisions_evidence import Evidence
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from autoops.simulation.report import Estimate

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
"""Of Okabe and Ito, "Color Universal Design" (2008), and a grey."""

STYLE: Any = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    # Text stays text: small files, the reader's own font.
    "svg.fonttype": "none",
    # The same figures draw the same file.
    "svg.hashsalt": "decisions",
}


def draw(evidence: Evidence, folder: Path) -> list[Path]:
    """Draw every plot into the folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = {
        "objective": _objective,
        "gap-share": _gap_share,
        "parts": _parts,
        "calibration": _calibration,
        "wape": _wape,
    }
    files = []
    with plt.rc_context(STYLE):
        for name, plot in plots.items():
            figure = plot(evidence)
            files.append(folder / f"decisions-{name}.svg")
            figure.savefig(files[-1], bbox_inches="tight", metadata={"Date": None})
            plt.close(figure)
    return files


def _weeks(evidence: Evidence) -> str:
    first, last = evidence.main.weeks
    return f"weeks {first}-{last} of 2017, {len(evidence.main.seeds)} seeds"


def _rows(height: float) -> tuple[Figure, Axes]:
    """A plot with a line for each of several things."""
    figure, axes = plt.subplots(figsize=(8.0, height))
    axes.grid(visible=False, axis="y")
    return figure, axes


def _dot(axes: Axes, at: float, estimate: Estimate, colour: str, unit: float) -> None:
    """A mean with its interval, in `unit`s."""
    axes.plot(estimate.mean / unit, at, "o", color=colour, markersize=6)
    if estimate.ci95 is not None:
        low, high = estimate.ci95
        axes.plot([low / unit, high / unit], [at, at], color=colour, linewidth=2)


def _objective(evidence: Evidence) -> Figure:
    """Every policy's objective, the best on top."""
    report = evidence.main
    order = sorted(report.policies, key=lambda policy: report.estimate(policy, "objective").mean)
    figure, axes = _rows(1.2 + 0.32 * len(order))
    for at, policy in enumerate(order):
        colour = GREEN if policy in ALL_KNOWING else BLUE if policy in CREWS else ORANGE
        _dot(axes, at, report.estimate(policy, "objective"), colour, 1000.0)
    axes.set_yticks(range(len(order)), order)
    axes.set_xlabel("objective, thousand dollars (mean over seeds, 95 % interval)")
    axes.set_title(f"Objective by policy, {_weeks(evidence)}")
    for colour, label in ((BLUE, "agents"), (ORANGE, "yardsticks"), (GREEN, "told the truth")):
        axes.plot([], [], "o", color=colour, label=label)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _gap_share(evidence: Evidence) -> Figure:
    """How far the agents get in each setting."""
    found = [(name, report.gap_shares().get("agents")) for name, report in evidence.reports.items()]
    settings = [(name, gap) for name, gap in reversed(found) if gap is not None]
    figure, axes = _rows(1.2 + 0.42 * len(settings))
    for at, (_, gap) in enumerate(settings):
        if gap.over_products is not None:
            axes.plot(gap.over_products, [at, at], color=GREY, linewidth=1.5)
        if gap.over_seeds is not None:
            axes.plot(gap.over_seeds, [at, at], color=BLUE, linewidth=5)
        axes.plot(gap.mean, at, "o", color="white", markeredgecolor=BLUE, markersize=7)
    axes.plot([], [], color=BLUE, linewidth=5, label="95 % over seeds")
    axes.plot([], [], color=GREY, linewidth=1.5, label="95 % over products")
    axes.legend(loc="lower left", frameon=False)
    axes.set_xlim(min(0.0, *axes.get_xlim()), max(1.0, *axes.get_xlim()))
    axes.set_yticks(range(len(settings)), [name for name, _ in settings])
    axes.set_xlabel("share of the way from static (0) to ceiling (1)")
    axes.set_title(
        f"Gap share of the agents by setting, weeks {evidence.main.weeks[0]}-{evidence.main.weeks[1]}"
    )
    return figure


def _parts(evidence: Evidence) -> Figure:
    """What the objective loses without each part."""
    found = [item for part in CREWS if part != "agents" and (item := evidence.compared("agents", part))]
    found.sort(key=lambda item: item.relative.mean)
    figure, axes = _rows(1.2 + 0.36 * len(found))
    axes.axvline(0.0, color="black", linewidth=1)
    for at, item in enumerate(found):
        sure = item.relative.ci95 is not None and item.relative.ci95[0] > 0.0
        _dot(axes, at, item.relative, BLUE if sure else ORANGE, 0.01)
    for colour, label in ((BLUE, "interval above 0"), (ORANGE, "not above 0")):
        axes.plot([], [], "o", color=colour, label=label)
    axes.legend(loc="lower right", frameon=False)
    axes.set_yticks(range(len(found)), [item.than for item in found])
    axes.set_xlabel("objective of agents over the policy, % (paired by seed, 95 % interval)")
    axes.set_title(f"What each part of the agents is worth, {_weeks(evidence)}")
    return figure


def _calibration(evidence: Evidence) -> Figure:
    """Stated probabilities against what came true, a panel an agent."""
    found = evidence.main.calibration().get("agents", {})
    agents = [(agent, one) for agent, one in found.items() if one["judged"]]
    figure, panels = plt.subplots(
        1, max(len(agents), 1), figsize=(9.5, 3.9), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, (agent, one) in zip(panels[0], agents, strict=False):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        _reliability(axes, one["model_reliability"], GREY, "s", "agent's own model")
        _reliability(axes, one["reliability"], BLUE, "o", "as stated")
        for row in one["reliability"]:
            # On the side of the dot that looks away from the diagonal, inside the panel.
            above = row["stated"] < row["borne_out"] < 0.95
            axes.annotate(
                f"{row['count']:,}",
                (row["stated"], row["borne_out"]),
                xytext=(0, 7 if above else -13),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability stated", aspect="equal")
        axes.set_title(
            f"{agent}\nBrier {one['brier']:.3f}, model {one['model_brier']:.3f}", fontsize=10, loc="left"
        )
    panels[0][0].set_ylabel("share that came true")
    panels[0][0].legend(loc="lower right", frameon=False, fontsize=8)
    figure.suptitle(f"Are claims as likely as stated? Numbers are claims; {_weeks(evidence)}", fontsize=11)
    return figure


def _reliability(axes: Axes, rows: Sequence[dict[str, float]], colour: str, marker: str, label: str) -> None:
    """One reliability curve; a mark is as large as the claims behind it are many."""
    stated, came, count = ([row[key] for row in rows] for key in ("stated", "borne_out", "count"))
    largest = max(count, default=1.0)
    axes.plot(stated, came, color=colour, linewidth=1)
    area = [8.0 + 80.0 * each / largest for each in count]
    axes.scatter(
        stated, came, s=area, marker=marker, color=colour, alpha=0.8, label=label, clip_on=False, zorder=3
    )


def _wape(evidence: Evidence) -> Figure:
    """Error by horizon."""
    figure, axes = plt.subplots(figsize=(7.0, 3.4))
    ahead = list(evidence.wape)
    axes.plot(
        ahead,
        [100 * evidence.wape[each] for each in ahead],
        "o-",
        color=BLUE,
        label="the agents' demand model",
    )
    axes.plot(
        ahead,
        [100 * evidence.repeated[each] for each in ahead],
        "s--",
        color=ORANGE,
        label="the last week known, repeated",
    )
    axes.axhline(100 * LEAK, color=GREY, linewidth=1, linestyle=":", label="under this a leak is presumed")
    axes.set_ylim(bottom=0)
    axes.set_xticks(ahead)
    axes.set(xlabel="weeks ahead", ylabel="WAPE, % of units sold")
    axes.set_title(
        f"Error of forecasts of real sales, product by week, weeks {evidence.main.weeks[0]}-{evidence.main.weeks[1]}"
    )
    axes.legend(frameon=False, loc="lower right")
    return figure
