"""Where delivery stands, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Connection(StrEnum):
    """The connection to Langfuse as delivery sees it."""

    UNKNOWN = "unknown"
    """No answer yet: nothing was asked, or the first question is under way."""
    HEALTHY = "healthy"
    """The last request was accepted."""
    DEGRADED = "degraded"
    """The last request failed and is being tried again."""
    UNAVAILABLE = "unavailable"
    """Tries are used up, or the keys or the address are wrong: spans are recorded locally and the server is probed."""
    DISABLED = "disabled"
    """Nothing is to be delivered: switched off, or no credentials."""


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of delivery. Counts are this process's; times are ISO 8601 in UTC."""

    connection: Connection = Connection.UNKNOWN
    delivered: int = 0
    retries: int = 0
    rejected: int = 0
    scores_delivered: int = 0
    partial_success: int = 0
    last_success: str | None = None
    last_error: str | None = None
    hint: str | None = None
    next_attempt: str | None = None
    unavailable_since: str | None = None
    is_deliverer: bool = False
