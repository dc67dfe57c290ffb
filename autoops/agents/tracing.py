"""What agents need of the tracing service, and its null twin for runs that record nothing.

`autoops.tracing.LangfuseIntegrationService` has these calls and many more; naming the few that are used here keeps
agents free of settings, journal and SDK, and makes a run without tracing a matter of one argument.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Span(Protocol):
    """What a block under `trace_operation` is given."""

    @property
    def trace_id(self) -> str | None:
        """Return the trace's id; None when nothing is recorded."""
        ...

    @property
    def span_id(self) -> str | None:
        """Return the span's id; None when nothing is recorded."""
        ...

    def update(self, *, output: object = None, metadata: Mapping[str, object] | None = None) -> object:
        """Add what is known now."""
        ...


class Tracing(Protocol):
    """The calls of the tracing service that agents and the simulation make."""

    def create_simulation_trace(
        self,
        event: object,
        *,
        name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
    ) -> str | None:
        """Begin a trace for an event."""
        ...

    def finalize_trace(self, trace_id: str | None, outcome: object = None, *, error: object = None) -> bool:
        """End a trace."""
        ...

    def start_agent_span(
        self,
        agent: str,
        operation: str,
        parent_trace_id: str | None = None,
        input_data: object = None,
        *,
        parent_span_id: str | None = None,
        as_type: str = "agent",
        metadata: Mapping[str, object] | None = None,
    ) -> str | None:
        """Begin an agent's step."""
        ...

    def end_agent_span(
        self, span_id: str | None, outcome: object = None, *, error: object = None, level: str | None = None
    ) -> bool:
        """End an agent's step."""
        ...

    def log_agent_decision(
        self,
        agent: str,
        decision: Mapping[str, object],
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
    ) -> str | None:
        """Record a decision; return its span's id."""
        ...

    def score(
        self,
        trace_id: str | None,
        name: str,
        value: float | str | bool,  # noqa: FBT001 - the service's signature
        *,
        span_id: str | None = None,
        comment: str | None = None,
    ) -> str | None:
        """Put a score on a span, which may have ended long ago."""
        ...

    def trace_operation(
        self,
        name: str,
        *,
        input_data: object = None,
        metadata: Mapping[str, object] | None = None,
        as_type: str = "span",
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Iterable[str] = (),
    ) -> contextlib.AbstractContextManager[Span]:
        """Record a block."""
        ...


class NoSpan:
    """A span of nothing."""

    trace_id: str | None = None
    span_id: str | None = None

    def update(self, *, output: object = None, metadata: Mapping[str, object] | None = None) -> object:
        """Add nothing."""


class NoTracing:
    """Records nothing; for `--no-tracing` and for tests of decisions alone."""

    def create_simulation_trace(
        self,
        event: object,
        *,
        name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, object] | None = None,
    ) -> str | None:
        """Begin nothing."""

    def finalize_trace(self, trace_id: str | None, outcome: object = None, *, error: object = None) -> bool:  # noqa: ARG002 - the protocol's arguments
        """End nothing."""
        return False

    def start_agent_span(
        self,
        agent: str,
        operation: str,
        parent_trace_id: str | None = None,
        input_data: object = None,
        *,
        parent_span_id: str | None = None,
        as_type: str = "agent",
        metadata: Mapping[str, object] | None = None,
    ) -> str | None:
        """Begin nothing."""

    def end_agent_span(
        self,
        span_id: str | None,  # noqa: ARG002 - the protocol's arguments
        outcome: object = None,  # noqa: ARG002
        *,
        error: object = None,  # noqa: ARG002
        level: str | None = None,  # noqa: ARG002
    ) -> bool:
        """End nothing."""
        return False

    def log_agent_decision(
        self,
        agent: str,
        decision: Mapping[str, object],
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
    ) -> str | None:
        """Record nothing."""

    def score(
        self,
        trace_id: str | None,
        name: str,
        value: float | str | bool,  # noqa: FBT001 - the protocol's arguments
        *,
        span_id: str | None = None,
        comment: str | None = None,
    ) -> str | None:
        """Record nothing."""

    def trace_operation(
        self,
        name: str,  # noqa: ARG002 - the protocol's arguments
        *,
        input_data: object = None,  # noqa: ARG002
        metadata: Mapping[str, object] | None = None,  # noqa: ARG002
        as_type: str = "span",  # noqa: ARG002
        session_id: str | None = None,  # noqa: ARG002
        user_id: str | None = None,  # noqa: ARG002
        tags: Iterable[str] = (),  # noqa: ARG002
    ) -> contextlib.AbstractContextManager[Span]:
        """Record nothing."""
        return contextlib.nullcontext(NoSpan())
