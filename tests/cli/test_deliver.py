"""`autoops traces deliver` as people and scripts see it: what remains, how fast, and a stop at any time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from children import env_for
from desk import Desk
from loopback import INGESTION, LoopbackServer, unused_url
from terminal import on_terminal
from typer.testing import CliRunner

from autoops.cli import app
from autoops.cli import deliver as delivering
from autoops.tracing.journal import figures, reader

if TYPE_CHECKING:
    from pathlib import Path

SPANS = 3000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def backlog(server: LoopbackServer, path: Path) -> Path:
    """A journal with many spans that wait for the server."""
    desk = Desk(path, host=server.url, public_key=server.public_key, secret_key=server.secret_key)
    for number in range(SPANS):
        desk.span(f"{number}")
    desk.commit()
    desk.store.close()
    return path


def held(path: Path) -> figures.Figures:
    """The journal's figures."""
    store = reader.open_journal(str(path))
    found = figures.read(store)
    store.close()
    return found


def test_a_bar_on_a_terminal(server: LoopbackServer, backlog: Path) -> None:
    """What is done of how much, what remains, how fast; the result stands at the end, in 80 columns."""
    server.delay(0.3)

    code, screen = on_terminal("traces", "deliver", "--journal", str(backlog), env=env_for(server))

    assert code == 0, screen
    assert re.search(r"delivering .*\d+/3000 .*[\d,]+ remain [\d,]+/s", screen)
    assert screen.rstrip().endswith("3,000 delivered, 0 remain.")
    assert len(server.spans) == SPANS


def test_lines_where_there_is_no_terminal(
    server: LoopbackServer, backlog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, at the beginning and now and then; standard output has the result alone."""
    monkeypatch.setattr(delivering, "TELL_EVERY_S", 0.0)
    server.delay(0.3)

    result = CliRunner().invoke(app, ["traces", "deliver", "--journal", str(backlog)], env=env_for(server))

    assert result.exit_code == 0
    assert f"delivering 3,000 to {server.url}" in result.stderr
    assert re.search(
        r"delivered [\d,]+ of 3,000, [\d,]+ remain, [\d,]+/s, about [\d,]+ s left", result.stderr
    )
    assert result.stdout == "3,000 delivered, 0 remain.\n"


def test_json_is_alone_on_standard_output(server: LoopbackServer, backlog: Path) -> None:
    """Whatever is told to people meanwhile."""
    result = CliRunner().invoke(
        app, ["traces", "deliver", "--json", "--journal", str(backlog)], env=env_for(server)
    )

    assert json.loads(result.stdout)["delivered"] == SPANS


def test_nothing_to_deliver_is_said_in_one_line(server: LoopbackServer, path: Path) -> None:
    """No bar for nothing."""
    Desk(path).store.close()

    result = CliRunner().invoke(app, ["traces", "deliver", "--journal", str(path)], env=env_for(server))

    assert (result.exit_code, result.stderr, result.stdout) == (0, "", "0 delivered, 0 remain.\n")


def test_ctrl_c_leaves_everything_in_order(server: LoopbackServer, backlog: Path) -> None:
    """What was sent is marked as sent, the rest waits; the next run delivers exactly that."""
    server.delay(0.4)

    code, screen = on_terminal(
        "traces",
        "deliver",
        "--journal",
        str(backlog),
        env=env_for(server),
        until=lambda printed: "remain" in printed and bool(server.arrivals),
    )

    assert code == 130, screen
    assert "Traceback" not in screen
    assert screen.rstrip().endswith("autoops: stopped")
    found = held(backlog)
    assert found.delivered + found.pending == SPANS
    assert 0 < found.delivered < SPANS
    server.delay(0.0)
    code, screen = on_terminal("traces", "deliver", "--journal", str(backlog), env=env_for(server))
    assert code == 0, screen
    assert len(server.spans) == SPANS
    assert held(backlog).delivered == SPANS


def test_what_remains_and_why(backlog: Path, server: LoopbackServer) -> None:
    """Exit code 1, and the reason with what to check."""
    server.fail(401)

    code, screen = on_terminal("traces", "deliver", "--journal", str(backlog), env=env_for(server))

    assert code == 1
    assert "0 delivered, 3,000 remain: HTTP 401" in screen
    assert "LANGFUSE_SECRET_KEY" in screen


def test_scores_that_are_not_taken_hold_nobody_up(path: Path, server: LoopbackServer) -> None:
    """Once all spans are delivered it says what remains and ends, rather than waiting for its time to be up."""
    desk = Desk(path, host=server.url, public_key=server.public_key, secret_key=server.secret_key)
    desk.score(desk.span("scored"))
    desk.commit()
    desk.store.close()
    server.fail(500, path=INGESTION)

    code, screen = on_terminal("traces", "deliver", "--journal", str(path), env=env_for(server))

    assert code == 1
    assert "1 delivered, 1 remain: scores are not taken: HTTP 500" in " ".join(screen.split())


def test_a_host_that_refuses(backlog: Path) -> None:
    """Rows of another host are not even tried there; they are told of."""
    environment = {
        "LANGFUSE_HOST": unused_url(),
        "LANGFUSE_PUBLIC_KEY": "pk-lf-x",
        "LANGFUSE_SECRET_KEY": "sk-lf-x",
    }
    result = CliRunner().invoke(app, ["traces", "deliver", "--journal", str(backlog)], env=environment)

    assert result.exit_code == 0
    assert "3,000 spans" in result.stdout
    assert "--redirect" in result.stdout


def test_what_waits_elsewhere_is_told_of(
    server: LoopbackServer, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Spans of a process that could not write its journal wait in the user's state folder, where nobody looks by himself."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".local" / "state" / "autoops"
    folder.mkdir(parents=True)
    for where in (path, folder / "journal.db"):
        desk = Desk(where, host=server.url, public_key=server.public_key, secret_key=server.secret_key)
        desk.span("waits")
        desk.commit()
        desk.store.close()

    first = CliRunner().invoke(app, ["traces", "deliver", "--journal", str(path)], env=env_for(server))
    command = first.stdout.splitlines()[-1].rpartition(": autoops ")[2].split()
    second = CliRunner().invoke(app, command, env=env_for(server))
    third = CliRunner().invoke(app, ["traces", "deliver", "--journal", str(path)], env=env_for(server))

    assert "1 rows wait in" in first.stdout
    assert second.stdout == "1 delivered, 0 remain.\n"
    assert third.stdout == "0 delivered, 0 remain.\n"
