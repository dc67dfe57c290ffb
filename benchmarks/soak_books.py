"""The journal's own books after a soak, read in one transaction and counted anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from pathlib import Path

WAYS = ("delivered", "pending", "local", "sampled_out", "rejected", "pruned")
COUNTED = {
    "spans": "SELECT COUNT(*) FROM spans",
    "traces": "SELECT COUNT(*) FROM traces",
    "scores": "SELECT COUNT(*) FROM scores",
    "pending": "SELECT COUNT(*) FROM outbox WHERE kind = 0",
    "scores_pending": "SELECT COUNT(*) FROM outbox WHERE kind = 1",
    "rejected": "SELECT COUNT(*) FROM rejected WHERE kind = 0",
    "scores_rejected": "SELECT COUNT(*) FROM rejected WHERE kind = 1",
    "ended": "SELECT COUNT(*) FROM spans WHERE state > 0",
}
"""What each counter counts, when nothing was pruned."""
OF_A_PROCESS = ("begun", "ended", "open", "buffered", "filtered", "dropped")
"""What a process has begun, and where it is."""
UNBALANCED = (
    "SELECT id, pid, begun, ended, open, buffered, filtered, dropped FROM processes WHERE ended_at IS NOT NULL"
    " AND begun <> ended + open + buffered + filtered + dropped"
)


@dataclass(frozen=True)
class Books:
    """What the journal says of itself.

    Attributes:
        counters: The table ``counters``.
        counted: The same figures, counted in the rows.
        unbalanced: Rows of processes that ended in order and whose sum is wrong.
        processes: Rows of processes, and of them those that ended in order.
        begun: Spans that all processes had begun, as of their last commits.
        ended_by_processes: Spans that they ended.
        interrupted: Spans that ended with their process.
        ended: Ids of all spans that have ended.
        integrity: SQLite's verdict on the file.
    """

    counters: dict[str, int]
    counted: dict[str, int]
    unbalanced: list[tuple[int, ...]]
    processes: tuple[int, int]
    begun: int
    ended_by_processes: int
    interrupted: int
    ended: frozenset[str]
    integrity: str

    def faults(self, arrived: AbstractSet[str]) -> list[str]:
        """What does not add up, in words.

        Args:
            arrived: Ids of the spans that the server has.
        """
        found = []
        by_way = {way: self.counters.get(way, 0) for way in WAYS}
        if self.counters.get("ended", 0) != sum(by_way.values()):
            found.append(f"ended {self.counters.get('ended', 0)} is not the sum of {by_way}")
        found += [
            f"the counter {name} says {self.counters.get(name, 0)}, the rows are {number}"
            for name, number in self.counted.items()
            if self.counters.get(name, 0) != number
        ]
        found += [f"a process that ended in order does not balance: {row}" for row in self.unbalanced]
        if self.ended_by_processes + self.interrupted != self.counters.get("ended", 0):
            found.append(
                f"processes ended {self.ended_by_processes} spans and {self.interrupted} were interrupted,"
                f" the journal has {self.counters.get('ended', 0)}"
            )
        if self.ended - arrived:
            found.append(f"{len(self.ended - arrived)} spans of the journal never arrived")
        if arrived - self.ended:
            found.append(f"{len(arrived - self.ended)} spans arrived that the journal does not have")
        if self.integrity != "ok":
            found.append(f"PRAGMA integrity_check: {self.integrity}")
        return found

    def summary(self) -> str:
        """One line."""
        ways = ", ".join(f"{way} {self.counters.get(way, 0)}" for way in WAYS)
        return (
            f"ended {self.counters.get('ended', 0)} = {ways}; {self.interrupted} of them interrupted;"
            f" {self.processes[0]} processes, {self.processes[1]} ended in order; integrity {self.integrity}"
        )


def read_books(path: Path) -> Books:
    """Read a journal that nobody writes any more.

    Args:
        path: The file.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")

        def number(query: str) -> int:
            (found,) = connection.execute(query).fetchone()
            return int(found or 0)

        books = Books(
            counters=dict(connection.execute("SELECT name, value FROM counters")),
            counted={name: number(query) for name, query in COUNTED.items()},
            unbalanced=connection.execute(UNBALANCED).fetchall(),
            processes=(
                number("SELECT COUNT(*) FROM processes"),
                number("SELECT COUNT(*) FROM processes WHERE ended_at IS NOT NULL"),
            ),
            begun=number("SELECT SUM(begun) FROM processes"),
            ended_by_processes=number("SELECT SUM(ended) FROM processes"),
            interrupted=number("SELECT COUNT(*) FROM spans WHERE state = 1"),
            ended=frozenset(
                row[0] for row in connection.execute("SELECT span_id FROM spans WHERE state > 0")
            ),
            integrity="; ".join(row[0] for row in connection.execute("PRAGMA integrity_check")),
        )
        connection.execute("COMMIT")
    return books
