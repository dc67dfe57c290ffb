"""Any Python value is data: it never raises, and it arrives as JSON that can be read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from kit import EVENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService


@dataclasses.dataclass
class Product:
    """A dataclass with a nested value."""

    sku: str
    price: Decimal


class Model(pydantic.BaseModel):
    """A pydantic model."""

    sku: str
    seen: dt.date


class Colour(enum.Enum):
    """An enumeration."""

    RED = "red"


class Unprintable:
    """An object whose repr raises."""

    def __repr__(self) -> str:
        """Refuse."""
        raise RuntimeError("no repr for you")


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("sku",)

    def __init__(self) -> None:
        self.sku = "P1"


def cycle() -> dict[str, Any]:
    """Make a dictionary that holds itself."""
    value: dict[str, Any] = {"sku": "P1"}
    value["self"] = value
    return value


def deep(levels: int) -> list[Any]:
    """Make lists within lists."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def numbers() -> Iterator[int]:
    """Count, as a generator: tracing must not use it up."""
    yield from range(3)


VALUES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "datetime": (dt.datetime(2017, 7, 4, 12, 30, tzinfo=dt.UTC), ("2017-07-04", "12:30")),
    "date": (dt.date(2017, 7, 4), ("2017-07-04",)),
    "timedelta": (dt.timedelta(hours=2), ()),
    "decimal": (Decimal("1.10"), ("1.10",)),
    "uuid": (uuid.UUID(int=7), (str(uuid.UUID(int=7)),)),
    "path": (Path("/shop/a"), ("/shop/a",)),
    "numpy array": (np.array([[1, 2], [3, 4]]), ("1", "4")),
    "numpy scalar": (np.float32(1.5), ("1.5",)),
    "numpy bool": (np.bool_(True), ("true",)),
    "numpy datetime": (np.datetime64("2017-07-04"), ("2017-07-04",)),
    "series": (pd.Series([1, 2], name="units"), ("1", "2")),
    "frame": (pd.DataFrame({"sku": ["P1"], "units": [4]}), ("P1", "units", "4")),
    "timestamp": (pd.Timestamp("2017-07-04"), ("2017-07-04",)),
    "missing": (pd.NA, ()),
    "not a time": (pd.NaT, ()),
    "dataclass": (Product("P1", Decimal("2.50")), ("sku", "P1", "2.50")),
    "pydantic": (Model(sku="P1", seen=dt.date(2017, 7, 4)), ("sku", "P1", "2017-07-04")),
    "enum": (Colour.RED, ("red",)),
    "bytes": (b"\x00\xffabc", ()),
    "set": ({3, 1, 2}, ("1", "2", "3")),
    "tuple": ((1, "a"), ("1", "a")),
    "nan": (float("nan"), ("NaN",)),
    "infinity": (float("-inf"), ("Infinity",)),
    "cycle": (cycle(), ("P1",)),
    "unprintable": (Unprintable(), ("Unprintable",)),
    "slots": (Slotted(), ()),
    "lone surrogate": ("price \ud800 high", ("price", "high")),
    "surrogate key": ({"\udfff": 1}, ("1",)),
    "huge integer": (2**200, (str(2**200),)),
    "complex": (1 + 2j, ("1", "2")),
    "odd keys": ({1: "a", (2, 3): "b", None: "c", Colour.RED: "d"}, ("a", "b", "c", "d")),
    "deep": (deep(5_000), ()),
    "generator": (numbers(), ("numbers",)),
    "function": (deep, ("deep",)),
    "class": (Product, ("Product",)),
    "exception": (ValueError("no stock"), ("ValueError", "no stock")),
    "range": (range(3), ()),
    "nested": ({"rows": [{"at": dt.date(2017, 7, 4), "price": Decimal("9.99")}]}, ("2017-07-04", "9.99")),
    "null character": ("a\x00b", ("a", "b")),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_value_arrives_as_readable_json(
    server: LoopbackServer, service: LangfuseIntegrationService, name: str
) -> None:
    """As input, output, event, decision and metadata; what a reader looks for is in the text."""
    value, expected = VALUES[name]
    trace_id = service.create_simulation_trace({"type": "t", "value": value})
    span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id, input_data=value)
    service.log_agent_decision("a", {"type": "d", "inputs": value, "outputs": [value]}, trace_id=trace_id)
    assert service.end_agent_span(span_id, {"value": value}) is True
    assert service.finalize_trace(trace_id, value) is True
    with service.trace_operation("c", input_data=value, metadata={"value": value}) as handle:
        handle.update(output=value)

    assert service.flush(10) is True
    assert len(server.spans) == 4
    texts = [
        server.span(span_id).observation("input"),
        server.span(span_id).observation("output"),
        server.span(handle.span_id).observation("input"),
        server.span(handle.span_id).observation("output"),
    ]
    for text in texts:
        json.loads(text, parse_constant=pytest.fail)
        readable = text + json.dumps(json.loads(text), ensure_ascii=False, default=str)
        assert [part for part in expected if part not in readable] == []


