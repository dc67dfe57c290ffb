"""The faults of the soak's server: all that the tests' loopback server can do."""

from __future__ import annotations

import datetime as dt
import email.utils
from typing import TYPE_CHECKING, Self

from loopback import LoopbackServer
from soak_worker import POISON

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from types import TracebackType

PAGE = b"<!doctype html><html><body>Welcome to our network. Please accept the terms.</body></html>"
HTML = {"content-type": "text/html"}


def _in_a_second() -> str:
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1), usegmt=True)


def _status(status: int) -> Callable[[LoopbackServer, random.Random], None]:
    return lambda server, _: server.fail(status)


FAULTS: dict[str, Callable[[LoopbackServer, random.Random], None]] = {
    **{str(status): _status(status) for status in (400, 401, 403, 404, 408, 413, 422, 500, 502, 503, 504)},
    "429 seconds": lambda server, _: server.fail(429, {"retry-after": "1"}),
    "429 date": lambda server, _: server.fail(429, {"retry-after": _in_a_second()}),
    "a single 503": lambda server, _: server.fail(503, times=1),
    "redirect": lambda server, _: server.fail(302, {"location": "http://127.0.0.1:9/elsewhere"}),
    "captive portal": lambda server, _: server.fail(200, HTML, PAGE),
    "black hole": lambda server, _: server.hang(),
    "slow": lambda server, dice: server.delay(dice.choice([0.3, 2.0])),
    "poison": lambda server, _: server.refuse(lambda span: span.name.endswith("." + POISON)),
}


class Town:
    """The server with its ailments; a context manager."""

    def __init__(self) -> None:
        self.server = LoopbackServer()

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)

    def suffer(self, fault: str, dice: random.Random) -> None:
        """Have the fault from now on."""
        FAULTS[fault](self.server, dice)

    def heal(self) -> None:
        """Behave."""
        self.server.heal()
