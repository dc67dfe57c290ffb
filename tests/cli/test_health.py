"""`autoops health`: from the journal and the processes that write to it, whether anybody must act."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from children import env_for, running_python
from desk import KEYS, Desk
from patience import eventually
from typer.testing import CliRunner

from autoops.cli import app
from autoops.tracing.journal import log_readers, outbox, reader
from autoops.tracing.journal.lock import FIRST_DESTINATION, lock_file
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import LoopbackServer


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


def lines_on_screen(out: str) -> int:
    """How many lines of a terminal of 80 columns it takes."""
    return sum(max(1, -(-len(line) // 80)) for line in out.splitlines())


def test_many_processes_are_summarised(path: Path) -> None:
    """An ordinary journal takes one screen of 24 lines and 80 columns, however many processes write to it."""
    for number in range(30):
        desk = Desk(path, **KEYS)
        desk.span()
        desk.commit()
        tell(desk, number, ended=number > 20, mode="fallback" if number == 3 else "langfuse")

    out = run(path, code=1, env=environment())

    assert "21 running, 9 ended: 1 fallback, 20 langfuse" in out
    assert lines_on_screen(out) <= 24
    assert len(report(path, code=1, env=environment())["processes"]) == 30


def environment() -> dict[str, str]:
    """The settings of the desk's project."""
    return {"LANGFUSE_PUBLIC_KEY": KEYS["public_key"], "LANGFUSE_SECRET_KEY": KEYS["secret_key"]}


def test_whether_traces_arrive(path: Path) -> None:
    """In words: they do and when last, they do not and since when, none was sent yet, or there are no keys."""
    desk = Desk(path, **KEYS)
    desk.span()
    desk.commit()
    host = desk.provider.config.host

    def arrival(**health: Any) -> str:
        tell(desk, host=host, **health)
        shown = CliRunner().invoke(app, ["health", "--journal", str(path)], env=environment()).stdout
        return "; ".join(line for line in shown.splitlines() if line.startswith(("traces", "delivered")))

    assert "none has been sent yet" in arrival(mode="langfuse", delivery={})
    when = "2026-11-24T10:00:00+00:00"
    told = arrival(mode="langfuse", delivery={"last_success": when})
    assert "arrive;" in told
    assert "the last at 2026-11-24" in told
    failing = {
        "last_success": when,
        "unavailable_since": "2026-11-24T12:00:00+00:00",
        "last_error": "HTTP 502",
    }
    told = arrival(mode="fallback", delivery=failing)
    assert "do not arrive since 2026-11-24" in told
    assert "the last at 2026-11-24" in told
    tell(desk, ended=True, mode="local")
    invalid = run(path, code=1, env={"LANGFUSE_SAMPLE_RATE": "1.5"})
    assert "the settings are invalid" in invalid
    assert "are not set" not in invalid
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are not set" in run(path, code=1)
    assert "are not recorded" in run(path, code=1, env={"LANGFUSE_ENABLED": "false"})


def test_the_books(path: Path) -> None:
    """What became of every ended span, and of what the processes had begun; counters that do not add up are told."""
    desk = Desk(path, **KEYS)
    desk.span()
    desk.commit()
    tell(desk, mode="langfuse")

    books = report(path, env=environment())["books"]
    assert (books["ended"], books["pending"], books["balanced"]) == (1, 1, True)
    assert set(books["processes"]) == set(reader.BOOKS)
    assert books["processes_incomplete"] == 0
    tell(desk, 100, mode="langfuse")
    assert report(path, code=1, env=environment())["books"]["processes_incomplete"] == 1

    desk.execute("UPDATE counters SET value = value + 1 WHERE name = 'pending'")
    assert any("add up" in problem for problem in report(path, code=1, env=environment())["problems"])


def test_the_size_limit(path: Path) -> None:
    """How large of how much; from 80 % on with what to do, and what was lost to it."""
    desk = Desk(path, **KEYS)
    desk.span(given="x" * 300_000)
    desk.commit()
    tell(desk, mode="langfuse")

    assert "of 2,048 MB, kept for 30 days" in run(path)
    unlimited = {"AUTOOPS_JOURNAL_MAX_MB": "0", "AUTOOPS_RETENTION_DAYS": "0"}
    assert "no limit, kept for ever" in run(path, env=unlimited)
    assert "AUTOOPS_JOURNAL_MAX_MB=0.5" in run(path, code=1, env={"AUTOOPS_JOURNAL_MAX_MB": "0.5"})
    desk.execute(
        "INSERT INTO counters VALUES ('lost_by_full', 7), ('pruned', 7), ('ended', 7)"
        " ON CONFLICT (name) DO UPDATE SET value = value + 7"
    )
    assert "7 spans were removed undelivered" in run(path, code=1)


