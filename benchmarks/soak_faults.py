"""The faults of the soak's server: all that the tests' loopback server can do, but one.

Left out is a partial success: spans that a server accepted and threw away, saying so, are at no server afterwards.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import random
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Self

from endpoint import Manner
from loopback import PEM, LoopbackServer
from soak_worker import POISON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from received import ReceivedScore, ReceivedSpan

PAGE = b"<!doctype html><html><body>Welcome to our network. Please accept the terms.</body></html>"
HTML = {"content-type": "text/html"}


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


Fault = Callable[[Town, random.Random], None]


def _in_a_second() -> str:
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1), usegmt=True)


def _status(status: int) -> Fault:
    return lambda town, _: town.server.fail(status)


def _manner(manner: Manner) -> Fault:
    return lambda town, _: town.server.misbehave(manner)


def _poison(status: int) -> Fault:
    return lambda town, _: town.server.refuse(lambda span: span.name.endswith("." + POISON), status)


FAULTS: dict[str, Fault] = {
    **{str(status): _status(status) for status in (400, 401, 403, 404, 408, 413, 422, 500, 502, 503, 504)},
    "429 seconds": lambda town, _: town.server.fail(429, {"retry-after": "1"}),
    "429 date": lambda town, _: town.server.fail(429, {"retry-after": _in_a_second()}),
    "a single 503": lambda town, _: town.server.fail(503, times=1),
    "redirect": lambda town, _: town.server.fail(302, {"location": "http://127.0.0.1:9/elsewhere"}),
    "captive portal": lambda town, _: town.server.fail(200, HTML, PAGE),
    "refused": lambda town, _: town.leave(),
    "restarted": lambda town, _: town.come_back(),
    "speaks TLS": lambda town, _: town.come_back(PEM),
    "black hole": lambda town, _: town.server.hang(),
    "slow": lambda town, dice: town.server.delay(dice.choice([0.3, 2.0])),
    "dripping": _manner(Manner.DRIPPING),
    "truncated": _manner(Manner.TRUNCATED),
    "reset": _manner(Manner.RESET),
    "poison 400": _poison(400),
    "poison 413": _poison(413),
}
