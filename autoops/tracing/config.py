"""`LangfuseConfig`: how tracing behaves, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autoops.errors import ConfigurationError, Fault
from autoops.variables import BY_FIELD, DEFAULT_MASK_KEYS, Given, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _no_items() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, repr=False)
class LangfuseConfig:
    """How tracing behaves: the same settings as the environment variables, for building in code.

    Every field is checked as its variable is (docs/settings.md has types, ranges and meanings), and text is
    read as the variable's text would be: `sample_rate="0.5"` and `traced_agents="pricing*"` work. None and
    "" stand for the default. Values never change; `replace` makes a changed copy.

    Args:
        mask: Called with each payload (a parsed JSON value) after the keys were masked, returns what is
            stored; one that raises removes the payload. Only in code.
        notices: What the reader of the environment noticed that is no fault; see `warnings`.

    Raises:
        ConfigurationError: With every fault at once.
    """

    public_key: str | None = None
    secret_key: str | None = None
    host: str = "https://cloud.langfuse.com"
    enabled: bool = True
    tracing_enabled: bool = True
    sample_rate: float = 1.0
    debug: bool = False
    flush_interval: float = 5.0
    flush_at: int = 15
    timeout: float = 60.0
    environment: str = "development"
    release: str = "0.1.0"
    media_upload_thread_count: int = 4
    max_latency_ms: float = 100.0
    enable_sampling: bool = True
    buffer_size: int = 1000
    max_retries: int = 3
    blocked_instrumentation_scopes: tuple[str, ...] = ()
    additional_headers: Mapping[str, str] = field(default_factory=_no_items, hash=False)
    journal: str = ".autoops/journal.db"
    retention_days: float = 30.0
    journal_max_mb: float = 2048.0
    traced_agents: tuple[str, ...] = ()
    traced_operations: tuple[str, ...] = ()
    mask_keys: tuple[str, ...] = DEFAULT_MASK_KEYS
    mask: Callable[[Any], Any] | None = None
    sample_rules: tuple[tuple[str, float], ...] = ()
    confidence_threshold: float = 0.5
    impact_threshold: float | None = None
    alert_window_s: float = 300.0
    idle_span_s: float = 3600.0
    service_name: str = "autoops"
    resource_attributes: Mapping[str, str] = field(default_factory=_no_items, hash=False)
    notices: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check every field by the table and keep the checked values."""
        given = {name: Given(name, getattr(self, name), "code") for name in BY_FIELD}
        if self.mask is not None and not callable(self.mask):
            fault = Fault("mask", "code", type(self.mask).__name__, "a callable or None", "give a function")
            raise ConfigurationError((fault,))
        for name, value in read_all(given).items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_settings(cls) -> LangfuseConfig:
        """Read the process environment and `.env` of the working directory.

        Raises:
            ConfigurationError: With every fault at once.
        """
        from autoops.settings import get_settings  # noqa: PLC0415 - pydantic costs 0.4 s; only this door needs it

        settings = get_settings()
        values: dict[str, Any] = {name: getattr(settings, name) for name in BY_FIELD}
        return cls(**values)

    def replace(self, **changes: Any) -> LangfuseConfig:
        """Return a copy with some fields changed, checked like the first.

        Raises:
            ConfigurationError: For values that are not allowed, and for names that are no field.
        """
        known = {each.name for each in dataclasses.fields(self)}
        unknown = {name: Given(name, None, "code") for name in changes if name not in known}
        if unknown:
            read_all(unknown)
        return dataclasses.replace(self, **changes)

    @property
    def has_credentials(self) -> bool:
        """Both keys are there."""
        return bool(self.public_key and self.secret_key)

    def __repr__(self) -> str:
        """Show what differs from the defaults, secrets masked."""
        return f"LangfuseConfig({', '.join(self._shown_fields())})"

    def _shown_fields(self) -> list[str]:
        from autoops.variables.reading import shown  # noqa: PLC0415 - moved in the next version

        return [
            f"{name}={shown(variable, getattr(self, name))}"
            for name, variable in BY_FIELD.items()
            if getattr(self, name) != variable.default
        ]
