"""One request, whatever the network does to it: a receipt, or words that say why there is none."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import gzip
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import httpx
import pytest
from loopback import PEM, PROJECT_ID, LoopbackServer, unused_url
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.endpoint import INGESTION, TRACES, Endpoint
from autoops.tracing.delivery.rules import Fallback, Outcome, Retry, next_step
from autoops.tracing.journal.outbox import DueScore
from autoops.tracing.otlp import EMPTY_EXPORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "sk-lf-very-secret"
SHORT_S = 0.3
"""A deadline that is missed on purpose."""


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def endpoint(url: str, **config: Any) -> Iterator[Endpoint]:
    """An endpoint for a server, closed after the block."""
    values: dict[str, Any] = {"public_key": "pk-lf-x", "secret_key": SECRET, "host": url, "timeout": 5.0}
    opened = Endpoint(LangfuseConfig(**(values | config)))
    try:
        yield opened
    finally:
        opened.close()


def export(url: str, timeout_s: float | None = None, body: bytes = EMPTY_EXPORT, **config: Any) -> Outcome:
    """Send one export, and check that no credential is in what comes of it."""
    with endpoint(url, **config) as sending:
        outcome = sending.export(body, timeout_s=timeout_s)
    assert SECRET not in repr(outcome)
    return outcome


@contextmanager
def raw(answer: Callable[[socket.socket], None], *, reads: bool = True) -> Iterator[str]:
    """A server that answers each connection with bytes of the test's choice; gives its URL.

    Args:
        answer: Called with the connection once a request has come in.
        reads: Read the request first.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                if reads:
                    read_request(connection)
                answer(connection)
            except OSError:
                return  # the client has hung up, as it should

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def read_request(connection: socket.socket) -> bytes:
    """Read a whole request; its bytes."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def saying(head: str, body: bytes = b"") -> Callable[[socket.socket], None]:
    """Answer with these bytes and close."""
    return lambda connection: connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)


def until(done: threading.Event) -> None:
    """Keep the connection open and silent."""
    done.wait(10)


class TestReceipts:
    """A 2xx with a complete body: JSON, protobuf or nothing."""

    @pytest.mark.parametrize(
        ("head", "body"),
        [
            ("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 2", b"{}"),
            ("HTTP/1.1 200 OK\nContent-Type: application/json\nConnection: close", b'{"id":"job"}'),
            ("HTTP/1.1 200 OK\nContent-Type: application/x-protobuf\nContent-Length: 0", b""),
            ("HTTP/1.1 200 OK\nContent-Length: 0", b""),
            ("HTTP/1.1 202 Accepted\nConnection: close", b""),
            ("HTTP/1.1 204 No Content", b""),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
        ],
    )
    def test_taken(self, head: str, body: bytes) -> None:
        """All of these are receipts."""
        with raw(saying(head, body)) as url:
            outcome = export(url)

        assert outcome.is_success
        assert outcome.rejected == 0

    @pytest.mark.parametrize(
        ("head", "body"),
        [
            ("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 50", b'{"id":"jo'),
            ("HTTP/1.1 200 OK\nContent-Type: application/json\nConnection: close", b'{"id":"jo'),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\n{}"),
            ("HTTP/1.1 200 OK\nContent-Type: text/plain\nConnection: close", b"Welcome to the hotel"),
            ("HTTP/1.1 200 OK\nContent-Encoding: gzip\nConnection: close", b"no gzip"),
            ("nonsense", b""),
            ("", b""),
        ],
    )
    def test_not_taken(self, head: str, body: bytes) -> None:
        """Cut off in the middle, or neither JSON nor protobuf: no receipt, the batch is sent again."""
        with raw(saying(head, body)) as url:
            outcome = export(url)

        assert outcome.status is None
        assert isinstance(next_step(outcome, 0, 3, 0.0), Retry)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            ("text/html", b"<html>Please log in</html>"),
            ("application/json", b"  <!DOCTYPE html><p>Please log in"),
            ("text/html", b"{}"),
        ],
    )
    def test_a_web_page_is_none(self, kind: str, body: bytes) -> None:
        """A captive portal answers 200: nothing has arrived, and the hint says who may have answered."""
        head = f"HTTP/1.1 200 OK\nContent-Type: {kind}\nContent-Length: {len(body)}"
        with raw(saying(head, body)) as url:
            outcome = export(url)

        assert outcome.is_html
        assert not outcome.is_success
        assert "portal" in outcome.hint
        assert isinstance(next_step(outcome, 0, 3, 0.0), Fallback)

    def test_a_partial_success_is_counted(self) -> None:
        """A collector in between may leave spans out of an accepted export, in JSON or protobuf."""
        message = ExportTraceServiceResponse(
            partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="too old")
        ).SerializeToString()
        answers = {
            "application/json": b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}',
            "application/x-protobuf": message,
        }
        for kind, body in answers.items():
            head = f"HTTP/1.1 200 OK\nContent-Type: {kind}\nContent-Length: {len(body)}"
            with raw(saying(head, body)) as url:
                outcome = export(url)
            assert outcome.is_success
            assert (outcome.rejected, outcome.reason) == (2, "2 spans left out: too old")

    def test_an_endless_answer_is_read_no_further_than_needed(self) -> None:
        """Whoever answers a megabyte and more has no receipt to give."""

        def babble(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while True:
                connection.sendall(b"[" * 65536)

        with raw(babble) as url:
            assert not export(url).is_success


class TestDeadline:
    """One deadline over connecting, sending and reading."""

    def drip(self, head: bytes) -> Callable[[socket.socket], None]:
        """Send a byte now and then, for ever."""

        def answer(connection: socket.socket) -> None:
            connection.sendall(head)
            pause = threading.Event()
            while True:
                pause.wait(0.02)
                connection.sendall(b"x")

        return answer

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\nX-Slow: ",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
            b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n",
        ],
    )
    def test_a_server_that_drips_holds_nobody(self, head: bytes) -> None:
        """Each byte would renew the HTTP client's own timeout; ours ends the request all the same."""
        with raw(self.drip(head)) as url:
            outcome = export(url, SHORT_S)

        assert outcome.status is None
        assert "(timeout)" in outcome.reason
        assert "0.3 s" in outcome.reason

    def test_a_black_hole(self) -> None:
        """A server that takes everything in and never answers."""
        hung_up = threading.Event()

        def swallow(connection: socket.socket) -> None:
            while connection.recv(65536):
                pass
            hung_up.set()

        with raw(swallow) as url:
            outcome = export(url, SHORT_S)
            assert hung_up.wait(5)

        assert "(timeout)" in outcome.reason
        assert "LANGFUSE_TIMEOUT" in outcome.hint

    def test_a_server_that_reads_nothing(self) -> None:
        """A large request that does not get through."""
        done = threading.Event()
        with raw(lambda _: until(done), reads=False) as url:
            noise = bytes(range(256)) * 100_000
            outcome = export(url, SHORT_S, body=gzip.compress(noise, 0) * 4)
            done.set()

        assert outcome.status is None
        assert "(timeout)" in outcome.reason

    def test_the_configured_one_counts_if_none_is_given(self) -> None:
        """`LANGFUSE_TIMEOUT`, fractions included."""
        with LoopbackServer() as server:
            server.hang()
            outcome = export(server.url, timeout=0.25)

        assert "0.25 s" in outcome.reason

    def test_the_next_request_has_a_deadline_of_its_own(self) -> None:
        """A request that timed out does not spoil those that follow."""
        with LoopbackServer() as server, endpoint(server.url) as sending:
            server.hang()
            assert sending.export(EMPTY_EXPORT, timeout_s=0.05).status is None
            server.release()

            assert sending.export(EMPTY_EXPORT).status == 401
            assert sending.export(EMPTY_EXPORT).status == 401


