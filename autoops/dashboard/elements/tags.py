"""HTML tags with text. Text is always text: nothing that comes from a journal is ever read as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui.elements.mixins.text_element import TextElement

if TYPE_CHECKING:
    from collections.abc import Callable

COPY: str = """(event) => {
    const button = event.currentTarget;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
        button.classList.add("is-done");
        setTimeout(() => button.classList.remove("is-done"), 1200);
    });
}"""
"""Puts the text of ``data-copy`` on the clipboard, and says so for a moment."""


def tag(name: str, /, text: str = "", classes: str = "", **attributes: Any) -> TextElement:
    """A tag, to be used alone or as a block for others.

    Args:
        name: Of the tag.
        text: Inside it, before its children.
        classes: Of the style sheet.
        attributes: Of HTML; ``_`` stands for ``-``, and one at the end for nothing (``for_``).
    """
    element = TextElement(tag=name, text=text)
    if classes:
        element.classes(classes)
    for key, value in attributes.items():
        element.props[key.rstrip("_").replace("_", "-")] = value
    return element


def link(text: str, href: str, classes: str = "") -> TextElement:
    """A link within the page."""
    return tag("a", text, classes, href=href)


def button(
    text: str, on_click: Callable[..., Any], classes: str = "button", **attributes: Any
) -> TextElement:
    """A button that calls Python."""
    return tag("button", text, classes, type="button", **attributes).on("click", on_click, args=[])


def badge(text: str, tone: str = "quiet", title: str | None = None) -> TextElement:
    """A short word in a tone of the style sheet."""
    element = tag("span", text, f"badge is-{tone}")
    if title is not None:
        element.props["title"] = title
    return element


def icon(kind: str) -> TextElement:
    """A small picture; it says nothing that the text beside it does not say."""
    return tag("i", "", f"icon icon-{kind}", aria_hidden="true")


def copyable(text: str, label: str) -> TextElement:
    """An id or a path, and a button that copies it."""
    with tag("span", "", "copyable") as element:
        tag("code", text)
        tag("button", "", "copy", type="button", data_copy=text, aria_label=f"Copy {label}", title="Copy").on(
            "click", js_handler=COPY
        )
    return element
