"""The HTTP side of the loopback server: connections, gzip, one thread per connection."""

from __future__ import annotations

import enum
import gzip
import json
import socket
import ssl
import struct
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from received import ReceivedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DRIP_S = 1.0
"""Seconds from one byte to the next of an answer that drips."""


class Manner(enum.Enum):
    """How answers leave, well or badly."""

    WELL = enum.auto()
    DRIPPING = enum.auto()
    """What was asked is done; the answer comes a byte a second."""
    TRUNCATED = enum.auto()
    """What was asked is done; the connection ends in the middle of the answer."""
    RESET = enum.auto()
    """The connection is reset in the middle of the request."""
    SILENT = enum.auto()
    """The request is taken in and forgotten; no answer ever comes."""


@dataclass(frozen=True)
class Answer:
    """What goes back: status, JSON or text body, extra headers."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


class Endpoint(ThreadingHTTPServer):
    """An HTTP server that reads whole requests and asks `answer` what to send back."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[ReceivedRequest], Answer],
        certificate: Path | None = None,
    ) -> None:
        self.answer = answer
        self.accepted = 0
        self.manner = Manner.WELL
        self.mended = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(certificate)
        super().__init__(address, _Handler)

    def forget_if_silent(self) -> None:
        """Drop the connection of a request, once the silence is over; nothing if there is none."""
        mended = self.mended  # before the manner: whoever ends the silence sets this one
        if self.manner is Manner.SILENT:
            mended.wait()
            raise ConnectionAbortedError("told to be silent")

    def behave(self, manner: Manner) -> None:
        """Answer in this manner from now on; what still drips is cut off."""
        self.manner = manner
        self.mended.set()
        self.mended = threading.Event()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept, count and remember a connection."""
        connection, peer = super().get_request()
        if self._tls is not None:
            # The handshake is left to the first read, on the connection's own thread.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
        self.accepted += 1
        self._sockets.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection and close it."""
        self._sockets.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Close what is still open, so that no connection outlives the server."""
        for connection in list(self._sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its peer was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that hang up early: tests make them do so."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one piece

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        if self.server.manner is Manner.RESET:
            self.rfile.read(length // 2)
            # Closing with no time to linger sends a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        raw = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body, readable = _decompressed(raw, headers.get("content-encoding", "identity"))
        request = ReceivedRequest(self.command, self.path, headers, len(raw), body, readable)
        self._send(self.server.answer(request))

    def _send(self, answer: Answer) -> None:
        mended, manner = self.server.mended, self.server.manner
        if manner is Manner.DRIPPING:
            self._drip(answer.status, mended)
            return
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if manner is Manner.TRUNCATED:
            self.close_connection = True
            self.wfile.write(answer.body[: len(answer.body) // 2])
        else:
            self.wfile.write(answer.body)

    def _drip(self, status: int, mended: threading.Event) -> None:
        self.close_connection = True
        for byte in f"HTTP/1.1 {status} Slow\r\nX-Slow: {'x' * 1000}".encode():
            self.connection.sendall(bytes([byte]))
            if mended.wait(DRIP_S):
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Print nothing: what matters is recorded."""


def _decompressed(raw: bytes, encoding: str) -> tuple[bytes, bool]:
    if encoding == "identity":
        return raw, True
    try:
        return (gzip.decompress(raw), True) if encoding == "gzip" else (raw, False)
    except (OSError, EOFError):
        return raw, False


def json_answer(status: int, body: Mapping[str, Any]) -> Answer:
    """Return an answer with `body` as JSON."""
    return Answer(status, json.dumps(body).encode())
