"""`autoops langfuse test`: whether the server answers and takes the keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from loopback import PROJECT_ID, LoopbackServer, unused_url
from typer.testing import CliRunner

from autoops.cli import app

if TYPE_CHECKING:
    from typer.testing import Result


def run(server: LoopbackServer, *options: str, code: int, **env: str) -> Result:
    """Run the command against a server; no secret may be in what it prints."""
    keys = {
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
    }
    result = CliRunner().invoke(app, ["langfuse", "test", *options], env=keys | env)
    assert result.exit_code == code, (result.output, result.exception)
    assert server.secret_key not in result.output
    return result


def test_a_server_that_takes_the_keys(server: LoopbackServer) -> None:
    """With the project they belong to."""
    result = run(server, code=0)

    assert f"{server.url} answers and takes the keys (project {PROJECT_ID})" in result.stdout
    told = json.loads(run(server, "--json", code=0).stdout)
    assert (told["ok"], told["status"], told["project_id"]) == (True, 200, PROJECT_ID)


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "LANGFUSE_SECRET_KEY"), (403, "LANGFUSE_SECRET_KEY"), (404, "LANGFUSE_HOST"), (503, "logs")],
)
def test_one_that_does_not(server: LoopbackServer, status: int, hint: str) -> None:
    """The documented line, on standard error, with what to check."""
    server.fail(status)
    result = run(server, code=1)

    assert result.stderr.startswith(f"Connection test failed: HTTP {status}")
    assert hint in result.stderr
    assert result.stdout == ""
    assert json.loads(run(server, "--json", code=1).stdout)["ok"] is False


def test_one_that_is_not_there(server: LoopbackServer) -> None:
    """Refused."""
    assert "was refused" in run(server, code=1, LANGFUSE_HOST=unused_url()).stderr


def test_one_that_hangs(server: LoopbackServer) -> None:
    """It ends after the time that was given."""
    server.hang()

    assert "within 0.2 s" in run(server, "--timeout", "0.2", code=1).stderr


def test_without_keys_nothing_is_asked(server: LoopbackServer) -> None:
    """And it is said what to set."""
    result = run(server, code=1, LANGFUSE_PUBLIC_KEY="", LANGFUSE_SECRET_KEY="")

    assert "LANGFUSE_PUBLIC_KEY" in result.stderr
    assert server.requests == []


def test_it_records_nothing(server: LoopbackServer) -> None:
    """One request, no span, no file."""
    run(server, code=0)

    assert [request.method for request in server.requests] == ["GET"]
    assert server.spans == []
