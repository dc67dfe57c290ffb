"""`LangfuseIntegrationService`: traces for events, spans for agents, decisions and collaborations.

No method raises because of tracing, whatever it is given, and none waits for the network but ``test_connection``.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from opentelemetry import context as context_api
from opentelemetry.trace import Link, get_current_span

from autoops.errors import AutoOpsError, ConfigurationError
from autoops.tracing import attributes as keys
from autoops.tracing import decisions, scores
from autoops.tracing.client import LangfuseClient, Mode, initialize_langfuse, shutdown_langfuse
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.counts import Counts
from autoops.tracing.handles import Handle, Operation, set_metadata
from autoops.tracing.ids import parse_span_id, parse_trace_id
from autoops.tracing.lookup import open_root, parent_in_journal, resume
from autoops.tracing.serialize import dump, text
from autoops.tracing.span import COLLABORATION, NOT_ENDED, Span, Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from autoops.tracing.connection import ConnectionTest
    from autoops.tracing.provider import TracerProvider

logger = logging.getLogger(__name__)

MOST_COMPLAINTS: Final = 1000
"""Different complaints that are logged; the rest are counted only."""


P = ParamSpec("P")
R = TypeVar("R")


def _never_raises(
    otherwise: Any,
) -> Callable[
    [Callable[Concatenate[LangfuseIntegrationService, P], R]],
    Callable[Concatenate[LangfuseIntegrationService, P], R],
]:
    """Time a call, and turn a fault of ours into a log line, a count and the value ``otherwise``."""

    def decorate(
        method: Callable[Concatenate[LangfuseIntegrationService, P], R],
    ) -> Callable[Concatenate[LangfuseIntegrationService, P], R]:
        @functools.wraps(method)
        def call(self: LangfuseIntegrationService, *args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return method(self, *args, **kwargs)
            except Exception as error:
                self._complain(
                    "faults", method.__name__, f"tracing failed: {text(repr(error), limit=300)}", error
                )
                return otherwise  # type: ignore[no-any-return]
            finally:
                client = self.client
                client.latency.add(time.perf_counter() - began, client.config.max_latency_ms / 1e3)

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
        self.complaints = Counts()
        """What calls could not use: wrong arguments, unknown ids, and faults of our own."""
        self._said: set[tuple[str, str]] = set()

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
    ) -> str | None:
        """Begin a trace for an event; it is linked to the current span, if there is one.

        Args:
            event: What happened; ``event["type"]`` names the trace.
            name: A name instead of the event's type.
            session_id: Groups traces, for instance those of one run.
            user_id: Whose trace it is.
            tags: Labels.

        Returns:
            The trace id, 32 hex digits; None when nothing is recorded.
        """
        provider = self._recording()
        if provider is None:
            return None
        self.client.join_sdk()
        kind = name
        if kind is None:
            kind = event.get("type") if isinstance(event, Mapping) else getattr(event, "type", None)
        current = get_current_span().get_span_context()
        span = provider.begin(text(kind) if kind else "event", parent=None, type="span", input=dump(event))
        if current.is_valid:
            span.links = (Link(current),)
        self._describe(span.trace, session_id, user_id, tags, "create_simulation_trace")
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
        provider = self._recording()
        if provider is None or trace_id is None:
            return False
        number = parse_trace_id(trace_id)
        if number is None:
            self.wrong_argument("finalize_trace", "trace_id", "32 hex digits, not all zero", trace_id)
            return False
        trace = provider.traces.get(number)
        root = None if trace is None or trace.root_span_id is None else trace.open.get(trace.root_span_id)
        if trace is not None:
            for span in [span for span in reversed(trace.open.values()) if span is not root]:
                if span.operation != COLLABORATION:
                    span.level = "WARNING"
                    span.status_message = NOT_ENDED
                span.end()
        if root is None:
            root = open_root(self.client, number)
        if root is None:
            self._complain(
                "unknown_ids", "finalize_trace", f"trace_id {trace_id} is unknown, or was finalized already"
            )
            return False
        # What other processes have open under it is ended where it stands: in the journal.
        root.closes_trace = True
        self._end(root, outcome, error, None)
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

        Returns:
            The span id, 16 hex digits; None when nothing is recorded or the agent is filtered out.
        """
        provider = self._recording()
        if provider is None:
            return None
        agent = self._name(agent, "start_agent_span", "agent")
        operation = self._name(operation, "start_agent_span", "operation")
        if not provider.is_traced(agent, operation):
            return None
        if as_type not in keys.OBSERVATION_TYPES:
            self.wrong_argument("start_agent_span", "as_type", "an observation type of Langfuse", as_type)
            as_type = "agent"
        parent = self._parent(provider, parent_trace_id, parent_span_id, agent, "start_agent_span")
        span = provider.begin(
            f"{agent}.{operation}",
            parent=parent,
            context=context_api.get_current(),
            type=as_type,
            agent=agent,
            operation=operation,
            input=None if input_data is None else dump(input_data),
        )
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
        provider = self._recording()
        if provider is None or span_id is None:
            return False
        number = parse_span_id(span_id)
        if number is None:
            self.wrong_argument("end_agent_span", "span_id", "16 hex digits, not all zero", span_id)
            return False
        span = provider.spans.get(number) or resume(self.client, span_id)
        if span is None:
            self._complain(
                "unknown_ids", "end_agent_span", f"span_id {span_id} is unknown, or was ended already"
            )
            return False
        self._end(span, outcome, error, level)
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
        provider = self._recording()
        if provider is None:
            return None
        agent = self._name(agent, "log_agent_decision", "agent")
        fields = decisions.as_mapping(decision)
        if fields is None:
            self.wrong_argument("log_agent_decision", "decision", "a mapping with a type", decision)
            fields = {"type": "decision", "inputs": decision}
        kind = decisions.decision_type(fields)
        if kind is None:
            self.wrong_argument("log_agent_decision", "decision['type']", "a name", fields.get("type"))
            kind = "decision"
        if not provider.is_traced(agent, kind):
            return None
        try:
            confidence = decisions.confidence_of(fields)
        except ValueError:
            given = fields.get("confidence")
            self.wrong_argument("log_agent_decision", "decision['confidence']", "a number from 0 to 1", given)
            confidence, fields = None, {**fields, "given_confidence": given}
        parent = self._decision_parent(provider, trace_id, parent_span_id, agent)
        span = provider.begin(f"{agent}.{kind}", parent=parent, type="span", agent=agent, operation=kind)
        span.decision, span.confidence = kind, confidence
        decisions.write(span, fields)
        span.end()
        if confidence is not None and self.client.writer is not None:
            score = scores.make(
                span.provider.config, span.trace_id, "confidence", confidence, span_id=span.id
            )
            if score is not None:
                self.client.writer.scored(score)
        return span.id

    @_never_raises(None)
    def track_collaboration(self, workflow_id: str, agents: Iterable[str], data: object = None) -> str | None:
        """Begin a trace in which several agents work together: a span for each, open until ``finalize_trace``.

        Spans that those agents start in the trace nest in theirs.

        Args:
            workflow_id: Names the trace.
            agents: Who takes part.
            data: What set it off; any value.

        Returns:
            The trace id; None when nothing is recorded.
        """
        provider = self._recording()
        if provider is None:
            return None
        self.client.join_sdk()
        if isinstance(agents, str) or not isinstance(agents, Iterable):
            self.wrong_argument("track_collaboration", "agents", "a list of names", agents)
            agents = [agents] if isinstance(agents, str) else []
        names = list(dict.fromkeys(self._name(agent, "track_collaboration", "agents") for agent in agents))
        root = provider.begin(
            self._name(workflow_id, "track_collaboration", "workflow_id"),
            parent=None,
            type="chain",
            operation=COLLABORATION,
            input=None if data is None else dump(data),
        )
        set_metadata(root, {"agents": names})
        root.trace.agents = {
            agent: provider.begin(
                f"{agent}.{COLLABORATION}", parent=root, type="agent", agent=agent, operation=COLLABORATION
            )
            for agent in names
            if provider.is_traced(agent, COLLABORATION)
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
            return Handle(self, span), span

        return Operation(begin)

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
        provider = self._recording()
        if provider is None:
            return None
        self.client.join_sdk()
        name = self._name(name, "trace_operation", "name")
        agent, dot, operation = name.rpartition(".")
        if not provider.is_traced(agent if dot else "", operation):
            return None
        if as_type not in keys.OBSERVATION_TYPES:
            self.wrong_argument("trace_operation", "as_type", "an observation type of Langfuse", as_type)
            as_type = "span"
        context = context_api.get_current()
        current = get_current_span(context)
        span = provider.begin(
            name,
            parent=current if current.get_span_context().is_valid else None,
            context=context,
            type=as_type,
            input=None if input_data is None else dump(input_data),
        )
        if isinstance(metadata, Mapping):
            set_metadata(span, metadata)
        elif metadata is not None:
            self.wrong_argument("trace_operation", "metadata", "a mapping", metadata)
        self._describe(span.trace, session_id, user_id, tags, "trace_operation")
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
        if not client.config.enabled or client.writer is None or client.is_shut_down or trace_id is None:
            return None
        if parse_trace_id(trace_id) is None:
            self.wrong_argument("score", "trace_id", "32 hex digits, not all zero", trace_id)
            return None
        if span_id is not None and parse_span_id(span_id) is None:
            self.wrong_argument("score", "span_id", "16 hex digits, not all zero", span_id)
            return None
        name = self._name(name, "score", "name")
        score = scores.make(client.config, trace_id.lower(), name, value, span_id=span_id, comment=comment)
        if score is None:
            self.wrong_argument("score", "value", "a finite number, a boolean or text", value)
            return None
        return score.score_id if client.writer.scored(score) else None

    # Across processes

    @_never_raises(None)
    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current trace's W3C ``traceparent`` and ``baggage`` into a carrier, such as HTTP headers."""
        from opentelemetry.propagate import inject

        if not isinstance(carrier, MutableMapping):
            self.wrong_argument("inject", "carrier", "a mapping that can be written to", carrier)
            return
        inject(carrier)

    def extract(self, carrier: Mapping[str, str]) -> Context:
        """The context in a carrier, to be attached: ``opentelemetry.context.attach(service.extract(headers))``."""
        from opentelemetry.propagate import extract

        if isinstance(carrier, Mapping):
            try:
                return extract(carrier)
            except Exception:
                logger.debug("extract failed", exc_info=True)
        self.wrong_argument("extract", "carrier", "a mapping of text to text", carrier)
        return context_api.get_current()

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
            **{kind: self.complaints[kind] for kind in ("wrong_arguments", "unknown_ids", "faults")},
        }

    def test_connection(self, timeout: float = 2.0) -> ConnectionTest:
        """Ask the server whether it answers and takes the keys; waits at most ``timeout`` seconds."""
        return self.client.test_connection(timeout)

    def reconfigure(self, **changes: Any) -> bool:
        """Change settings at run time, by ``LangfuseConfig``'s field names; nothing changes if one is invalid.

        Returns:
            Whether the changes hold now.
        """
        try:
            self.client.reconfigure(self.client.config.replace(**changes))
        except (ConfigurationError, TypeError) as error:
            self._complain("wrong_arguments", "reconfigure", str(error))
            return False
        return True

    def reload(self) -> bool:
        """Read the settings anew, for a changed ``.env``. Returns whether they are valid and hold now."""
        try:
            self.client.reconfigure(LangfuseConfig.from_settings())
        except ConfigurationError as error:
            self._complain("wrong_arguments", "reload", str(error))
            return False
        return True

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that this process ended is committed and, with Langfuse, settled; see ``LangfuseClient.flush``."""
        try:
            return self.client.flush(self._seconds(timeout, "flush", 5.0))
        except AutoOpsError as error:
            self._complain("faults", "flush", str(error), error)
            return False

    async def aflush(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109 - the same call for asyncio
        """``flush`` for asyncio: waits in a thread."""
        import asyncio  # costs 20 ms, which a program without it need not pay

        return await asyncio.to_thread(self.flush, timeout)

    def shutdown(self, timeout: float = 2.0) -> None:
        """Commit, deliver what goes in ``timeout`` seconds, and leave the rest in the journal. May be called twice."""
        try:
            self.client.shutdown(self._seconds(timeout, "shutdown", 2.0))
        except Exception as error:
            self._complain("faults", "shutdown", text(repr(error), limit=300), error)

    # What the methods share

    def _complain(self, kind: str, call: str, message: str, error: BaseException | None = None) -> None:
        """Count something a call could not use, and log it the first time."""
        self.complaints.add(kind)
        level = logging.DEBUG
        if (call, message) not in self._said and len(self._said) < MOST_COMPLAINTS:
            self._said.add((call, message))
            level = logging.WARNING
        logger.log(level, "%s: %s", call, message, exc_info=error if level == logging.DEBUG else None)

    def wrong_argument(self, call: str, argument: str, allowed: str, value: object) -> None:
        """Warn of an argument that a call cannot use."""
        given = f"{text(value, limit=60)!r} ({type(value).__name__})"
        self._complain("wrong_arguments", call, f"{argument} must be {allowed}, not {given}")

    def set_level(self, span: Span, level: object, call: str) -> None:
        """Set a span's level, if it is one."""
        if isinstance(level, str) and level.upper() in keys.LEVELS:
            span.level = level.upper()
        else:
            self.wrong_argument(call, "level", "DEBUG, DEFAULT, WARNING or ERROR", level)

    def _recording(self) -> TracerProvider | None:
        client = self.client
        config = client.config
        if not config.enabled or not config.tracing_enabled or client.is_shut_down:
            return None
        return client.provider

    def _end(self, span: Span, outcome: object, error: object, level: str | None) -> None:
        if outcome is not None:
            span.output = dump(outcome)
        if error is not None:
            span.fail(error)
        if level is not None:
            self.set_level(span, level, "end_agent_span")
        span.end()

    def _parent(
        self, provider: TracerProvider, trace_id: str | None, span_id: str | None, agent: str, call: str
    ) -> Span | SpanContext | None:
        """The span under which an agent's new span belongs; None begins a trace."""
        number = None
        if trace_id is not None:
            number = parse_trace_id(trace_id)
            if number is None:
                self.wrong_argument(call, "parent_trace_id", "32 hex digits, not all zero", trace_id)
        if span_id is not None:
            found = self._explicit_parent(provider, number, span_id, call)
            if found is not None:
                return found
        current = get_current_span()
        context = current.get_span_context()
        if context.is_valid and number in {None, context.trace_id}:
            return current  # type: ignore[return-value]  # any span of OpenTelemetry's
        if number is None:
            return None
        trace = provider.traces.get(number)
        if trace is not None:
            own = None if trace.agents is None else trace.agents.get(agent)
            root = None if trace.root_span_id is None else trace.open.get(trace.root_span_id)
            found = own if own is not None and own.end_ns is None else root
            if found is not None:
                return found
        return parent_in_journal(self.client, number, agent, COLLABORATION)

    def _explicit_parent(
        self, provider: TracerProvider, trace_id: int | None, span_id: str, call: str
    ) -> Span | SpanContext | None:
        number = parse_span_id(span_id)
        if number is None:
            self.wrong_argument(call, "parent_span_id", "16 hex digits, not all zero", span_id)
            return None
        span = provider.spans.get(number)
        if span is not None:
            return span
        if trace_id is not None:
            return provider.remote(trace_id, number)
        resumed = resume(self.client, span_id)
        return None if resumed is None else resumed.get_span_context()

    def _decision_parent(
        self, provider: TracerProvider, trace_id: str | None, span_id: str | None, agent: str
    ) -> Span | SpanContext | None:
        current = get_current_span()
        if span_id is None and type(current) is Span and trace_id in {None, current.trace_id}:
            if current.agent == agent:
                return current
            trace: Trace | None = current.trace
        else:
            trace = provider.traces.get(parse_trace_id(trace_id) or 0)
        if span_id is None and trace is not None:
            own = [span for span in list(trace.open.values()) if span.agent == agent]
            if len(own) == 1:
                return own[0]
            root = None if trace.root_span_id is None else trace.open.get(trace.root_span_id)
            if root is not None:
                return root
        return self._parent(provider, trace_id, span_id, agent, "log_agent_decision")

    def _describe(
        self, trace: Trace, session_id: str | None, user_id: str | None, tags: Iterable[str], call: str
    ) -> None:
        """Put what belongs to the whole trace on it."""
        if session_id is not None:
            trace.session_id = self._label(session_id, call, "session_id")
        if user_id is not None:
            trace.user_id = self._label(user_id, call, "user_id")
        if tags:
            if isinstance(tags, str) or not isinstance(tags, Iterable):
                self.wrong_argument(call, "tags", "a list of labels", tags)
                tags = [text(tags)]
            trace.tags = tuple(
                dict.fromkeys((*trace.tags, *(self._label(tag, call, "tags") for tag in tags)))
            )

    def _seconds(self, value: object, call: str, otherwise: float) -> float:
        if isinstance(value, int | float) and value == value:  # noqa: PLR0124 - not NaN
            return float(value)
        self.wrong_argument(call, "timeout", "seconds", value)
        return otherwise

    def _name(self, value: object, call: str, argument: str) -> str:
        if type(value) is str and value and value.isascii():
            return value
        if not isinstance(value, str) or not value:
            self.wrong_argument(call, argument, "a name", value)
        return text(value) or argument

    def _label(self, value: object, call: str, argument: str) -> str:
        if not isinstance(value, str):
            self.wrong_argument(call, argument, "text", value)
        return text(value, limit=keys.MAX_TRACE_TEXT)


_service: LangfuseIntegrationService | None = None
_service_guard = threading.RLock()


def get_langfuse_integration() -> LangfuseIntegrationService:
    """The process's service, on the process's client; made when first asked for. Never raises for invalid settings."""
    return _service if _service is not None else initialize_langfuse_integration()


def initialize_langfuse_integration(config: LangfuseConfig | None = None) -> LangfuseIntegrationService:
    """Make the process's service; one that is there already is reconfigured, and kept if ``config`` is None.

    Args:
        config: How to behave; None reads the settings.
    """
    global _service
    with _service_guard:
        client = initialize_langfuse(config)
        if _service is None or _service.client is not client:
            _service = LangfuseIntegrationService(client=client)
        return _service


def shutdown_langfuse_integration(timeout: float = 2.0) -> None:
    """Shut the process's service and client down; the next ``get_langfuse_integration`` makes new ones."""
    global _service
    with _service_guard:
        _service = None
    shutdown_langfuse(timeout)


def reload_integration() -> None:
    """Have the process's service, if there is one, read the settings anew; for a signal handler."""
    if _service is not None:
        _service.reload()
