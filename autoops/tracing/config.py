"""`LangfuseConfig`: how tracing behaves, as plain values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoops.errors import ConfigurationError, Fault
from autoops.variables import (
    BY_FIELD,
    DEFAULT_MASK_KEYS,
    Given,
    TextMap,
    check,
    key_notices,
    read_all,
    shown_fields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CODE = "code"
_NOTHING: Mapping[str, str] = TextMap()


@dataclass(frozen=True, repr=False)
class LangfuseConfig:
    """How tracing behaves: the same settings as the environment variables, for building in code.

    Every field is checked as its variable is (docs/settings.md has types, ranges and meanings), and text is
    read as the variable's text would be: `sample_rate="0.5"` and `traced_agents="pricing*"` work. None and
    "" stand for the default; the globs of `mask_keys` are added to the default ones. Values never change:
    `replace` makes a changed copy.

    Args:
        mask: Only in code: called as `mask(data=...)` with each payload whose keys were masked already, returns
            what is stored instead; one that raises removes the payload.
        set_global: Only in code: make our tracer provider OpenTelemetry's global one, so that every library's spans land
            in the same traces. An application that has set one already keeps it.
        notices: What the reader of the environment found odd; part of `warnings`.

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
    additional_headers: Mapping[str, str] = _NOTHING
    journal: str = ".autoops/journal.db"
    retention_days: float = 30.0
    journal_max_mb: float = 2048.0
    traced_agents: tuple[str, ...] = ()
    traced_operations: tuple[str, ...] = ()
    mask_keys: tuple[str, ...] = DEFAULT_MASK_KEYS
    mask: Callable[..., Any] | None = None
    set_global: bool = False
    sample_rules: tuple[tuple[str, float], ...] = ()
    confidence_threshold: float = 0.5
    impact_threshold: float | None = None
    alert_window_s: float = 300.0
    idle_span_s: float = 3600.0
    service_name: str = "autoops"
    resource_attributes: Mapping[str, str] = _NOTHING
    notices: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Check every field by the table and keep the checked values."""
        given = {name: Given(name, getattr(self, name), _CODE) for name in BY_FIELD}
        if self.mask is not None and not callable(self.mask):
            _, faults = check(given)
            kind = f"an object of type {type(self.mask).__name__}"
            fault = Fault("mask", _CODE, kind, "a callable or None", "give a function of one payload")
            raise ConfigurationError((*faults, fault))
        for name, value in read_all(given).items():
            object.__setattr__(self, name, value)

    @property
    def destination(self) -> tuple[str, str] | None:
        """Host and public key of the project that spans are recorded for; None if they stay local."""
        return (self.host, self.public_key) if self.public_key and self.secret_key else None

    @classmethod
    def from_settings(cls) -> LangfuseConfig:
        """Read the process environment and `.env` of the working directory afresh.

        Raises:
            ConfigurationError: With every fault at once.
        """
        # pydantic costs 0.4 s, which a config built in code need not pay.
        from autoops.settings import get_settings

        settings = get_settings()
        values: dict[str, Any] = {name: getattr(settings, name) for name in BY_FIELD}
        return cls(**values, notices=settings.notices)

    def replace(self, **changes: Any) -> LangfuseConfig:
        """Return a copy with some fields changed, checked like the first.

        Args:
            **changes: New values by field name.

        Raises:
            ConfigurationError: For values that are not allowed and names that are no field, all at once.
        """
        known = {each.name for each in dataclasses.fields(self)}
        if not known.issuperset(changes):
            read_all(
                {
                    name: Given(name, value, _CODE)
                    for name, value in changes.items()
                    if name in BY_FIELD or name not in known
                }
            )
        return dataclasses.replace(self, **changes)

    @property
    def has_credentials(self) -> bool:
        """Both keys are set, so that traces can be delivered."""
        return bool(self.public_key and self.secret_key)

    @property
    def is_recording(self) -> bool:
        """Whether spans are recorded at all under these settings."""
        return self.enabled and self.tracing_enabled

    def warnings(self) -> tuple[str, ...]:
        """Say what is odd without being a fault, in sentences that hold no secret.

        Keys that do not look like Langfuse's, swapped keys, one key of two, and, after `from_settings`,
        misspelled variables and aliases that contradict each other.
        """
        return (*key_notices(self.public_key, self.secret_key), *self.notices)

    def __repr__(self) -> str:
        """Show the fields that differ from the defaults, secrets masked."""
        fields = shown_fields(self)
        if self.mask is not None:
            fields.append(f"mask={getattr(self.mask, '__qualname__', type(self.mask).__name__)}")
        return f"LangfuseConfig({', '.join(fields)})"
