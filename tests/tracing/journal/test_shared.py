"""One writer for each journal of a process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.counts import Drop
from autoops.tracing.journal.lock import lock_file
from autoops.tracing.journal.shared import leave, writer_for
from autoops.tracing.provider import TracerProvider

if TYPE_CHECKING:
    from pathlib import Path

LONG_S = 30.0


def soon() -> float:
    """A deadline that a healthy writer meets."""
    return time.monotonic() + LONG_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal will lie."""
    return tmp_path / "journal.db"


def test_the_last_user_stops_it(path: Path) -> None:
    """Services of one process share a writer; only the last one's leaving ends it."""
    first = writer_for(str(path), buffer_size=10, patience_s=1.0)
    second = writer_for(str(path), buffer_size=10, patience_s=1.0)
    assert first is second
    provider = TracerProvider(LangfuseConfig(), first)

    leave(first, soon())
    provider.begin("x", parent=None).end()
    leave(second, soon())
    provider.begin("y", parent=None).end()

    assert first.dropped.snapshot() == {Drop.AFTER_SHUTDOWN: 1}
    assert writer_for(str(path), buffer_size=10, patience_s=1.0) is not first


def test_memory_is_nobody_elses() -> None:
    """Journals in memory are not shared."""
    first, second = (writer_for("off", buffer_size=10, patience_s=1.0) for _ in range(2))

    assert first is not second


def test_one_file_by_two_names_has_one_writer_and_one_lock(tmp_path: Path) -> None:
    """Two would both deliver it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    first, second = (
        writer_for(str(tmp_path / name / "journal.db"), buffer_size=10, patience_s=1.0)
        for name in ("folder", "link")
    )

    assert first is second
    assert lock_file(tmp_path / "link" / "x.lock") is lock_file(tmp_path / "folder" / "x.lock")