class TestNoConnection:
    """Faults of the network, in plain words."""

    def test_refused(self) -> None:
        """Nothing listens there."""
        outcome = export(unused_url())

        assert "was refused" in outcome.reason
        assert "port" in outcome.hint

    def test_reset(self) -> None:
        """The server hangs up without a word."""

        def reset(connection: socket.socket) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with raw(reset) as url:
            outcome = export(url)

        assert outcome.status is None
        assert "broke" in outcome.reason

    def test_a_name_that_does_not_exist(self) -> None:
        """DNS has no such name."""
        outcome = export("http://langfuse.invalid")

        assert "langfuse.invalid cannot be resolved" in outcome.reason

    def test_https_where_http_is_spoken(self) -> None:
        """The handshake fails, and it is said that it was TLS."""
        with LoopbackServer() as server:
            outcome = export(server.url.replace("http:", "https:"))

        assert outcome.reason.startswith("TLS to 127.0.0.1 failed")


class TestTls:
    """Certificates."""

    @pytest.fixture
    def url(self) -> Iterator[str]:
        """A server with a certificate that signs itself."""
        with LoopbackServer("pk-lf-x", SECRET, certificate=PEM) as server:
            yield server.url

    def test_one_that_nobody_vouches_for_is_refused(self, url: str) -> None:
        """Keys are not sent to whoever is there; the hint says how to trust one's own authority."""
        outcome = export(url)

        assert outcome.status is None
        assert outcome.reason.startswith("TLS to 127.0.0.1 failed: self-signed certificate")
        assert "SSL_CERT_FILE" in outcome.hint

    def test_the_hint_helps(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """With `SSL_CERT_FILE` the same server is trusted."""
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))

        assert export(url).is_success

    def test_the_deadline_holds_during_the_handshake(self) -> None:
        """A server that accepts and says nothing holds no TLS client either."""
        done = threading.Event()
        with raw(lambda _: until(done), reads=False) as url:
            outcome = export(url.replace("http:", "https:"), SHORT_S)
            done.set()

        assert "(timeout)" in outcome.reason


