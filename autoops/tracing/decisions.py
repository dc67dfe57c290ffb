"""An agent's decision on its way to a span: inputs, outputs, confidence, reasoning and whatever else it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from autoops.tracing.scalars import number
from autoops.tracing.serialize import dump, text

if TYPE_CHECKING:
    from autoops.tracing.span import Span

_OWN: Final = frozenset({"type", "inputs", "outputs", "confidence"})
_IMPACT: Final = "impact"


def decision_type(decision: Mapping[str, Any]) -> str | None:
    """The decision's type; None if it has none, which the caller warns of."""
    kind = decision.get("type")
    if isinstance(kind, Enum):
        kind = kind.value
    # Its text first: a class of theirs may raise when it is compared.
    return text(kind) or None if isinstance(kind, str | int) else None


def confidence_of(decision: Mapping[str, Any]) -> float | None:
    """The confidence; None if there is none.

    Raises:
        ValueError: It is not a number from 0 to 1.
    """
    confidence = decision.get("confidence")
    if confidence is None:
        return None
    try:
        number = float(confidence)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("confidence is not a number") from error
    if isinstance(confidence, bool | str) or not math.isfinite(number) or not 0.0 <= number <= 1.0:
        raise ValueError("confidence is not a number from 0 to 1")
    return number


def write(span: Span, decision: Mapping[str, Any]) -> None:
    """Put a decision on its span: inputs and outputs as its payloads, everything else as metadata."""
    if decision.get("inputs") is not None:
        span.input = dump(decision["inputs"])
    if decision.get("outputs") is not None:
        span.output = dump(decision["outputs"])
    rest = {key: value for key, value in decision.items() if key not in _OWN}
    impact = number(rest.get(_IMPACT))
    if impact is not None:
        # A number of any type, for it is compared with the threshold.
        rest[_IMPACT] = impact
    span.set_metadata(rest)


def as_mapping(value: object) -> Mapping[str, Any] | None:
    """The decision as a mapping: itself, or a dataclass's or model's fields; None if it has no names."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name, None) for name in value.__dataclass_fields__}
    if hasattr(value, "model_dump"):
        dumped = value.model_dump()
        return dumped if isinstance(dumped, Mapping) else None
    return None
