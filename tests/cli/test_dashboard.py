"""`autoops dashboard` as a command: it starts, says where it is, ends in order, and explains mistakes in a line."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autoops.dashboard.address import HOST, USUAL_PORT
from autoops.tracing.client import LOCAL_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-u", "-m", "autoops.cli", "dashboard")


def failed(*arguments: str, command: tuple[str, ...] = COMMAND, **environment: str) -> str:
    """Run the command, which must end with 2; return what it said to standard error."""
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command for the block; gives the process and the address it printed, before the journal's path."""
    process = subprocess.Popen(
        [*COMMAND, "--no-browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        assert arguments[-1] in process.stdout.readline()
        yield process, found.group()
    finally:
        process.kill()
        process.communicate()


def get(address: str, path: str = "/", host: str | None = None) -> tuple[int, str]:
    """Ask for a page."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.request("GET", path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a journal would be; nothing is there yet."""
    return tmp_path / "empty" / "journal.db"


def test_serves_this_machine_only_until_sigterm(journal: Path) -> None:
    """On the port that was asked for; another site that points its own name at this machine is refused.

    It ends with 0, quietly, and leaves no file behind.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running("--port", str(port), "--journal", str(journal)) as (process, address):
        assert address == f"http://127.0.0.1:{port}"
        status, body = get(address, host="localhost")
        assert status == 200
        assert set(re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z.]+", body)) == set()
        status, body = get(address, host="rebound.example")
        assert status == 400
        assert "AutoOps" not in body

        process.send_signal(signal.SIGTERM)

        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0
    assert not journal.parent.exists()


def test_links_to_traces_lead_to_the_page() -> None:
    """`get_trace_url` names the page's usual address."""
    assert f"http://{HOST}:{USUAL_PORT}" == LOCAL_PAGE


def test_finds_a_free_port_and_ends_on_ctrl_c(journal: Path) -> None:
    """Where the usual port is taken, another is found; Ctrl-C is an end like any other."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            held.enter_context(socket.create_server(("127.0.0.1", USUAL_PORT)))
        with running("--journal", str(journal)) as (process, address):
            assert not address.endswith(f":{USUAL_PORT}")
            assert get(address)[0] == 200

            process.send_signal(signal.SIGINT)

            assert process.communicate(timeout=20) == ("", "")
            assert process.returncode == 0


def test_port_that_is_taken(tmp_path: Path) -> None:
    """One line that says so, and how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = failed("--port", str(taken.getsockname()[1]), "--journal", str(tmp_path / "journal.db"))

    assert re.fullmatch(
        r"autoops dashboard: port \d+ cannot be used: .*leave out --port for a free one\n", said
    )


def test_missing_extra_is_named() -> None:
    """Without NiceGUI: what to install, in one line."""
    hidden = "import sys; sys.modules['nicegui'] = None; from autoops.cli import main; main()"

    said = failed(command=(sys.executable, "-c", hidden, "dashboard"))

    assert (
        said
        == "autoops dashboard: the page needs NiceGUI: in a clone `uv sync`, elsewhere install AutoOps with its extra `dashboard`\n"
    )


def test_wrong_settings_are_told() -> None:
    """The fault itself, with what is allowed."""
    assert "LANGFUSE_TIMEOUT" in failed(LANGFUSE_TIMEOUT="soon")


def test_folder_is_no_journal(tmp_path: Path) -> None:
    """Told at once."""
    assert "is a directory" in failed("--journal", str(tmp_path))
