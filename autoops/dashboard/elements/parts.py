"""Parts of a page that change on their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoops.dashboard.elements.tags import tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from nicegui import ui


class Parts:
    """Parts of the page that are drawn anew only when what they show has changed: a selection or focus elsewhere stays."""

    def __init__(self, body: ui.element) -> None:
        self._body = body
        self._shown: dict[str, tuple[ui.element, tuple[Any, ...] | None]] = {}
        self._has_journal = False

    def show(self, draw: Callable[..., None], *facts: Any) -> None:
        """Have ``draw(*facts)`` on the page, in the order of the first calls."""
        name = draw.__name__
        if name not in self._shown:
            with self._body:
                self._shown[name] = (tag("div"), None)
        place, before = self._shown[name]
        if facts != before:
            self._shown[name] = (place, facts)
            place.clear()
            with place:
                draw(*facts)

    def begin(self, *, has_journal: bool) -> None:
        """Drop all parts if the journal has come or gone."""
        if has_journal is not self._has_journal:
            self._has_journal = has_journal
            self._shown.clear()
            self._body.clear()
