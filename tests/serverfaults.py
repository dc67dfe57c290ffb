"""The catalogue of a server's faults, and a stage on which one strikes and heals.

with Stage(FAULTS["reset"]) as stage:
    ...                         # a process that delivers to stage.env
    server = stage.heal()
    ...                         # another, with stage.env
"""

from __future__ import annotations

import datetime as dt
import email.utils
import socket
import uuid
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from endpoint import Manner
from loopback import PEM, SECRET_KEY, TRACES, LoopbackServer
from received import decode_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

UNRESOLVED = "langfuse.invalid"
"""A name that never has an address (RFC 2606)."""
CAPTIVE_PORTAL = b"<!doctype html><html><body>Please sign in</body></html>"


@dataclass(frozen=True)
class Fault:
    """One way in which a server fails.

    Attributes:
        name: What it is called.
        strike: Makes a running server fail so.
        takes: The server may have taken what it gave no receipt for, so that this may be sent again.
        listens: Whether there is a server at all before it heals.
        certificate: It speaks TLS with this, which nobody vouches for before it heals.
        host: The name to reach it by; before it heals there is no such name.
    """

    name: str
    strike: Callable[[LoopbackServer], None] = field(default=lambda _: None)
    takes: bool = False
    listens: bool = True
    certificate: Path | None = None
    host: str = "127.0.0.1"


def _answers(status: int, headers: Mapping[str, str] | None = None, name: str = "") -> Fault:
    return Fault(name or str(status), lambda server: server.fail(status, headers))


def _in_two_minutes(server: LoopbackServer) -> None:
    when = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2)
    server.fail(429, {"Retry-After": email.utils.format_datetime(when, usegmt=True)})


def _captive_portal(server: LoopbackServer) -> None:
    server.fail(200, {"Content-Type": "text/html"}, CAPTIVE_PORTAL)


def _elsewhere(server: LoopbackServer) -> None:
    """Lead to another path of the same server, where whoever follows is seen."""
    server.fail(302, {"Location": f"{server.url}/elsewhere"}, b"")


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("healthy"),
        Fault("connection refused", listens=False),
        Fault("name not resolved", host=UNRESOLVED),
        Fault("black hole", lambda server: server.misbehave(Manner.SILENT)),
        Fault("frozen (goes on when it heals)", LoopbackServer.hang, takes=True),
        Fault("slow (2 s an answer)", lambda server: server.delay(2.0), takes=True),
        Fault("dripping (a byte a second)", lambda s: s.misbehave(Manner.DRIPPING), takes=True),
        Fault("reset mid-request", lambda server: server.misbehave(Manner.RESET)),
        Fault("truncated answer", lambda server: server.misbehave(Manner.TRUNCATED), takes=True),
        Fault("200 with a web page", _captive_portal),
        *(_answers(status) for status in (400, 401, 403, 404, 408, 413, 422)),
        _answers(429, {"Retry-After": "120"}, "429, Retry-After in seconds"),
        Fault("429, Retry-After as a date", _in_two_minutes),
        *(_answers(status) for status in (500, 502, 503, 504)),
        Fault("wrong TLS certificate", certificate=PEM),
        Fault("redirect elsewhere", _elsewhere),
    )
}


class Stage:
    """A server at an address of its own that fails, and heals when it is told to.

    Args:
        fault: How it fails.
        later: It is well until `strike`, rather than fail from the beginning.
    """

    def __init__(self, fault: Fault, *, later: bool = False) -> None:
        self.fault = fault
        self._later = later
        self.public_key = f"pk-lf-{uuid.uuid4()}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.env = {
            "LANGFUSE_PUBLIC_KEY": self.public_key,
            "LANGFUSE_SECRET_KEY": SECRET_KEY,
            "LANGFUSE_HOST": f"{'https' if fault.certificate else 'http'}://{fault.host}:{self.port}",
        }
        self.server: LoopbackServer | None = None
        self._open = ExitStack()
        self._before = 0

    def __enter__(self) -> Self:
        if self.fault.listens:
            self._start()
            if not self._later:
                self.strike()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def strike(self) -> None:
        """Fail from now on."""
        assert self.server is not None
        self.fault.strike(self.server)

    def heal(self) -> LoopbackServer:
        """End the fault; processes started with `env` from now on find a server that is well."""
        server = self.server or self._start()
        self._before = len(server.requests)
        server.heal()
        if self.fault.certificate is not None:
            self.env["SSL_CERT_FILE"] = str(self.fault.certificate)
        if self.fault.host == UNRESOLVED:
            self.env["HTTP_PROXY"] = server.url  # who knows the name's address
        return server

    def repeated(self) -> tuple[set[str], int]:
        """Ids of the spans that arrived more than once, and in how many batches they were when the fault struck."""
        assert self.server is not None
        counts = Counter(span.span_id for span in self.server.arrivals)
        repeated = {span_id for span_id, count in counts.items() if count > 1}
        sent = [r for r in self.server.requests[: self._before] if r.path.endswith(TRACES)]
        batches = {frozenset(span.span_id for span in decode_spans(request.body)) for request in sent}
        return repeated, sum(bool(batch & repeated) for batch in batches)

    def _start(self) -> LoopbackServer:
        self.server = self._open.enter_context(
            LoopbackServer(self.public_key, port=self.port, certificate=self.fault.certificate)
        )
        return self.server
