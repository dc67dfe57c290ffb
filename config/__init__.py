"""The documented doors: `config.settings`, `config.langfuse_config` and `config.langfuse_integration`.

They only hand on what `autoops` has, when it is first asked for: importing one opens no connection, starts no thread and
costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def handing_on(door: str, names: Sequence[str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` (PEP 562) that looks public names up at their place in ``autoops``."""

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {door!r} has no attribute {name!r}")
        from autoops import tracing

        return getattr(tracing, name)

    return look_up
