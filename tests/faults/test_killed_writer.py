"""A writer that is killed at any point leaves a sound journal with every span that it was told is kept."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from children import running_python
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journals import assert_sound, names_in

from autoops.tracing.journal.location import Location
from autoops.tracing.journal.opening import open_at

if TYPE_CHECKING:
    from pathlib import Path

WRITE = """
import json, sys, threading, time
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import caretaker
from autoops.tracing.journal.writer import Writer
from autoops.tracing.provider import TracerProvider

journal, run, batch, size, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
caretaker.LOG_BYTES = 200_000  # the log is brought into the file every few commits: a kill meets that too
writer = Writer(journal, buffer_size=1000, patience_s=10.0)
provider = TracerProvider(LangfuseConfig(public_key="pk-lf-x", secret_key="sk-lf-x"), writer)
guard = threading.Lock()

def record(thread):
    number = 0
    while True:
        names = [f"{run}.{thread}.{number + step}" for step in range(batch)]
        for name in names:
            provider.begin(name, parent=None, type="agent", input=b'"' + b"x" * size + b'"').end()
        number += batch
        if writer.flush(time.monotonic() + 20):  # acknowledged: what was taken is on the disk
            with guard:
                sys.stdout.write(json.dumps(names) + "\\n")
                sys.stdout.flush()

for thread in range(threads):
    threading.Thread(target=record, args=(thread,)).start()
"""


@given(
    acknowledged=st.integers(1, 30),
    delay_s=st.floats(0.0, 0.06),
    batch=st.integers(1, 40),
    size=st.sampled_from([10, 3_000, 60_000]),
    threads=st.integers(1, 3),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_killed_writer_has_kept_what_it_said(
    tmp_path: Path, acknowledged: int, delay_s: float, batch: int, size: int, threads: int
) -> None:
    """SIGKILL after some acknowledged commits and a moment more; the journal is opened again, kill after kill.

    Takes some seconds: each example is a process of its own.
    """
    path = tmp_path / "journal.db"
    run = str(time.monotonic_ns())
    kept: list[Any] = []
    with running_python(WRITE, str(path), run, str(batch), str(size), str(threads)) as child:
        kept += [child.says() for _ in range(acknowledged)]
        threading.Event().wait(
            delay_s
        )  # not for anything to happen: the kill comes at a moment that nobody chose
        child.kill()
        kept += child.rest()

    store = open_at(Location(path))

    assert store.moved_aside is None
    store.close()
    assert_sound(path)
    names = names_in(path)
    assert len(names) == len(set(names))
    assert {name for batch_ in kept for name in batch_} <= set(names)
