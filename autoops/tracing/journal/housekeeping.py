"""What a writer does beside writing: it shows that its process lives, and one of all cares for the file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from autoops.tracing.journal import caretaker
from autoops.tracing.journal.lock import CARETAKER
from autoops.tracing.journal.retention import Limits, Retention
from autoops.tracing.serialize import dump

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from autoops.tracing.counts import Counts
    from autoops.tracing.flag import Flag
    from autoops.tracing.journal.store import Store
    from autoops.tracing.provider import TracerProvider

HEARTBEAT_S: Final = 10.0
CARE_EVERY_S: Final = 10.0


class Heartbeat:
    """Tells other processes, through this process's row, that it lives and how it is.

    Args:
        health: Tells how the process is.
    """

    def __init__(self, health: Callable[[], dict[str, Any]]) -> None:
        self._health = health
        self._beaten_at = 0.0
        self._told: object = None

    def is_due(self) -> bool:
        """Whether it is time to write the row, or what it says of the connection no longer holds.

        Whoever looks from another process must not be told that all is well when it is not.
        """
        return self._is_old(HEARTBEAT_S) or self._health().get("connection_status") != self._told

    def beat(self, connection: sqlite3.Connection, process_id: int | None) -> None:
        """Write the row; call it within a transaction."""
        health = self._health()
        connection.execute(
            "UPDATE processes SET heartbeat_at = ?, health = ? WHERE id = ?",
            (time.time(), dump(health).decode(), process_id),
        )
        self._told = health.get("connection_status")
        self._beaten_at = time.monotonic()

    def beat_along(self, connection: sqlite3.Connection, process_id: int | None) -> None:
        """Write the row with a commit that is made anyway, if it is half due."""
        if self._is_old(HEARTBEAT_S / 2):
            self.beat(connection, process_id)

    def _is_old(self, age_s: float) -> bool:
        return time.monotonic() - self._beaten_at >= age_s


class Care:
    """Care for a journal, by whichever process holds ``CARETAKER``."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._retention = Retention()

    def step(
        self,
        store: Store,
        process_id: int,
        providers: Sequence[TracerProvider],
        dropped: Counts,
        busy: Flag,
    ) -> bool:
        """Do what there is to do, for a second at most.

        Args:
            store: The journal.
            process_id: This process's row.
            providers: Whose settings hold, the latest's above all.
            dropped: Where spans are counted that a journal in memory had no room for.
            busy: Set when spans wait to be written, which goes first.

        Returns:
            Whether something became due by it.
        """
        if store.lock is None:
            caretaker.bound_memory(store, dropped)
            return False
        due = 0
        now = time.monotonic()
        if now - self._looked_at >= CARE_EVERY_S:
            self._looked_at = now
            store.lock.acquire(CARETAKER)
            if store.lock.holds(CARETAKER):
                by_value = all(each.config.enable_sampling for each in providers)
                due = caretaker.end_interrupted(store, process_id, send_warnings=by_value)
        if store.lock.holds(CARETAKER):
            caretaker.bound_log(store)
            if providers:
                self._retention.step(store, Limits.of(providers[-1].config), busy)
        return due > 0
