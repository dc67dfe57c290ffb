"""Generators under the decorator: what they do stays theirs, and their spans keep to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.journal.reader import get_trace, list_traces, open_journal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator
    from pathlib import Path

    from autoops.tracing.journal.reader import SpanRecord


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LangfuseIntegrationService]:
    """A service with a journal of its own."""
    made = LangfuseIntegrationService(LangfuseConfig(journal=str(tmp_path / "journal.db")))
    yield made
    made.shutdown()


def spans(service: LangfuseIntegrationService) -> dict[str, SpanRecord]:
    """The only trace's spans by name."""
    assert service.flush(10)
    store = open_journal(service.client.config.journal)
    (summary,) = list_traces(store).traces
    trace = get_trace(store, summary.trace_id)
    store.close()
    assert trace is not None
    return {span.name: span for span in trace.spans}


def test_a_consumer_is_no_child_of_its_generator(service: LangfuseIntegrationService) -> None:
    """Between two items the consumer's own span is current again."""

    @service.trace_operation("numbers")
    def numbers() -> Iterator[int]:
        for number in range(2):
            with service.trace_operation("made"):
                pass
            yield number

    with service.trace_operation("root"):
        for _ in numbers():
            with service.trace_operation("used"):
                pass

    found = spans(service)
    assert found["numbers"].parent_span_id == found["root"].span_id
    assert found["made"].parent_span_id == found["numbers"].span_id
    assert found["used"].parent_span_id == found["root"].span_id


def test_what_is_sent_thrown_and_returned_arrives(service: LangfuseIntegrationService) -> None:
    """The generator is spoken to as if nobody were in between."""

    @service.trace_operation("talk")
    def talk() -> Generator[Any, Any, str]:
        said = yield "ready"
        try:
            yield said
        except ValueError as error:
            yield f"caught {error}"
        return "done"

    talking = talk()
    assert (next(talking), talking.send("hello"), talking.throw(ValueError("x"))) == (
        "ready",
        "hello",
        "caught x",
    )
    with pytest.raises(StopIteration) as stop:
        next(talking)
    assert stop.value.value == "done"
    assert spans(service)["talk"].level == "DEFAULT"


async def test_an_asynchronous_generator_is_closed_when_it_is_told(
    service: LangfuseIntegrationService,
) -> None:
    """Its ``finally`` has run when ``aclose`` returns, and what was sent has arrived."""
    events: list[Any] = []

    @service.trace_operation("stream")
    async def stream() -> AsyncGenerator[int, Any]:
        try:
            while True:
                events.append((yield len(events)))
        finally:
            events.append("closed")

    streaming = stream()
    await anext(streaming)
    await streaming.asend("hello")
    await streaming.aclose()

    assert events == ["hello", "closed"]
    assert spans(service)["stream"].state == "ended"


def test_one_operation_entered_twice_is_two_spans(service: LangfuseIntegrationService) -> None:
    """Both end."""
    operation = service.trace_operation("again")
    with operation as outer, operation as inner:
        assert outer.span_id != inner.span_id

    assert spans(service)["again"].state == "ended"
    assert service.health_check()["active_traces"] == 0
