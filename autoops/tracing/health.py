"""How tracing fares, from memory: what ``health_check()`` answers, and the alerts in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from autoops.tracing.delivery.status import Connection
from autoops.tracing.journal.figures import NOTHING, size_alert
from autoops.tracing.journal.log_readers import why_it_grows
from autoops.tracing.journal.retention import Limits
from autoops.tracing.journal.tally import Tally
from autoops.tracing.sampling import HEAD, THROTTLE

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.delivery.status import Status
    from autoops.tracing.journal.writer import Writer
    from autoops.tracing.latency import Latency
    from autoops.tracing.provider import TracerProvider

LEAST_SUCCESS: Final = 0.95
"""Share of an agent's spans without an error below which an alert is raised."""
BACKLOG_ALERT_S: Final = 60.0
"""Age of the oldest pending span at which the backlog counts as growing."""


class Watched(Protocol):
    """What is asked of a client."""

    config: LangfuseConfig
    configuration_errors: tuple[str, ...]
    is_shut_down: bool
    latency: Latency
    provider: TracerProvider | None
    writer: Writer | None

    @property
    def mode(self) -> str:
        """How tracing runs now."""

    @property
    def is_available(self) -> bool:
        """Whether Langfuse is configured and answering."""

    @property
    def delivery(self) -> Status:
        """Where delivery stands."""


def check(client: Watched) -> dict[str, Any]:
    """All that is known of a client: asks nobody and never waits."""
    config, delivery, writer = client.config, client.delivery, client.writer
    held = NOTHING if writer is None else writer.figures
    by_reason = {HEAD: held.sampled_out - held.throttled, THROTTLE: held.throttled}
    mode = client.mode
    return {
        "initialized": not client.is_shut_down and config.enabled,
        "available": client.is_available,
        "connection_status": str(delivery.connection if config.enabled else Connection.DISABLED),
        "enabled": config.enabled,
        "fallback_mode": mode == "fallback",
        "mode": str(mode),
        "configuration_errors": list(client.configuration_errors),
        "host": config.host,
        "journal": held.as_dict(),
        "delivery": _delivery(delivery),
        "process": (Tally() if writer is None else writer.tally())._asdict(),
        "dropped": {} if writer is None else writer.dropped.snapshot(),
        "dropped_scores": {} if writer is None else writer.dropped_scores.snapshot(),
        "sampled_out": {reason: number for reason, number in by_reason.items() if number},
        "throttle": 1.0 if client.provider is None else client.provider.throttle,
        "payloads_removed": 0 if writer is None else writer.book.payloads_removed,
        "latency_ms": client.latency.percentiles_ms(),
        "alerts": [{"kind": kind, "message": message} for kind, message in _alerts(client)],
    }


def _delivery(status: Status) -> dict[str, Any]:
    return {
        "delivered": status.delivered,
        "retries": status.retries,
        "rejected": status.rejected,
        "scores_delivered": status.scores_delivered,
        "scores_error": status.scores_error,
        "partial_success": status.partial_success,
        "last_success": status.last_success,
        "last_error": status.last_error,
        "hint": status.hint,
        "next_attempt": status.next_attempt,
        "unavailable_since": status.unavailable_since,
        "is_deliverer": status.is_deliverer,
    }


def _alerts(client: Watched) -> list[tuple[str, str]]:
    """What needs someone: the kind of each, and the words."""
    alerts = []
    config, delivery = client.config, client.delivery
    if client.latency.over:
        message = f"{client.latency.over} of our calls took longer than {config.max_latency_ms:g} ms"
        alerts.append(("latency", message))
    if client.writer is not None:
        alerts += _journal_alerts(client, client.writer)
    if delivery.connection is Connection.UNAVAILABLE:
        alerts.append(("connection", delivery.last_error or "Langfuse does not answer"))
    return alerts


def _journal_alerts(client: Watched, writer: Writer) -> list[tuple[str, str]]:
    alerts = []
    config, held = client.config, writer.figures
    for agent, share in writer.agents.failing(config.alert_window_s, LEAST_SUCCESS).items():
        message = f"{agent}: {share:.0%} of its spans ended without an error in the last {config.alert_window_s:g} s"
        alerts.append(("agent_success", message))
    oldest = held.oldest_pending_s
    if oldest is not None and oldest > max(BACKLOG_ALERT_S, 4 * config.flush_interval):
        alerts.append(("backlog", f"{held.pending} spans wait for delivery, the oldest for {oldest:.0f} s"))
    near_limit = size_alert(held, Limits.of(config))
    if near_limit is not None:
        alerts.append(("journal_size", near_limit))
    log_grows = None if held.path is None else why_it_grows(Path(held.path), held.log_bytes)
    if log_grows is not None:
        alerts.append(("journal_log", log_grows))
    if writer.last_error is not None:
        alerts.append(("journal", writer.last_error))
    return alerts
