"""Decisions: their type, their confidence, and what of them goes where."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest
from desk import Desk

from autoops.tracing.decisions import as_mapping, confidence_of, decision_type, write
from autoops.tracing.journal.opening import open_store


class Kind(enum.Enum):
    """A system's own types of decisions."""

    REORDER = "reorder"


@pytest.mark.parametrize(
    ("given", "kind"),
    [("reorder", "reorder"), (Kind.REORDER, "reorder"), (7, "7"), ("", None), (None, None), ([], None)],
)
def test_the_type_is_a_name(given: Any, kind: str | None) -> None:
    """Text, an enumeration's value, a number; nothing else."""
    assert decision_type({"type": given}) == kind
    assert decision_type({}) is None


@pytest.mark.parametrize("given", [0, 1, 0.5, 1.0])
def test_confidence(given: float) -> None:
    """From 0 to 1."""
    assert confidence_of({"confidence": given}) == given
    assert confidence_of({}) is None


@pytest.mark.parametrize("given", [-0.1, 1.1, "0.5", True, float("nan"), [], 10**400, object()])
def test_what_is_no_confidence(given: Any) -> None:
    """Neither text nor a truth nor anything beyond."""
    with pytest.raises(ValueError, match="confidence"):
        confidence_of({"confidence": given})


def test_a_decision_on_its_span() -> None:
    """Inputs and outputs are payloads, all else is metadata; type and confidence have columns."""
    span = Desk(open_store("off")).begin("x")
    write(
        span,
        {
            "type": "reorder",
            "confidence": 0.9,
            "inputs": {"stock": 3},
            "outputs": {"order": 12},
            "reasoning": "little left",
            "effect": {"units": 12},
            "nothing": None,
        },
    )

    assert (span.input, span.output) == (b'{"stock":3}', b'{"order":12}')
    prefix = "langfuse.observation.metadata."
    assert {key.removeprefix(prefix): value for key, value in span.attributes.items()} == {
        "reasoning": "little left",
        "effect": '{"units":12}',
    }


def test_records_are_decisions_too() -> None:
    """A data class or a model by its fields; what has no names is none."""

    @dataclasses.dataclass
    class Decision:
        type: str
        confidence: float

    class Model:
        def model_dump(self) -> dict[str, Any]:
            return {"type": "reorder"}

    assert as_mapping(Decision("reorder", 0.5)) == {"type": "reorder", "confidence": 0.5}
    assert as_mapping(Model()) == {"type": "reorder"}
    assert as_mapping(Decision) is None
    assert as_mapping("reorder") is None
