"""The one place that reads the environment: process variables first, then `.env` of the working directory.

Names, ranges and defaults are `autoops.variables`' table; this module finds the texts and lets pydantic-settings
hold the checked values.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from autoops.errors import ConfigurationError, Fault
from autoops.variables import (
    BY_FIELD,
    VARIABLES,
    Given,
    check,
    find,
    key_notices,
    masked,
    read_all,
    shown_fields,
    source_notices,
)

ENV_FILE = ".env"
"""Looked for in the working directory only: a parent's file belongs to another project."""

EnvFile = Path | str | Sequence[Path | str] | None
"""A file like `.env`, several of which the last is strongest, or none."""

_ENVIRONMENT = "environment"
_NOTICES = "notices"


def _from_table(field: str) -> Any:
    """Return pydantic's description of a row; the check itself is the table's."""
    variable = BY_FIELD[field]
    return Field(default=variable.default, title=variable.name, description=variable.meaning)


class LangfuseSettings(BaseSettings):
    """Every setting as the environment has it; docs/settings.md describes each.

    `LangfuseSettings()` reads the process environment, then `.env` of the working directory; keyword
    arguments are stronger than both. `_env_file=None` leaves out `.env`, `_env_file=path` reads another.

    Raises:
        ConfigurationError: With every fault at once, instead of pydantic's ValidationError.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    public_key: str | None = _from_table("public_key")
    secret_key: str | None = _from_table("secret_key")
    host: str = _from_table("host")
    additional_headers: dict[str, str] = _from_table("additional_headers")
    timeout: float = _from_table("timeout")
    max_retries: int = _from_table("max_retries")
    enabled: bool = _from_table("enabled")
    tracing_enabled: bool = _from_table("tracing_enabled")
    environment: str = _from_table("environment")
    release: str = _from_table("release")
    service_name: str = _from_table("service_name")
    resource_attributes: dict[str, str] = _from_table("resource_attributes")
    debug: bool = _from_table("debug")
    blocked_instrumentation_scopes: tuple[str, ...] = _from_table("blocked_instrumentation_scopes")
    traced_agents: tuple[str, ...] = _from_table("traced_agents")
    traced_operations: tuple[str, ...] = _from_table("traced_operations")
    mask_keys: tuple[str, ...] = _from_table("mask_keys")
    sample_rate: float = _from_table("sample_rate")
    sample_rules: tuple[tuple[str, float], ...] = _from_table("sample_rules")
    enable_sampling: bool = _from_table("enable_sampling")
    confidence_threshold: float = _from_table("confidence_threshold")
    impact_threshold: float | None = _from_table("impact_threshold")
    flush_interval: float = _from_table("flush_interval")
    flush_at: int = _from_table("flush_at")
    media_upload_thread_count: int = _from_table("media_upload_thread_count")
    max_latency_ms: float = _from_table("max_latency_ms")
    buffer_size: int = _from_table("buffer_size")
    journal: str = _from_table("journal")
    retention_days: float = _from_table("retention_days")
    journal_max_mb: float = _from_table("journal_max_mb")
    alert_window_s: float = _from_table("alert_window_s")
    idle_span_s: float = _from_table("idle_span_s")
    notices: tuple[str, ...] = Field(
        default=(), description="What is odd about the sources without being a fault."
    )

    def __init__(self, *, _env_file: EnvFile = ENV_FILE, **values: Any) -> None:
        sources = _sources(_env_file)
        notices = [notice for origin, texts in sources for notice in source_notices(origin, texts)]
        super().__init__(_env_file=None, **{_NOTICES: tuple(notices), **find(sources), **values})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `__init__` found: pydantic's readers would let an alias in `.env` win over the environment."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _check_by_table(cls, found: dict[str, Any]) -> dict[str, Any]:
        """Check all values at once; a ConfigurationError passes through pydantic unchanged."""
        given = {
            name: value if isinstance(value, Given) else Given(name, value, "code")
            for name, value in found.items()
            if name != _NOTICES
        }
        return {**read_all(given), _NOTICES: found.get(_NOTICES, ())}

    def warnings(self) -> tuple[str, ...]:
        """Say what is odd without being a fault, in sentences that hold no secret."""
        return (*key_notices(self.public_key, self.secret_key), *self.notices)

    def __repr__(self) -> str:
        """Show the fields that differ from the defaults, secrets masked."""
        return f"LangfuseSettings({', '.join(shown_fields(self))})"

    __str__ = __repr__


def get_settings() -> LangfuseSettings:
    """Read the environment and `.env` afresh.

    Raises:
        ConfigurationError: With every fault at once.
    """
    return LangfuseSettings()


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One setting as it is now, to be shown to people.

    Attributes:
        variable: Name under which it was given; the documented one for a default.
        field: Name in `LangfuseConfig`.
        value: Text as one would write it, secrets masked; "" for nothing.
        origin: `environment`, `.env` or `default`.
        default: The default's text; "" for nothing.
        fault: What is wrong with it; None when it is in effect.
    """

    variable: str
    field: str
    value: str
    origin: str
    default: str
    fault: Fault | None


def effective_values() -> tuple[EffectiveValue, ...]:
    """Return every setting with where it came from, in the table's order, faulty ones included.

    Raises:
        ConfigurationError: Only when `.env` itself cannot be read.
    """
    given = find(_sources(ENV_FILE))
    values, faults = check(given)
    fault_of = {fault.variable: fault for fault in faults}
    rows = []
    for variable in VARIABLES:
        found = given.get(variable.field)
        if variable.field == "service_name" and values.get("service_name") != variable.default:
            # The name may have come as `service.name` among the resource's attributes.
            found = found or given.get("resource_attributes")
        name, origin = (
            (variable.name, "default") if found is None or found.is_blank else (found.name, found.origin)
        )
        fault = fault_of.get(name)
        value = fault.received if fault else variable.kind.render(masked(variable, values[variable.field]))
        rows.append(EffectiveValue(name, variable.field, value, origin, variable.default_text, fault))
    return tuple(rows)


def _sources(env_file: EnvFile) -> list[tuple[str, Mapping[str, str | None]]]:
    """Return the environment and the files, the strongest first; of several files the last is strongest."""
    files = [] if env_file is None else [env_file] if isinstance(env_file, str | Path) else list(env_file)
    return [(_ENVIRONMENT, dict(os.environ)), *((str(file), _dotenv(Path(file))) for file in reversed(files))]


def _dotenv(path: Path) -> Mapping[str, str | None]:
    """Return the variables of a file, none if there is no such file (a folder may bear the name)."""
    try:
        # Some editors on Windows begin a file with a byte order mark, which would spoil the first name.
        return dotenv_values(stream=StringIO(path.read_text(encoding="utf-8-sig"))) if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or "not readable" if isinstance(error, OSError) else "not UTF-8"
        remedy = "save it as UTF-8 and let this user read it"
        raise ConfigurationError(
            (Fault(str(path), "file", f"a file that is {reason}", "UTF-8 text", remedy),)
        ) from None


@contextlib.contextmanager
def hidden_from_sdk() -> Iterator[None]:
    """Keep our variables from the Langfuse SDK while its client is made.

    It reads some of the same names by rules of its own: `LANGFUSE_TIMEOUT=2.5` makes it raise, and so does a
    `LANGFUSE_FLUSH_AT` over 2048. What it needs is given to it as arguments.
    """
    names = ("LANGFUSE_TIMEOUT", "LANGFUSE_FLUSH_AT", "LANGFUSE_FLUSH_INTERVAL", "LANGFUSE_SAMPLE_RATE")
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
