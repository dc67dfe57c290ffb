"""A server on loopback, in a process of its own, that takes what every contender sends and counts it.

It speaks OTLP over HTTP and as much of Langfuse's, MLflow's and Opik's interfaces as their SDKs need. While it is
measured it only reads and answers; what it was sent is decoded when somebody asks for the counts.

    with Sink() as sink:
        ...                     # send to sink.url
        sink.state()["spans"]
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import subprocess
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

CONTROL = "/_sink"
TAKE = "take"
HANG = "hang"
STILL_S = 0.5
"""A contender that has said it is done, and sends nothing for so long, is done."""


class Sink:
    """Starts the server and asks it things."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        self.url = f"http://127.0.0.1:{int(line)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def state(self) -> dict[str, Any]:
        """What came since the last ``reset``.

        Returns:
            ``spans`` (different ones), ``last_at`` (monotonic seconds of the last new one), ``bytes`` (bodies as they
            were sent), ``requests``, and, if ``keep_traces``, ``roots`` (attributes of the spans without a parent) and
            ``spans_of`` (how many different spans of each trace).
        """
        return self._ask("state")

    def reset(self, *, mode: str = TAKE, spans_a_second: float = 0.0, keep_traces: bool = False) -> None:
        """Forget what came.

        Args:
            mode: ``take``, or ``hang``: read and never answer.
            spans_a_second: Answer so slowly that this many are taken; 0 is at once.
            keep_traces: Remember the attributes of spans without a parent, and which spans a trace has.
        """
        self._ask("reset", mode=mode, spans_a_second=spans_a_second, keep_traces=keep_traces)

    def recover(self) -> None:
        """Take everything at once from now on, forgetting nothing."""
        self._ask("recover")

    def settle(self, expected: int, patience_s: float = 30.0) -> dict[str, Any]:
        """Wait until ``expected`` spans have come, or nothing more does; the state then."""
        deadline = time.monotonic() + patience_s
        state = self.state()
        while state["spans"] < expected and time.monotonic() < deadline:
            since = max(state["last_at"], state["asked_first_at"])
            if time.monotonic() - since > STILL_S:
                break
            time.sleep(0.02)
            state = self.state()
        return state

    def _ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        host = self.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=120)
        with contextlib.closing(connection):
            connection.request("POST", f"{CONTROL}/{what}", json.dumps(arguments))
            told: dict[str, Any] = json.load(connection.getresponse())
            return told


class Book:
    """What came, and how to answer."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.go_on = threading.Event()
        self.reset({})

    def reset(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Begin anew."""
        with self.guard:
            self.mode = arguments.get("mode", TAKE)
            self.spans_a_second = arguments.get("spans_a_second", 0.0)
            self.keep_traces = arguments.get("keep_traces", False)
            self.waiting: list[tuple[float, str, str, bytes]] = []
            self.seen: set[bytes | str] = set()
            self.roots: list[dict[str, Any]] = []
            self.spans_of: dict[str, set[bytes]] = {}
            self.last_at = self.asked_first_at = 0.0
            self.bytes = self.requests = 0
            self.go_on.set()
            self.go_on = threading.Event()
        return {}

    def recover(self, _: dict[str, Any]) -> dict[str, Any]:
        """Answer at once from now on, also who waits."""
        with self.guard:
            self.mode, self.spans_a_second = TAKE, 0.0
            self.go_on.set()
        return {}

    def state(self, _: dict[str, Any]) -> dict[str, Any]:
        """Decode what waits, and count."""
        with self.guard:
            self.asked_first_at = self.asked_first_at or time.monotonic()
            for at, kind, encoding, body in self.waiting:
                before = len(self.seen)
                self._decode(kind, _plain(encoding, body))
                if len(self.seen) > before:
                    self.last_at = at
            self.waiting = []
            return {
                "spans": len(self.seen),
                "last_at": self.last_at,
                "asked_first_at": self.asked_first_at,
                "bytes": self.bytes,
                "requests": self.requests,
                "roots": self.roots,
                "spans_of": {trace_id: len(spans) for trace_id, spans in self.spans_of.items()},
            }

    def take(self, kind: str, encoding: str, body: bytes) -> None:
        """Note a request; wait as long as a slower server would."""
        with self.guard:
            self.waiting.append((time.monotonic(), kind, encoding, body))
            self.bytes += len(body)
            self.requests += 1
            pace, hangs, go_on = self.spans_a_second, self.mode == HANG, self.go_on
        if hangs:
            go_on.wait()
        elif pace:
            go_on.wait(_count(kind, _plain(encoding, body)) / pace)

    def _decode(self, kind: str, body: bytes) -> None:
        if "protobuf" in kind:
            for resource in _export(body).resource_spans:
                for scope in resource.scope_spans:
                    self.seen.update(span.span_id for span in scope.spans)
                    if self.keep_traces:
                        self.roots += [_root(span) for span in scope.spans if not span.parent_span_id]
                        for span in scope.spans:
                            self.spans_of.setdefault(span.trace_id.hex(), set()).add(span.span_id)
        else:
            sent = json.loads(body) if body else {}
            if isinstance(sent, dict):  # Opik's traces are what others call a root span
                items = sent.get("spans", []) + sent.get("traces", [])
                self.seen.update(item["id"] for item in items)


def _export(body: bytes) -> Any:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return ExportTraceServiceRequest.FromString(body)


def _count(kind: str, body: bytes) -> int:
    if "protobuf" not in kind:
        return 0
    return sum(
        len(scope.spans) for resource in _export(body).resource_spans for scope in resource.scope_spans
    )


def _root(span: Any) -> dict[str, Any]:
    described = {each.key: _value(each.value) for each in span.attributes}
    return {"name": span.name, "trace_id": span.trace_id.hex(), "attributes": described}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return (
        getattr(value, kind) if kind in {"string_value", "bool_value", "int_value", "double_value"} else None
    )


def _plain(encoding: str, body: bytes) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    book = Book()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer what SDKs ask at their start."""
        self._answer({"data": [{"id": "sink", "name": "sink"}], "version": "4.0.0", "healthy": True})

    def do_POST(self) -> None:
        """Take an export, or a wish of the benchmark's."""
        body = self._body()
        if self.path.startswith(CONTROL):
            wish = self.path.removeprefix(CONTROL).strip("/")
            self._answer(getattr(self.book, wish)(json.loads(body)))
            return
        kind = self.headers.get("content-type", "")
        self.book.take(kind, self.headers.get("content-encoding", ""), body)
        self._answer({})

    do_PUT = do_PATCH = do_POST  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Lets go of connections that a contender has left."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A contender that was ended in the middle of a request is no fault."""


def serve() -> None:
    """Serve until killed; print the port."""
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve()
