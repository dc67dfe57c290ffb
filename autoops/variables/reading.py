"""Many values found, checked and shown at once, so that every fault is told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from autoops.errors import ConfigurationError, Fault
from autoops.variables.kinds import Refused, Url
from autoops.variables.table import BY_FIELD, VARIABLES
from autoops.variables.textmap import TextMap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoops.variables.table import Variable

MASK = "***"
"""What is shown in place of a secret."""

_SECRET_KEY = re.compile(r"sk-lf-.*", re.DOTALL | re.IGNORECASE)
"""A secret key and all that follows it: a key pasted with a blank inside must not show its second half."""

_URL_SECRETS = re.compile(r"^.*(?=@)|[?#].*", re.DOTALL)
"""Where a refused URL may hold credentials: before its last @, and in its query or fragment."""

_LONGEST_SHOWN = 120
"""Characters of a refused value that are repeated to the user."""


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """A value and where it was found. Its repr leaves out the value, which may be a secret.

    Attributes:
        name: Name under which the user gave it.
        value: Text from the environment, or any value from code.
        origin: `environment`, the name of the .env file, or `code`.
    """

    name: str
    value: object
    origin: str

    def __repr__(self) -> str:
        return f"Given(name={self.name!r}, origin={self.origin!r})"

    @property
    def is_blank(self) -> bool:
        """The value says "not set"."""
        # issubclass, because isinstance asks the object for its class, and a proxy may fail at that.
        return self.value is None or (issubclass(type(self.value), str) and not str(self.value).strip())


def find(sources: Iterable[tuple[str, Mapping[str, str | None]]]) -> dict[str, Given]:
    """Find what each variable was given as.

    The first source that has one of a variable's names decides, even with empty text, which then means
    the default: `LANGFUSE_PUBLIC_KEY= autoops simulate` runs without the keys in `.env`. Within a source
    the variable's order of names decides among those that are not empty.

    Args:
        sources: Their names and texts, the strongest first.

    Returns:
        What was found, by field name.
    """
    sources = tuple(sources)
    found: dict[str, Given] = {}
    for variable in VARIABLES:
        for origin, texts in sources:
            present = [Given(name, texts[name] or "", origin) for name in variable.names if name in texts]
            if present:
                found[variable.field] = next((each for each in present if not each.is_blank), present[0])
                break
    return found


def check(given: Mapping[str, Given]) -> tuple[dict[str, object], tuple[Fault, ...]]:
    """Check values by field name and fill in the defaults of all others.

    Args:
        given: What was found, by field name.

    Returns:
        The checked value of every field without fault, and the faults.
    """
    faults = [_unknown(found) for field, found in given.items() if field not in BY_FIELD]
    values: dict[str, object] = {}
    for field, variable in BY_FIELD.items():
        found = given.get(field)
        if found is None or found.is_blank:
            values[field] = variable.default
            continue
        try:
            values[field] = variable.read(found.value)
        except Refused as refusal:
            faults.append(_fault(variable, found, str(refusal)))
    if not {"service_name", "resource_attributes"} - values.keys():
        _move_service_name(values)
    return values, tuple(faults)


def read_all(given: Mapping[str, Given]) -> dict[str, object]:
    """Return the checked value of every field, defaults included.

    Args:
        given: What was found, by field name.

    Raises:
        ConfigurationError: With every fault.
    """
    values, faults = check(given)
    if faults:
        raise ConfigurationError(faults)
    return values


def _move_service_name(values: dict[str, object]) -> None:
    """Move `service.name` out of the resource attributes: it counts only where no name is set.

    Source: OpenTelemetry's general SDK configuration, "OTEL_SERVICE_NAME takes precedence".
    """
    attributes = dict(cast("TextMap", values["resource_attributes"]))
    named = attributes.pop("service.name", "").strip()
    values["resource_attributes"] = TextMap(attributes)
    if named and values["service_name"] == BY_FIELD["service_name"].default:
        values["service_name"] = named


def masked(variable: Variable, value: object) -> object:
    """Return a checked value with its secrets replaced by `***`; of headers the names stay."""
    if isinstance(value, str) and _SECRET_KEY.search(value):
        # A secret key stays one where it was put by mistake: in the place of the public key, say.
        return _SECRET_KEY.sub(MASK, value)
    if not variable.secret or not value:
        return value
    return TextMap(dict.fromkeys(value, MASK)) if isinstance(value, Mapping) else MASK


def shown(variable: Variable, value: object) -> str:
    """Return a checked value as people may see it in Python's notation, long text cut."""
    return _safe_repr(variable, masked(variable, value))


def shown_fields(holder: object) -> list[str]:
    """Return `field=value` for each setting that differs from its default, as people may see it.

    Args:
        holder: An object with an attribute for each field of the table.
    """
    return [
        f"{field}={shown(variable, getattr(holder, field))}"
        for field, variable in BY_FIELD.items()
        if getattr(holder, field) != variable.default
    ]


def _safe_repr(variable: Variable, value: object) -> str:
    try:
        text = (
            _URL_SECRETS.sub(MASK, value)
            if isinstance(value, str) and isinstance(variable.kind, Url)
            else value
        )
        text = _SECRET_KEY.sub(f"sk-lf-{MASK}", repr(text))
    except Exception:  # the value may be any object of the user's
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


def _fault(variable: Variable, found: Given, remedy: str) -> Fault:
    received = MASK if variable.secret else _safe_repr(variable, found.value)
    if variable.default_text:
        remedy = f"{remedy}, or remove it for the default {variable.default_text}"
    return Fault(found.name, found.origin, received, variable.kind.allowed, remedy)


def _unknown(found: Given) -> Fault:
    from difflib import get_close_matches

    near = get_close_matches(found.name, BY_FIELD, 1)
    remedy = f"did you mean {near[0]}?" if near else "remove it"
    return Fault(
        found.name, found.origin, "a name that no setting has", "the fields of LangfuseConfig", remedy
    )
