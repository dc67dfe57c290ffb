"""The page's server: on this machine's loopback only, without a request to anywhere."""

from __future__ import annotations

import signal
import socket
import threading
import webbrowser
from typing import TYPE_CHECKING, Final

import uvicorn
from fastapi import FastAPI
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from autoops.dashboard import theme
from autoops.dashboard.address import HOST, USUAL_PORT
from autoops.dashboard.pages import health, trace, traces
from autoops.dashboard.pages.missing import missing
from autoops.errors import AutoOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.dashboard.source import Source

GOODBYE_S: Final = 1
"""Time that open pages are given at the end, in seconds."""


class PortTaken(AutoOpsError):  # noqa: N818 - a state of the machine, named as its siblings in errors are
    """The port that was asked for belongs to another program."""


def serve(source: Source, *, port: int | None, on_ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        source: The journal to show.
        port: Where to listen; None for the usual one, or any free one if that is taken.
        on_ready: Called with the page's address once it can be opened.

    Raises:
        PortTaken: The port is in use, or may not be used.
    """
    listening = listen(port)
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    server = _Server(_application(source), lambda: on_ready(address))
    # uvicorn ends in order and then raises the signal once more: it must find someone who does not mind.
    previous = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        listening.close()


def listen(port: int | None) -> socket.socket:
    """A socket on loopback: on ``port``, else on the usual one, else on any that is free.

    Raises:
        PortTaken: ``port`` is in use, or may not be used.
    """
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, wanted))
            listening.listen()
        except OSError as error:
            listening.close()
            if port is not None:
                raise PortTaken(
                    f"port {port} cannot be used: {error.strerror}; leave out --port for a free one"
                ) from error
        else:
            return listening
    raise PortTaken("no port is free on this machine")


def open_browser(address: str) -> None:
    """Open the page in the user's browser, if there is one that does not take over the terminal."""

    def run() -> None:
        try:
            browser = webbrowser.get()
        except webbrowser.Error:
            return
        if type(browser) is not webbrowser.GenericBrowser:
            browser.open(address)

    threading.Thread(target=run, name="autoops-open-browser", daemon=True).start()


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, application: FastAPI, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            application,
            log_level="warning",
            timeout_graceful_shutdown=GOODBYE_S,
            ws="wsproto",
            server_header=False,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _application(source: Source) -> FastAPI:
    theme.install()
    for page in (traces, trace, health):
        page.register(source)
    application = FastAPI(openapi_url=None)
    # A journal is nobody else's business: another site that points its own name at this machine gets no answer.
    application.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    ui.run_with(
        application,
        root=missing(source),
        title="AutoOps",
        favicon=theme.ASSETS / "favicon.svg",
        language="en-US",
        tailwind=False,
        # Messages kept for a page that reconnects: each may carry a trace of thousands of spans.
        message_history_length=50,
        show_welcome_message=False,
    )
    return application


def _ignore(_number: int, _frame: object) -> None:
    """Take a signal that has done its work already."""
