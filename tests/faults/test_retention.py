"""Retention in real processes: beside writers, killed half-way, with a server that is away, by hand."""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
from typing import TYPE_CHECKING

import pytest
from children import running_python
from desk import KEYS, Desk
from loopback import unused_url
from patience import eventually
from typer.testing import CliRunner

from autoops.cli import app
from autoops.tracing.journal import figures, outbox, prune, reader, retention, schema
from autoops.tracing.journal.opening import is_sound
from autoops.tracing.journal.retention import DAY_S, Limits
from autoops.tracing.journal.store import Store

if TYPE_CHECKING:
    from pathlib import Path

HOLD_LIMIT_S = 0.05
"""Longest that a slice may hold writers up."""

SPANS = 5
"""Spans of each old trace."""

SERVE = """
import json
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
with service.trace_operation("live"):
    pass
service.flush(0.5)
print(json.dumps("ready"), flush=True)
input()
service.shutdown(0.2)
"""
"""A service that records one event and then waits to be told to end."""

WRITE = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
payload = "x" * 20_000
for number in range(int(sys.argv[1])):
    with service.trace_operation(f"live {number}", input_data={"text": payload}):
        pass
    if not number % 50:
        service.flush(0.2)
service.flush(0.5)
print(json.dumps(service.health_check()), flush=True)
input()
service.shutdown(0.2)
"""
"""A service that records many large events and waits."""

PRUNE = """
import json, sys
from pathlib import Path
from autoops.tracing.journal import prune, retention, slices
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import open_at
slices.HOLD_S = 0.0  # slices of a few rows: there are many to be killed between
store = open_at(Location(Path(sys.argv[1])))
for number, _ in enumerate(retention.removal(store, retention.Limits(days=30), prune.Removed())):
    print(json.dumps(number), flush=True)
"""
"""A removal that tells of each slice."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


def fill(path: Path, traces: int, *, days_ago: float, config: dict[str, str] | None = None) -> None:
    """Record traces dated so long ago, and leave."""
    desk = Desk(path, **(config or {}))
    start = time.time_ns() - int(days_ago * DAY_S * 1e9)
    for number in range(traces):
        root = desk.provider.begin(f"old {number}", parent=None, start_ns=start, type="span", input=b'"x"')
        for _ in range(SPANS - 1):
            desk.provider.begin("step", parent=root, start_ns=start, type="span").end(start + 1000)
        root.end(start + 2000)
        if not number % 500:
            desk.commit()
    desk.commit()
    desk.store.checkpoint("TRUNCATE")
    desk.store.close()


def held(path: Path) -> figures.Figures:
    """The journal's figures, whose books must hold."""
    store = reader.open_journal(str(path))
    found = figures.read(store)
    store.close()
    assert found.ended == sum(
        (found.delivered, found.pending, found.local, found.sampled_out, found.rejected, found.pruned)
    )
    return found


def size(path: Path) -> int:
    """Bytes of the journal's files."""
    return sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))


def test_a_running_service_prunes_by_itself_and_gives_the_space_back(path: Path) -> None:
    """What is old goes within seconds of its start, its own spans stay, and the file shrinks, log and all."""
    fill(path, 2000, days_ago=31)
    before = size(path)

    with running_python(SERVE, env={"AUTOOPS_JOURNAL": str(path)}) as child:
        assert child.says() == "ready"
        eventually(lambda: held(path).pruned == 10_000, "the old traces to be pruned")
        eventually(lambda: held(path).bytes < before / 5, "the space to be given back")
        child.go_on()
        assert child.exit_code() == 0

    found = held(path)
    assert (found.traces, found.pruned_by) == (1, {"age": 10_000})
    assert size(path) < before / 5
    assert is_sound(path)


def test_slices_hold_writers_up_for_moments(path: Path) -> None:
    """Nine of ten slices stay under 50 ms, and whoever writes meanwhile loses nothing.

    Nine of ten, for a commit may meet a disk or a processor that others keep busy.
    """
    fill(path, 4000, days_ago=31)
    writer = Desk(path)
    done = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not done.wait(0.005):
            writer.span("live")
            writer.commit()
            written += 1

    # A connection of its own, as another process has.
    store = Store(writer.store.location)
    beside = threading.Thread(target=write)
    beside.start()
    try:
        removed = prune.Removed()
        pause = threading.Event()
        times = []
        for held_s in retention.removal(store, Limits(days=30), removed):
            pause.wait(held_s)
            times += [held_s] if held_s else []
    finally:
        done.set()
        beside.join()

    assert removed.spans == 20_000
    assert statistics.quantiles(times, n=10)[-1] <= HOLD_LIMIT_S
    found = held(path)
    assert (found.spans, found.pruned) == (written, 20_000)


def test_a_removal_that_is_killed_is_ended_by_the_next_process(path: Path) -> None:
    """The journal is sound after the kill, its books hold, and nothing is shown half."""
    fill(path, 300, days_ago=31)
    with running_python(PRUNE, str(path)) as child:
        while child.says() < 20:
            pass
        child.kill()
    assert is_sound(path)
    left = held(path)
    assert 0 < left.pruned < 1500
    store = reader.open_journal(str(path))
    shown = reader.list_traces(store, limit=1000).traces
    assert all(trace.spans == 5 == len(_spans(store, trace.trace_id)) for trace in shown)
    store.close()

    with running_python(SERVE, env={"AUTOOPS_JOURNAL": str(path)}) as child:
        assert child.says() == "ready"
        eventually(lambda: held(path).pruned == 1500, "the rest to be pruned")

    assert held(path).traces == 1


