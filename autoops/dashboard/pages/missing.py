"""What is shown at any other address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from autoops.dashboard import theme
from autoops.dashboard.elements.notice import notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.dashboard.source import Source


def missing(source: Source) -> Callable[[], None]:
    """The page for addresses that are no page's."""

    def draw() -> None:
        ui.context.client.status_code = 404
        with theme.frame(source, ""):
            notice("There is no such page", "The address may be mistyped.", back=("Show all traces", "/"))

    return draw
