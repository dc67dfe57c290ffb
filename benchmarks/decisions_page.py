"""Makes `docs/decisions.md` of what `decisions.py` found: every figure in it is one of the run's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decisions_bars import ABSENT, LEAK, MISSED, REPORTED, bars, displayed_over_plan
from decisions_text import change, dollars, heading, item, plot, prose, span, table
from decisions_trust import calibration, intervals, wape

from autoops.agents.promotion import PromotionTuning
from autoops.simulation.assumptions import MARGINS, Assumptions
from autoops.simulation.policies.crews import CREWS
from autoops.simulation.report import COVERAGE, INTERVALS
from autoops.simulation.variants import WORLDS

if TYPE_CHECKING:
    from decisions_evidence import Evidence

    from autoops.simulation.report import Comparison, Report

YARDSTICKS = {
    "rolling_calendar": "what a good replenishment system already does: it knows the calendar of promotions. Gains are quoted against it",
    "rolling": "the same without the calendar",
    "static": "textbook reorder levels from past weeks",
    "ceiling": "all freedoms of the agents with the true expected demand of every day",
    "oracle": "knows every customer and every delivery to come",
}
"""What the policies are that decide without agents."""

COLUMNS = (
    "policy",
    "objective, $",
    "profit, $",
    "fill",
    "waste",
    "stock-outs",
    "... on display",
    "displayed, of plan",
    "labels",
    "breaches",
    "price index",
)
"""Of the table of policies."""


def page(evidence: Evidence) -> str:
    """The whole page as Markdown."""
    parts = (
        _head(evidence),
        _bars(evidence),
        _policies(evidence.main),
        _gaps(evidence),
        _parts(evidence),
        calibration(evidence.main),
        intervals(evidence.main),
        wape(evidence),
        _limits(evidence),
        _time(evidence),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _head(evidence: Evidence) -> list[str]:
    """What was played, when and by what."""
    report = evidence.main
    first, last = report.weeks
    return [
        "# What decisions are worth",
        "",
        *prose(
            f"Made by `{evidence.command}` on {evidence.when}, commit `{evidence.commit}`. No figure on this page was typed",
            "in: to change one, change the program and play again.",
        ),
        *prose(
            f"Three agents and their orchestrator (the policy `agents`) ran shops through weeks {first}-{last} of 2017,",
            f"beside other ways to run the same shops on the same random numbers: {report.products} products in",
            f"{report.clusters} store clusters for {report.days} days, {len(report.seeds)} seeds. Shops had learnt from the",
            f"weeks up to {first - 1}. {report.headline}.",
            "How shops and policies work: [simulation.md](simulation.md). Every look at the held-out weeks:",
            "[held-out-log.md](held-out-log.md).",
        ),
        *prose(
            "**Objective** is profit less one further margin for each sale that was lost; policies are compared by it.",
            INTERVALS,
        ),
    ]


def _bars(evidence: Evidence) -> list[str]:
    """The bars, and how many are met."""
    found = bars(evidence)
    judged = [bar.verdict for bar in found if bar.verdict not in {REPORTED, ABSENT}]
    missed = judged.count(MISSED)
    text = [
        *heading("The bars"),
        *prose(
            "*Must* is what was demanded of the agents, *aim* what was hoped for.",
            f"Of {len(judged)} bars that could be judged, {len(judged) - missed} are met and {missed} missed.",
            "Brackets hold 95 % intervals. *Lower end*: what is judged is the end of the interval that favours the agents",
            "least, so that the luck of the seeds can hardly explain a bar that is met. The policies are described below.",
        ),
        *table(("bar", "must", "aim", "measured", "verdict"), [bar.cells for bar in found]),
    ]
    if evidence.wape[1] < LEAK:
        text += prose(f"An error a week ahead under {LEAK:g} is presumed to be a leak until it is explained.")
    return text


def _policies(report: Report) -> list[str]:
    """Every policy's figures."""
    against = [each for each in report.comparisons() if each.better == "agents" and each.than in YARDSTICKS]
    return [
        *heading("Objective by policy"),
        *plot("objective", "Objective of every policy with 95 % intervals"),
        *table(COLUMNS, [_policy(report, policy) for policy in report.policies]),
        *prose(
            "Means over seeds. Fill is units sold of units wanted, waste units expired of units supplied; stock-outs are the",
            "share of products, clusters and days on which demand exceeded stock. Labels are shelf labels changed; breaches",
            "what left the guard rails; the price index is prices over plan at fixed weights (1 is the plan).",
        ),
        *(
            item(
                f"`agents` against `{each.than}`: {change(each.relative)} of its objective; in the seed that favours them",
                f"least {each.worst_seed:+,.0f} dollars.",
            )
            for each in against
        ),
        "",
        *(item(f"`{name}`: {text}.") for name, text in YARDSTICKS.items() if name in report.policies),
        "",
    ]


