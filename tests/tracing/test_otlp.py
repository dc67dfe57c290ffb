"""From a span to the wire and back: what arrives is what went in."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from desk import KEYS, Desk
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags
from received import ReceivedSpan, decode_spans

from autoops.tracing import attributes as keys
from autoops.tracing.journal import outbox
from autoops.tracing.journal.opening import open_store
from autoops.tracing.otlp import EMPTY_EXPORT, MAX_EXACT_INT, MAX_REQUEST_BYTES, MAX_SPAN_BYTES, encode
from autoops.tracing.serialize import CUT, dump

MAX_NS = 2**63 - 1


def sent(desk: Desk) -> list[ReceivedSpan]:
    """What a server decodes of all that is due."""
    desk.commit()
    return decode_spans(encode(outbox.due_spans(desk.store, 1, 1000, 1 << 24, newest_first=False)))


def a_desk(**config: Any) -> Desk:
    """A desk whose spans are to be delivered."""
    return Desk(open_store("off"), **KEYS, **config)


def as_read(value: Any) -> Any:
    """A value as Langfuse reads it: text for what JavaScript's numbers cannot hold."""
    if isinstance(value, list | tuple):
        return tuple(as_read(each) for each in value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_EXACT_INT:
        return str(value)
    return value


text = st.text(st.characters(codec="utf-8"), max_size=30)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats()
values = st.one_of(
    text,
    st.booleans(),
    numbers,
    st.lists(text, max_size=4),
    st.lists(st.booleans(), max_size=4),
    st.lists(st.integers(-(2**53), 2**53), max_size=4),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4),
)
harmless = st.text("aeiou é漢🍌_.-1", max_size=12).map(lambda key: f"x.{key}")
"""Keys of which no mask's word can be made, and to which Langfuse gives no meaning."""
mappings = st.dictionaries(harmless, values, max_size=6)
times = st.integers(1, MAX_NS)  # 0 stands for no time at all
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.builds(TraceFlags, st.integers(0, 1)),
)


@given(
    name=text,
    begin=times,
    end=times,
    attributes=mappings,
    events=st.lists(st.tuples(text, times, mappings), max_size=3),
    links=st.lists(st.tuples(contexts, mappings), max_size=3),
    status=st.sampled_from(StatusCode),
)
@settings(max_examples=150)
def test_a_span_arrives_as_it_was(
    name: str,
    begin: int,
    end: int,
    attributes: dict[str, Any],
    events: list[tuple[str, int, dict[str, Any]]],
    links: list[tuple[SpanContext, dict[str, Any]]],
    status: StatusCode,
) -> None:
    """Ids, times to the nanosecond, attributes of every type, events and links; empty lists are left out."""
    desk = a_desk(mask_keys=())
    span = desk.provider.get_tracer("library", "1.2").start_span(name, start_time=begin)
    span.set_attributes(attributes)
    for event, when, details in events:
        span.add_event(event, details, when)
    for context, details in links:
        span.add_link(context, details)
    span.set_status(Status(status, "why" if status is StatusCode.ERROR else None))
    span.end(end)
    desk.commit()
    body = encode(outbox.due_spans(desk.store, 1, 10, 1 << 24, newest_first=False))

    (message,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    (arrived,) = decode_spans(body)
    context = span.get_span_context()
    assert arrived.trace_id == f"{context.trace_id:032x}"
    assert arrived.span_id == f"{context.span_id:016x}"
    assert arrived.parent_span_id == ""
    assert (arrived.name, arrived.start_ns, arrived.end_ns) == (name, begin, end)
    assert arrived.scope == "library"
    assert arrived.status == ("ERROR" if status is StatusCode.ERROR else "UNSET")
    assert arrived.status_text == ("why" if status is StatusCode.ERROR else "")
    assert arrived.level == ("ERROR" if status is StatusCode.ERROR else "DEFAULT")
    assert {key: arrived.attributes[key] for key in attributes if key in arrived.attributes} == {
        key: as_read(value) for key, value in attributes.items() if value != []
    }
    assert [(each.name, each.time_unix_nano) for each in message.events] == [(e[0], e[1]) for e in events]
    for given_event, event_message in zip(events, message.events, strict=True):
        assert len(event_message.attributes) == sum(value != [] for value in given_event[2].values())
    assert arrived.links == tuple((f"{c.trace_id:032x}", f"{c.span_id:016x}") for c, _ in links)


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (2**53, 2**53),
        (2**53 + 1, str(2**53 + 1)),
        (-(2**53) - 1, str(-(2**53) - 1)),
        (2**200, str(2**200)),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (True, True),
        (0.1, 0.1),
        ("", ""),
        ("ünicode 漢 🍌", "ünicode 漢 🍌"),
        ([], None),
        ((), None),
        ((1, 2), (1, 2)),
        ([2**60], (str(2**60),)),
        ([[1], [2]], "[[1],[2]]"),
        ([None, 1], "[null,1]"),
        ({"a": 1}, '{"a":1}'),
        (b"bytes", "bytes"),
    ],
)
def test_values(value: Any, arrives: Any) -> None:
    """Whole numbers beyond JavaScript's as text, empty lists not at all, what OpenTelemetry has no type for as JSON."""
    desk = a_desk()
    span = desk.begin()
    span.set_attribute("value", value)
    span.end()

    (arrived,) = sent(desk)
    assert arrived.attributes.get("value") == arrives
    assert isinstance(arrived.attributes.get("value"), type(arrives))


