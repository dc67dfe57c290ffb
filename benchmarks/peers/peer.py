"""What each contender of a benchmark offers: the same work, done its own way.

A file of this folder is one contender. It is read twice: by the benchmark, which needs its title and requirements, and by
the worker in an environment of the contender's own, which calls ``build``. So it imports what it measures only there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Peer(Protocol):
    """A contender that is ready to work."""

    def open_trace(self) -> Any:
        """Begin a trace; what it returns is handed to ``start`` and ``close_trace``."""

    def start(self, trace: Any) -> Any:
        """Begin an agent's span with ``INPUT`` in a trace."""

    def finish(self, span: Any) -> None:
        """End a span with ``OUTCOME``."""

    def close_trace(self, trace: Any) -> None:
        """End a trace."""

    def flush(self) -> None:
        """Wait for what was recorded to be sent, as far as this contender can wait."""


class Module(Protocol):
    """What a file of this folder has."""

    TITLE: str
    """The row's name in a table."""
    REQUIRES: tuple[str, ...]
    """What its environment holds; empty for the project's own."""
    VERSION_OF: str
    """The distribution whose version stands behind the title."""
    IMPORT: str
    """The statement that a program pays for using it."""

    def environment(self, url: str, *, is_on: bool) -> Mapping[str, str]:
        """Variables that point it at ``url``, keep it from the network, and switch it off if it is to be off."""

    def build(self, url: str, *, is_on: bool) -> Peer:
        """Make it ready."""
