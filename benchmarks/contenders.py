"""Starts contenders, each in a process and an environment of its own, and talks to them."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from measure import Size
    from peers.peer import Module

FOLDER = Path(__file__).parent
WORKER = FOLDER / "peers" / "worker.py"
OURS = "autoops_service"
BARE = "bare_opentelemetry"
LANGFUSE = ("langfuse_v3", "langfuse_v4", "langfuse_v5")
SDKS = (*LANGFUSE, "mlflow_tracing", "logfire_sdk", "opik_sdk")
"""The peers that do what we do: one call takes any value and makes a Langfuse-like observation of it."""
PEERS = (BARE, *SDKS)
FOREIGN_SETTINGS = ("LANGFUSE_", "AUTOOPS_", "OTEL_", "LOGFIRE_", "MLFLOW_", "OPIK_", "PYTHON", "VIRTUAL_ENV")
START_S = 600.0
"""Longest wait for an environment to be installed and the contender to be ready."""
ANSWER_S = 300.0


class Unavailable(RuntimeError):  # noqa: N818 - it is a state of a contender, shown in its row
    """A contender cannot be installed or run; the message says why."""


class Worker:
    """A contender's process.

    Args:
        name: Its file in ``peers``.
        url: Where it sends.
        is_on: Whether its tracing is on.

    Raises:
        Unavailable: It did not become ready.
    """

    def __init__(self, name: str, url: str, *, is_on: bool = True) -> None:
        self.name = name
        self.module = cast("Module", importlib.import_module(f"peers.{name}"))
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)
        with (self.folder / "errors.txt").open("w") as errors:
            self._process = subprocess.Popen(
                [*_python(self.module.REQUIRES), str(WORKER), name, url, "on" if is_on else "off"],
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        try:
            self.versions = self._read(START_S)
        except Unavailable:
            self.close()
            raise

    @property
    def title(self) -> str:
        """Its name and version, as a table shows it."""
        return f"{self.module.TITLE} ({self.versions['version']})"

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something and wait for the answer."""
        self.tell(what, **arguments)
        return self.answer()

    def tell(self, what: str, **arguments: Any) -> None:
        """Have it do something."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        try:
            self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Unavailable(self._last_words() or str(error)) from None

    def answer(self, timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """Wait for the answer to what it was told."""
        return self._read(timeout_s)

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the group is its own: `uv` and what it runs
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    def _read(self, timeout_s: float) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was asked for
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                raise Unavailable(f"it did not answer within {timeout_s:g} s")
        line = stdout.readline()
        if not line:
            raise Unavailable(self._last_words() or "it ended without a word")
        told: dict[str, Any] = json.loads(line)
        if "unavailable" in told or "failed" in told:
            raise Unavailable(told.get("unavailable") or told["failed"])
        return told

    def _last_words(self) -> str:
        lines = (self.folder / "errors.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else ""


class Field:
    """Contenders that run side by side, and those that could not be started.

    Attributes:
        workers: Those that are ready, by name.
        missing: Why the others are not, by title.
    """

    def __init__(self, names: Sequence[str], url: str, *, is_on: bool = True) -> None:
        self.workers: dict[str, Worker] = {}
        self.missing: dict[str, str] = {}
        for name in names:
            try:
                self.workers[name] = Worker(name, url, is_on=is_on)
            except Unavailable as error:
                self.missing[importlib.import_module(f"peers.{name}").TITLE] = str(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.workers):
            self.workers.pop(name).close()

    def leave_out(self, name: str, reason: str) -> None:
        """A contender failed in the middle: it is shown as such."""
        worker = self.workers.pop(name)
        self.missing[worker.title] = reason
        worker.close()

    def turns(self, rounds: int) -> Iterator[tuple[int, str, Worker]]:
        """Whose turn it is: all in each round, in turning order, so that no place is always the same contender's."""
        for number in range(rounds):
            names = list(self.workers)
            for name in names if number % 2 == 0 else reversed(names):
                if name in self.workers:
                    yield number, name, self.workers[name]

    def missing_rows(self) -> list[tuple[str, ...]]:
        """Rows of the table for those that could not be measured."""
        return [(title, f"not measured: {reason}") for title, reason in self.missing.items()]


def chosen(size: Size, among: Sequence[str] = PEERS) -> tuple[str, ...]:
    """The peers among these that are asked for."""
    return tuple(among) if size.peers is None else tuple(name for name in among if name in size.peers)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our own environment without what would change a contender's behaviour."""
    return {**_environment(), **(more or {})}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}


def _python(requires: tuple[str, ...]) -> list[str]:
    if not requires:
        return [sys.executable]
    wanted = [part for requirement in requires for part in ("--with", requirement)]
    version = ".".join(map(str, sys.version_info[:2]))
    return ["uv", "run", "--quiet", "--isolated", "--no-project", "--python", version, *wanted, "python"]
