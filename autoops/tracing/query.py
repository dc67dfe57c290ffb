"""Secrets in URLs: the values of a query's parameters, `https://shop.example/?token=***&page=2`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable

# A name at the text's beginning (of a query alone, not of a path) or behind what begins a query, a parameter or a fragment.
_NAME: Final = re.compile(r"(?:(?<=[?&;#])|\A(?![^=]*/))([^\s?&;#=]+)=")
_END: Final = re.compile(r"[\s&#]|\Z")


def masked(text: str, mask: str, is_sensitive: Callable[[str, str], bool]) -> str:
    """Replace the values of sensitive parameters in a URL, a query, or a text that holds some.

    Args:
        text: Any text.
        mask: What a sensitive value becomes.
        is_sensitive: Tells it by the parameter's name, decoded, and its value as it stands.

    Returns:
        The same object if there is nothing to replace.
    """
    if "=" not in text:
        return text
    parts: list[str] = []
    copied = 0
    for found in _NAME.finditer(text):
        start = found.end()
        if start <= copied:
            continue  # within a value that was replaced
        # Up to here whoever reads `;` as part of the value would go.
        end = _END.search(text, start).start()  # type: ignore[union-attr]  # a text has an end
        if end > start and is_sensitive(unquote_plus(found[1]), text[start:end]):
            parts += text[copied:start], mask
            copied = end
    return "".join((*parts, text[copied:])) if parts else text