class TestRedirects:
    """Not followed: keys go to the configured server only."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_credentials_do_not_travel_on(self, status: int) -> None:
        """The other server is never asked; the hint says what to set."""
        with LoopbackServer() as here, LoopbackServer() as there:
            here.fail(status, {"Location": f"{there.url}{TRACES}"}, b"")
            outcome = export(here.url)

            assert there.connections == 0
        assert outcome.status == status
        assert there.url in outcome.reason
        assert "LANGFUSE_HOST" in outcome.hint
        assert isinstance(next_step(outcome, 0, 3, 0.0), Fallback)


class TestProxies:
    """The environment's proxies are used, as by every HTTP client."""

    def test_a_proxy_carries_the_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server's name need not be known here."""
        with LoopbackServer("pk-lf-x", SECRET) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)

            assert export("http://langfuse.invalid").is_success
            assert [request.path for request in proxy.requests] == [f"http://langfuse.invalid{TRACES}"]

    def test_the_deadline_holds_through_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy that hangs is a server that hangs."""
        with LoopbackServer() as proxy:
            proxy.hang()
            monkeypatch.setenv("HTTP_PROXY", proxy.url)

            assert "(timeout)" in export("http://langfuse.invalid", SHORT_S).reason

    def test_exceptions_are_honoured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`NO_PROXY` names who is reached directly."""
        with LoopbackServer("pk-lf-x", SECRET) as server:
            monkeypatch.setenv("HTTP_PROXY", unused_url())
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")

            assert export(server.url).is_success


