"""The table itself: a row for each variable, in the order in which people meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoops.variables.kinds import (
    MAX_SECONDS,
    MAX_WHOLE,
    EnvironmentName,
    JournalPlace,
    Key,
    Number,
    Switch,
    Text,
    Url,
    read_safely,
)
from autoops.variables.lists import Attributes, CommaList, Globs, Headers, Rates

if TYPE_CHECKING:
    from autoops.variables.kinds import Kind

DEFAULT_MASK_KEYS = (
    *("*password*", "*passwd*", "passphrase", "pwd", "*secret*", "*credential*"),
    *("token", "*_token", "*accesstoken", "*refreshtoken", "jwt"),
    *("*apikey*", "*api_key*", "*private_key*", "*privatekey*", "*access_key*", "connection_string"),
    *("authorization", "proxy-authorization", "cookie", "set-cookie"),
    *("*card_number", "cardnumber", "credit_card", "cvv", "cvc", "iban", "ssn"),
)
"""Globs of keys whose values are masked; compared without case, and `api_key` also finds `apiKey` and `Api-Key`.

Each costs a search of every payload: add what people name their secrets, not every spelling.
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, which is also one field of `LangfuseConfig`.

    Attributes:
        name: The documented name.
        field: Name of the field in `LangfuseSettings` and `LangfuseConfig`.
        kind: How it is read, checked and written.
        default_text: What setting nothing amounts to, as one would write it; "" for nothing.
        meaning: One sentence for people, without its full stop.
        group: Heading under which it is documented.
        names: All names in the order in which they win; the documented one alone if not given.
        secret: The value, or a part of it, must not be shown.
        nothing: How an empty default is described.
    """

    name: str
    field: str
    kind: Kind
    default_text: str
    meaning: str
    group: str
    names: tuple[str, ...] = ()
    secret: bool = False
    nothing: str = "none"

    def __post_init__(self) -> None:
        """Let a variable without aliases be found under its own name."""
        if not self.names:
            object.__setattr__(self, "names", (self.name,))

    @property
    def default(self) -> object:
        """The checked value when nothing is set."""
        return self.kind.read(self.default_text) if self.default_text else self.kind.empty

    def read(self, value: object) -> object:
        """Return the checked value of what was given. Raises `Refused`."""
        return read_safely(self.kind, value)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names besides the documented one."""
        return tuple(name for name in self.names if name != self.name)


_CONNECTION = "Connection"
_SENDING = "What is sent, and when"
_TRACING = "What is recorded"
_JOURNAL = "Buffer, journal and alerts"
_SECONDS = Number(0, MAX_SECONDS, "seconds", above_low=True)
_COUNT = Number(1, MAX_WHOLE, whole=True)

