"""The recording processes of a soak: begun, listened to, and ended in all ways that a process has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from soak_faults import Town

HERE = Path(__file__).resolve().parent
END_S = 20.0
"""Longest wait for a process that was told to end."""


def environment_for(town: Town, folder: Path) -> dict[str, str]:
    """Variables of a process of the soak: nothing of the developer's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANGFUSE_", "AUTOOPS_", "OTEL_"))
    }
    return kept | {
        "HOME": str(folder),
        "PYTHONPATH": str(HERE.parent),
        "AUTOOPS_JOURNAL": str(folder / "journal.db"),
        "LANGFUSE_HOST": town.url,
        "LANGFUSE_PUBLIC_KEY": town.public_key,
        "LANGFUSE_SECRET_KEY": town.secret_key,
        "LANGFUSE_FLUSH_INTERVAL": "0.2",
        "LANGFUSE_TIMEOUT": "3",
        "LANGFUSE_MAX_RETRIES": "2",
    }


class Worker:
    """A recording process, and what it has said.

    Args:
        number: Its seed.
        environment: Its variables.
        log: Where its standard error goes.
    """

    def __init__(self, number: int, environment: dict[str, str], log: Path) -> None:
        self.kept: list[str] = []
        self.kept_scores: list[str] = []
        self.promised: list[str] = []
        self.promised_scores: list[str] = []
        self.dropped: dict[str, int] = {}
        self.elsewhere: set[str] = set()
        self.ended_by = "itself"
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-u", str(HERE / "soak_worker.py"), str(number)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        # Until the pipe is closed: by this process and by all that it forked.
        for line in self.process.stdout or ():
            told = json.loads(line)
            self.kept += told.get("kept", ())
            self.promised += told.get("promised", ())
            scores = self.promised_scores if "promised" in told else self.kept_scores
            scores += told.get("scores", ())
            self.dropped = told.get("dropped", self.dropped)
            self.elsewhere |= {told["elsewhere"]} if "elsewhere" in told else set()

    def end(self, dice: random.Random) -> None:
        """End it in one of three ways, if it has not ended by itself."""
        if self.process.poll() is not None:
            return
        self.ended_by = dice.choice(["SIGKILL", "SIGKILL", "SIGTERM", "SIGTERM", "request"])
        if self.ended_by != "request":
            self.process.send_signal(getattr(signal, self.ended_by))
        elif self.process.stdin is not None:
            self.process.stdin.close()

    def wait(self) -> bool:
        """Wait until it and its forked children have ended; what hangs is killed. Whether it ended by itself."""
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        finally:
            self._listener.join(END_S)
        return True

    def acknowledged(self) -> tuple[list[str], list[str]]:
        """Spans and scores that nothing may have lost; a promise counts if no signal ended the process."""
        if self.process.returncode is not None and self.process.returncode >= 0:
            return self.kept + self.promised, self.kept_scores + self.promised_scores
        return self.kept, self.kept_scores


class Crew:
    """All processes of a soak, those that run and those that have ended.

    Args:
        environment: Their variables.
        log: Where their standard error goes.
        seed: Each has a seed of its own, derived from this one.
    """

    def __init__(self, environment: dict[str, str], log: Path, seed: int) -> None:
        self.environment = environment
        self.everyone: list[Worker] = []
        self._running: list[Worker] = []
        self._log = log
        self._seed = seed

    def fill(self, number: int) -> None:
        """Have so many run: new ones take the places of those that have ended."""
        self._running = [worker for worker in self._running if worker.process.poll() is None]
        while len(self._running) < number:
            seed = self._seed * 1_000_000 + len(self.everyone)
            worker = Worker(seed, self.environment, self._log)
            self._running.append(worker)
            self.everyone.append(worker)

    def end_one(self, dice: random.Random) -> None:
        """End one of those that run."""
        dice.choice(self._running).end(dice)

    def end_all(self, dice: random.Random) -> list[str]:
        """End all. Returns what went wrong, in words."""
        for worker in self._running:
            worker.end(dice)
        return [
            f"process {worker.process.pid} did not end within {END_S:g} s"
            for worker in self.everyone
            if not worker.wait()
        ]