class TestEverySpanStandsAlone:
    """Langfuse joins nothing: what belongs to the trace is on each span."""

    def test_session_user_tags_and_the_rest(self) -> None:
        """On the root and on every child alike, also on one that was committed before they were known."""
        desk = a_desk(environment="staging", release="9.9")
        root = desk.begin("event", given={"type": "event"})
        desk.span("step", root)
        desk.commit()
        trace = root.trace
        trace.session_id, trace.user_id, trace.tags = "run-1", "store-17", ("a", "b")
        trace.version, trace.public = "7", True
        root.output = b'"done"'
        root.end()

        for span in sent(desk):
            shared = {
                keys.TRACE_NAME: "event",
                keys.SESSION_ID: "run-1",
                keys.USER_ID: "store-17",
                keys.TRACE_TAGS: ("a", "b"),
                keys.VERSION: "7",
                keys.TRACE_PUBLIC: True,
                keys.ENVIRONMENT: "staging",
                keys.RELEASE: "9.9",
            }
            assert {key: span.attributes.get(key) for key in shared} == shared

    def test_input_and_output_of_the_trace_are_the_roots(self) -> None:
        """They stand on the root only, beside its own."""
        desk = a_desk()
        root = desk.begin("event", given={"n": 1})
        desk.span("step", root, given="inner")
        root.output = b'"done"'
        root.end()

        found = {span.name: span.attributes for span in sent(desk)}
        assert found["event"][keys.TRACE_INPUT] == found["event"][keys.INPUT] == '{"n":1}'
        assert found["event"][keys.TRACE_OUTPUT] == '"done"'
        assert found["event"][keys.AS_ROOT] is True
        assert {keys.TRACE_INPUT, keys.TRACE_OUTPUT, keys.AS_ROOT}.isdisjoint(found["step"])

    def test_agent_and_decision_are_metadata(self) -> None:
        """Where Langfuse can filter by them."""
        desk = a_desk()
        span = desk.begin("pricing.markdown", type="span", agent="pricing", operation="markdown")
        span.decision, span.confidence = "markdown", 0.75
        span.end()

        (arrived,) = sent(desk)
        assert arrived.metadata == {
            "agent": "pricing",
            "operation": "markdown",
            "decision": "markdown",
            "confidence": 0.75,
            "sampling.reason": "head",
            "sampling.probability": 1.0,
        }


