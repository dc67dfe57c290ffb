"""A span as users' own OpenTelemetry processors and exporters see it: the SDK's read-only view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoops.tracing import attributes as keys

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from autoops.tracing.span import Span


def readable(span: Span) -> ReadableSpan:
    """The view, made only when someone looks: it costs more than the span."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    config = span.trace.config
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=Resource({"service.name": config.service_name, **config.resource_attributes}),
        attributes=observation_attributes(span),
        events=[Event(name, attributes, when) for name, when, attributes in span.events or ()],
        links=span.links,
        kind=span.kind,
        instrumentation_scope=InstrumentationScope(
            span.scope.name, span.scope.version, span.scope.schema_url, span.scope.attributes
        ),
        status=span.status,
        start_time=span.start_ns,
        end_time=span.end_ns,
    )


def observation_attributes(span: Span) -> dict[str, Any]:
    """All of a span's attributes under Langfuse's keys."""
    known = {
        keys.TYPE: span.type,
        keys.INPUT: None if span.input is None else span.input.decode(),
        keys.OUTPUT: None if span.output is None else span.output.decode(),
        keys.LEVEL: span.level,
        keys.STATUS_MESSAGE: span.status_message,
        keys.AGENT: span.agent,
        keys.OPERATION: span.operation,
        keys.TRACE_NAME: span.trace.name,
        keys.SESSION_ID: span.trace.session_id,
        keys.USER_ID: span.trace.user_id,
        keys.TRACE_TAGS: span.trace.tags or None,
    }
    return span.attributes | {key: value for key, value in known.items() if value is not None}