class TestHeaders:
    """What is sent with a request."""

    def seen(self, **config: Any) -> list[str]:
        """The header lines of an export, as sent."""
        heads: list[bytes] = []

        def answer(connection: socket.socket) -> None:
            heads.append(read_request(connection).partition(b"\r\n\r\n")[0])
            saying("HTTP/1.1 204 No Content")(connection)

        with raw(answer, reads=False) as url:
            assert export(url, **config).is_success
        return heads[0].decode().split("\r\n")[1:]

    def test_langfuses(self) -> None:
        """Basic authorisation, protobuf in gzip, straight to the events table, and who we are."""
        headers = dict(line.lower().split(": ", 1) for line in self.seen())

        basic = base64.b64encode(f"pk-lf-x:{SECRET}".encode()).decode()
        assert headers["authorization"] == f"basic {basic}".lower()
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["content-encoding"] == "gzip"
        assert headers["x-langfuse-ingestion-version"] == "4"
        assert headers["x-langfuse-sdk-name"] == "autoops"
        assert headers["x-langfuse-public-key"] == "pk-lf-x"
        assert headers["user-agent"].startswith("autoops/")

    def test_additional_ones(self) -> None:
        """They are sent too; one of ours that is given replaces ours rather than standing beside it."""
        lines = self.seen(additional_headers={"X-Tenant": "north", "User-Agent": "shop/1"})

        assert "X-Tenant: north" in lines
        agents = [line for line in lines if line.lower().startswith("user-agent:")]
        assert [line.split(": ")[1] for line in agents] == ["shop/1"]

    def test_the_body_is_the_request_compressed(self) -> None:
        """The server decodes what was encoded; connections are kept."""
        with LoopbackServer("pk-lf-x", SECRET) as server, endpoint(server.url) as sending:
            for _ in range(3):
                assert sending.export(b"").is_success

            assert [request.body for request in server.requests] == [b""] * 3
            assert server.connections == 1


class TestRetryAfter:
    """How long the server asks to wait."""

    def waits(self, value: str) -> float | None:
        """What is made of the header."""
        with LoopbackServer() as server:
            server.fail(429, {"Retry-After": value})
            return export(server.url).retry_after_s

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0),
            ("7", 7),
            (" 7 ", 7),
            ("120", 120),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("²", None),
        ],
    )
    def test_seconds(self, value: str, seconds: float | None) -> None:
        """Whole seconds; what is none of the standard's forms is as if absent."""
        with LoopbackServer() as server:
            server.fail(429, {"Retry-After": value})
            outcome = export(server.url)

        assert outcome.status == 429
        assert outcome.retry_after_s == seconds

    def test_a_date(self) -> None:
        """Until then; a date gone by is now."""
        later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)
        waits = self.waits(email.utils.format_datetime(later, usegmt=True))
        assert waits is not None
        assert 60 < waits <= 90
        assert self.waits("Thu, 01 Jan 1970 00:00:00 GMT") == 0

    def test_absent(self) -> None:
        """Nothing is asked."""
        with LoopbackServer() as server:
            server.fail(503)

            assert export(server.url).retry_after_s is None


class TestWords:
    """What people read."""

    @pytest.mark.parametrize(
        ("status", "hint"),
        [
            (401, "LANGFUSE_SECRET_KEY"),
            (403, "LANGFUSE_SECRET_KEY"),
            (404, "LANGFUSE_HOST"),
            (429, "rate limit"),
        ]
        + [(status, "server has a fault of its own") for status in (500, 502, 503)],
    )
    def test_each_status_has_a_hint(self, status: int, hint: str) -> None:
        """What to check, beside what the server said."""
        with LoopbackServer() as server:
            server.fail(status, body=b'{"message":"because\\n  of   this"}')
            outcome = export(server.url)

        assert outcome.reason == f"HTTP {status}: because of this"
        assert hint in outcome.hint

    def test_a_long_speech_is_cut(self) -> None:
        """One line, not a log."""
        with LoopbackServer() as server:
            server.fail(500, body=b"x" * 100_000)

            assert len(export(server.url).reason) < 400


def an_exception(kind: type[BaseException]) -> BaseException:
    """One of a class, whatever its constructor wants."""
    request = httpx.Request("POST", "http://127.0.0.1/")
    for arguments, named in (
        (("told",), {}),
        ((), {}),
        (("told",), {"request": request, "response": httpx.Response(500)}),
    ):
        try:
            return kind(*arguments, **named)
        except TypeError:
            continue
    raise AssertionError(kind)


