"""What every test gets: a clean environment, a folder of its own, nothing left running behind it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kit import ConfigFor, Start

    from config.langfuse_config import LangfuseConfig
    from config.langfuse_integration import LangfuseIntegrationService

OURS = ("LANGFUSE_", "AUTOOPS_", "OTEL_")

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fail-on-skip``: on the machine that checks a change, a skipped test is a failed one."""
    parser.addoption("--fail-on-skip", action="store_true", help="fail the run when any test was skipped")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn skips into failure where ``--fail-on-skip`` asks for it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--fail-on-skip") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why a run fails whose tests all passed or were skipped."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped and config.getoption("--fail-on-skip"):
        terminalreporter.write_line(f"--fail-on-skip: {skipped} skipped, so the run fails", red=True)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the developer's variables and `.env`, and end what the test started.

    The journal's default place is the working directory, its second the user's state folder: both are
    inside the test's own folder.
    """
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    monkeypatch.chdir(tmp_path)
    yield
    _shut_down_singletons()


def _shut_down_singletons() -> None:
    """End the process-wide objects behind the documented doors, if the test opened any."""
    integration = sys.modules.get("config.langfuse_integration")
    if integration is not None:
        integration.shutdown_langfuse_integration()
    client = sys.modules.get("config.langfuse_config")
    if client is not None:
        client.shutdown_langfuse()
    sdk = sys.modules.get("langfuse._client.resource_manager")
    if sdk is not None:  # the SDK keeps one per public key for the life of the process
        sdk.LangfuseResourceManager._instances.clear()


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A healthy Langfuse on loopback with keys of its own."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def config_for() -> ConfigFor:
    """Return a function that makes a prompt configuration for a server: ``config_for(server, timeout=2)``."""

    def make(server: LoopbackServer, **changes: Any) -> LangfuseConfig:
        from config.langfuse_config import LangfuseConfig

        values: dict[str, Any] = {
            "public_key": server.public_key,
            "secret_key": server.secret_key,
            "host": server.url,
            "flush_interval": 0.05,
            "timeout": 5.0,
        }
        return LangfuseConfig(**(values | changes))

    return make


@pytest.fixture
def start(
    config_for: ConfigFor,
) -> Iterator[Start]:
    """Return a function that starts a service for a server; all of them are shut down after the test."""
    from config.langfuse_integration import LangfuseIntegrationService

    started = []

    def begin(server: LoopbackServer, **changes: Any) -> LangfuseIntegrationService:
        service = LangfuseIntegrationService(config_for(server, **changes))
        started.append(service)
        return service

    yield begin
    for service in started:
        service.shutdown()


@pytest.fixture
def service(server: LoopbackServer, start: Start) -> LangfuseIntegrationService:
    """A service that delivers to `server`."""
    return start(server)
