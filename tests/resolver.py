"""The system's resolver of names, in a test's hands."""

from __future__ import annotations

import socket
import threading
from typing import Any


class Resolver:
    """Stands for the system's: it knows what the test tells it, and keeps silent until it is let go."""

    def __init__(self) -> None:
        self.known: dict[str, list[str]] = {}
        self.speaks = threading.Event()
        self.asked = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        """Answer as ``socket.getaddrinfo`` does."""
        if host not in self.known:
            return self._real(host, port, *arguments, **named)
        self.asked += 1
        self.speaks.wait()
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (address, port)) for address in self.known[host]]