def _spans(store: Store, trace_id: str) -> tuple[reader.SpanRecord, ...]:
    trace = reader.get_trace(store, trace_id)
    assert trace is not None
    return trace.spans


def test_a_server_that_stays_away_fills_the_journal_to_its_limit_only(path: Path) -> None:
    """The oldest go then, undelivered as they are; that is counted, and told before and after."""
    environment = {
        "AUTOOPS_JOURNAL": str(path),
        "AUTOOPS_JOURNAL_MAX_MB": "3",
        "LANGFUSE_HOST": unused_url(),
        "LANGFUSE_PUBLIC_KEY": "pk-lf-x",
        "LANGFUSE_SECRET_KEY": "sk-lf-x",
        "LANGFUSE_MAX_RETRIES": "0",
    }
    with running_python(WRITE, "120", env=environment) as child:
        health = child.says()
        assert [alert["kind"] for alert in health["alerts"]].count("journal_size") == 1
        child.go_on()
        child.exit_code()
    assert held(path).lost == 0

    with running_python(WRITE, "100", env=environment) as child:
        child.says()
        eventually(lambda: held(path).lost > 0 and held(path).bytes <= 3_000_000, "room to be made")
        child.go_on()
        child.exit_code()

    found = held(path)
    assert found.lost == found.pruned == found.pruned_by["full"]
    assert found.spans + found.lost == found.ended == 220
    told = CliRunner().invoke(app, ["health", "--journal", str(path)], env=environment)
    assert told.exit_code == 1
    assert f"{found.lost} spans were removed undelivered" in told.stdout


class TestByHand:
    """`autoops traces prune`."""

    def run(self, path: Path, *options: str, env: dict[str, str] | None = None) -> dict[str, int]:
        """What it tells scripts."""
        result = CliRunner().invoke(
            app, ["traces", "prune", "--journal", str(path), "--json", *options], env=env
        )
        assert result.exit_code == 0, (result.output, result.exception)
        told: dict[str, int] = json.loads(result.stdout)
        return told

    def test_it_does_what_the_settings_say(self, path: Path) -> None:
        """Or the options; a dry run only tells."""
        fill(path, 20, days_ago=31)
        fill(path, 10, days_ago=10)
        fill(path, 5, days_ago=10, config=KEYS)

        told = self.run(path, "--dry-run", "--days", "7")
        assert (told["traces"], told["spans"], told["undelivered"]) == (30, 150, 0)
        assert held(path).traces == 35
        assert self.run(path)["traces"] == 20
        assert self.run(path, env={"AUTOOPS_RETENTION_DAYS": "0"})["traces"] == 0
        assert self.run(path, "--days", "7")["traces"] == 10
        assert held(path).pending == 25

    def test_it_tells_people(self, path: Path) -> None:
        """How much, and the size before and after; undelivered ones are named."""
        fill(path, 100, days_ago=1, config=KEYS)

        result = CliRunner().invoke(app, ["traces", "prune", "--journal", str(path), "--max-mb", "0.1"])

        found = held(path)
        assert found.lost > 0
        assert f"{found.lost} of them undelivered" in result.stdout
        assert "before" in result.stdout
        assert path.stat().st_size <= 100_000 or found.traces == 0

    def test_beside_a_running_service(self, path: Path) -> None:
        """The service goes on, its open trace stays, and the log is emptied by whoever cares for it."""
        environment = {"AUTOOPS_JOURNAL": str(path), "AUTOOPS_RETENTION_DAYS": "0"}
        fill(path, 500, days_ago=31)
        with running_python(SERVE, env=environment) as child:
            assert child.says() == "ready"
            before = size(path)

            assert self.run(path, "--days", "30")["traces"] == 500

            eventually(lambda: size(path) < before / 3, "the log to be emptied")
            child.go_on()
            assert child.exit_code() == 0
        assert held(path).traces == 1

    def test_a_journal_of_an_older_program_is_brought_up_to_date(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has no tables for this yet."""
        with monkeypatch.context() as older:
            older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
            older.setattr(schema, "VERSION", 1)
            Desk(path).store.close()

        assert self.run(path)["traces"] == 0
        assert Desk(path).rows("SELECT COUNT(*) FROM doomed") == [(0,)]

    def test_nothing_to_prune(self, path: Path) -> None:
        """No journal is an error, an empty one is not."""
        missing = CliRunner().invoke(app, ["traces", "prune", "--journal", str(path)])
        assert "there is no journal" in str(missing.exception)
        assert not os.path.exists(path)  # noqa: PTH110 - it was not made by looking
        Desk(path).store.close()
        assert self.run(path)["traces"] == 0

    @pytest.mark.parametrize("options", [["--days", "-1"], ["--max-mb", "much"]])
    def test_mistakes(self, path: Path, options: list[str]) -> None:
        """Exit code 2."""
        Desk(path).store.close()
        assert CliRunner().invoke(app, ["traces", "prune", "--journal", str(path), *options]).exit_code == 2


def test_what_is_delivered_stays_counted_after_it_is_pruned(path: Path) -> None:
    """Delivered is delivered, whether its copy here is still there or not."""
    desk = Desk(path, **KEYS)
    start = time.time_ns() - int(31 * DAY_S * 1e9)
    desk.provider.begin("x", parent=None, start_ns=start, type="span").end(start + 1)
    desk.commit()
    outbox.spans_delivered(desk.store, 1, outbox.due_spans(desk.store, 1, 9, 1 << 20, newest_first=False))
    desk.store.close()

    CliRunner().invoke(app, ["traces", "prune", "--journal", str(path)])

    found = held(path)
    assert (found.spans, found.delivered, found.pruned) == (0, 1, 0)
