"""`docs/journal.md` says what is so: its SQL runs, its tests exist, its tables are the journal's."""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from loopback import LoopbackServer
from patience import eventually
from typer.testing import CliRunner

from autoops.cli import app
from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import LangfuseIntegrationService

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")


def blocks(language: str) -> list[str]:
    """The page's code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def section(heading: str) -> str:
    """What stands under a heading, to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def ids(queries: list[str]) -> list[str]:
    """A short name for each query: its first line."""
    return [query.splitlines()[0][:60] for query in queries]


def record(service: LangfuseIntegrationService, *, operation: str = "reprice", ends: bool = True) -> None:
    """Record an event with an agent's step, an unsure decision and a score."""
    trace_id = service.create_simulation_trace({"type": "demand_spike", "product_id": "PROD_123"})
    span_id = service.start_agent_span("pricing", operation, trace_id, {"price": 2.99})
    service.end_agent_span(span_id, error="no competitor is known")
    service.log_agent_decision(
        "pricing",
        {
            "type": "price_change",
            "confidence": 0.3,
            "reasoning": "the elasticity is a guess",
            "outputs": {"price": 3},
        },
        trace_id=trace_id,
    )
    if ends:
        service.finalize_trace(trace_id)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a journal in which spans stand in every way: delivered, rejected, pending, open."""
    here = tmp_path_factory.mktemp("journal")
    with LoopbackServer() as server:
        service = LangfuseIntegrationService(
            LangfuseConfig(
                public_key=server.public_key,
                secret_key=server.secret_key,
                host=server.url,
                journal=str(here / ".autoops" / "journal.db"),
                flush_interval=0.05,
                max_retries=0,
            )
        )
        server.refuse(lambda span: span.name == "pricing.poison")
        record(service)
        record(service, operation="poison")
        assert service.flush(15)
        server.fail(401)
        record(service)
        record(service, ends=False)
        eventually(lambda: service.health_check()["fallback_mode"], "fallback")
        service.shutdown()
    return here


def answer(folder: Path, query: str) -> list[dict[str, Any]]:
    """Ask as the page says: for reading only."""
    uri = f"file:{folder / '.autoops' / 'journal.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as journal:
        journal.row_factory = sqlite3.Row
        return [dict(row) for row in journal.execute(query)]


@pytest.mark.parametrize("query", blocks("sql"), ids=ids(blocks("sql")))
def test_a_query_runs_and_finds_something(folder: Path, query: str) -> None:
    """On a journal that real calls have filled, each query has an answer, and no column of it is empty throughout."""
    rows = answer(folder, query)

    assert rows
    assert [name for name in rows[0] if all(row[name] is None for row in rows)] == []


def test_the_books_of_the_page_balance(folder: Path) -> None:
    """The two sums of the page are equal, and no process has spans that are unaccounted for."""
    over_all, of_processes, _ = re.findall(r"```sql\n(.*?)```", section("The books"), re.DOTALL)

    (books,) = answer(folder, over_all)
    assert books["ended"] == books["accounted"] > 0
    (process,) = answer(folder, of_processes)
    assert (process["unaccounted"], process["begun"] > 0) == (0, True)


def test_the_ways_of_the_page_are_the_counters(folder: Path) -> None:
    """Where each span stands, counted by the page's query, is what the journal's counters say."""
    (query,) = [each for each in blocks("sql") if each.startswith("SELECT way")]
    found = {row["way"]: row["spans"] for row in answer(folder, query)}
    counters = {row["name"]: row["value"] for row in answer(folder, "SELECT name, value FROM counters")}

    assert found.keys() == {"delivered", "rejected", "pending", "open"}
    assert {way: counters[way] for way in ("delivered", "rejected", "pending")} == {
        way: number for way, number in found.items() if way != "open"
    }


@pytest.mark.parametrize("code", blocks("python"), ids=["reading", "backup"])
def test_the_python_runs(
    folder: Path, code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the working directory, on the journal there; a copy is as whole as the original."""
    monkeypatch.chdir(folder)
    exec(compile(code, "docs/journal.md", "exec"), {})  # noqa: S102 - the page's own example

    if "print" in code:
        assert "demand_spike" in capsys.readouterr().out
    else:
        with closing(sqlite3.connect(folder / "copy-of-the-journal.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            (spans,) = copy.execute("SELECT COUNT(*) FROM spans").fetchone()
        assert spans == answer(folder, "SELECT COUNT(*) AS spans FROM spans")[0]["spans"]
        told = CliRunner().invoke(app, ["traces", "list", "--journal", "copy-of-the-journal.db"])
        assert told.exit_code == 0
        assert told.output.count("demand_spike") == 4


def test_every_table_and_column_is_described(folder: Path) -> None:
    """No column is left out, and none is described that is not there."""
    described = {}
    for heading in re.findall(r"^### (\w+)$", TEXT, re.MULTILINE):
        rows = [line for line in section(heading).splitlines() if line.startswith("| `")]
        described[heading] = sorted(
            name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])
        )

    there: dict[str, list[str]] = {}
    for row in answer(
        folder,
        "SELECT t.name AS table_name, c.name AS column_name FROM sqlite_schema t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
    ):
        there.setdefault(row["table_name"], []).append(row["column_name"])
    assert described == {name: sorted(columns) for name, columns in there.items()}


def test_every_counter_is_named(folder: Path) -> None:
    """What stands in `counters` is explained under the books."""
    told = section("The books")

    for row in answer(folder, "SELECT name FROM counters"):
        assert row["name"] in told, row["name"]


@pytest.mark.parametrize("heading", ["The way of a span", "The way of delivery"])
def test_every_edge_that_is_drawn_is_proved(heading: str) -> None:
    """The letters of a drawing are those of the table below it, and each row names a test."""
    (drawing,) = re.findall(r"```mermaid\n(.*?)```", section(heading), re.DOTALL)
    drawn = re.findall(r"-->.*: (\w)$", drawing, re.MULTILINE)
    rows = re.findall(r"^\| (\w) \|.*\| (.*) \|$", section(heading), re.MULTILINE)

    assert [letter for letter, _ in rows] == sorted(set(drawn))
    assert [letter for letter, proof in rows if not NAMED_TEST.fullmatch(proof)] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED_TEST.findall(TEXT))))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    """As pytest would find it: in its file, in its class."""
    node: ast.AST = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for part in name.split("::"):
        found = [each for each in ast.iter_child_nodes(node) if getattr(each, "name", None) == part]
        assert found, f"{file} has no {part}"
        node = found[0]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`autoops ([a-z][^`]*)`", TEXT))))
def test_a_command_that_is_named_exists(command: str) -> None:
    """With the options it is named with."""
    words = command.split()
    path = [word for word in words if re.fullmatch("[a-z]+", word)]
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})

    assert told.exit_code == 0, told.output
    assert [word for word in words if word.startswith("--") and word not in told.output] == []
