"""Deleting traces: all of them, nothing else, and nothing of it left to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk

from autoops.tracing.journal import caretaker, figures, outbox, prune, reader, slices
from autoops.tracing.journal.location import Location
from autoops.tracing.journal.lock import CARETAKER, lock_file
from autoops.tracing.journal.opening import is_sound
from autoops.tracing.journal.schema import SPAN
from autoops.tracing.journal.store import Store

if TYPE_CHECKING:
    from pathlib import Path

NEEDLE = "unmistakable-4711"
"""Stands in everything that is deleted."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's journal lies."""
    return tmp_path / "journal.db"


def traces(desk: Desk, number: int, *, user: str | None = None, session: str | None = None) -> list[str]:
    """Record traces of two spans, with scores."""
    ids = []
    for _ in range(number):
        root = desk.begin(f"event of {user}", given={"text": f"{user} {'x' * 3000}"})
        root.trace.user_id, root.trace.session_id = user, session
        root.set_attribute("langfuse.observation.metadata.note", f"note on {user}")
        desk.score(desk.span("step", root, given=f"step of {user}"))
        root.end()
        ids.append(root.trace_id)
    desk.commit()
    return ids


def raw(path: Path) -> bytes:
    """Every byte of the journal's files."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))


class TestSelecting:
    """Which traces bear the given marks."""

    def test_by_user_session_and_both(self, path: Path) -> None:
        """All marks must be there; without any, none is chosen."""
        desk = Desk(path)
        a = traces(desk, 2, user="a", session="s")
        b = traces(desk, 1, user="b", session="s")

        assert sorted(prune.select(desk.store, user_id="a")) == sorted(a)
        assert sorted(prune.select(desk.store, session_id="s")) == sorted(a + b)
        assert prune.select(desk.store, session_id="s", user_id="b") == b
        assert prune.select(desk.store, session_id="s", user_id="c") == []
        assert prune.select(desk.store) == []

    def test_by_the_beginning_of_an_id(self, path: Path) -> None:
        """A whole id, or its beginning."""
        desk = Desk(path)
        (wanted,) = traces(desk, 1)

        assert prune.select(desk.store, trace_id=wanted) == [wanted]
        assert prune.select(desk.store, trace_id=wanted[:20]) == [wanted]
        assert prune.select(desk.store, trace_id="z") == []


class TestDeleting:
    """Whole traces, with what hangs on them."""

    def test_everything_of_them_goes_and_nothing_else(self, path: Path) -> None:
        """Spans, scores, what waits, what was refused; the others stay as they are."""
        desk = Desk(path, **KEYS)
        gone, kept = traces(desk, 3, user="gone"), traces(desk, 2, user="kept")
        due = outbox.due_spans(desk.store, 1, 1, 1 << 20, newest_first=False)
        outbox.reject(desk.store, 1, SPAN, due[0].seq, 400, "no")

        assert prune.delete(desk.store, gone) == 6

        assert sorted(trace.trace_id for trace in reader.list_traces(desk.store).traces) == sorted(kept)
        for table, column in (("spans", "trace_id"), ("scores", "trace_id"), ("traces", "trace_id")):
            left = {row[0] for row in desk.rows(f"SELECT {column} FROM {table}")}  # noqa: S608 - names of ours
            assert left == set(kept)
        assert outbox.pending(desk.store, 1) == 2 * (2 + 1)
        assert reader.rejected(desk.store) == []
        held = figures.read(desk.store)
        assert (held.spans, held.traces, held.pending, held.rejected, held.pruned) == (4, 2, 4, 0, 6)

    def test_more_than_one_slice(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many traces, and the rows of one, are deleted in several transactions."""
        monkeypatch.setattr(prune, "DOOMED_AT_ONCE", 2)
        monkeypatch.setattr(slices, "HOLD_S", 0.0)
        desk = Desk(path)
        gone = traces(desk, 5)

        assert prune.delete(desk.store, gone) == 10
        assert prune.delete(desk.store, []) == 0
        assert prune.delete(desk.store, gone) == 0

    def test_the_file_shrinks(self, path: Path) -> None:
        """Its space is given back, and the file is sound."""
        desk = Desk(path)
        gone = traces(desk, 300, user="gone")
        desk.store.checkpoint("TRUNCATE")
        before = path.stat().st_size

        prune.delete(desk.store, gone)
        desk.store.checkpoint("TRUNCATE")

        assert path.stat().st_size < before / 4
        assert is_sound(path)

    @pytest.mark.parametrize("delivered", [False, True])
    def test_nothing_readable_is_left_in_the_file(self, path: Path, delivered: bool) -> None:  # noqa: FBT001 - a parameter
        """Deleted is deleted: not a word of it in the bytes of the file once its log is written back."""
        desk = Desk(path, **KEYS)
        traces(desk, 20, user="kept")
        gone = traces(desk, 20, user=NEEDLE, session=NEEDLE)
        traces(desk, 20, user="kept too")
        if delivered:
            outbox.spans_delivered(
                desk.store, 1, outbox.due_spans(desk.store, 1, 100, 1 << 24, newest_first=False)
            )
        desk.store.checkpoint("TRUNCATE")
        assert NEEDLE.encode() in raw(path)

        prune.delete(desk.store, gone)
        desk.store.checkpoint("TRUNCATE")

        assert NEEDLE.encode() not in raw(path)
        assert b"kept too" in raw(path)

    def test_closing_leaves_nothing_readable_either(self, path: Path) -> None:
        """The command line deletes, closes, and is gone: that is enough when nobody else has the file open."""
        desk = Desk(path, **KEYS)
        gone = traces(desk, 5, user=NEEDLE)
        desk.store.close()

        store = Store(Location(path))
        prune.delete(store, gone)
        store.close()

        assert NEEDLE.encode() not in raw(path)

    def test_a_reader_keeps_nothing_readable_either(self, path: Path) -> None:
        """A page that has the journal open, and therefore keeps its log, sees an emptied one."""
        desk = Desk(path, **KEYS)
        gone = traces(desk, 5, user=NEEDLE)
        with closing(sqlite3.connect(path)) as page:
            page.execute("SELECT COUNT(*) FROM spans").fetchall()

            store = reader.open_journal(str(path))
            prune.delete(store, gone)
            store.close()

            assert NEEDLE.encode() not in raw(path)

    def test_the_process_that_cares_for_the_log_empties_it(self, path: Path) -> None:
        """Two never checkpoint at once: whoever holds the turn is asked to do it, and does it once."""
        desk = Desk(path, **KEYS)
        gone = traces(desk, 5, user=NEEDLE)
        lock = lock_file(path.with_name("journal.db.lock"))
        assert lock.acquire(CARETAKER)

        prune.delete(desk.store, gone)
        assert NEEDLE.encode() in raw(path)
        caretaker.bound_log(desk.store)

        assert NEEDLE.encode() not in raw(path)
        assert desk.rows("SELECT * FROM meta WHERE key = ?", prune.EMPTY_LOG) == []
        lock.release(CARETAKER)

    def test_a_reader_in_the_way_only_delays_it(self, path: Path) -> None:
        """While somebody is in the middle of reading, the log stays; it is emptied afterwards."""
        desk = Desk(path, **KEYS)
        gone = traces(desk, 5, user=NEEDLE)
        lock = lock_file(path.with_name("journal.db.lock"))
        assert lock.acquire(CARETAKER)
        with closing(sqlite3.connect(path, isolation_level=None)) as page:
            page.execute("BEGIN")
            page.execute("SELECT COUNT(*) FROM spans").fetchall()
            prune.delete(desk.store, gone)
            caretaker.bound_log(desk.store)
            assert NEEDLE.encode() in raw(path)
            page.execute("COMMIT")

        caretaker.bound_log(desk.store)

        assert NEEDLE.encode() not in raw(path)
        lock.release(CARETAKER)
