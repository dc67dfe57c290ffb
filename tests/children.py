"""Real child processes that use the documented doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loopback import LoopbackServer

PATIENCE_S = 60.0


def env_for(server: LoopbackServer, **more: str) -> dict[str, str]:
    """Return the variables that point a process at `server`, delivering promptly."""
    return {
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_FLUSH_INTERVAL": "0.05",
        "LANGFUSE_TIMEOUT": "5",
        **more,
    }


def run_python(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """Run `code` in the working directory; return its last line of output, read as JSON.

    Raises:
        AssertionError: It failed or did not end; the message is what it wrote to standard error.
    """
    ended = end_of_python(code, *arguments, env=env)
    if ended.code:
        raise AssertionError(f"the child exited with {ended.code}:\n{ended.errors}")
    lines = ended.output.splitlines()
    return json.loads(lines[-1]) if lines else None


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code (negative: the signal), and what it wrote."""

    code: int
    output: str
    errors: str


def end_of_python(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> Ended:
    """Run `code` in the working directory to its end, whatever that is.

    Raises:
        AssertionError: It did not end; the message is what it wrote to standard error.
    """
    process = subprocess.Popen(
        _command(code, arguments),
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it forked
        _, errors = process.communicate()
        raise AssertionError(f"the child did not end within {PATIENCE_S} s:\n{errors}") from None
    return Ended(process.returncode, output, errors)


@contextmanager
def running_python(code: str, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Run `code` beside the test; it is killed when the block is left, if it still runs then."""
    process = subprocess.Popen(
        _command(code, arguments),
        env={**os.environ, **(env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.communicate()


class Child:
    """A running child that answers in lines of JSON and goes on when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def says(self) -> Any:
        """Return its next line of output, read as JSON."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise AssertionError(f"the child ended with {self._process.wait(PATIENCE_S)}")
        return json.loads(line)

    def go_on(self) -> None:
        """Let its pending ``input()`` return."""
        if self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal; SIGKILL: no handler, no exit code of its own."""
        self._process.send_signal(number)
        self._process.wait(PATIENCE_S)

    def rest(self) -> list[Any]:
        """Return what it had said and nobody had read, once it has ended; a line that it did not finish is left out."""
        lines = self._process.stdout.readlines() if self._process.stdout else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def exit_code(self) -> int:
        """Wait until it ends by itself."""
        return self._process.wait(PATIENCE_S)


def _command(code: str, arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code), *arguments]
