"""A journal written without threads: what a provider finishes is kept, and committed when the test says so."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal.book import Book
from autoops.tracing.journal.commit import Committed, write
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import open_at
from autoops.tracing.journal.store import Store
from autoops.tracing.provider import TracerProvider
from autoops.tracing.scores import Score
from autoops.tracing.serialize import dump

if TYPE_CHECKING:
    from pathlib import Path

    from autoops.tracing.span import Span

KEYS = {"public_key": "pk-lf-desk", "secret_key": "sk-lf-desk"}
"""Credentials: what is recorded with them is to be delivered."""

_numbers = itertools.count()


class Pile:
    """Takes what a provider begins and ends, as the writer does, and keeps it."""

    def __init__(self) -> None:
        self.opened: list[Span] = []
        self.finished: list[Span] = []

    def began(self, span: Span) -> None:
        """Keep a span that should be seen while it is open."""
        self.opened.append(span)

    def ended(self, span: Span) -> None:
        """Keep an ended span."""
        self.finished.append(span)


class Desk:
    """One process's way into a journal: several on one file stand for several processes.

    Args:
        store: The journal; a file's path opens it.
        config: Fields of `LangfuseConfig`; without keys, what is recorded stays local.
    """

    def __init__(self, store: Store | Path, **config: Any) -> None:
        self.store = store if isinstance(store, Store) else open_at(Location(store))
        self.pile = Pile()
        self.provider = TracerProvider(LangfuseConfig(**config), self.pile)
        # A name of its own: a process has one row for each journal, and this one plays a process of its own.
        self.book = Book(f"desk {next(_numbers)}")
        self.scores: list[Score] = []
        self.lost: dict[str, int] = {}

    def begin(self, name: str = "operation", parent: Any = None, given: Any = None, **slots: Any) -> Span:
        """Begin a span; a root without a parent."""
        return self.provider.begin(
            name, parent=parent, input=None if given is None else dump(given), **{"type": "span", **slots}
        )

    def span(self, name: str = "operation", parent: Any = None, given: Any = None, **slots: Any) -> Span:
        """Begin and end a span."""
        span = self.begin(name, parent, given, **slots)
        span.end()
        return span

    def score(self, span: Span, name: str = "quality", value: str = "0.5", score_id: str = "") -> Score:
        """Score a span."""
        score = Score(
            score_id or f"score-{next(_numbers)}",
            span.trace_id,
            span.id,
            name,
            value,
            "NUMERIC",
            None,
            None,
            span.start_ns,
            self.provider.config,
        )
        self.scores.append(score)
        return score

    def commit(self) -> Committed:
        """Write all that was begun, ended and scored, in one transaction."""
        opened, ended, scores, lost = self.pile.opened, self.pile.finished, self.scores, self.lost
        self.pile.opened, self.pile.finished, self.scores, self.lost = [], [], [], {}
        with self.store.transaction() as connection:
            committed = write(connection, self.book, opened, ended, scores, lost)
        for span, seq in committed.new_seqs:
            span.seq = seq
        return committed

    def rows(self, sql: str, *arguments: Any) -> list[Any]:
        """What the journal answers."""
        with self.store.reading() as connection:
            return connection.execute(sql, arguments).fetchall()

    def execute(self, sql: str, *arguments: Any) -> None:
        """Change the journal by hand."""
        with self.store.transaction() as connection:
            connection.execute(sql, arguments)
