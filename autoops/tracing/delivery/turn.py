"""Whose turn it is to send: of all processes on a journal, one for each destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.tracing.journal.lock import FIRST_DESTINATION

if TYPE_CHECKING:
    from autoops.tracing.journal.lock import LockFile
    from autoops.tracing.journal.store import Store


class Turn:
    """One deliverer's turn, held until it is given back or the process ends."""

    def __init__(self) -> None:
        self._held: tuple[LockFile, int] | None = None

    def take(self, store: Store, destination_id: int) -> bool:
        """Take the turn if nobody has it. Returns whether it is ours; a journal in memory has nobody else."""
        byte = FIRST_DESTINATION + destination_id
        # Not whether the process holds it: another deliverer of this process may.
        if self._held is None and store.lock is not None and store.lock.acquire(byte):
            self._held = (store.lock, byte)
        return store.lock is None or self._held is not None

    def give_back(self) -> None:
        """Let another have it."""
        held, self._held = self._held, None
        if held is not None:
            lock, byte = held
            lock.release(byte)