VARIABLES: tuple[Variable, ...] = (
    Variable(
        name="LANGFUSE_PUBLIC_KEY",
        field="public_key",
        kind=Key("pk-lf-", colon=False),
        default_text="",
        meaning="Public key of the Langfuse project; without both keys everything works and stays on this machine",
        group=_CONNECTION,
    ),
    Variable(
        name="LANGFUSE_SECRET_KEY",
        field="secret_key",
        kind=Key("sk-lf-"),
        default_text="",
        meaning="Secret key of the Langfuse project",
        group=_CONNECTION,
        secret=True,
    ),
    Variable(
        name="LANGFUSE_HOST",
        field="host",
        kind=Url(),
        default_text="https://cloud.langfuse.com",
        meaning="The Langfuse server; LANGFUSE_BASE_URL wins if both are set, as in Langfuse's SDK",
        group=_CONNECTION,
        names=("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    ),
    Variable(
        name="LANGFUSE_ADDITIONAL_HEADERS",
        field="additional_headers",
        kind=Headers(),
        default_text="",
        meaning="HTTP headers sent with every request; Authorization stays ours",
        group=_CONNECTION,
        secret=True,
    ),
    Variable(
        name="LANGFUSE_TIMEOUT",
        field="timeout",
        kind=_SECONDS,
        default_text="60",
        meaning="Seconds that one HTTP call may take, connecting, sending and reading together",
        group=_CONNECTION,
    ),
    Variable(
        name="LANGFUSE_MAX_RETRIES",
        field="max_retries",
        kind=Number(0, MAX_WHOLE, whole=True),
        default_text="3",
        meaning="Tries of a batch after the first, with growing random waits, before fallback mode opens",
        group=_CONNECTION,
    ),
    Variable(
        name="LANGFUSE_ENABLED",
        field="enabled",
        kind=Switch(),
        default_text="true",
        meaning="false turns the integration off: no thread, no file, no connection, calls return at once",
        group=_TRACING,
    ),
    Variable(
        name="LANGFUSE_TRACING_ENABLED",
        field="tracing_enabled",
        kind=Switch(),
        default_text="true",
        meaning="false records no spans; health and scores still work",
        group=_TRACING,
    ),
    Variable(
        name="LANGFUSE_ENVIRONMENT",
        field="environment",
        kind=EnvironmentName(),
        default_text="development",
        meaning="Environment of every observation",
        group=_TRACING,
        names=("LANGFUSE_ENVIRONMENT", "LANGFUSE_TRACING_ENVIRONMENT"),
    ),
    Variable(
        name="LANGFUSE_RELEASE",
        field="release",
        kind=Text(),
        default_text="0.1.0",
        meaning="Release of every observation",
        group=_TRACING,
    ),
    Variable(
        name="OTEL_SERVICE_NAME",
        field="service_name",
        kind=Text(),
        default_text="autoops",
        meaning="Name of the service in the resource of every span",
        group=_TRACING,
    ),
    Variable(
        name="OTEL_RESOURCE_ATTRIBUTES",
        field="resource_attributes",
        kind=Attributes(),
        default_text="",
        meaning="Further attributes of the resource; a service.name among them counts if OTEL_SERVICE_NAME is not set",
        group=_TRACING,
    ),
    Variable(
        name="LANGFUSE_DEBUG",
        field="debug",
        kind=Switch(),
        default_text="false",
        meaning="true logs each trace, batch, retry and change of state at DEBUG, without secrets",
        group=_TRACING,
    ),
    Variable(
        name="LANGFUSE_BLOCKED_INSTRUMENTATION_SCOPES",
        field="blocked_instrumentation_scopes",
        kind=CommaList(),
        default_text="",
        meaning="Spans of these OpenTelemetry instrumentation scopes are not recorded",
        group=_TRACING,
    ),
    Variable(
        name="AUTOOPS_TRACED_AGENTS",
        field="traced_agents",
        kind=Globs(),
        default_text="",
        meaning="Agents that are traced; ! excludes",
        group=_TRACING,
        nothing="all",
    ),
    Variable(
        name="AUTOOPS_TRACED_OPERATIONS",
        field="traced_operations",
        kind=Globs(),
        default_text="",
        meaning="Operations that are traced; ! excludes",
        group=_TRACING,
        nothing="all",
    ),
    Variable(
        name="AUTOOPS_MASK_KEYS",
        field="mask_keys",
        kind=Globs(always=DEFAULT_MASK_KEYS),
        default_text="",
        meaning="Further keys whose values become *** before they are stored anywhere; ! exempts a key",
        group=_TRACING,
        nothing="the list below",
    ),
    Variable(
        name="LANGFUSE_SAMPLE_RATE",
        field="sample_rate",
        kind=Number(0, 1),
        default_text="1.0",
        meaning="Share of traces sent to Langfuse, decided per trace; the journal keeps all",
        group=_SENDING,
    ),
    Variable(
        name="AUTOOPS_SAMPLE_RULES",
        field="sample_rules",
        kind=Rates(),
        default_text="",
        meaning="Sample rates by the name of a trace's root; the first glob that matches counts",
        group=_SENDING,
    ),
    Variable(
        name="LANGFUSE_ENABLE_SAMPLING",
        field="enable_sampling",
        kind=Switch(),
        default_text="true",
        meaning="true sends notable traces in spite of the sample rate and thins ordinary ones under high load",
        group=_SENDING,
    ),
    Variable(
        name="AUTOOPS_CONFIDENCE_THRESHOLD",
        field="confidence_threshold",
        kind=Number(0, 1),
        default_text="0.5",
        meaning="A decision less confident than this makes its trace notable",
        group=_SENDING,
    ),
    Variable(
        name="AUTOOPS_IMPACT_THRESHOLD",
        field="impact_threshold",
        kind=Number(0, 1e15),
        default_text="",
        meaning="A decision whose expected effect is larger than this makes its trace notable",
        group=_SENDING,
    ),
    Variable(
        name="LANGFUSE_FLUSH_INTERVAL",
        field="flush_interval",
        kind=_SECONDS,
        default_text="5.0",
        meaning="Longest wait in seconds before a partial batch is sent",
        group=_SENDING,
    ),
    Variable(
        name="LANGFUSE_FLUSH_AT",
        field="flush_at",
        kind=_COUNT,
        default_text="15",
        meaning="Spans that make a batch due; a backlog is sent in larger ones",
        group=_SENDING,
    ),
    Variable(
        name="LANGFUSE_MEDIA_UPLOAD_THREAD_COUNT",
        field="media_upload_thread_count",
        kind=_COUNT,
        default_text="4",
        meaning="Threads of Langfuse's SDK for uploading media",
        group=_SENDING,
    ),
    Variable(
        name="LANGFUSE_MAX_LATENCY_MS",
        field="max_latency_ms",
        kind=Number(0, MAX_SECONDS * 1000, "milliseconds"),
        default_text="100",
        meaning="Longest that a call of yours waits for buffer space before its span is dropped and counted; 0 never waits",
        group=_JOURNAL,
    ),
    Variable(
        name="LANGFUSE_BUFFER_SIZE",
        field="buffer_size",
        kind=_COUNT,
        default_text="1000",
        meaning="Most spans held in memory before they are in the journal",
        group=_JOURNAL,
    ),
    Variable(
        name="AUTOOPS_JOURNAL",
        field="journal",
        kind=JournalPlace(),
        default_text=".autoops/journal.db",
        meaning="File of the trace journal, from the working directory; off keeps it in memory",
        group=_JOURNAL,
    ),
    Variable(
        name="AUTOOPS_RETENTION_DAYS",
        field="retention_days",
        kind=Number(0, 100_000, "days"),
        default_text="30",
        meaning="Delivered and local traces older than this are pruned; 0 keeps all",
        group=_JOURNAL,
    ),
    Variable(
        name="AUTOOPS_JOURNAL_MAX_MB",
        field="journal_max_mb",
        kind=Number(0, MAX_WHOLE, "megabytes"),
        default_text="2048",
        meaning="Size beyond which the oldest traces are pruned; 0 keeps all",
        group=_JOURNAL,
    ),
    Variable(
        name="AUTOOPS_ALERT_WINDOW_S",
        field="alert_window_s",
        kind=_SECONDS,
        default_text="300",
        meaning="Seconds over which the alerts of the health check look back",
        group=_JOURNAL,
    ),
    Variable(
        name="AUTOOPS_IDLE_SPAN_S",
        field="idle_span_s",
        kind=_SECONDS,
        default_text="3600",
        meaning="Seconds after which an idle open span leaves memory; it stays open in the journal",
        group=_JOURNAL,
    ),
)

BY_FIELD = {variable.field: variable for variable in VARIABLES}
