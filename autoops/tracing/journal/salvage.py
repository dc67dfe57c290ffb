"""Saving from a damaged journal what waits for delivery.

Whatever SQLite can still read of the outbox and of its spans and scores goes into the journal that takes the damaged one's
place, to be delivered from there. The rest of the damaged file is history that nobody waits for: it stays where it is.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from autoops.errors import JournalError
from autoops.tracing.journal import outbox
from autoops.tracing.journal.database import Database
from autoops.tracing.journal.schema import OPEN, SCORE, SPAN
from autoops.tracing.journal.store import Salvaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from autoops.tracing.journal.store import Store

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""Longest time spent on it, in seconds: meanwhile new spans wait in memory."""
SLICE: Final = 256
"""Rows asked for at once; what cannot be read is halved, down to a single row."""
DAMAGE: Final = "damage"
"""Key in ``meta`` under which the latest damage is noted."""
JSON_COLUMNS: Final = frozenset(
    {"input", "output", "attributes", "events", "links", "scope", "tags", "value", "extra"}
)
_ID: Final = re.compile("[0-9a-f]{16}([0-9a-f]{16})?")
_NO_RESOURCE: Final = {"environment": "default", "release": "", "attributes": "{}"}

Row = dict[str, Any]


def salvage(aside: Path, store: Store) -> Salvaged:
    """Put what waited in a damaged journal into the one that takes its place. Never raises; says what it did in one line.

    Args:
        aside: The damaged file, moved aside.
        store: The new journal.
    """
    database = Database(aside, read_only=True)
    try:
        with database.lock:
            done = _Salvage(database.connection(), store, aside.name).run()
    except (sqlite3.Error, JournalError, OSError) as error:
        logger.debug("nothing could be saved from %s", aside, exc_info=error)
        done = Salvaged(0, 0, complete=False)
    finally:
        database.close()
    _note(store, aside, done)
    logger.warning(
        "%d rows that waited for delivery were saved from %s, %d could not be read%s",
        done.saved,
        aside,
        done.unreadable,
        "" if done.complete else ", and there may have been more",
    )
    return done