def classes(module: Any) -> list[type[Exception]]:
    """All exceptions of a module."""
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Exception)]
    return sorted(set(found), key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize(
    "kind",
    [
        *classes(httpx),
        *classes(httpcore),
        OSError,
        ssl.SSLError,
        socket.gaierror,
        UnicodeError,
        RuntimeError,
        ValueError,
    ],
    ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
)
def test_every_error_of_the_client_has_a_verdict(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the HTTP client raises means that there is no receipt: the batch is tried again, in plain words."""
    error = an_exception(kind)

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", fail)

    outcome = export("http://127.0.0.1:9")

    assert outcome.status is None
    assert outcome.reason
    assert isinstance(next_step(outcome, 0, 3, 0.0), Retry)
    assert isinstance(next_step(outcome, 3, 3, 0.0), Fallback)


class TestScores:
    """A batch of scores, each with an answer of its own."""

    def score(self, score_id: str, value: str = "0.5", kind: str = "NUMERIC", **more: Any) -> DueScore:
        """A score that is due."""
        fields = {"span_id": None, "comment": None, "extra": None} | more
        return DueScore(
            seq=1,
            score_id=score_id,
            trace_id="a" * 32,
            name="quality",
            value=value,
            data_type=kind,
            timestamp_ns=1_790_000_000_000_000_000,
            environment="staging",
            **fields,
        )

    def test_they_arrive_whole(self) -> None:
        """Value, type, comment, span, environment, time, and what the SDK gave beyond them."""
        with LoopbackServer("pk-lf-x", SECRET) as server, endpoint(server.url) as sending:
            outcome, refused = sending.send_scores(
                [
                    self.score("one", span_id="b" * 16, comment="why", extra='{"metadata":{"a":1}}'),
                    self.score("two", "1", "BOOLEAN"),
                    self.score("three", '"good"', "CATEGORICAL"),
                ]
            )

            assert (outcome.status, refused) == (207, {})
            one, two, three = server.scores
        assert one.body["observationId"] == "b" * 16
        assert one.body["comment"] == "why"
        assert one.body["metadata"] == {"a": 1}
        assert one.body["environment"] == "staging"
        assert one.timestamp == "2026-09-21T14:13:20Z"
        assert (two.value, three.value) == (1, "good")

    def test_each_refusal_is_told(self) -> None:
        """207 hides refusals: they are read, with status and words."""
        with LoopbackServer("pk-lf-x", SECRET) as server, endpoint(server.url) as sending:
            outcome, refused = sending.send_scores(
                [self.score("good"), self.score("bad", '"text"', "NUMERIC"), self.score("fine")]
            )

        assert outcome.is_success
        assert refused.keys() == {"bad"}
        assert refused["bad"][0] == 400
        assert "does not fit" in refused["bad"][1]

    def test_a_refusal_without_an_id_takes_nothing_for_granted(self) -> None:
        """When the server does not say which it refused, none counts as taken."""
        with LoopbackServer("pk-lf-x", SECRET) as server, endpoint(server.url) as sending:
            server.fail(
                207, body=b'{"successes":[],"errors":[{"status":500,"message":"oh"}]}', path=INGESTION
            )
            _, refused = sending.send_scores([self.score("one"), self.score("two")])

        assert refused.keys() == {"one", "two"}


class TestCheck:
    """Whose keys these are."""

    def test_the_project_is_told(self) -> None:
        """Its id, for links."""
        with LoopbackServer("pk-lf-x", SECRET) as server, endpoint(server.url) as sending:
            outcome, project = sending.check(5)

        assert outcome.is_success
        assert project == PROJECT_ID

    @pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"data":[]}', b'{"data":[{}]}'])
    def test_an_answer_without_one(self, body: bytes) -> None:
        """No project, no fault."""
        with LoopbackServer() as server, endpoint(server.url) as sending:
            server.fail(200, body=body)

            assert sending.check(5)[1] is None
