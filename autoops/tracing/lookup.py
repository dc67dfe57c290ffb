"""Spans of other processes, and of this one before a restart: found in the journal by their ids."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError
from autoops.tracing.ids import root_span_id
from autoops.tracing.span import Scope, Span

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from autoops.tracing.client import LangfuseClient
    from autoops.tracing.journal.store import Store

LATEST: Final = 50_000
"""Rows of the journal that are searched for an ended span: 10,000 take some 4 ms, and a call has its bound."""


def resume(client: LangfuseClient, span_id: str) -> Span | None:
    """A span that has begun elsewhere and not ended, to be ended here; None if the journal knows of none."""
    from autoops.tracing.journal import reader  # only a span that is not in memory needs it

    store = _settled_store(client)
    if store is None or client.provider is None:
        return None
    found = reader.unfinished_span(store, span_id.lower())
    if found is None:
        return None
    record, resource_id = found
    provider = client.provider
    span = Span(
        provider,
        provider.trace_of(int(record.trace_id, 16)),
        int(record.span_id, 16),
        None if record.parent_span_id is None else int(record.parent_span_id, 16),
        record.name,
        Scope(**record.scope),
        type=record.type,
        agent=record.agent,
        operation=record.operation,
        start_ns=record.start_ns,
        input=None if record.input is None else record.input.encode(),
    )
    # The monotonic clock of the process that began it is not ours.
    span.started = time.perf_counter_ns() - max(0, time.time_ns() - record.start_ns)
    span.output = None if record.output is None else record.output.encode()
    span.attributes = record.attributes
    span.decision, span.confidence = record.decision, record.confidence
    span.seq, span.resource_id = record.seq, resource_id
    return span


def context_of(client: LangfuseClient, span_id: int) -> SpanContext | None:
    """A span of a trace that is not named, as a parent; None if the journal does not know it.

    One that stands open is found whatever its age, one that has ended among the ``LATEST`` rows: the journal has no index
    of the ids of ended spans, for they are asked for by their trace.
    """
    provider = client.provider
    store = _settled_store(client)
    if store is None or provider is None:
        return None
    written = f"{span_id:016x}"
    try:
        with store.reading() as connection:
            row = (
                connection.execute(
                    "SELECT trace_id FROM spans WHERE state < 2 AND span_id = ? LIMIT 1", (written,)
                ).fetchone()
                or connection.execute(
                    "SELECT trace_id FROM spans WHERE seq > (SELECT MAX(seq) FROM spans) - ? AND span_id = ? LIMIT 1",
                    (LATEST, written),
                ).fetchone()
            )
    except JournalError:
        return None
    return None if row is None else provider.remote(int(row[0], 16), span_id)


def open_root(client: LangfuseClient, trace_id: int) -> Span | None:
    """The root of a trace, if it stands open in the journal."""
    from autoops.tracing.journal import reader

    store = _settled_store(client)
    if store is None:
        return None
    span_id = reader.unfinished_root(store, f"{trace_id:032x}")
    return None if span_id is None else resume(client, span_id)


def parent_in_journal(
    client: LangfuseClient, trace_id: int, agent: str, operation: str
) -> SpanContext | None:
    """Under what an agent's span belongs in a trace that is not in memory.

    The journal's answer; if it has none, the root's id as we derive it, for the trace may have begun a moment ago.
    """
    provider = client.provider
    if provider is None:
        return None
    found = None
    store = _settled_store(client)
    if store is not None:
        from autoops.tracing.journal import reader

        found = reader.parent_in(store, f"{trace_id:032x}", agent, operation)
    return provider.remote(trace_id, root_span_id(trace_id) if found is None else int(found, 16))


def _settled_store(client: LangfuseClient) -> Store | None:
    """The journal, with all that this process has ended in it; None if it cannot be read."""
    writer = client.writer
    if writer is None:
        return None
    try:
        patience_s = client.config.max_latency_ms / 1e3
        if len(writer.buffer):
            writer.flush(time.monotonic() + patience_s)
        return writer.store(patience_s)
    except JournalError:
        return None