def last_damage(connection: sqlite3.Connection) -> dict[str, Any] | None:
    """The latest damage that a journal took the place of: ``path``, ``at`` (seconds), and the fields of ``Salvaged``."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (DAMAGE,)).fetchone()
    return None if row is None else dict(orjson.loads(row[0]))


def _note(store: Store, aside: Path, done: Salvaged) -> None:
    """Keep it for whoever looks later, from whatever process."""
    noted = {"path": str(aside), "at": time.time(), **done._asdict()}
    try:
        with store.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                (DAMAGE, orjson.dumps(noted).decode()),
            )
    except JournalError as error:
        logger.debug("the damage could not be noted: %s", error)


class _Salvage:
    """One pass over one damaged file."""

    def __init__(self, source: sqlite3.Connection, store: Store, name: str) -> None:
        self.source = source
        source.execute("PRAGMA cell_size_check = ON")
        self.store = store
        self.name = name
        self.deadline = time.monotonic() + PATIENCE_S
        self.complete = True
        self.saved = self.unreadable = 0
        self.resources: dict[tuple[int, int], int] = {}
        self.process_id: int | None = None

    def run(self) -> Salvaged:
        """Save spans and scores of every destination."""
        destinations = self.source.execute("SELECT id, host, public_key FROM destinations").fetchall()
        for old_id, host, public_key in destinations:
            with self.store.transaction() as connection:
                new_id = outbox.destination(connection, host, public_key)
            for kind, table in ((SPAN, "spans"), (SCORE, "scores")):
                waiting = self._waiting(old_id, kind, table)
                for start in range(0, len(waiting), SLICE):
                    self._move(new_id, kind, table, waiting[start : start + SLICE])
        return Salvaged(self.saved, self.unreadable, complete=self.complete)

    def _waiting(self, destination_id: int, kind: int, table: str) -> list[int]:
        """``seq`` of the rows that wait for a destination, as far as they can be read."""
        edges = "SELECT MIN(seq), MAX(seq) FROM outbox WHERE destination_id = ? AND kind = ?"
        try:
            low, high = self.source.execute(edges, (destination_id, kind)).fetchone()
        except sqlite3.DatabaseError:
            low, high = self.source.execute(f"SELECT MIN(seq), MAX(seq) FROM {table}").fetchone()
        if low is None:
            return []

        def fetch(part: Sequence[int]) -> list[Row]:
            return _rows(
                self.source,
                "SELECT seq FROM outbox WHERE destination_id = ? AND kind = ? AND seq BETWEEN ? AND ?",
                (destination_id, kind, part[0], part[-1]),
            )

        found: list[int] = []
        for start in range(low, high + 1, SLICE):
            for rows in self._readable(fetch, range(start, min(high + 1, start + SLICE))):
                if rows is None:
                    self.complete = False
                else:
                    found += [row["seq"] for row in rows]
        return found

    def _move(self, destination_id: int, kind: int, table: str, seqs: list[int]) -> None:
        """Copy rows into the new journal, as waiting."""

        def fetch(part: Sequence[int]) -> list[Row]:
            return _rows(
                self.source, f"SELECT * FROM {table} WHERE seq IN ({', '.join('?' * len(part))})", tuple(part)
            )

        rows = [row for part in self._readable(fetch, seqs) for row in part or () if _is_whole(row)]
        changes: Counter[str] = Counter()
        saved = 0
        with self.store.transaction() as connection:
            for row in rows:
                saved += self._put(connection, destination_id, kind, table, row, changes)
            outbox.bump(connection, changes)
        self.saved += saved
        self.unreadable += len(seqs) - saved

    def _put(
        self,
        connection: sqlite3.Connection,
        destination_id: int,
        kind: int,
        table: str,
        row: Row,
        changes: Counter[str],
    ) -> bool:
        """One row and what is joined to it. False if the new journal does not take it as it is."""
        row["resource_id"] = self._resource(connection, destination_id, row.get("resource_id"))
        if kind == SPAN:
            changes["traces"] += self._trace(connection, row)
        row.pop("seq")
        try:
            cursor = _insert(connection, table, row)
        except sqlite3.IntegrityError:
            return False
        if not cursor.rowcount:
            return True  # its process has written it again already
        connection.execute(
            "INSERT OR IGNORE INTO outbox (destination_id, kind, seq, process_id) VALUES (?, ?, ?, ?)",
            (destination_id, kind, cursor.lastrowid, self.process_id),
        )
        changes.update(("spans", "ended", "pending") if kind == SPAN else ("scores", "scores_pending"))
        if kind == SPAN:
            connection.execute(
                "UPDATE traces SET span_count = span_count + 1, error_count = error_count + ?,"
                " warning_count = warning_count + ? WHERE trace_id = ?",
                (row["level"] == "ERROR", row["level"] == "WARNING", row["trace_id"]),
            )
        return True

    def _trace(self, connection: sqlite3.Connection, span: Row) -> int:
        """A span's trace, whose counts begin anew; a bare one if it cannot be read. Returns how many were made."""
        bare = {"trace_id": span["trace_id"], "start_ns": span["start_ns"], "sampled": 1, "sample_rate": 1.0}
        found = self._joined("SELECT * FROM traces WHERE trace_id = ?", span["trace_id"])
        trace = found if found is not None and _is_whole(found) else bare
        return _insert(
            connection, "traces", trace | dict.fromkeys(("span_count", "error_count", "warning_count"), 0)
        ).rowcount

    def _resource(self, connection: sqlite3.Connection, destination_id: int, old_id: Any) -> int:
        known = self.resources.get((destination_id, old_id))
        if known is not None:
            return known
        if self.process_id is None:
            now = time.time()
            self.process_id = connection.execute(
                "INSERT INTO processes (pid, program, started_at, heartbeat_at, ended_at) VALUES (?, ?, ?, ?, ?)",
                (os.getpid(), f"saved from {self.name}", now, now, now),
            ).lastrowid
        found = self._joined("SELECT * FROM resources WHERE id = ?", old_id)
        row = found if found is not None and _is_whole(found) else _NO_RESOURCE
        kept = {name: row[name] for name in _NO_RESOURCE}
        made = _insert(
            connection, "resources", {**kept, "process_id": self.process_id, "destination_id": destination_id}
        ).lastrowid
        self.resources[destination_id, old_id] = int(made or 0)
        return int(made or 0)

    def _joined(self, sql: str, key: Any) -> Row | None:
        try:
            found = _rows(self.source, sql, (key,))
        except sqlite3.DatabaseError:
            return None
        return found[0] if found else None

    def _readable(
        self, fetch: Callable[[Sequence[int]], list[Row]], seqs: Sequence[int]
    ) -> Iterator[list[Row] | None]:
        """What ``fetch`` gives of the rows ``seqs``, in parts that can be read; None for each row that cannot."""
        parts = [seqs]
        while parts:
            part = parts.pop()
            if time.monotonic() > self.deadline:
                self.complete = False
                return
            try:
                rows = fetch(part)
            except sqlite3.DatabaseError:
                if len(part) == 1:
                    yield None
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
            else:
                yield rows


def _rows(connection: sqlite3.Connection, sql: str, arguments: tuple[Any, ...]) -> list[Row]:
    cursor = connection.execute(sql, arguments)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> sqlite3.Cursor:
    names = ", ".join(row)
    return connection.execute(
        f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
    )


def _is_whole(row: Row) -> bool:
    """Whether a row is as we write them: damage may leave one that can be read and means nothing."""
    for name, value in row.items():
        if isinstance(value, bytes):
            return False
        if name in {"trace_id", "span_id"} and value is not None and not _is_id(value):
            return False
        if name == "state" and (type(value) is not int or value <= OPEN):
            return False
        if name.endswith("_ns") and type(value) is not int:
            return False
        if name in JSON_COLUMNS and value is not None:
            try:
                orjson.loads(value)
            except (orjson.JSONDecodeError, TypeError):
                return False
    return True


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
