"""The process's one client and one service, looked up at the documented doors.

What makes them is imported when they are first asked for: importing a door costs next to nothing.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoops.tracing.client import LangfuseClient
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.service import LangfuseIntegrationService

_client: LangfuseClient | None = None
_service: LangfuseIntegrationService | None = None
_guard = threading.RLock()


def get_langfuse_client() -> LangfuseClient:
    """The process's client, made from the settings when first asked for. Never raises for invalid settings."""
    return _client if _client is not None else initialize_langfuse()


def initialize_langfuse(config: LangfuseConfig | None = None) -> LangfuseClient:
    """Make the process's client; one that is there already is reconfigured, and kept as it is if ``config`` is None.

    Args:
        config: How to behave; None reads the settings.
    """
    global _client
    with _guard:
        if _client is None:
            from autoops.tracing.client import LangfuseClient

            _client = LangfuseClient(config)
        elif config is not None:
            _client.reconfigure(config)
        return _client


def shutdown_langfuse(timeout: float | None = None) -> None:
    """Shut the process's client down, in 2 s if nothing else is said; the next ``get_langfuse_client`` makes a new one."""
    global _client
    with _guard:
        client, _client = _client, None
    if client is not None:
        client.shutdown() if timeout is None else client.shutdown(timeout)


def get_langfuse_integration() -> LangfuseIntegrationService:
    """The process's service, on the process's client; made when first asked for. Never raises for invalid settings."""
    return _service if _service is not None else initialize_langfuse_integration()


def initialize_langfuse_integration(config: LangfuseConfig | None = None) -> LangfuseIntegrationService:
    """Make the process's service; one that is there already is reconfigured, and kept as it is if ``config`` is None.

    Args:
        config: How to behave; None reads the settings.
    """
    global _service
    with _guard:
        client = initialize_langfuse(config)
        if _service is None or _service.client is not client:
            from autoops.tracing.service import LangfuseIntegrationService

            _service = LangfuseIntegrationService(client=client)
        return _service


def shutdown_langfuse_integration(timeout: float | None = None) -> None:
    """Shut the process's service and client down, in 2 s if nothing else is said; the next ``get_langfuse_integration`` makes new ones."""
    global _service
    with _guard:
        _service = None
    shutdown_langfuse(timeout)


def reload_settings() -> None:
    """Have the process's service, if there is one, read the settings anew; for a signal handler."""
    if _service is not None:
        _service.reload()


def _after_fork_in_child() -> None:
    global _guard
    _guard = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
