"""Asking the server: the result of ``test_connection()``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """How the server answered.

    Attributes:
        ok: The keys are good and the server answers.
        status: HTTP status; None without an answer.
        reason: What happened, in words.
        hint: What to check; empty if all is well.
        project_id: The project that the keys belong to.
    """

    ok: bool
    status: int | None
    reason: str
    hint: str = ""
    project_id: str | None = None

    def __bool__(self) -> bool:
        """Whether all is well."""
        return self.ok

    def __str__(self) -> str:
        """One line for people."""
        return self.reason + (f" ({self.hint})" if self.hint else "")


def test_connection(config: LangfuseConfig, timeout_s: float) -> ConnectionTest:
    """Ask the server which project the keys belong to; the answer takes at most ``timeout_s`` seconds."""
    if not config.enabled:
        return ConnectionTest(
            ok=False, status=None, reason="the integration is off", hint="set LANGFUSE_ENABLED=true"
        )
    if not config.has_credentials:
        hint = "set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in .env"
        return ConnectionTest(ok=False, status=None, reason="there are no credentials", hint=hint)
    from autoops.tracing.delivery.endpoint import Endpoint

    endpoint = Endpoint(config)
    try:
        outcome, project_id = endpoint.check(timeout_s)
    finally:
        endpoint.close()
    return ConnectionTest(outcome.is_success, outcome.status, outcome.reason, outcome.hint, project_id)


test_connection.__test__ = False  # type: ignore[attr-defined]  # the documented name begins like a test's
