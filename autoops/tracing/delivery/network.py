"""A network for the HTTP client on which every wait ends at one deadline, the look-up of a name included.

The client's own timeouts start anew with each byte received, so that a server which drips holds a request for ever; and
it gives a resolver that does not answer all the time that this takes.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


class NameTimeout(httpcore.ConnectTimeout):
    """The system's resolver did not answer in time."""


class Deadline:
    """When the request under way must be over, on the monotonic clock."""

    def __init__(self) -> None:
        self._at = 0.0

    def set(self, seconds: float) -> None:
        """It must be over in so many seconds."""
        self._at = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """Seconds that are left, at most ``timeout``; none or fewer when it has passed."""
        left = self._at - time.monotonic()
        return left if timeout is None else min(left, timeout)


class Backend(httpcore.NetworkBackend):
    """A network backend of the HTTP client that keeps a deadline.

    Args:
        backend: The one that does the work.
        deadline: Set anew for each request.
    """

    def __init__(self, backend: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the name's addresses that answers."""
        addresses = look_up(host, port, self._deadline.left(timeout))
        while addresses:
            left = self._deadline.left(timeout)
            if left <= 0:
                break
            # An address that swallows packets must not eat up the time of the next.
            share = left / len(addresses)
            try:
                stream = self._backend.connect_tcp(
                    addresses.pop(0), port, share, local_address, socket_options
                )
                return _Stream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise
        raise httpcore.ConnectTimeout("the deadline has passed")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._backend.sleep(seconds)


def look_up(host: str, port: int, timeout_s: float) -> list[str]:
    """The addresses of a name, in the order in which the system would try them.

    The system's resolver takes no deadline, so a thread asks it and is left behind if it does not answer in time.

    Raises:
        httpcore.ConnectError: There is no such name.
        NameTimeout: The resolver did not answer in time.
    """
    if _is_address(host):
        return [host]
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except Exception as error:
            answers.put(error)

    try:
        threading.Thread(target=ask, name="autoops-look-up", daemon=True).start()
    except RuntimeError:
        # The interpreter is going down. A daemon thread holds nobody up; another's look-up might hold the exit.
        if not threading.current_thread().daemon:
            raise httpcore.ConnectTimeout("the process is ending") from None
        ask()
    # The client drops an error's cause, but not its context: what went wrong must be raised and caught to be told.
    try:
        answer = answers.get(timeout=max(0.0, timeout_s))
        if isinstance(answer, Exception):
            raise answer
    except queue.Empty as error:
        raise NameTimeout from error
    except Exception as error:
        raise httpcore.ConnectError(str(error)) from error
    return answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadline.left(timeout)
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._deadline.left(timeout)
        if left <= 0:
            raise httpcore.WriteTimeout("the deadline has passed")
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        if left <= 0:
            raise httpcore.ConnectTimeout("the deadline has passed")
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
