"""Many values read at once, so that every fault is told at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoops.errors import ConfigurationError, Fault
from autoops.variables.kinds import Refused
from autoops.variables.table import BY_FIELD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoops.variables.table import Variable

_SECRET_KEY = re.compile(r"sk-lf-[^\s,;'\"]*")
_USERINFO = re.compile(r"//[^/]*@")
_LONGEST_SHOWN = 120
"""Characters of a refused value that are repeated to the user."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it was found.

    Attributes:
        name: Name under which the user gave it.
        value: Text from the environment, or any value from code.
        origin: `environment`, `.env` or `code`.
    """

    name: str
    value: object
    origin: str


def shown(variable: Variable, value: object) -> str:
    """Return a given value as it may be shown to people: secrets masked, long text cut.

    Args:
        variable: Its row of the table.
        value: As it was given, perhaps refused.
    """
    if variable.secret:
        return "***"
    try:
        text = repr(value)
    except Exception:  # the value is the user's object
        return f"an object of type {type(value).__name__}"
    text = _USERINFO.sub("//***@", _SECRET_KEY.sub("sk-lf-***", text))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


def read_all(given: Mapping[str, Given]) -> dict[str, object]:
    """Check values by field name and fill in the defaults of all others.

    Args:
        given: What was found, by field name.

    Returns:
        The checked value of every field of the table.

    Raises:
        ConfigurationError: With every fault among them.
    """
    faults = [_unknown(name, found) for name, found in given.items() if name not in BY_FIELD]
    values: dict[str, object] = {}
    for field, variable in BY_FIELD.items():
        found = given.get(field)
        try:
            values[field] = variable.default if found is None else variable.read(found.value)
        except Refused as refusal:
            if found is not None:  # a default is never refused: a test reads them all
                faults.append(_fault(variable, found, str(refusal)))
    if faults:
        raise ConfigurationError(tuple(faults))
    _take_service_name(values)
    return values


def _take_service_name(values: dict[str, object]) -> None:
    """Let `service.name` among the resource attributes count where no name is set, as OpenTelemetry does."""
    attributes = values["resource_attributes"]
    if values["service_name"] == BY_FIELD["service_name"].default and isinstance(attributes, dict | object):
        named = attributes.get("service.name") if hasattr(attributes, "get") else None
        if named:
            values["service_name"] = named


def _fault(variable: Variable, found: Given, remedy: str) -> Fault:
    return Fault(found.name, found.origin, shown(variable, found.value), variable.kind.allowed, remedy)


def _unknown(name: str, found: Given) -> Fault:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(name, BY_FIELD, 1)
    remedy = f"did you mean {near[0]}?" if near else "remove it"
    return Fault(found.name, found.origin, "a name that does not exist", ", ".join(BY_FIELD), remedy)
