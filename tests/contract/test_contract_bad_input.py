"""Wrong arguments and unknown ids: never an exception, always a word about it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from kit import EVENT, delivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

    Call = Callable[[Any], object]  # as from code that no type checker sees


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the warnings that our loggers gave."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("autoops") and record.levelno == logging.WARNING
    ]


WRONG: dict[str, tuple[str, str, Call]] = {
    "trace id of a span": (
        "start_agent_span",
        "parent_trace_id",
        lambda s: s.start_agent_span("a", "b", parent_trace_id="not hex"),
    ),
    "trace id that only Python reads": (
        "start_agent_span",
        "parent_trace_id",
        lambda s: s.start_agent_span("a", "b", parent_trace_id="0x" + "ab" * 15),
    ),
    "trace id that is a number": (
        "start_agent_span",
        "parent_trace_id",
        lambda s: s.start_agent_span("a", "b", parent_trace_id=7),
    ),
    "parent of a span": (
        "start_agent_span",
        "parent_span_id",
        lambda s: s.start_agent_span("a", "b", parent_span_id="zz"),
    ),
    "type of a span": (
        "start_agent_span",
        "as_type",
        lambda s: s.start_agent_span("a", "b", as_type="AGENT"),
    ),
    "agent": ("start_agent_span", "agent", lambda s: s.start_agent_span(None, "b")),
    "level": (
        "end_agent_span",
        "level",
        lambda s: s.end_agent_span(s.start_agent_span("a", "b"), level="LOUD"),
    ),
    "span id": ("end_agent_span", "span_id", lambda s: s.end_agent_span({"no": "id"})),
    "tags": (
        "create_simulation_trace",
        "tags",
        lambda s: s.create_simulation_trace(EVENT, tags=7),
    ),
    "session": (
        "create_simulation_trace",
        "session_id",
        lambda s: s.create_simulation_trace(EVENT, session_id=object()),
    ),
    "trace to finalize": ("finalize_trace", "trace_id", lambda s: s.finalize_trace(["x"])),
    "decision": (
        "log_agent_decision",
        "decision",
        lambda s: s.log_agent_decision("a", "cut the price"),
    ),
    "decision without a type": (
        "log_agent_decision",
        "type",
        lambda s: s.log_agent_decision("a", {"outputs": 1}),
    ),
    "confidence over 1": (
        "log_agent_decision",
        "confidence",
        lambda s: s.log_agent_decision("a", {"type": "t", "confidence": 7}),
    ),
    "confidence in words": (
        "log_agent_decision",
        "confidence",
        lambda s: s.log_agent_decision("a", {"type": "t", "confidence": "high"}),
    ),
    "agents": (
        "track_collaboration",
        "agents",
        lambda s: s.track_collaboration("w", 3, {}),
    ),
    "value of a score": ("score", "value", lambda s: s.score("ab" * 16, "n", object())),
    "score that is no number": ("score", "value", lambda s: s.score("ab" * 16, "n", float("nan"))),
    "name of a score": ("score", "name", lambda s: s.score("ab" * 16, "", 1)),
    "trace of a score": ("score", "trace_id", lambda s: s.score("nowhere", "n", 1)),
    "carrier": ("inject", "carrier", lambda s: s.inject(7)),
    "foreign carrier": ("extract", "carrier", lambda s: s.extract(7)),
    "time to flush": ("flush", "timeout", lambda s: s.flush("soon")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_a_warning_that_names_it(
    service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """The call, the argument, no exception; counted in health; the service goes on."""
    name, argument, call = WRONG[case]
    before = service.health_check()
    with caplog.at_level(logging.WARNING):
        call(service)

    said = [text for text in warnings(caplog) if name in text and argument in text]
    assert len(said) == 1, warnings(caplog)
    assert service.health_check()["wrong_arguments"] == before["wrong_arguments"] + 1
    with service.trace_operation("next") as handle:
        assert handle


HANDLE: dict[str, dict[str, Any]] = {
    "level": {"level": 9},
    "model": {"model": object()},
    "usage_details": {"usage_details": {"input": "many"}},
    "cost_details": {"cost_details": "a lot"},
    "metadata": {"metadata": 5},
}


@pytest.mark.parametrize("argument", HANDLE)
def test_a_handle_takes_wrong_arguments_too(
    server: LoopbackServer,
    service: LangfuseIntegrationService,
    caplog: pytest.LogCaptureFixture,
    argument: str,
) -> None:
    """A warning that names ``update`` and the argument; the rest of the update holds."""
    with caplog.at_level(logging.WARNING), service.trace_operation("work") as handle:
        handle.update(output={"ok": 1}, **HANDLE[argument])

    assert [text for text in warnings(caplog) if "update" in text and argument in text]
    assert delivered(service, server, handle.trace_id)["work"].output == {"ok": 1}


def test_unknown_ids_are_false_and_counted(
    service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture
) -> None:
    """False each time, one warning for each id, and a count."""
    before = service.health_check()["unknown_ids"]
    with caplog.at_level(logging.WARNING):
        results = [
            service.end_agent_span("ab" * 8),
            service.end_agent_span("ab" * 8),
            service.finalize_trace("cd" * 16),
        ]

    assert results == [False, False, False]
    assert service.health_check()["unknown_ids"] == before + 3
    assert len([text for text in warnings(caplog) if "ab" * 8 in text]) >= 1
    assert len([text for text in warnings(caplog) if "cd" * 16 in text]) == 1


def test_none_is_quiet(service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture) -> None:
    """What a filtered or switched-off call returned may be passed on without a word."""
    with caplog.at_level(logging.WARNING):
        service.end_agent_span(None)
        service.finalize_trace(None)
        span_id = service.start_agent_span("a", "b", parent_trace_id=None)
        service.end_agent_span(span_id)
        service.log_agent_decision("a", {"type": "t"}, trace_id=None, parent_span_id=None)

    assert warnings(caplog) == []
    assert service.health_check()["unknown_ids"] == 0


def test_an_event_may_be_anything(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Without a type, or not even a mapping, an event is still a trace with its data."""
    events: list[Any] = [{"units": 3}, {}, None, "low stock", 7, ["a"], {"type": None}, {"type": 5}]
    traces = [service.create_simulation_trace(event) for event in events]
    for trace_id in traces:
        assert service.finalize_trace(trace_id) is True

    assert service.flush(10)
    for trace_id, event in zip(traces, events, strict=True):
        (root,) = server.trace(trace_id)
        assert root.name
        assert root.input == event


def test_an_unknown_trace_may_be_joined(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """A well-formed trace id that this process never saw belongs to another one."""
    span_id = service.start_agent_span("a", "b", parent_trace_id="5e" * 16)
    assert service.end_agent_span(span_id) is True

    service.flush(10)
    span = server.span(span_id)
    assert span.trace_id == "5e" * 16
    assert span.parent_span_id
