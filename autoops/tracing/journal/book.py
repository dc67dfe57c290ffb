"""What a process remembers of its journal between commits: its own row, those of its configurations, usual durations."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import orjson

from autoops.tracing.journal.outbox import destination
from autoops.tracing.journal.worth import Durations
from autoops.tracing.masking import Masker

if TYPE_CHECKING:
    import sqlite3

    from autoops.tracing.config import LangfuseConfig


class Source(NamedTuple):
    """A configuration's row in ``resources``, and the masker it asks for."""

    config: LangfuseConfig
    resource_id: int
    destination_id: int | None
    masker: Masker


_enrolled: dict[str, tuple[int, float]] = {}
"""This process's row in each journal it has written to: its id and the start it bears."""


class Book:
    """Remembers what it need not ask the file again.

    Attributes:
        process_id: This process's row; None before its first commit.
        rows_without_data: Spans whose data could not be written.
        durations: How long roots usually take.
    """

    def __init__(self, journal: str) -> None:
        self.process_id: int | None = None
        self.rows_without_data = 0
        self.durations = Durations()
        self._journal = journal
        self._sources: dict[int, Source] = {}

    @property
    def payloads_removed(self) -> int:
        """Payloads that were removed because masking or writing them failed."""
        return self.rows_without_data + sum(source.masker.failures for source in list(self._sources.values()))

    def known(self) -> int | None:
        """This process's row, if it has written to the file, also through another writer before."""
        if self.process_id is None and self._journal in _enrolled:
            return _enrolled[self._journal][0]
        return self.process_id

    def enroll(self, connection: sqlite3.Connection) -> int:
        """This process's row, made at its first commit to the file; a later writer of the process takes it up again."""
        if self.process_id is None:
            known = _enrolled.get(self._journal)
            if (
                known is not None
                and connection.execute(
                    "UPDATE processes SET ended_at = NULL WHERE id = ? AND started_at = ?", known
                ).rowcount
            ):
                self.process_id = known[0]
        if self.process_id is None:
            now = time.time()
            program = " ".join(sys.argv[:1]) or "python"
            cursor = connection.execute(
                "INSERT INTO processes (pid, program, started_at, heartbeat_at) VALUES (?, ?, ?, ?)",
                (os.getpid(), program, now, now),
            )
            self.process_id = int(cursor.lastrowid or 0)
            if self._journal != "off":
                _enrolled[self._journal] = (self.process_id, now)
        return self.process_id

    def source(self, connection: sqlite3.Connection, config: LangfuseConfig) -> Source:
        """The row of ``resources`` for a configuration."""
        source = self._sources.get(id(config))
        if source is None:
            process_id = self.enroll(connection)
            where = config.destination
            destination_id = None if where is None else destination(connection, *where)
            attributes = orjson.dumps(
                {"service.name": config.service_name, **config.resource_attributes}
            ).decode()
            cursor = connection.execute(
                "INSERT INTO resources (process_id, destination_id, environment, release, attributes)"
                " VALUES (?, ?, ?, ?, ?)",
                (process_id, destination_id, config.environment, config.release, attributes),
            )
            masker = Masker(config.mask_keys, config.mask)
            source = Source(config, int(cursor.lastrowid or 0), destination_id, masker)
            self._sources[id(config)] = source
        return source


if hasattr(os, "register_at_fork"):
    # A child is a process of its own.
    os.register_at_fork(after_in_child=_enrolled.clear)
