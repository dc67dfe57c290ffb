"""`LangfuseClient`: one configuration's provider, journal and delivery, the connection, and the SDK's own client."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from autoops.errors import ConfigurationError, JournalError
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.status import Connection, Status
from autoops.tracing.latency import Latency
from autoops.tracing.sampling import Throttle

if TYPE_CHECKING:
    from autoops.tracing.connection import ConnectionTest
    from autoops.tracing.delivery.deliverer import Deliverer
    from autoops.tracing.journal.writer import Writer
    from autoops.tracing.provider import TracerProvider

logger = logging.getLogger(__name__)

NO_CREDENTIALS = "Langfuse credentials not found: set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in .env"
EXIT_TIMEOUT_S = 2.0
LOCAL_PAGE = "http://127.0.0.1:8765"
"""Where ``autoops dashboard`` shows the journal."""


class Mode(StrEnum):
    """How tracing runs now."""

    OFF = "off"
    """Switched off: calls return at once."""
    LOCAL = "local"
    """Everything is recorded, nothing is delivered: there are no credentials."""
    LANGFUSE = "langfuse"
    """Recording and delivering."""
    FALLBACK = "fallback"
    """Recording; the server fails, is probed, and will be sent what it missed."""


class LangfuseClient:
    """The connection between this process and Langfuse.

    Args:
        config: How to behave; None reads the settings. Settings that are invalid are logged once and shown in
            ``health_check()``, and tracing runs without Langfuse.
        throttle: Decides what share of ordinary traces is sent under load, instead of one that looks at 30 s.
    """

    def __init__(self, config: LangfuseConfig | None = None, *, throttle: Throttle | None = None) -> None:
        self.configuration_errors: tuple[str, ...] = ()
        self.config = self._settings_or_local() if config is None else config
        self.latency = Latency(self.config.max_latency_ms / 1e3)
        self.writer: Writer | None = None
        self.provider: TracerProvider | None = None
        self.recording: TracerProvider | None = None
        """The provider, while spans are recorded: one look for every call."""
        self.deliverer: Deliverer | None = None
        self.is_closing = False
        """Set when the shutdown begins: nothing more is recorded."""
        self.is_shut_down = False
        self._throttle = Throttle() if throttle is None else throttle
        self._sdk: Any = None
        self._project_id: str | None = None
        self._guard = threading.RLock()
        _set_debug(self.config)
        for warning in self.config.warnings():
            logger.warning("%s", warning)
        self._set_up()
        _clients.add(self)

    # What is going on

    @property
    def mode(self) -> Mode:
        """The mode as it is now."""
        if not self.config.enabled or self.is_shut_down:
            return Mode.OFF
        if self.deliverer is None:
            return Mode.LOCAL
        return Mode.FALLBACK if self.deliverer.status.connection is Connection.UNAVAILABLE else Mode.LANGFUSE

    @property
    def is_available(self) -> bool:
        """Whether Langfuse is configured and answering."""
        return self.deliverer is not None and self.delivery.connection in {
            Connection.HEALTHY,
            Connection.DEGRADED,
        }

    @property
    def delivery(self) -> Status:
        """Where delivery stands."""
        return Status(Connection.DISABLED) if self.deliverer is None else self.deliverer.status

    @property
    def langfuse(self) -> Any:
        """The SDK's own client on our provider: ``@observe``, ``get_client()`` and its spans join our traces.

        Imports the SDK, so it is made when first asked for, or at our next span once the application has imported it.
        None when the integration is off.
        """
        with self._guard:
            if self._sdk is None and self.provider is not None and not self.is_shut_down:
                from autoops.tracing import sdk

                self._sdk = sdk.build(self.config, self.provider, self._route_score)
            return self._sdk

    def join_sdk(self) -> None:
        """Make the SDK's client if the application uses the SDK; called before a trace begins."""
        if self._sdk is None and "langfuse" in sys.modules:
            try:
                _ = self.langfuse
            except Exception:
                logger.warning("the Langfuse SDK's client could not be made", exc_info=True)
                self._sdk = False

    def health_check(self) -> dict[str, Any]:
        """How things are, from memory: asks nobody and never waits."""
        from autoops.tracing.health import check

        if self.writer is not None:
            self.writer.start()
        return check(self)

    def test_connection(self, timeout: float = 2.0) -> ConnectionTest:
        """Ask the server; the one call that does. Failure is logged with what to check."""
        from autoops.tracing.connection import test_connection

        result = test_connection(self.config, timeout)
        if result.project_id is not None:
            self._project_id = result.project_id
        if not result.ok:
            logger.warning("Connection test failed: %s", result)
        return result

    def trace_url(self, trace_id: str) -> str:
        """Where to look at a trace: in Langfuse, or on the local page when nothing is delivered."""
        if self.deliverer is None:
            return f"{LOCAL_PAGE}/trace/{trace_id}"
        project_id = self._project_id or self.deliverer.project_id
        if project_id is not None:
            return f"{self.config.host}/project/{project_id}/traces/{trace_id}"
        # Langfuse leads from here to the trace in its project.
        return f"{self.config.host}/trace/{trace_id}"

    # What to do

    def enable_fallback_mode(self, reason: str) -> None:
        """Record locally and send nothing until ``disable_fallback_mode``."""
        if self.deliverer is not None:
            self.deliverer.hold_back(str(reason))

    def disable_fallback_mode(self) -> None:
        """Deliver again, after a probe that succeeds."""
        if self.deliverer is not None:
            self.deliverer.hold_back(None)

    def change(self, **changes: Any) -> None:
        """Change some settings, by ``LangfuseConfig``'s field names; threads that change others undo nothing of it.

        Raises:
            ConfigurationError: With every fault at once; nothing changes then.
        """
        with self._guard:
            self.reconfigure(self.config.replace(**changes))

    def reconfigure(self, config: LangfuseConfig) -> None:
        """Behave differently from now on, without a restart or a lost span."""
        with self._guard:
            before, self.config = self.config, config
            self.configuration_errors = ()
            _set_debug(config)
            if self.provider is not None:
                self.provider.configure(config)
            if self.writer is None or not config.enabled:
                self._set_up()
                return
            self.recording = self.provider if config.is_recording else None
            self.writer.buffer.resize(config.buffer_size)
            self.writer.buffer.patience_s = self.latency.limit_s = config.max_latency_ms / 1e3
            if before.destination != config.destination or not before.enabled:
                self._throttle = self._throttle.anew()
                self._stop_delivery(time.monotonic() + EXIT_TIMEOUT_S)
                self._start_delivery(self.writer)
            elif self.deliverer is not None:
                self.deliverer.configure(config)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until every span that this process ended before the call is committed and, with Langfuse, settled.

        Returns:
            Whether that was so within ``timeout`` seconds.
        """
        deadline = time.monotonic() + max(0.0, timeout)
        writer = self.writer
        if writer is None:
            return True
        settled = writer.flush(deadline) and (self.deliverer is None or self.deliverer.drain(deadline))
        writer.refresh()
        return settled

    def pending(self, *, spans_only: bool = False) -> int:
        """Rows that wait for this client's destination, spans and scores; asks the journal."""
        return 0 if self.deliverer is None else self.deliverer.pending(spans_only=spans_only)

    def hurry(self) -> None:
        """Deliver what waits now, however little it is."""
        if self.deliverer is not None:
            self.deliverer.hurry()

    def shutdown(self, timeout: float = EXIT_TIMEOUT_S) -> None:
        """Commit what waits, deliver what goes in ``timeout`` seconds, and leave the rest in the journal."""
        with self._guard:
            if self.is_closing:
                return
            deadline = time.monotonic() + max(0.0, timeout)
            self.is_closing = True
            self.recording = None
            writer = self.writer
            if writer is None:
                self.is_shut_down = True
                return
            writer.flush(deadline)
            if self.deliverer is not None:
                self.deliverer.drain(deadline, wait_out_faults=False)
            # What the journal keeps of this process is how it was at the end of its work, not that it is over.
            last_health = self.health_check()
            writer.healths = [each for each in writer.healths if each != self.health_check] or [
                lambda: last_health
            ]
            if self._at_exit in writer.exits:
                writer.exits.remove(self._at_exit)
            self.is_shut_down = True
            self._stop_delivery(deadline)
            if self.provider is not None:
                self.provider.shutdown()
            if self._sdk:
                from autoops.tracing import sdk

                sdk.release(self._sdk)
            from autoops.tracing.journal.shared import leave

            leave(writer, max(deadline, time.monotonic() + 0.05))
        atexit.unregister(self._at_exit)

    # How it is done

    def _settings_or_local(self) -> LangfuseConfig:
        try:
            return LangfuseConfig.from_settings()
        except ConfigurationError as error:
            logger.error("%s\nRunning without Langfuse until this is mended.", error)
            self.configuration_errors = tuple(str(fault) for fault in error.faults)
            return LangfuseConfig()

    def _set_up(self) -> None:
        """Take part in the journal if the integration is on."""
        if not self.config.enabled or self.writer is not None:
            self.recording = None
            return
        # A process that is switched off, or only imports us, needs nothing of the journal.
        from autoops.tracing.journal.shared import writer_for
        from autoops.tracing.provider import TracerProvider

        config = self.config
        writer = writer_for(
            config.journal, buffer_size=config.buffer_size, patience_s=config.max_latency_ms / 1e3
        )
        writer.healths.append(self.health_check)
        writer.exits.append(self._at_exit)
        writer.ticks += [self._forget_idle, self._thin]
        self.writer = writer
        self.provider = TracerProvider(config, writer)
        writer.providers.append(self.provider)
        self.recording = self.provider if config.is_recording else None
        if config.set_global:
            from opentelemetry.trace import set_tracer_provider

            set_tracer_provider(self.provider)
        self._start_delivery(writer)
        atexit.register(self._at_exit)

    def _start_delivery(self, writer: Writer) -> None:
        if self.config.destination is None:
            if not self.configuration_errors:
                logger.warning("%s (recording locally)", NO_CREDENTIALS)
            return
        # The HTTP client costs 0.1 s to import, which a process without delivery need not pay.
        from autoops.tracing.delivery.shared import deliverer_for

        self.deliverer = deliverer_for(self.config, writer)

    def _stop_delivery(self, deadline: float) -> None:
        deliverer, self.deliverer = self.deliverer, None
        if deliverer is not None:
            from autoops.tracing.delivery.shared import leave

            leave(deliverer, deadline)

    def _route_score(self, fields: dict[str, Any]) -> bool:
        from autoops.tracing.scores import from_sdk

        trace_id = str(fields.get("traceId", ""))
        score = from_sdk(fields, self.config if self.provider is None else self.provider.config_for(trace_id))
        return score is not None and self.writer is not None and self.writer.scored(score)

    def _forget_idle(self) -> None:
        """Let spans that nobody has ended for long leave memory; they stay open in the journal."""
        if self.provider is not None:
            self.provider.forget_idle(self.config.idle_span_s)

    def _thin(self) -> None:
        """Thin ordinary new traces while the server takes fewer spans than arrive."""
        writer, provider, deliverer = self.writer, self.provider, self.deliverer
        if writer is None or provider is None:
            return
        rate = 1.0
        if not self.config.enable_sampling:
            self._throttle = self._throttle.anew()
        elif deliverer is not None:  # none yet, or none at all
            figures, connection = writer.figures, deliverer.status.connection
            waiting = figures.pending
            if waiting > Throttle.IGNORED and connection is Connection.HEALTHY:
                # Some of it may wait for another server, which says nothing of this one.
                with contextlib.suppress(JournalError):
                    waiting = deliverer.pending(spans_only=True)
            rate = self._throttle.step(
                arrived=figures.delivered + waiting,
                delivered=figures.delivered,
                is_healthy=connection is Connection.HEALTHY,
                is_away=connection is Connection.UNAVAILABLE,
            )
        if rate != provider.throttle:
            logger.info(
                "%.1f %% of ordinary new traces are sent now: spans arrive faster than Langfuse takes them",
                rate * 100,
            )
            provider.throttle = rate

    def _at_exit(self) -> None:
        self.shutdown(EXIT_TIMEOUT_S)

    def after_fork(self) -> None:
        """In a forked child: threads and connections are the parent's; ours start at the first span."""
        self._guard = threading.RLock()
        self.latency = Latency(self.config.max_latency_ms / 1e3)
        if self.provider is not None:
            self.provider.after_fork()


def _set_debug(config: LangfuseConfig) -> None:
    root = logging.getLogger("autoops")
    if config.debug:
        root.setLevel(logging.DEBUG)
        if not root.hasHandlers():
            root.addHandler(logging.StreamHandler())
    elif root.level == logging.DEBUG:
        root.setLevel(logging.NOTSET)


_clients: weakref.WeakSet[LangfuseClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
