"""Where in a trace a new span belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import get_current_span

from autoops.tracing.ids import parse_trace_id
from autoops.tracing.lookup import context_of, parent_in_journal
from autoops.tracing.span import COLLABORATION, Span

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span as AnySpan
    from opentelemetry.trace import SpanContext

    from autoops.tracing.arguments import Arguments
    from autoops.tracing.client import LangfuseClient
    from autoops.tracing.provider import TracerProvider
    from autoops.tracing.trace import Trace


class Placement:
    """Finds parents for the spans of one client.

    Args:
        client: Whose spans.
        arguments: Checks the ids that callers give.
    """

    def __init__(self, client: LangfuseClient, arguments: Arguments) -> None:
        self._client = client
        self._arguments = arguments

    def of_agent(
        self,
        provider: TracerProvider,
        trace_id: str | None,
        span_id: str | None,
        agent: str,
        call: str,
        context: Context | None = None,
    ) -> AnySpan | SpanContext | None:
        """The parent of an agent's step: ``span_id``, the current span if it is in the trace, the agent's span of a
        collaboration, the trace's root. None begins a trace.
        """  # noqa: D205 - one sentence
        number = None if trace_id is None else self._arguments.trace_id(trace_id, call, "parent_trace_id")
        if span_id is not None:
            found = self._explicit(provider, number, span_id, call)
            if found is not None:
                return found
        if context or context is None:  # an empty one holds no span
            current = get_current_span(context)
            theirs = current.get_span_context()
            if theirs.is_valid and number in {None, theirs.trace_id}:
                return current
        if number is None:
            return None
        trace = provider.traces.get(number)
        if trace is not None:
            own = None if trace.agents is None else trace.agents.get(agent)
            known = own if own is not None and own.end_ns is None else open_root_of(trace)
            if known is not None:
                return known
        return parent_in_journal(self._client, number, agent, COLLABORATION)

    def of_decision(
        self, provider: TracerProvider, trace_id: str | None, span_id: str | None, agent: str, call: str
    ) -> AnySpan | SpanContext | None:
        """The parent of a decision: ``span_id``, the current span if it is the agent's, the agent's only open span of the
        trace, the trace's root. None begins a trace.
        """  # noqa: D205 - one sentence
        if span_id is None:
            current = get_current_span()
            if type(current) is Span and trace_id in {None, current.trace_id}:
                if current.agent == agent:
                    return current
                trace: Trace | None = current.trace
            else:
                trace = provider.traces.get(parse_trace_id(trace_id) or 0)
            if trace is not None:
                own = [span for span in list(trace.open.values()) if span.agent == agent]
                found = own[0] if len(own) == 1 else open_root_of(trace)
                if found is not None:
                    return found
        return self.of_agent(provider, trace_id, span_id, agent, call)

    def _explicit(
        self, provider: TracerProvider, trace_id: int | None, span_id: str, call: str
    ) -> AnySpan | SpanContext | None:
        number = self._arguments.span_id(span_id, call, "parent_span_id")
        if number is None:
            return None
        span = provider.spans.get(f"{number:016x}")
        if span is not None:
            return span
        if trace_id is not None:
            return provider.remote(trace_id, number)
        found = context_of(self._client, number)
        if found is None:
            self._arguments.complain("unknown_ids", call, f"parent_span_id {number:016x} is unknown")
        return found


def open_root_of(trace: Trace) -> Span | None:
    """A trace's root, if it is open in this process."""
    return None if trace.root_span_id is None else trace.open.get(trace.root_span_id)
