"""`python -m autoops.cli`: exit codes, one line for a mistake, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 60.0


def cli(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "autoops.cli", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line on standard error of a command that failed so."""
    assert done.returncode == code, (done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("autoops: ")
    return lines[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one trace."""
    desk = Desk(tmp_path / "journal.db")
    desk.span("demand_spike")
    desk.commit()
    desk.store.close()
    return tmp_path / "journal.db"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["traces", "nonsense"],
        ["traces", "list", "--nonsense"],
        ["traces", "list", "--limit", "none"],
        ["traces", "list", "--level", "loud"],
        ["traces", "show"],
        ["traces", "delete"],
        ["traces", "deliver", "--timeout", "0"],
        ["langfuse", "test", "--timeout", "soon"],
        ["health", "too", "much"],
    ],
)
def test_a_mistake_is_one_line_and_2(arguments: list[str], path: Path) -> None:
    """It says what is wrong."""
    assert len(one_line(cli(*arguments, AUTOOPS_JOURNAL=str(path)), 2)) > len("autoops: ")


@pytest.mark.parametrize(
    "arguments", [["traces", "list"], ["traces", "show", "abc"], ["traces", "export", "-"]]
)
def test_a_missing_journal_is_one_line_and_1(arguments: list[str], tmp_path: Path) -> None:
    """With what to do."""
    assert "there is no journal at" in one_line(cli(*arguments, AUTOOPS_JOURNAL=str(tmp_path / "no.db")), 1)


def test_a_file_that_is_no_journal_is_one_line_and_1(tmp_path: Path) -> None:
    """It is left as it is, and nothing is made beside it."""
    notes = tmp_path / "notes.txt"
    notes.write_text("no database\n" * 200)

    assert "notes.txt" in one_line(cli("traces", "list", "--journal", str(notes)), 1)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_another_programs_database_is_one_line_and_1(tmp_path: Path) -> None:
    """Its tables are not ours."""
    with sqlite3.connect(tmp_path / "orders.db") as other:
        other.execute("CREATE TABLE orders (id INTEGER)")
    other.close()

    one_line(cli("traces", "list", "--journal", str(tmp_path / "orders.db")), 1)


@pytest.mark.parametrize("target", ["missing/folder/x.jsonl", "."])
def test_an_output_that_cannot_be_written_is_one_line(path: Path, target: str) -> None:
    """No such folder, or a folder in its place."""
    done = cli("traces", "export", target, "--journal", str(path))

    assert done.returncode in {1, 2}
    one_line(done, done.returncode)


def test_invalid_settings_are_told_in_lines_of_their_own() -> None:
    """All at once, exit code 2."""
    done = cli("langfuse", "test", LANGFUSE_TIMEOUT="soon", LANGFUSE_FLUSH_AT="0")

    assert done.returncode == 2
    assert "LANGFUSE_TIMEOUT" in done.stderr
    assert "LANGFUSE_FLUSH_AT" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["traces", "--help"], ["traces", "list", "--help"], ["health", "--help"], ["-h"]],
)
def test_help_explains_and_is_no_failure(arguments: list[str]) -> None:
    """On standard output."""
    done = cli(*arguments)

    assert done.returncode == 0
    assert done.stdout.startswith(("Usage:", "\n Usage:", " Usage:"))
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["traces"], ["langfuse"]])
def test_a_group_alone_shows_what_there_is(arguments: list[str]) -> None:
    """Whoever types half a command is shown the other half."""
    done = cli(*arguments)

    assert "Usage:" in done.stdout + done.stderr
    assert "Commands" in done.stdout + done.stderr


def test_json_is_all_that_stands_on_standard_output(path: Path) -> None:
    """Whatever the settings have to say goes elsewhere."""
    for arguments in (["traces", "list", "--json"], ["health", "--json"], ["config", "--json"]):
        done = cli(*arguments, AUTOOPS_JOURNAL=str(path), LANGFUSE_PUBLIC_KEY="sk-lf-swapped")
        json.loads(done.stdout)


def test_a_reader_that_has_seen_enough_is_no_fault(path: Path) -> None:
    """`autoops traces export - | head -1`."""
    desk = Desk(path)
    for number in range(300):
        desk.span(f"{number}", given="x" * 3000)
    desk.commit()
    process = subprocess.Popen(
        [sys.executable, "-m", "autoops.cli", "traces", "export", "-", "--journal", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    told = process.stderr.read().decode()
    process.wait(PATIENCE_S)
    process.stderr.close()

    assert "Traceback" not in told
    assert "Exception ignored" not in told


TERMINATED = """
import os, signal, sys
from autoops import cli

@cli.app.command()
def record():
    from config.langfuse_integration import get_langfuse_integration
    with get_langfuse_integration().trace_operation("recorded"):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

sys.argv = ["autoops", "record"]
cli.main()
"""


def test_sigterm_ends_in_order(tmp_path: Path) -> None:
    """What was recorded is committed; the exit code says which signal it was."""
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED],
        env={**os.environ, "AUTOOPS_JOURNAL": str(tmp_path / "journal.db")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert "Traceback" not in done.stderr
    assert Desk(tmp_path / "journal.db").rows("SELECT name FROM spans") == [("recorded",)]
