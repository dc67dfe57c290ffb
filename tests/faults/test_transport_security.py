"""Credentials go to the configured server only: not after a redirect, not without a certificate, not to a proxy."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from loopback import PEM, LoopbackServer
from patience import eventually
from resolver import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kit import Start

    from config.langfuse_integration import LangfuseIntegrationService


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's proxies and authorities."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def record(service: LangfuseIntegrationService) -> None:
    """Record a span with a score."""
    with service.trace_operation("kept") as handle:
        handle.score("quality", 0.5)


def falls_back(service: LangfuseIntegrationService) -> str:
    """Wait for fallback mode; why."""
    eventually(lambda: service.health_check()["fallback_mode"], "fallback mode")
    delivery = service.health_check()["delivery"]
    eventually(lambda: service.client.pending() == 2, "a span and a score in the outbox")
    return f"{delivery['last_error']} ({delivery['hint']})"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: LoopbackServer, start: Start, status: int) -> None:
    """Not for spans, scores or the project: the other server is never asked, and it is said what to set."""
    with LoopbackServer(server.public_key) as elsewhere:
        server.fail(status, {"Location": f"{elsewhere.url}/api/public/otel/v1/traces"}, b"")
        service = start(server, journal="off", max_retries=0)
        record(service)
        why = falls_back(service)
        assert not service.test_connection()

        assert "redirect" in why
        assert "LANGFUSE_HOST" in why
        assert elsewhere.connections == 0
        assert {request.path for request in server.requests} >= {"/api/public/projects"}


def test_a_certificate_nobody_vouches_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a byte of HTTP is sent, the hint says how to trust one's own authority, and then all arrives."""
    with LoopbackServer(certificate=PEM) as server:
        service = start(server, journal="off", max_retries=0)
        record(service)
        why = falls_back(service)
        assert "self-signed certificate" in why
        assert "SSL_CERT_FILE" in why
        assert server.requests == []

        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        assert service.reconfigure(flush_at=1)
        server.wait_for_spans(1)
        server.wait_for_scores(1)


def test_a_certificate_for_another_name(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is vouched for, but shown by somebody else."""
    resolver = Resolver()
    resolver.known["langfuse.test"] = ["127.0.0.1"]
    resolver.speaks.set()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    with LoopbackServer(certificate=PEM) as server:
        service = start(server, host=f"https://langfuse.test:{server.port}", journal="off", max_retries=0)
        record(service)

        assert "not valid for 'langfuse.test'" in falls_back(service)
        assert server.requests == []


def test_a_proxy_of_the_environment_carries_requests(
    server: LoopbackServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`HTTP_PROXY` is used, and `NO_PROXY` says for whom not."""
    with LoopbackServer(server.public_key) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        record(start(server, journal="off"))
        proxy.wait_for_spans(1)
        assert server.connections == 0
        assert all(request.path.startswith(server.url) for request in proxy.requests)

        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        so_far = proxy.connections
        service = start(server, journal="off", release="2")
        record(service)
        server.wait_for_spans(1)
        assert proxy.connections == so_far


@contextmanager
def tunnel() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that connects its clients to where they ask; its URL, and the heads of what they asked."""
    heads: list[bytes] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one side has hung up

    def serve(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            pump(client, server)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def test_a_proxy_sees_no_credentials_of_a_tls_server(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for a tunnel, and what goes through it is the server's business alone."""
    with LoopbackServer(certificate=PEM) as server, tunnel() as (proxy, heads):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
        service = start(server, journal="off")
        record(service)
        server.wait_for_spans(1)

        keys = base64.b64encode(f"{server.public_key}:{server.secret_key}".encode())
        assert heads
        for head in heads:
            assert head.startswith(b"CONNECT 127.0.0.1:")
            assert b"authorization" not in head.lower()
            assert keys not in head
        service.shutdown()
