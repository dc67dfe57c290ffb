"""One deliverer for each destination of a journal in a process, however many services name it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from autoops.tracing.delivery.deliverer import Deliverer

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.writer import Writer

_deliverers: dict[tuple[int, str, str | None], Deliverer] = {}
_guard = threading.Lock()


def deliverer_for(config: LangfuseConfig, writer: Writer) -> Deliverer:
    """The process's deliverer from a journal to a configuration's destination, started; services share it.

    Each user of it calls ``leave`` when done. The settings of the latest user hold.
    """
    key = (id(writer), config.host, config.public_key)
    with _guard:
        deliverer = _deliverers.get(key)
        if deliverer is None:
            deliverer = _deliverers[key] = Deliverer(config, writer)
            writer.due.append(deliverer.poke)
        elif deliverer.config != config:
            deliverer.configure(config)
        deliverer.users += 1
    deliverer.start()
    return deliverer


def leave(deliverer: Deliverer, deadline: float) -> None:
    """Stop using a deliverer; the last user's leaving stops it, by ``deadline`` (monotonic seconds)."""
    with _guard:
        deliverer.users -= 1
        last = deliverer.users <= 0
        if last:
            for key in [key for key, value in _deliverers.items() if value is deliverer]:
                del _deliverers[key]
            if deliverer.poke in deliverer.writer.due:
                deliverer.writer.due.remove(deliverer.poke)
    if last:
        deliverer.stop(deadline)


def _after_fork_in_child() -> None:
    global _guard
    _guard = threading.Lock()
    for deliverer in list(_deliverers.values()):
        deliverer.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
