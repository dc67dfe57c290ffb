"""`autoops health`: from the journal and the processes that write to it, whether anybody must act."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from desk import KEYS, Desk
from typer.testing import CliRunner

from autoops.cli import app
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies; its folder is named to confuse."""
    folder = tmp_path / "[bold] [" / "x]"
    folder.mkdir(parents=True)
    return folder / "journal.db"


def run(path: Path, *options: str, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Run the command; what it prints."""
    result = CliRunner().invoke(app, ["health", "--journal", str(path), *options], env=env)
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def report(path: Path, code: int = 0, env: dict[str, str] | None = None) -> Any:
    """What it tells scripts."""
    return json.loads(run(path, "--json", code=code, env=env))


def tell(desk: Desk, age_s: float = 0.0, *, ended: bool = False, **health: Any) -> None:
    """Have the desk's process say how it is, so long ago."""
    now = time.time()
    desk.execute(
        "UPDATE processes SET health = ?, heartbeat_at = ?, ended_at = ? WHERE id = ?",
        orjson.dumps(health).decode(),
        now - age_s,
        now - age_s if ended else None,
        desk.book.process_id,
    )


def test_without_a_journal_nothing_is_wrong(path: Path) -> None:
    """Nobody has recorded anything yet: that is said, and no file is made."""
    assert report(path)["problems"] == []
    assert "there is no journal" in run(path)
    assert not path.exists()


def test_all_is_well(path: Path) -> None:
    """Figures of the journal, the mode of the settings, the processes alive."""
    desk = Desk(path)
    desk.span()
    desk.commit()
    tell(desk, mode="local")

    out = run(path)
    assert "all is well" in out
    assert str(path) in out.replace("\n", "")
    told = report(path)
    assert told["mode"] == "local"
    assert (told["journal"]["spans"], told["journal"]["local"]) == (1, 1)
    (process,) = told["processes"]
    assert (process["alive"], process["mode"]) == (True, "local")


def test_a_dead_process_is_not_alive(path: Path) -> None:
    """A heartbeat a minute old, or a goodbye."""
    desk = Desk(path)
    desk.span()
    desk.commit()
    for age_s, ended in ((70.0, False), (1.0, True)):
        tell(desk, age_s, ended=ended, mode="local")
        assert report(path)["processes"][0]["alive"] is False


def test_nobody_delivers(path: Path) -> None:
    """Spans, or scores alone, that wait while no process is alive to send them: what to run."""
    desk = Desk(path, **KEYS)
    span = desk.span()
    desk.score(span)
    desk.commit()
    tell(desk, ended=True, mode="langfuse")
    (problem,) = report(path, code=1)["problems"]
    assert problem.startswith("1 span and 1 score wait and nobody delivers them")
    assert "autoops traces deliver" in problem

    outbox.spans_delivered(desk.store, 1, outbox.due_spans(desk.store, 1, 9, 1 << 20, newest_first=False))
    assert "autoops traces deliver" in run(path, code=1)


def test_somebody_delivers(path: Path) -> None:
    """What waits while a living process sends it is no problem."""
    desk = Desk(path, **KEYS)
    desk.span()
    desk.commit()
    tell(desk, mode="langfuse")

    assert report(path)["problems"] == []


def test_the_server_fails(path: Path) -> None:
    """Since when, why, and what to check; the server's words are shown as they are."""
    desk = Desk(path, **KEYS)
    desk.span()
    desk.commit()
    delivery = {
        "unavailable_since": "2026-11-25T00:00:00+00:00",
        "last_error": "HTTP 502: [/bad] gateway",
        "hint": "look at its logs",
    }
    tell(desk, mode="fallback", delivery=delivery)

    out = run(path, code=1).replace("\n", " ")
    assert "since 2026-11-2" in out
    assert "[/bad] gateway" in out
    assert "look at its logs" in out


def test_refusals_and_drops(path: Path) -> None:
    """Both are problems, with where to look and how many by reason."""
    desk = Desk(path, **KEYS)
    desk.span()
    desk.commit()
    (due,) = outbox.due_spans(desk.store, 1, 9, 1 << 20, newest_first=False)
    outbox.reject(desk.store, 1, SPAN, due.seq, 400, "no")
    tell(desk, mode="langfuse", dropped={"buffer_full": 7})

    told = report(path, code=1)
    assert any("refused 1 span" in problem and "--rejected" in problem for problem in told["problems"])
    assert any("7 (buffer_full)" in problem for problem in told["problems"])
    assert told["dropped"] == {"buffer_full": 7}


def test_a_damaged_journal_is_a_problem(path: Path) -> None:
    """It is not all well because nothing could be read."""
    path.write_bytes(b"no database at all\n" * 1000)

    assert report(path, code=1)["problems"]
    assert "all is well" not in run(path, code=1)


def test_invalid_settings_are_a_problem(path: Path) -> None:
    """Each fault is told, and the journal is looked at all the same."""
    desk = Desk(path)
    desk.span()
    desk.commit()

    told = report(path, code=1, env={"LANGFUSE_TIMEOUT": "soon", "LANGFUSE_FLUSH_AT": "0"})

    assert len(told["problems"]) == 2
    assert told["journal"]["spans"] == 1


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        ({}, "local"),
        ({"LANGFUSE_ENABLED": "false"}, "off"),
        ({"LANGFUSE_PUBLIC_KEY": "pk-lf-x", "LANGFUSE_SECRET_KEY": "sk-lf-x"}, "langfuse"),
    ],
)
def test_modes(path: Path, env: dict[str, str], mode: str) -> None:
    """What the settings ask for."""
    told = report(path, env=env)

    assert told["mode"] == mode
    assert "sk-lf-x" not in json.dumps(told)
