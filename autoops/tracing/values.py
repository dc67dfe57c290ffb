"""What a span keeps of the values and exceptions it is given, and how much memory that takes."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from autoops.tracing.serialize import dump, text


def items(attributes: object) -> list[tuple[Any, Any]]:
    """A copy of a mapping's items; none of what is no mapping."""
    return list(attributes.items()) if isinstance(attributes, Mapping) else []


def kept_values(attributes: object) -> dict[str, Any]:
    """What is kept of a mapping: names as text, each value as ``kept_value`` has it."""
    return {key if isinstance(key, str) else text(key): kept_value(value) for key, value in items(attributes)}


def kept_value(value: object) -> Any:
    """A value as OpenTelemetry has types for; what it has none for as JSON text."""
    if isinstance(value, str | bool | int | float):
        return value
    # Not a named tuple: without its names, nobody would know what of it is to be masked.
    if type(value) is list or type(value) is tuple:
        # A copy: the caller's list may change before the worker reads it.
        kept = tuple(value)
        if all(isinstance(each, str | bool | int | float) for each in kept):
            return kept
    if isinstance(value, bytes):
        return text(value)
    return dump(value).decode()


def size_of(attributes: Mapping[str, Any]) -> int:
    """Roughly the bytes that attributes hold; other threads may add to them meanwhile."""
    return sum(map(len, list(attributes))) + sum(map(_size_of, list(attributes.values())))


def _size_of(value: object) -> int:
    if isinstance(value, str):
        return 32 + len(value)
    return 32 + sum(map(_size_of, value)) if isinstance(value, tuple) else 32


def message_of(exception: BaseException) -> str:
    """What an exception says, whatever its class makes of that."""
    try:
        return text(str(exception))
    except Exception as fault:
        return f"<str() failed with {type(fault).__name__}>"


def stack_of(exception: BaseException) -> str:
    """Where it came from, as Python prints it."""
    try:
        return "".join(traceback.format_exception(exception))
    except Exception as fault:
        return f"<the stack could not be formatted: {type(fault).__name__}>"
