"""The command line as a person meets it: on a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE_S = 60.0
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    typed: str = "",
    until: Callable[[str], bool] | None = None,
    columns: int = 80,
) -> tuple[int, str]:
    """Run `autoops` with `arguments` on a terminal of its own.

    Args:
        arguments: What is given to the command.
        env: Variables beside the test's own.
        typed: What the person types, at once.
        until: Press Ctrl-C once this is true of what was printed so far.
        columns: Width of the terminal.

    Returns:
        The exit code, and what was printed on standard output and standard error, without colours and movements.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autoops.cli", *arguments],
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "LINES": "24", **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    printed = b""
    # Reading from a terminal fails when its last user has gone.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65_536):
            printed += part
            if until is not None and until(printed.decode(errors="replace")):
                until = None
                process.send_signal(signal.SIGINT)
    os.close(ours)
    return process.wait(PATIENCE_S), _CONTROLS.sub("", printed.decode()).replace("\r\n", "\n")