def _policy(report: Report, policy: str) -> tuple[str, ...]:
    """A policy's row."""
    shown = displayed_over_plan(report, policy)
    return (
        f"`{policy}`",
        *(dollars(report.estimate(policy, figure)) for figure in ("objective", "profit")),
        *(
            f"{report.estimate(policy, figure).mean:.1%}"
            for figure in ("fill_rate", "waste_rate", "stockout_rate", "promo_stockout_rate")
        ),
        "-" if shown is None else f"{shown.mean:.1%}",
        *(
            f"{report.estimate(policy, figure).mean:,.1f}"
            for figure in ("price_changes", "guardrail_breaches")
        ),
        f"{report.estimate(policy, 'price_index').mean:.4f}",
    )


def _gaps(evidence: Evidence) -> list[str]:
    """How far the agents get in each setting."""
    rows = []
    for name, report in evidence.reports.items():
        gap = report.gap_shares().get("agents")
        gains = [i for i in report.comparisons() if (i.better, i.than) == ("agents", "rolling_calendar")]
        if gap is not None:
            rows.append(
                (
                    name,
                    f"{len(report.seeds)}",
                    f"{gap.mean:.3f}",
                    span(gap.over_seeds),
                    span(gap.over_products),
                    change(gains[0].relative) if gains else "-",
                    f"{sum(report.values('agents', 'guardrail_breaches')):,.0f}",
                )
            )
    columns = (
        "setting",
        "seeds",
        "gap share",
        "over seeds",
        "over products",
        "over `rolling_calendar`",
        "breaches",
    )
    worlds = {report.world for report in evidence.reports.values()}
    return [
        *heading("Gap share by setting"),
        *prose(
            "0 is `static`, 1 is `ceiling`: the share of what is possible that the agents reach. Where intervals over products",
            "are wider than those over seeds, it matters more which products a shop sells than what luck it has.",
        ),
        *plot("gap-share", "Gap share of the agents by setting"),
        *table(columns, rows),
        *(item(f"`{name}`: {world.meaning}.") for name, world in WORLDS.items() if name in worlds),
        "",
    ]


def _parts(evidence: Evidence) -> list[str]:
    """What each part of the agents is worth."""
    found = [
        each for part in CREWS if part != "agents" and (each := evidence.compared("agents", part)) is not None
    ]
    rows = [
        (
            f"`{each.than}`",
            CREWS[each.than].meaning,
            change(each.relative),
            f"{each.difference.mean:+,.0f}",
            f"{each.worst_seed:+,.0f}",
            _worth(each),
        )
        for each in found
    ]
    return [
        *heading("What each part is worth"),
        *prose(
            "`agents` against the same agents with something missing, seed by seed: what the objective loses without it."
        ),
        *plot("parts", "What the objective loses without each part of the agents"),
        *table(
            ("policy", "what it is", "`agents` are better by", "$", "worst seed, $", "the difference is"),
            rows,
        ),
        *_orchestrator(evidence.compared("agents", "independent_informed")),
    ]


