"""Sending all that waits, with a bar that tells what remains."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autoops.errors import AutoOpsError
from autoops.tracing.client import NO_CREDENTIALS, LangfuseClient
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.status import Connection

LOOK_EVERY_S: Final = 0.2
TELL_EVERY_S: Final = 5.0
"""How often a line is printed where no bar can be shown."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it: rows that left the outbox, rows that remain, and why they do."""

    delivered: int
    remaining: int
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)


def config_for(journal: str) -> LangfuseConfig:
    """The settings, with a journal of this path.

    Raises:
        AutoOpsError: There are no credentials, or the integration is off.
    """
    config = LangfuseConfig.from_settings().replace(journal=journal)
    if not config.enabled:
        raise AutoOpsError("the integration is off (LANGFUSE_ENABLED=false): nothing is sent")
    if not config.has_credentials:
        raise AutoOpsError(NO_CREDENTIALS)
    return config


def deliver_all(config: LangfuseConfig, timeout_s: float) -> Delivered:
    """Deliver what waits in a journal for the project that a configuration names.

    Args:
        config: Journal, host and keys.
        timeout_s: When to give up, in seconds.
    """
    # What delivery logs is what this command tells at its end.
    log = logging.getLogger("autoops.tracing.delivery")
    before = log.level
    log.setLevel(logging.ERROR)
    client = LangfuseClient(config)
    try:
        return _drain(client, time.monotonic() + timeout_s)
    finally:
        client.shutdown(1.0)
        log.setLevel(before)


def _drain(client: LangfuseClient, deadline: float) -> Delivered:
    pause = threading.Event()
    total = remaining = client.pending()
    reason: str | None = None
    with _Told(total, client.config.host) as told:
        while remaining and time.monotonic() < deadline:
            client.hurry()
            pause.wait(LOOK_EVERY_S)
            remaining = client.pending()
            total = max(total, remaining)
            told.progress(total - remaining, total)
            status = client.delivery
            if remaining and status.connection is Connection.UNAVAILABLE:
                reason = f"{status.last_error}" + (f" ({status.hint})" if status.hint else "")
                break
            if remaining and status.scores_error is not None and not client.pending(spans_only=True):
                reason = f"scores are not taken: {status.scores_error}"
                break
    if remaining and reason is None:
        reason = "time is up" if client.delivery.is_deliverer else "another process delivers this journal"
    return Delivered(total - remaining, remaining, reason)


class _Told:
    """Tells how far delivery is: a bar on a terminal, a line now and then elsewhere, always on standard error."""

    def __init__(self, total: int, host: str) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("delivering"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remain]:,} remain"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._is_shown = self._console.is_terminal and total > 0
        self._task = self._bar.add_task("delivering", total=total, remain=total, rate=0.0)
        self._began = self._said_at = time.monotonic()
        if total and not self._is_shown:
            self._say(f"delivering {total:,} to {host}")

    def __enter__(self) -> Self:
        if self._is_shown:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._bar.stop()

    def progress(self, done: int, total: int) -> None:
        """So many of so many rows have left the outbox."""
        now = time.monotonic()
        rate = done / max(now - self._began, 1e-3)
        self._bar.update(self._task, completed=done, total=total, remain=total - done, rate=rate)
        if not self._is_shown and now - self._said_at >= TELL_EVERY_S:
            self._said_at = now
            left = f", about {(total - done) / rate:,.0f} s left" if done else ""
            self._say(f"delivered {done:,} of {total:,}, {total - done:,} remain, {rate:,.0f}/s{left}")

    def _say(self, line: str) -> None:
        typer.echo(line, err=True)
