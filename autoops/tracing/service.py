"""`LangfuseIntegrationService`: traces for events, spans for agents, decisions and collaborations.

No method raises because of tracing, whatever it is given, and none waits for the network but ``test_connection``.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from opentelemetry import context as context_api
from opentelemetry.trace import Link, get_current_span

from autoops.errors import ConfigurationError
from autoops.tracing import decisions, scores
from autoops.tracing.arguments import Arguments
from autoops.tracing.client import LangfuseClient, Mode
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.handles import Handle, Operation
from autoops.tracing.ids import parse_trace_id
from autoops.tracing.lookup import open_root, resume
from autoops.tracing.placement import Placement, open_root_of
from autoops.tracing.serialize import dump, text
from autoops.tracing.span import COLLABORATION, NOT_ENDED, Span

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from autoops.tracing.connection import ConnectionTest
    from autoops.tracing.provider import TracerProvider
    from autoops.tracing.steps import Step

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

AT_START: Final = ("journal", "set_global")
"""Settings that hold from the start on: spans are in that journal, and instrumentations have that provider."""


def _never_raises(
    otherwise: Any,
    *,
    timed: bool = True,
) -> Callable[
    [Callable[Concatenate[LangfuseIntegrationService, P], R]],
    Callable[Concatenate[LangfuseIntegrationService, P], R],
]:
    """Time a call, and turn a fault of ours into a log line, a count and the value ``otherwise``.

    What is meant to wait is not timed.
    """

    def decorate(
        method: Callable[Concatenate[LangfuseIntegrationService, P], R],
    ) -> Callable[Concatenate[LangfuseIntegrationService, P], R]:
        @functools.wraps(method)
        def call(self: LangfuseIntegrationService, *args: P.args, **kwargs: P.kwargs) -> R:
            began = perf_counter()
            try:
                return method(self, *args, **kwargs)
            except Exception as error:
                self.arguments.fault(method.__name__, error)
                return otherwise  # type: ignore[no-any-return]
            finally:
                if timed:
                    self.client.latency.add(perf_counter() - began)

        return call  # type: ignore[return-value]  # wraps' type forgets that it is a method

    return decorate


class LangfuseIntegrationService:
    """Records what a system of agents does.

    Thread-safe; works in asyncio tasks and forked children. Takes any Python value as data.

    Args:
        config: How to behave; None reads the settings.
        client: The client to record with, instead of one of its own.
    """

    def __init__(self, config: LangfuseConfig | None = None, *, client: LangfuseClient | None = None) -> None:
        self.client = LangfuseClient(config) if client is None else client
        self.arguments = Arguments()
        self._placement = Placement(self.client, self.arguments)

    # Traces

    @_never_raises(None)
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
        """Begin a trace for an event; it is linked to the current span, if there is one.

        Args:
            event: What happened; ``event["type"]`` names the trace.
            name: A name instead of the event's type.
            session_id: Groups traces, for instance those of one run.
            user_id: Whose trace it is.
            tags: Labels.
            metadata: Further facts by name, on its root.

        Returns:
            The trace id, 32 hex digits; None when nothing is recorded.
        """
        provider = self.client.recording
        if provider is None:
            return None
        self.client.join_sdk()
        kind = (
            _event_type(event)
            if name is None
            else self.arguments.name(name, "create_simulation_trace", "name")
        )
        about = self.arguments.about(session_id, user_id, tags, "create_simulation_trace")
        current = get_current_span().get_span_context()
        span = provider.begin(kind, parent=None, type="span", input=dump(event))
        if current.is_valid:
            span.links = (Link(current),)
        self._add_metadata(span, metadata, "create_simulation_trace")
        about.put_on(span.trace)
        return span.trace_id

    @_never_raises(False)
    def finalize_trace(self, trace_id: str | None, outcome: object = None, *, error: object = None) -> bool:
        """End a trace's root, and spans still open under it at level WARNING.

        Args:
            trace_id: The trace.
            outcome: What came of it; any value.
            error: What went wrong, if it did: an exception or words.

        Returns:
            Whether the root was open and is ended now; unknown traces are counted.
        """
        provider = self.client.recording
        if provider is None or trace_id is None:
            return False
        number = self.arguments.trace_id(trace_id, "finalize_trace")
        if number is None:
            return False
        trace = provider.traces.get(number)
        root = None if trace is None else open_root_of(trace)
        if trace is not None:
            # A copy: other threads may begin spans in it meanwhile.
            for span in reversed(list(trace.open.values())):
                if span is root or not span.claim():
                    continue
                if span.operation != COLLABORATION:
                    span.level = "WARNING"
                    span.status_message = NOT_ENDED
                span.finish()
        if root is None:
            root = open_root(self.client, number)
        if root is None or not root.claim():
            self.arguments.complain(
                "unknown_ids", "finalize_trace", f"trace_id {trace_id} is unknown, or was finalized already"
            )
            return False
        # What other processes have open under it is ended where it stands: in the journal.
        root.closes_trace = True
        self._end_claimed(root, outcome, error, None)
        return True

    # Agents

    @_never_raises(None)
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
        """Begin an agent's step.

        Its parent is ``parent_span_id``, else the current span if it is in that trace, else the agent's span of a
        collaboration, else the trace's root, also when another process began the trace.

        Args:
            agent: Who works.
            operation: On what.
            parent_trace_id: The trace it belongs to; the current one, or a new one, if None.
            input_data: What went in; any value.
            parent_span_id: The span to put it under.
            as_type: Langfuse's observation type.
            metadata: Further facts by name.

        Returns:
            The span id, 16 hex digits; None when nothing is recorded or the agent is filtered out.
        """
        provider = self.client.recording
        if provider is None:
            return None
        step = self._traced_step(provider, agent, operation, "start_agent_span")
        if step is None:
            return None
        if as_type != "agent":
            as_type = self.arguments.observation_type(as_type, "start_agent_span", "agent")
        context = context_api.get_current()
        parent = self._placement.of_agent(
            provider, parent_trace_id, parent_span_id, step.agent, "start_agent_span", context
        )
        span = provider.begin(
            step.name,
            parent=parent,
            context=context,
            type=as_type,
            agent=step.agent,
            operation=step.operation,
            input=None if input_data is None else dump(input_data),
        )
        self._add_metadata(span, metadata, "start_agent_span")
        return span.id

    @_never_raises(False)
    def end_agent_span(
        self, span_id: str | None, outcome: object = None, *, error: object = None, level: str | None = None
    ) -> bool:
        """End an agent's step, also one that another process began.

        Args:
            span_id: The span; None, for a step that was not recorded, is a quiet no-op.
            outcome: What came out; any value.
            error: What went wrong, if it did: an exception or words.
            level: DEBUG, DEFAULT, WARNING or ERROR.

        Returns:
            Whether it was open and is ended now; unknown and ended spans are counted.
        """
        provider = self.client.recording
        if provider is None or span_id is None:
            return False
        span = provider.spans.get(span_id) if type(span_id) is str else None
        if span is None:
            number = self.arguments.span_id(span_id, "end_agent_span")
            if number is None:
                return False
            span = provider.spans.get(f"{number:016x}") or resume(self.client, span_id)
        if span is None or not span.claim():
            self.arguments.complain(
                "unknown_ids", "end_agent_span", f"span_id {span_id} is unknown, or was ended already"
            )
            return False
        self._end_claimed(span, outcome, error, level)
        return True

    @_never_raises(None)
    def log_agent_decision(
        self,
        agent: str,
        decision: Mapping[str, Any],
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
    ) -> str | None:
        """Record a decision as a span of its own; its confidence is a score on it too.

        It belongs under ``parent_span_id``, else under the current span if that is the agent's, else under the agent's
        only open span of the trace, else under the trace's root, else it is a trace of its own.

        Args:
            agent: Who decided.
            decision: ``type``, and what there is of ``inputs``, ``outputs``, ``confidence`` (0..1) and ``reasoning``;
                anything else is kept as metadata.
            trace_id: The trace it belongs to; the current one if None.
            parent_span_id: The span to put it under.

        Returns:
            The decision's span id; None when nothing is recorded or the agent is filtered out.
        """
        provider = self.client.recording
        if provider is None:
            return None
        fields, kind = self._read_decision(decision)
        step = self._traced_step(provider, agent, kind, "log_agent_decision")
        if step is None:
            return None
        try:
            confidence = decisions.confidence_of(fields)
        except ValueError:
            given = fields.get("confidence")
            self.arguments.wrong(
                "log_agent_decision", "decision['confidence']", "a number from 0 to 1", given
            )
            confidence, fields = None, {**fields, "given_confidence": given}
        parent = self._placement.of_decision(
            provider, trace_id, parent_span_id, step.agent, "log_agent_decision"
        )
        span = provider.begin(
            step.name, parent=parent, type="span", agent=step.agent, operation=step.operation
        )
        span.decision, span.confidence = step.operation, confidence
        decisions.write(span, fields)
        span.end()
        if confidence is not None and self.client.writer is not None:
            score = scores.make(span.trace.config, span.trace_id, "confidence", confidence, span_id=span.id)
            if score is not None:
                self.client.writer.scored(score)
        return span.id

    @_never_raises(None)
    def track_collaboration(self, workflow_id: str, agents: Iterable[str], data: object = None) -> str | None:
        """Begin a trace in which several agents work together: a span for each, open until ``finalize_trace``.

        Spans that those agents start in the trace nest in theirs.

        Args:
            workflow_id: Names the trace.
            agents: Who takes part, at most 1,000.
            data: What set it off; any value.

        Returns:
            The trace id; None when nothing is recorded.
        """
        provider = self.client.recording
        if provider is None:
            return None
        self.client.join_sdk()
        names = self.arguments.agents(agents, "track_collaboration")
        root = provider.begin(
            self.arguments.name(workflow_id, "track_collaboration", "workflow_id"),
            parent=None,
            type="chain",
            operation=COLLABORATION,
            input=None if data is None else dump(data),
        )
        root.set_metadata({"agents": names})
        root.trace.agents = {
            agent: provider.begin(
                f"{agent}.{COLLABORATION}", parent=root, type="agent", agent=agent, operation=COLLABORATION
            )
            for agent in names
            if self._traced_step(provider, agent, COLLABORATION, "track_collaboration")
        }
        return root.trace_id

    # Any operation

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
    ) -> Operation:
        """A context manager (plain or asynchronous) or decorator that records a block as a span.

        Inside a trace it is a child of the current span, else a trace of its own. An exception is recorded and goes on
        unchanged. It yields a ``Handle``, which is false when nothing is recorded.

        Args:
            name: The span's name.
            input_data: What goes in; any value.
            metadata: Further facts by name.
            as_type: Langfuse's observation type.
            session_id: Groups traces.
            user_id: Whose trace it is.
            tags: Labels.
        """

        def begin() -> tuple[Handle, Span | None]:
            span = self._begin_operation(name, input_data, metadata, as_type, session_id, user_id, tags)
            return Handle(span, self.arguments, self.score), span

        return Operation(begin, self.arguments)

    @_never_raises(None)
    def _begin_operation(
        self,
        name: str,
        input_data: object,
        metadata: Mapping[str, object] | None,
        as_type: str,
        session_id: str | None,
        user_id: str | None,
        tags: Iterable[str],
    ) -> Span | None:
        provider = self.client.recording
        if provider is None:
            return None
        self.client.join_sdk()
        name = self.arguments.name(name, "trace_operation", "name")
        agent, _, operation = name.rpartition(".")
        step = provider.steps.known(agent, operation) or provider.steps.meet(agent, operation)
        if not step.is_traced:
            provider.filtered.up()
            return None
        as_type = self.arguments.observation_type(as_type, "trace_operation", "span")
        about = self.arguments.about(session_id, user_id, tags, "trace_operation")
        context = context_api.get_current()
        current = get_current_span(context)
        span = provider.begin(
            name,
            parent=current if current.get_span_context().is_valid else None,
            context=context,
            type=as_type,
            input=None if input_data is None else dump(input_data),
        )
        self._add_metadata(span, metadata, "trace_operation")
        about.put_on(span.trace)
        return span

    @_never_raises(None)
    def score(
        self,
        trace_id: str | None,
        name: str,
        value: float | str | bool,  # noqa: FBT001 - a score may be a boolean
        *,
        span_id: str | None = None,
        comment: str | None = None,
    ) -> str | None:
        """Score a trace or one of its spans; sent to Langfuse only if the trace is.

        Args:
            trace_id: The trace.
            name: The score's name.
            value: A number, a boolean or a category.
            span_id: The span, if it is not the trace that is scored.
            comment: Why.

        Returns:
            The score's id; None when it was not taken.
        """
        client = self.client
        if not client.config.enabled or client.writer is None or client.is_closing or trace_id is None:
            return None
        if self.arguments.trace_id(trace_id, "score") is None:
            return None
        number = None if span_id is None else self.arguments.span_id(span_id, "score")
        if span_id is not None and number is None:
            return None
        written = None if number is None else f"{number:016x}"
        name = self.arguments.name(name, "score", "name")
        # A trace that is open stays with the project that it began for, and so do its scores.
        config = client.config if client.provider is None else client.provider.config_for(trace_id)
        score = scores.make(config, trace_id.lower(), name, value, span_id=written, comment=comment)
        if score is None:
            self.arguments.wrong("score", "value", "a finite number, a boolean or text", value)
            return None
        return score.score_id if client.writer.scored(score) else None

    # Across processes

    @_never_raises(None)
    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current trace's W3C ``traceparent`` and ``baggage`` into a carrier, such as HTTP headers."""
        from opentelemetry.propagate import inject

        if not isinstance(carrier, MutableMapping):
            self.arguments.wrong("inject", "carrier", "a mapping that can be written to", carrier)
            return
        inject(carrier)

    def extract(self, carrier: Mapping[str, str]) -> Context:
        """The context in a carrier, to be attached: ``opentelemetry.context.attach(service.extract(headers))``."""
        from opentelemetry.propagate import extract

        try:
            if isinstance(carrier, Mapping):
                return extract(carrier)
        except Exception:
            logger.debug("extract failed", exc_info=True)
        self.arguments.wrong("extract", "carrier", "a mapping of text to text", carrier)
        return context_api.get_current()

    @_never_raises(None)
    def get_trace_url(self, trace_id: str | None) -> str | None:
        """Where to look at a trace: in Langfuse, or on the local page when nothing is delivered."""
        if parse_trace_id(trace_id) is None:
            return None
        return self.client.trace_url(str(trace_id))

    # The service itself

    @property
    def is_available(self) -> bool:
        """Whether Langfuse is configured and answering."""
        return self.client.is_available

    @property
    def mode(self) -> Mode:
        """How tracing runs now: off, local, langfuse or fallback."""
        return self.client.mode

    def health_check(self) -> dict[str, Any]:
        """How things are, from memory: never waits, asks nobody, records nothing."""
        client = self.client
        traces = [] if client.provider is None else list(client.provider.traces.values())
        roots = sum(1 for trace in traces if trace.root_span_id in trace.open)
        spans = 0 if client.provider is None else len(client.provider.spans)
        ready = {Mode.OFF: "disabled", Mode.FALLBACK: "fallback"}.get(client.mode, "ready")
        health = client.health_check()
        return {
            "initialized": health.pop("initialized"),
            "available": health.pop("available"),
            "connection_status": health.pop("connection_status"),
            "active_traces": roots,
            "active_spans": max(0, spans - roots),
            "integration_service": ready,
            **health,
            **{kind: self.arguments.counts[kind] for kind in ("wrong_arguments", "unknown_ids", "faults")},
        }

    def test_connection(self, timeout: float = 2.0) -> ConnectionTest:
        """Ask the server whether it answers and takes the keys; waits at most ``timeout`` seconds."""
        return self.client.test_connection(timeout)

    def reconfigure(self, **changes: Any) -> bool:
        """Change settings at run time, by ``LangfuseConfig``'s field names; nothing changes if one is invalid.

        ``journal`` and ``set_global`` hold from the start on: a change of them is refused.

        Returns:
            Whether the changes hold now.
        """
        try:
            fixed = self._fixed(self.client.config.replace(**changes))
            if fixed:
                self.arguments.complain("wrong_arguments", "reconfigure", fixed)
                return False
            self.client.change(**changes)
        except (ConfigurationError, TypeError) as error:
            self.arguments.complain("wrong_arguments", "reconfigure", str(error))
            return False
        return True

    def reload(self) -> bool:
        """Read the settings anew, for a changed ``.env``. Returns whether they are valid and hold now.

        What only code can set stays, and so does the journal: if it was changed, the rest holds and False is returned.
        """
        config = self.client.config
        try:
            read = LangfuseConfig.from_settings().replace(mask=config.mask, set_global=config.set_global)
            fixed = self._fixed(read)
            self.client.reconfigure(read.replace(journal=config.journal) if fixed else read)
        except ConfigurationError as error:
            self.arguments.complain("wrong_arguments", "reload", str(error))
            return False
        if fixed:
            self.arguments.complain("wrong_arguments", "reload", fixed)
        return not fixed

    @_never_raises(otherwise=False, timed=False)
    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that this process ended is committed and, with Langfuse, settled; see ``LangfuseClient.flush``."""
        return self.client.flush(self.arguments.seconds(timeout, "flush", 5.0))

    async def aflush(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109 - the same call for asyncio
        """``flush`` for asyncio: waits in a thread."""
        import asyncio  # costs 20 ms, which a program without it need not pay

        return await asyncio.to_thread(self.flush, timeout)

    @_never_raises(None, timed=False)
    def shutdown(self, timeout: float = 2.0) -> None:
        """Commit, deliver what goes in ``timeout`` seconds, and leave the rest in the journal. May be called twice."""
        self.client.shutdown(self.arguments.seconds(timeout, "shutdown", 2.0))

    # What the methods share

    def _fixed(self, wanted: LangfuseConfig) -> str:
        """A complaint of settings that differ from those that the service began with and cannot change; empty if none do."""
        if self.client.writer is None:  # nothing has begun
            return ""
        names = [name for name in AT_START if getattr(wanted, name) != getattr(self.client.config, name)]
        return f"{' and '.join(names)} can only be set at the start, for a new service" if names else ""

    def _traced_step(self, provider: TracerProvider, agent: str, operation: str, call: str) -> Step | None:
        """An agent's operation; None, and counted, if the settings leave it out."""
        step = provider.steps.known(agent, operation)
        if step is None:
            step = provider.steps.meet(
                self.arguments.name(agent, call, "agent"), self.arguments.name(operation, call, "operation")
            )
        if step.is_traced:
            return step
        provider.filtered.up()
        return None

    def _read_decision(self, decision: object) -> tuple[Mapping[str, Any], str]:
        """A decision's fields and type, whatever was given."""
        fields = decision if type(decision) is dict else decisions.as_mapping(decision)
        if fields is None:
            self.arguments.wrong("log_agent_decision", "decision", "a mapping with a type", decision)
            fields = {"type": "decision", "inputs": decision}
        kind = fields.get("type")
        if type(kind) is str and kind:
            return fields, kind
        kind = decisions.decision_type(fields)
        if kind is None:
            self.arguments.wrong("log_agent_decision", "decision['type']", "a name", fields.get("type"))
            kind = "decision"
        return fields, kind

    def _add_metadata(self, span: Span, metadata: object, call: str) -> None:
        """Put a caller's metadata on a span."""
        if isinstance(metadata, Mapping):
            span.set_metadata(metadata)
        elif metadata is not None:
            self.arguments.wrong(call, "metadata", "a mapping", metadata)

    def _end_claimed(self, span: Span, outcome: object, error: object, level: str | None) -> None:
        """End a span that nobody else ends any more."""
        try:
            if outcome is not None:
                span.output = dump(outcome)
            if error is not None:
                span.fail(error)
            if level is not None:
                self.arguments.set_level(span, level, "end_agent_span")
        finally:
            span.finish()


def _event_type(event: object) -> str:
    """The name of an event's trace: its ``type``, if that is a name of any kind."""
    try:
        kind = event.get("type") if isinstance(event, Mapping) else getattr(event, "type", None)
        if isinstance(kind, Enum):
            kind = kind.value
        if isinstance(kind, str | int) and kind != "":
            return text(kind)
    except Exception:
        logger.debug("an event's type could not be read", exc_info=True)
    return "event"