def _worth(found: Comparison) -> str:
    """What an interval says, in a word."""
    if found.relative.ci95 is None:
        return "not measured"
    low, high = found.relative.ci95
    return "for `agents`" if low > 0.0 else "**against `agents`**" if high < 0.0 else "not measurable"


def _orchestrator(found: Comparison | None) -> list[str]:
    """Whether settling conflicts brings anything beyond knowing what the others do."""
    if found is None or found.relative.ci95 is None:
        return prose("What the orchestrator adds was not measured.")
    low, high = found.relative.ci95
    measured = f"`agents` against `independent_informed` is {change(found.relative)} of the objective."
    if low > 0.0:
        return prose(
            "**The orchestrator's rules add to agents who already see what the others have committed**:",
            measured,
        )
    if high < 0.0:
        return prose(
            "**The orchestrator's rules cost more than they bring once agents see what the others have committed**:",
            measured,
        )
    return prose(
        "**The orchestrator adds nothing measurable to the objective once agents see what the others have committed**:",
        measured,
        "What it leaves is the record: each conflict, the rule that settled it, and why.",
    )


def _limits(evidence: Evidence) -> list[str]:
    """What the figures do not say."""
    assumed, report = Assumptions(), evidence.main
    low, high = assumed.display_causal
    margins = sorted(MARGINS.values())
    return [
        *heading("What these figures do not say"),
        item(COVERAGE, "Intervals over products, where given, tell of other products of the same kind."),
        item(
            f"One retailer, {report.days} days, one season. Customers are simulated: sales, prices, displays and mailers are",
            "real, answers to other prices and displays are fitted to them and partly assumed.",
        ),
        item(
            f"A cluster is one stock location: {report.clusters} of them pool the stock of many stores, which flatters every",
            "policy's fill.",
        ),
        item(
            f"Margins ({margins[0]:.0%} to {margins[-1]:.0%} by department), the price of an order line",
            f"(${assumed.order_line_cost:g}), holding ({assumed.holding_rate:.1%} of cost a night), labels",
            f"(${assumed.label_cost:g}), lead times and shelf lives are assumed; so is what happens: spikes, competitors' cuts,",
            "late suppliers.",
        ),
        item(
            f"Vendors pay {assumed.vendor_funding:.0%} of planned discounts on what is sold, wherever in its rail the price",
            "stands: a promoted price that is raised keeps all of it. Gains from prices and displays lean on that, and on the",
            f"assumption that {low:.0%} to {high:.0%} of a display's fitted lift is caused by it.",
        ),
        item(
            "The price index holds at fixed weights, those of past revenue. What sells more than its weight in a week is dear,",
            "what sells less makes the room: the basket that is bought costs more than planned, under the ceiling's prices too.",
        ),
        item(
            "Moving a display costs nothing in the world, and a day's moves are done by opening time. The promotion agent",
            f"asks all the same that a move for a day brings ${PromotionTuning().move:g}, for the work.",
        ),
        item(
            "In `base`, truth and models share their log-linear form; `misspecified` and `split` tell what that is worth."
        ),
        item(
            "The claims that are judged are the agents' own: who claims what is easy looks well calibrated. The counts tell",
            "where their probabilities lie.",
        ),
        "",
    ]


def _time(evidence: Evidence) -> list[str]:
    """Where the time goes."""
    rows = [
        (
            name,
            f"{len(report.policies)}",
            f"{len(report.seeds)}",
            f"{report.seconds:.0f}",
            f"`{report.fingerprint}`",
        )
        for name, report in evidence.reports.items()
    ]
    total = sum(report.seconds for report in evidence.reports.values())
    return [
        *heading("How long it took"),
        *prose(f"{total:.0f} s in all, on all cores of one machine."),
        *table(("setting", "policies", "seeds", "seconds", "world's fingerprint"), rows),
    ]
