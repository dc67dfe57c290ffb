"""The HTTP side of the loopback server: connections, gzip, one thread per connection."""

from __future__ import annotations

import gzip
import json
import socket
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from received import ReceivedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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

    def __init__(self, address: tuple[str, int], answer: Callable[[ReceivedRequest], Answer]) -> None:
        self.answer = answer
        self.accepted = 0
        self._sockets: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept, count and remember a connection."""
        connection, peer = super().get_request()
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
        if not isinstance(sys.exception(), ConnectionError):
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
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body, readable = _decompressed(raw, headers.get("content-encoding", "identity"))
        request = ReceivedRequest(self.command, self.path, headers, len(raw), body, readable)
        answer = self.server.answer(request)
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

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
