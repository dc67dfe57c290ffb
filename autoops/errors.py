"""Every error that AutoOps raises on purpose, grouped by who can mend it.

```
AutoOpsError
├── ConfigurationError        the user: a setting is wrong (lists every fault at once)
├── SimulationError           the user: a simulation was asked for with input it cannot run on
└── JournalError              the machine's owner: the file of the trace journal
    ├── JournalLocked           another process holds it for longer than we wait
    ├── JournalMissing          there is none at that path yet
    ├── JournalDamaged          SQLite calls it corrupt, or it is no journal of ours
    └── JournalNewer            a newer AutoOps wrote it; this one may not write to it
```

None of these reaches business code through the tracing service, which never raises because of tracing: they
are raised by what the user calls directly (settings, `LangfuseConfig`, the command line) and caught inside. What
goes wrong between here and Langfuse is no error at all but a state, told by `health_check()` and `autoops health`.
"""

from __future__ import annotations

from dataclasses import dataclass


class AutoOpsError(Exception):
    """Base of every error that AutoOps raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong setting.

    Attributes:
        variable: Name as the user wrote it: an environment variable, or a field of `LangfuseConfig`.
        origin: Where it was read: `environment`, `.env` or `code`.
        received: The value as shown to people; secrets are already masked.
        allowed: What would have been accepted.
        remedy: What to do, as one sentence without its full stop.
    """

    variable: str
    origin: str
    received: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        """Say it on one line."""
        return (
            f"{self.variable} ({self.origin}): received {self.received}; allowed: {self.allowed}; "
            f"to mend it, {self.remedy}"
        )


class ConfigurationError(AutoOpsError):
    """One or more settings are wrong; `faults` has all of them, the message a line for each."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        """Count the faults and give each a line."""
        count = "1 setting is" if len(self.faults) == 1 else f"{len(self.faults)} settings are"
        return "\n".join([f"{count} invalid:", *(f"  {fault}" for fault in self.faults)])


class SimulationError(AutoOpsError):
    """A simulation was asked for with input it cannot run on."""


class JournalError(AutoOpsError):
    """The trace journal's file cannot be used as asked."""


class JournalMissing(JournalError):  # noqa: N818 - as below
    """There is no journal there yet."""


class JournalLocked(JournalError):  # noqa: N818 - a state of the journal, named as SQLite names it
    """Another process holds the journal for longer than we wait."""


class JournalDamaged(JournalError):  # noqa: N818 - as above
    """SQLite calls the file corrupt, or it is no journal of ours."""


class JournalNewer(JournalError):  # noqa: N818 - as above
    """A newer AutoOps wrote the file and forbids older ones to write to it."""
