"""Sending all that waits, with a bar."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from autoops.errors import AutoOpsError
from autoops.tracing.client import NO_CREDENTIALS, LangfuseClient
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.status import Connection

LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of it: rows that left the outbox, rows that remain, and why they do."""

    delivered: int
    remaining: int
    reason: str | None


def deliver_all(journal: str, timeout_s: float) -> Delivered:
    """Deliver what waits in a journal for the project that the settings name.

    Args:
        journal: The file's path.
        timeout_s: When to give up, in seconds.

    Raises:
        AutoOpsError: There are no credentials, or the integration is off.
    """
    config = LangfuseConfig.from_settings().replace(journal=journal)
    if not config.enabled:
        raise AutoOpsError("the integration is off (LANGFUSE_ENABLED=false): nothing is sent")
    if not config.has_credentials:
        raise AutoOpsError(NO_CREDENTIALS)
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
    columns = (TextColumn("delivering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("delivering", total=total)
        while remaining and time.monotonic() < deadline:
            client.hurry()
            pause.wait(LOOK_EVERY_S)
            remaining = client.pending()
            progress.update(bar, completed=total - remaining, total=max(total, remaining))
            status = client.delivery
            if status.connection is Connection.UNAVAILABLE:
                reason = f"{status.last_error}" + (f" ({status.hint})" if status.hint else "")
                break
    if remaining and reason is None:
        reason = "time is up" if client.delivery.is_deliverer else "another process delivers this journal"
    return Delivered(max(0, total - remaining), remaining, reason)
