"""What a page says when it has nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.dashboard.elements.tags import copyable, link, tag

if TYPE_CHECKING:
    from autoops.dashboard.source import Source

SIMULATE = "uv run autoops simulate"


def notice(title: str, text: str, *, command: str | None = None, back: tuple[str, str] | None = None) -> None:
    """A quiet panel: what is not there, why, and how to go on.

    Args:
        title: What is the matter.
        text: One or two sentences.
        command: What to run.
        back: A link's text and address.
    """
    with tag("section", classes="notice", role="status"):
        tag("h2", title)
        tag("p", text)
        if command is not None:
            copyable(command, "the command")
        if back is not None:
            link(*back, classes="button")


def no_journal(source: Source, reason: str) -> None:
    """There is no journal to read, or it cannot be read."""
    path = source.path
    if path is None:
        text = "AUTOOPS_JOURNAL is off: traces are kept in memory only. Start the page with --journal to show a file."
        notice("No journal on disk", text)
    elif path.exists() and path.stat().st_size:
        notice("The journal cannot be read", reason)
    else:
        text = f"Nothing has been recorded at {path}. Run a simulation and this page fills by itself:"
        notice("No journal yet", text, command=SIMULATE)


def empty_journal() -> None:
    """There is a journal without a trace."""
    text = "The journal is there and holds no trace. Run a simulation and this page fills by itself:"
    notice("Nothing recorded yet", text, command=SIMULATE)
