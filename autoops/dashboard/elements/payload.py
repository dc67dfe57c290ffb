"""A payload as pretty JSON, cut while it is large."""

from __future__ import annotations

from typing import Final

import orjson
from nicegui import ui

from autoops.dashboard import words

SHOWN: Final = 12_000
"""Characters of a payload that are shown at first: about 300 lines."""


class Payload(ui.element, component="payload.js"):
    """Shows JSON text indented and coloured; a string alone as its own text.

    Args:
        json_text: As the journal has it.
        label: What it is, for the buttons' names.
    """

    def __init__(self, json_text: str, label: str) -> None:
        super().__init__()
        self._whole, is_json = pretty(json_text)
        self.props["label"] = label
        self.props["json"] = is_json
        self.props["size"] = words.size(len(json_text.encode()))
        self._show(self._whole[:SHOWN])
        self.on("whole", lambda: self._show(self._whole))

    def _show(self, text: str) -> None:
        self.props["text"] = text
        self.props["more"] = len(self._whole) - len(text)
        self.update()


def pretty(json_text: str) -> tuple[str, bool]:
    """Indented JSON, and that it is JSON; text that is none, and JSON that is one string, as plain text."""
    try:
        value = orjson.loads(json_text)
    except orjson.JSONDecodeError:
        return json_text, False
    if isinstance(value, str):
        return value, False
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), True