def test_events_and_steps_carry_metadata(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Where Langfuse can filter by it; what is no mapping is left out, and the call goes on."""
    trace_id = service.create_simulation_trace(EVENT, metadata={"shop.date": "2017-07-04"})
    span_id = service.start_agent_span(
        "a", "b", parent_trace_id=trace_id, metadata={"shop.date": "2017-07-05"}
    )
    other_id = service.start_agent_span("a", "c", parent_trace_id=trace_id, metadata="today")  # type: ignore[arg-type] # wrong on purpose
    for step in (span_id, other_id):
        assert service.end_agent_span(step) is True
    assert service.finalize_trace(trace_id) is True

    assert service.flush(10) is True
    root = next(span for span in server.trace(trace_id) if span.span_id not in {span_id, other_id})
    assert root.metadata["shop.date"] == "2017-07-04"
    assert server.span(span_id).metadata["shop.date"] == "2017-07-05"
    assert "shop.date" not in server.span(other_id).metadata


def test_a_generator_is_not_used_up(service: LangfuseIntegrationService) -> None:
    """Tracing looks, it doesn't take."""
    generator = numbers()
    with service.trace_operation("c", input_data=generator):
        pass

    assert list(generator) == [0, 1, 2]


def test_data_is_taken_at_the_call(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """What the business changes afterwards doesn't change what was recorded."""
    event: dict[str, Any] = {"type": "demand_spike", "units": [1]}
    trace_id = service.create_simulation_trace(event)
    event["units"].append(2)
    service.finalize_trace(trace_id, event)
    event.clear()

    service.flush(10)
    (root,) = server.trace(trace_id)
    assert root.input == {"type": "demand_spike", "units": [1]}
    assert root.output == {"type": "demand_spike", "units": [1, 2]}


@pytest.mark.parametrize(
    "huge",
    ["x" * 3_000_000, [{"sku": number, "text": "y" * 100} for number in range(30_000)], b"z" * 3_000_000],
    ids=["text", "rows", "bytes"],
)
def test_a_payload_over_a_megabyte_is_cut_and_says_so(
    server: LoopbackServer, service: LangfuseIntegrationService, huge: Any
) -> None:
    """At most a megabyte is sent of it, as valid JSON with a mark; its neighbours are whole."""
    trace_id = service.create_simulation_trace(EVENT)
    span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id, input_data=huge)
    service.end_agent_span(span_id, {"fine": True})
    service.finalize_trace(trace_id)

    service.flush(10)
    span = server.span(span_id)
    text = span.observation("input")
    assert len(text.encode()) <= 1_000_000
    json.loads(text)
    assert "cut" in text[:200] + text[-200:]
    assert span.output == {"fine": True}


def test_many_metadata_keys_evict_nothing(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """200 keys beside input and output: all arrive (OpenTelemetry's own limit is 128 attributes)."""
    metadata = {f"key {number}": number for number in range(200)}
    with service.trace_operation("wide", input_data={"in": 1}, metadata=metadata) as handle:
        handle.update(output={"out": 1})

    service.flush(10)
    span = server.span(handle.span_id)
    assert (span.input, span.output) == ({"in": 1}, {"out": 1})
    assert {key: str(value) for key, value in span.metadata.items() if key in metadata} == {
        key: str(value) for key, value in metadata.items()
    }


def test_a_request_stays_under_four_mebibytes(
    server: LoopbackServer, service: LangfuseIntegrationService
) -> None:
    """Large spans are spread over requests, none lost."""
    trace_id = service.create_simulation_trace(EVENT)
    payload = {"noise": [f"{number:09d}" for number in range(60_000)]}
    for _ in range(12):
        span_id = service.start_agent_span("a", "b", parent_trace_id=trace_id, input_data=payload)
        service.end_agent_span(span_id)
    service.finalize_trace(trace_id)

    assert service.flush(20) is True
    assert len(server.spans) == 13
    assert max(len(request.body) for request in server.requests) <= 4 * 1024 * 1024


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 5_000, "a\nb\x00c", "Ünïcode 🛒"])
def test_any_name_will_do(server: LoopbackServer, service: LangfuseIntegrationService, name: str) -> None:
    """Odd names don't lose the span, nor its batch."""
    with service.trace_operation(name) as odd, service.trace_operation("plain"):
        pass
    trace_id = service.create_simulation_trace({"type": name}, session_id=name, user_id=name, tags=(name,))
    service.finalize_trace(trace_id)

    assert service.flush(10) is True
    assert {span.span_id for span in server.spans} >= {odd.span_id}
    assert len(server.spans) == 3