def test_a_large_log_is_mentioned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that never ends keeps it from being written back; a huge one is a problem, with whom to end."""
    desk = Desk(path)
    for _ in range(25):
        desk.span(given="x" * 900_000)
        desk.commit()
    tell(desk, mode="local")

    assert "its log takes" in run(path)
    monkeypatch.setattr(log_readers, "OVERGROWN", 1_000_000)
    assert any("log has grown" in problem for problem in report(path, code=1)["problems"])


def test_another_destination(path: Path) -> None:
    """What waits for it is told with what to do, unless a running process delivers there."""
    other = Desk(path, host="https://other.example", public_key="pk-lf-other-project", secret_key="sk-lf-x")
    other.span()
    other.commit()
    tell(other, ended=True, mode="langfuse", host="https://other.example")

    told = report(path, code=1, env=environment())
    (problem,) = told["problems"]
    assert "1 span of 20" not in problem
    assert "1 span, recorded for https://other.example (pk-lf-othe…)" in problem
    assert "autoops traces deliver --redirect" in problem
    assert told["elsewhere"][0]["public_key"] == "pk-lf-other-project"

    lock = lock_file(path.with_name("journal.db.lock"))
    assert lock.acquire(FIRST_DESTINATION + 1)
    assert report(path, env=environment())["problems"] == []
    lock.release(FIRST_DESTINATION + 1)


def test_alerts_and_faulty_settings_of_processes(path: Path) -> None:
    """What a running process complains of, once for each kind; one that runs without Langfuse says why."""
    for _ in range(3):
        desk = Desk(path)
        desk.span()
        desk.commit()
        alerts = [
            {"kind": "latency", "message": "3 of our calls took long"},
            {"kind": "backlog", "message": "x"},
        ]
        tell(desk, mode="local", alerts=alerts, configuration_errors=["LANGFUSE_TIMEOUT (.env): wrong"])

    problems = report(path, code=1)["problems"]

    assert len([problem for problem in problems if "took long" in problem]) == 1
    assert any("LANGFUSE_TIMEOUT" in problem for problem in problems)
    assert len(problems) == 2


def test_what_was_dropped_long_ago_is_no_problem_now(path: Path) -> None:
    """It is shown, and needs nobody."""
    desk = Desk(path)
    desk.span()
    desk.commit()
    tell(desk, 2 * 86_400, ended=True, mode="local", dropped={"buffer_full": 7})

    assert "7 (buffer_full)" in run(path)
    assert report(path)["dropped"] == {"buffer_full": 7}


def test_many_problems_are_cut(path: Path) -> None:
    """Six are shown; the rest is in the JSON."""
    broken = {
        f"LANGFUSE_{name}": "x"
        for name in ("TIMEOUT", "FLUSH_AT", "FLUSH_INTERVAL", "ENABLED", "SAMPLE_RATE")
    }
    broken |= {f"AUTOOPS_{name}": "x" for name in ("RETENTION_DAYS", "JOURNAL_MAX_MB", "ALERT_WINDOW_S")}

    out = run(path, code=1, env=broken)

    assert "2 more: autoops health --json" in out
    assert len(report(path, code=1, env=broken)["problems"]) == 8


def test_an_outage_is_told_at_once(path: Path, server: LoopbackServer) -> None:
    """Not at the next heartbeat, 10 s later: until then a look from outside would find all well."""
    code = """
        import json
        from config.langfuse_integration import get_langfuse_integration
        service = get_langfuse_integration()
        def record():
            with service.trace_operation("event"):
                pass
            print(json.dumps(service.flush(0.5)), flush=True)
            input()
        record()
        record()
    """
    env = env_for(server, AUTOOPS_JOURNAL=str(path), LANGFUSE_MAX_RETRIES="0")
    with running_python(code, env=env) as child:
        child.says()
        assert report(path, env=env)["problems"] == []
        server.fail(401)
        child.go_on()
        child.says()

        def shown() -> str:
            return CliRunner().invoke(app, ["health", "--journal", str(path)], env=env).stdout

        eventually(lambda: "do not arrive since" in shown(), "health to tell of the outage", timeout=8.0)
        assert "HTTP 401" in shown()
