"""The faults of the soak's server: those of the tests' catalogue, and some that only a long run can have.

Left out is a partial success: spans that a server accepted and threw away, saying so, are at no server afterwards.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Self

import serverfaults
from loopback import PEM, LoopbackServer
from soak_worker import POISON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from received import ReceivedScore, ReceivedSpan
    from serverfaults import Fault


class Town:
    """A server and its ailments; a context manager. One that was away comes back at the same address."""

    def __init__(self) -> None:
        self._servers = [LoopbackServer()]
        self.url = self._servers[0].url
        self.public_key = self._servers[0].public_key
        self.secret_key = self._servers[0].secret_key
        self._is_away = False

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    @property
    def server(self) -> LoopbackServer:
        """The server of now."""
        return self._servers[-1]

    @property
    def arrivals(self) -> Iterator[ReceivedSpan]:
        """Every span that ever arrived, repetitions included."""
        return chain.from_iterable(server.arrivals for server in self._servers)

    @property
    def scores(self) -> Iterator[ReceivedScore]:
        """Every score that ever arrived."""
        return chain.from_iterable(server.scores for server in self._servers)

    @property
    def was_followed(self) -> bool:
        """Whether anybody followed a redirect."""
        return any(request.path == "/elsewhere" for server in self._servers for request in server.requests)

    def leave(self) -> None:
        """Listen no more: connections are refused."""
        if not self._is_away:
            self._is_away = True
            self.server.__exit__(None, None, None)

    def come_back(self, certificate: Path | None = None) -> None:
        """Listen again, with TLS if there is a certificate."""
        port = self.server.port
        self.leave()
        self._servers.append(
            LoopbackServer(self.public_key, self.secret_key, port=port, certificate=certificate)
        )
        self.server.__enter__()
        self._is_away = False

    def suffer(self, fault: str, dice: random.Random) -> None:
        """Have a fault from now on."""
        FAULTS[fault](self, dice)

    def heal(self) -> None:
        """Behave."""
        if self._is_away or self.server.url != self.url:
            self.come_back()
        self.server.heal()


Ailment = Callable[[Town, random.Random], None]


def _from_catalogue(fault: Fault) -> Ailment:
    return lambda town, _: fault.strike(town.server) if fault.listens else town.leave()


def _poison(status: int) -> Ailment:
    return lambda town, _: town.server.refuse(lambda span: span.name.endswith("." + POISON), status)


FAULTS: dict[str, Ailment] = {
    **{
        name: _from_catalogue(fault)
        for name, fault in serverfaults.FAULTS.items()
        # Another name or another scheme would need processes with other settings.
        if name != "healthy" and fault.host != serverfaults.UNRESOLVED and fault.certificate is None
    },
    "a single 503": lambda town, _: town.server.fail(503, times=1),
    "slow (0.3 s an answer)": lambda town, _: town.server.delay(0.3),
    "429, wait a second": lambda town, _: town.server.fail(429, {"Retry-After": "1"}),
    "restarted": lambda town, _: town.come_back(),
    "speaks TLS": lambda town, _: town.come_back(PEM),
    "poison 400": _poison(400),
    "poison 413": _poison(413),
}
