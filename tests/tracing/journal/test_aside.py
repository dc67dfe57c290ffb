"""Files that are moved out of the way are kept, each under a name of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from autoops.tracing.journal.aside import INDEX, LOG, beside, identity, set_aside, set_log_aside

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_journal_moves_with_its_log_and_index(tmp_path: Path) -> None:
    """All three bear the same new name, which says why; nothing of them is changed or left."""
    path = tmp_path / "journal.db"
    for suffix in ("", LOG, INDEX):
        beside(path, suffix).write_text(f"content{suffix}")
    before = identity(path)

    aside = set_aside(path, "damaged")

    assert aside.name.startswith("journal.db.damaged-")
    assert identity(aside) == before
    assert identity(path) is None
    for suffix in ("", LOG, INDEX):
        assert beside(aside, suffix).read_text() == f"content{suffix}"
    assert len(list(tmp_path.iterdir())) == 3


def test_names_do_not_collide(tmp_path: Path) -> None:
    """Two in one second are two; nor does a journal take the name of another's log."""
    path = tmp_path / "journal.db"
    kept = []
    for content in "abc":
        path.write_text(content)
        kept.append(set_aside(path, "damaged"))
        beside(path, LOG).write_text(content)
        kept.append(set_aside(path, "damaged", (LOG,)))

    assert len(set(kept)) == 6
    assert [each.read_text() for each in kept[::2]] == ["a", "b", "c"]
    assert [beside(each, LOG).read_text() for each in kept[1::2]] == ["a", "b", "c"]


def test_a_log_without_its_journal_is_kept_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with its new place; without a log there is nothing to do or say."""
    caplog.set_level(logging.WARNING)
    path = tmp_path / "journal.db"
    set_log_aside(path)
    assert caplog.messages == []
    beside(path, LOG).write_text("commits")

    set_log_aside(path)

    (kept,) = tmp_path.iterdir()
    assert kept.read_text() == "commits"
    (line,) = caplog.messages
    assert str(kept) in line