def test_spans_are_grouped_by_resource_and_scope() -> None:
    """One group for each process's configuration, and in it one for each library."""
    desk = a_desk(service_name="shop", resource_attributes={"region": "north"})
    for scope in ("a", "b", "a"):
        desk.provider.get_tracer(scope).start_span(scope).end()
    other = Desk(desk.store, **KEYS, service_name="till")
    other.span()
    other.commit()
    desk.commit()
    due = outbox.due_spans(desk.store, 1, 10, 1 << 20, newest_first=False)

    groups = ExportTraceServiceRequest.FromString(encode(due)).resource_spans
    found = {
        tuple(sorted((each.key, each.value.string_value) for each in group.resource.attributes)): sorted(
            (scope.scope.name, len(scope.spans)) for scope in group.scope_spans
        )
        for group in groups
    }
    assert found == {
        (("region", "north"), ("service.name", "shop")): [("a", 2), ("b", 1)],
        (("service.name", "till"),): [(keys.SCOPE_NAME, 1)],
    }


def test_our_scope_keeps_langfuses_metadata_clean() -> None:
    """Its name begins so that attributes are not repeated under metadata."""
    assert keys.SCOPE_NAME.startswith("langfuse-sdk")


def test_an_empty_export_is_one() -> None:
    """What a probe sends is a valid request with nothing in it."""
    assert decode_spans(EMPTY_EXPORT) == []
    assert encode([]) == EMPTY_EXPORT


class TestTooLarge:
    """What is larger than a request may be is cut to size, and says so."""

    @settings(max_examples=15, deadline=None)
    @given(
        given_in=st.integers(0, 2_000_000),
        outcome=st.integers(0, 2_000_000),
        keys_count=st.sampled_from([0, 3, 60, 5_000]),
        key_size=st.sampled_from([10, 200, 90_000]),
        events=st.sampled_from([0, 2_000]),
        letter=st.sampled_from(["x", "é", "漢", '"']),
    )
    def test_whatever_is_large(
        self, given_in: int, outcome: int, keys_count: int, key_size: int, events: int, letter: str
    ) -> None:
        """Payloads, attributes, lists, events, of letters that take one byte or several: one request holds the span."""
        desk = a_desk(mask_keys=())
        with desk.provider.get_tracer("library").start_as_current_span("large") as span:
            span.set_attribute(keys.INPUT, letter * given_in)
            span.set_attribute(keys.OUTPUT, letter * outcome)
            span.set_attribute("list", [letter * 1000] * keys_count)
            for number in range(keys_count):
                span.set_attribute(f"x.{number}", letter * min(key_size, 5_000_000 // keys_count))
            for number in range(events):
                span.add_event(f"event {number}", {"text": letter * 700})
        desk.commit()
        body = encode(outbox.due_spans(desk.store, 1, 1, MAX_REQUEST_BYTES, newest_first=False))

        (arrived,) = decode_spans(body)
        assert len(body) <= MAX_REQUEST_BYTES
        assert (arrived.name, arrived.type, arrived.level) == ("large", "span", "DEFAULT")

    def test_what_is_short_stays_whole(self) -> None:
        """The longest values share what there is; the mark says how much there was."""
        desk = a_desk()
        large = {"letters": "x" * 950_000}
        root = desk.begin("large", given=large)
        root.set_metadata({f"long {number}": "y" * 300_000 for number in range(3)} | {"short": "kept"})
        root.output = dump(large)
        root.end()

        (arrived,) = sent(desk)
        assert arrived.metadata["short"] == "kept"
        mark = arrived.metadata[CUT]
        assert json.loads(mark)["bytes"] > MAX_SPAN_BYTES
        assert arrived.input[CUT]["bytes"] > 950_000
        assert arrived.input["beginning"]["letters"].startswith("xxx")

    def test_what_fits_is_left_alone(self) -> None:
        """Payloads of a megabyte each, below the limit together."""
        desk = a_desk()
        large = {"letters": "x" * 900_000}
        root = desk.begin("large", given=large)
        root.output = dump(large)
        root.end()

        (arrived,) = sent(desk)
        assert arrived.input == arrived.output == large
        assert CUT not in arrived.metadata

    def test_more_attributes_than_are_kept_are_still_attributes(self) -> None:
        """What was kept of too many stands under its own keys, and a mark says that there was more."""
        desk = a_desk()
        with desk.provider.get_tracer("library").start_as_current_span("many") as span:
            for number in range(100):
                span.set_attribute(f"x.{number}", "y" * 20_000)

        (arrived,) = sent(desk)
        assert arrived.attributes["x.0"] == "y" * 20_000
        assert CUT in arrived.metadata
