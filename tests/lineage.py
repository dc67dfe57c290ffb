"""Who is whose child in a trace: what the journal and the server agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.tracing.journal.reader import get_trace, open_journal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loopback import LoopbackServer

    from autoops.tracing import LangfuseClient

ELSEWHERE = "…"
"""Stands for a parent that is not in the trace's record."""


def lineage(client: LangfuseClient, server: LoopbackServer, trace_id: str | None) -> list[str]:
    """Flush, and return ``name`` for each root and ``parent > name`` for each child, in alphabetical order.

    Raises:
        AssertionError: The journal and the server tell different stories, or a span arrived twice.
    """
    assert trace_id is not None
    assert client.flush(10)
    received = server.trace(trace_id)
    told = _told((span.span_id, span.parent_span_id, span.name) for span in received)
    assert len(received) == sum(span.trace_id == trace_id for span in server.arrivals)
    assert told == journalled(client, trace_id)
    return told


def journalled(client: LangfuseClient, trace_id: str | None) -> list[str]:
    """The same by the journal alone, of what is committed."""
    assert trace_id is not None
    store = open_journal(client.config.journal)
    try:
        trace = get_trace(store, trace_id)
    finally:
        store.close()
    assert trace is not None
    return _told((span.span_id, span.parent_span_id or "", span.name) for span in trace.spans)


def _told(spans: Iterable[tuple[str, str, str]]) -> list[str]:
    known = list(spans)
    names = {span_id: name for span_id, _, name in known}
    return sorted(f"{names.get(parent, ELSEWHERE)} > {name}" if parent else name for _, parent, name in known)
