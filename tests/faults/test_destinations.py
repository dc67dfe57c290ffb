"""No span ever reaches a project it was not recorded for, unless somebody asks for it and is told first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from children import env_for, run_python, running_python
from desk import Desk
from loopback import LoopbackServer, unused_url
from patience import eventually
from terminal import on_terminal
from typer.testing import CliRunner

from autoops.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kit import Start

RECORD = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
patience_s, *names = sys.argv[1:]
for name in names:
    with service.trace_operation(name) as span:
        service.score(span.trace_id, "quality", 1.0)
print(json.dumps(service.flush(float(patience_s))), flush=True)
"""
"""Record an event with a score for each argument after the first, how long to wait for their delivery in seconds."""
STAY = RECORD + "input()\n"
"""The same, and go on living."""

NO_RETRIES = {"LANGFUSE_MAX_RETRIES": "0"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    """Another project, on a server of its own."""
    with LoopbackServer() as running:
        yield running


def names(server: LoopbackServer) -> list[str]:
    """The spans that a project has got, each as often as it came."""
    return sorted(span.name for span in server.arrivals)


def record(path: Path, *events: str, env: Mapping[str, str], patience_s: float = 10.0) -> bool:
    """Have a process record events; whether all was settled when it ended."""
    environment = {"AUTOOPS_JOURNAL": str(path), **NO_RETRIES, **env}
    settled: bool = run_python(RECORD, str(patience_s), *events, env=environment)
    return settled


def away(server: LoopbackServer) -> dict[str, str]:
    """The variables of a server's project, and have it take nothing."""
    server.fail(503)
    return env_for(server)


def autoops(*arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> Any:
    """Run a command without a terminal; its result."""
    result = CliRunner().invoke(app, [*arguments], env={**NO_RETRIES, **(env or {})})
    assert result.exit_code == code, (result.output, result.exception)
    return result


def told(path: Path, *options: str, env: Mapping[str, str], code: int = 0) -> Any:
    """What `traces deliver` tells scripts."""
    result = autoops("traces", "deliver", "--journal", str(path), "--json", *options, env=env, code=code)
    return json.loads(result.stdout)


class TestNobodyAsked:
    """What was recorded for a project goes there and nowhere else."""

    def test_two_projects_on_one_journal(
        self, path: Path, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        """Their processes run at once; each project gets its own spans and scores, once."""
        shared = {"AUTOOPS_JOURNAL": str(path)}
        with (
            running_python(STAY, "10", *(f"a{n}" for n in range(20)), env=env_for(server, **shared)) as first,
            running_python(STAY, "10", *(f"b{n}" for n in range(20)), env=env_for(other, **shared)) as second,
        ):
            assert (first.says(), second.says()) == (True, True)
            health = json.loads(
                CliRunner()
                .invoke(app, ["health", "--json", "--journal", str(path)], env=env_for(server))
                .stdout
            )
            for child in (first, second):
                child.go_on()
                assert child.exit_code() == 0

        assert names(server) == sorted(f"a{n}" for n in range(20))
        assert names(other) == sorted(f"b{n}" for n in range(20))
        assert (len(server.scores), len(other.scores)) == (20, 20)
        assert health["problems"] == []

    def test_two_projects_in_one_process(
        self, path: Path, server: LoopbackServer, other: LoopbackServer, start: Start
    ) -> None:
        """Two services share the journal's writer; a trace begun by one is not the other's."""
        first, second = start(server, journal=str(path)), start(other, journal=str(path))
        for number in range(10):
            with first.trace_operation(f"a{number}"):
                pass
            with second.trace_operation(f"b{number}"):
                pass
        assert first.flush(10)
        assert second.flush(10)

        assert names(server) == sorted(f"a{n}" for n in range(10))
        assert names(other) == sorted(f"b{n}" for n in range(10))

    def test_a_span_that_another_project_ends(
        self, path: Path, server: LoopbackServer, other: LoopbackServer, start: Start
    ) -> None:
        """It was begun, and recorded, for the first project."""
        first, second = start(server, journal=str(path)), start(other, journal=str(path))
        span_id = first.start_agent_span("pricing", "propose")
        eventually(lambda: second.flush(1) and second.health_check()["journal"]["spans"], "the open span")

        second.end_agent_span(span_id, {"price": 2})
        assert first.flush(10)
        assert second.flush(10)
        first.shutdown()
        second.shutdown()

        assert [span.span_id for span in other.arrivals] == []
        assert {span.span_id for span in server.arrivals} == {span_id}

    def test_other_keys_from_now_on(
        self, path: Path, server: LoopbackServer, other: LoopbackServer, start: Start
    ) -> None:
        """What had ended before the change was recorded for the old keys, be it committed or not."""
        server.hang()
        service = start(server, journal=str(path), max_retries=0)
        for number in range(50):
            with service.trace_operation(f"before {number}"):
                pass
        assert service.reconfigure(host=other.url, public_key=other.public_key, secret_key=other.secret_key)
        with service.trace_operation("after"):
            pass
        assert service.flush(10)

        assert names(other) == ["after"]
        service.shutdown()
        server.heal()
        told(path, env=env_for(server))
        assert {span.name for span in server.arrivals} == {f"before {number}" for number in range(50)}

    def test_changed_keys_leave_the_old_rows(
        self, path: Path, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        """They wait for their own project, which health and delivery tell with what to do; its keys deliver them."""
        record(path, "a", env=away(server), patience_s=0.2)

        assert record(path, "b", env=env_for(other))
        assert names(other) == ["b"]
        result = autoops("traces", "deliver", "--journal", str(path), env=env_for(other))
        assert "1 span and 1 score" in result.stdout
        assert f"recorded for {server.url}" in result.stdout
        assert "--redirect" in result.stdout
        health = autoops("health", "--journal", str(path), env=env_for(other), code=1).stdout
        assert f"recorded for {server.url}" in health
        assert "autoops traces deliver --redirect" in health
        (waiting,) = told(path, env=env_for(other))["elsewhere"]
        assert (waiting["host"], waiting["spans"], waiting["scores"]) == (server.url, 1, 1)
        assert names(other) == ["b"]

        server.heal()
        told(path, env=env_for(server))
        assert names(server) == ["a"]

    def test_a_mended_secret_resumes(self, path: Path, server: LoopbackServer) -> None:
        """Host and public key are the project: with another secret it is still the same."""
        record(path, "a", env=env_for(server) | {"LANGFUSE_SECRET_KEY": "sk-lf-wrong"}, patience_s=0.2)
        assert names(server) == []

        assert record(path, "b", env=env_for(server))
        told(path, env=env_for(server))

        assert names(server) == ["a", "b"]

    def test_keys_added_later_send_nothing_recorded_before(self, path: Path, server: LoopbackServer) -> None:
        """What was recorded without keys stays local, which health mentions."""
        record(path, "private", env={})

        assert record(path, "public", env=env_for(server))

        assert told(path, env=env_for(server))["remaining"] == 0
        assert names(server) == ["public"]
        health = autoops("health", "--journal", str(path), env=env_for(server)).stdout
        assert "1 span recorded without keys" in health
        assert "--local" in health


class TestAsked:
    """`traces deliver --redirect` and `--local` say what they would send where, and ask."""

    @pytest.fixture(autouse=True)
    def recorded(self, path: Path, server: LoopbackServer) -> None:
        """Two events wait for a server that is away, one is local."""
        server.fail(503)
        keys = {"public_key": server.public_key, "secret_key": server.secret_key}
        for config, names in (({"host": server.url, **keys}, ("a", "b")), ({}, ("local",))):
            desk = Desk(path, **config)
            for name in names:
                desk.score(desk.span(name))
            desk.commit()
            desk.store.close()

    def test_nobody_to_ask(self, path: Path, other: LoopbackServer) -> None:
        """Without a terminal and without --yes nothing is changed or sent, and it is said why."""
        result = autoops(
            "traces", "deliver", "--redirect", "--local", "--journal", str(path), env=env_for(other), code=2
        )

        assert "--yes" in result.stderr
        assert "2 spans and 2 scores" in result.stderr
        assert "recorded without keys" in result.stderr
        assert other.arrivals == []
        assert told(path, env=env_for(other))["elsewhere"][0]["spans"] == 2

    def test_redirect(self, path: Path, server: LoopbackServer, other: LoopbackServer) -> None:
        """What waits is sent to the configured project, and to no other."""
        found = told(path, "--redirect", "--yes", env=env_for(other))

        assert (found["moved"], found["delivered"], found["elsewhere"]) == (4, 4, [])
        assert names(other) == ["a", "b"]
        assert len(other.scores) == 2
        server.heal()
        assert told(path, env=env_for(server))["delivered"] == 0
        assert names(server) == []

    def test_local(self, path: Path, other: LoopbackServer) -> None:
        """What was recorded without keys is sent, and nothing else."""
        found = told(path, "--local", "--yes", env=env_for(other))

        assert (found["moved"], found["delivered"]) == (2, 2)
        assert names(other) == ["local"]
        assert (
            autoops("traces", "deliver", "--local", "--journal", str(path), env=env_for(other)).exit_code == 0
        )

    @pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, ["a", "b"]), ("n\n", 130, [])])
    def test_a_person_is_asked(
        self,
        path: Path,
        server: LoopbackServer,
        other: LoopbackServer,
        answer: str,
        code: int,
        sent: list[str],
    ) -> None:
        """After being told how many of when go from where to where; public keys are shown shortened."""
        arguments = ("traces", "deliver", "--redirect", "--journal", str(path))
        ended, screen = on_terminal(*arguments, env=env_for(other), typed=answer)

        assert ended == code, screen
        assert f"To {other.url} ({other.public_key[:10]}…) would be sent" in screen
        assert f"recorded for {server.url} ({server.public_key[:10]}…)" in screen
        assert other.public_key not in screen
        assert names(other) == sent

    def test_a_destination_that_is_being_delivered_to(
        self, path: Path, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        """A running process may have a batch under way: nothing is moved, and it is said what to end."""
        with running_python(STAY, "0.2", "c", env=env_for(server, AUTOOPS_JOURNAL=str(path))) as child:
            child.says()
            eventually(lambda: len(server.requests) > 2, "the process to try")
            result = autoops(
                "traces", "deliver", "--redirect", "--yes", "--journal", str(path), env=env_for(other), code=1
            )

        assert "running process" in str(result.exception)
        assert other.arrivals == []

    def test_nothing_to_move(self, path: Path, server: LoopbackServer) -> None:
        """Is said, and what waits for the configured project is delivered as always."""
        server.heal()
        result = autoops("traces", "deliver", "--redirect", "--journal", str(path), env=env_for(server))

        assert "Nothing waits for another destination." in result.stderr
        assert names(server) == ["a", "b"]


def test_without_keys_nothing_is_redirected(path: Path) -> None:
    """There is nowhere to send it."""
    record(path, "a", env={"LANGFUSE_HOST": unused_url()})

    result = autoops("traces", "deliver", "--local", "--yes", "--journal", str(path), code=1)

    assert "LANGFUSE_PUBLIC_KEY" in str(result.exception)
