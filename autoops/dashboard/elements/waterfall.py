"""A trace as a tree beside its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nicegui import ui

from autoops.dashboard import words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from autoops.dashboard.tree import Node

TICKS: Final = (0.0, 0.5, 1.0)
"""Where the time axis is labelled, as shares of the trace."""


class Waterfall(ui.element, component="waterfall.js"):
    """Draws spans as rows with a bar each. Only rows within sight are in the document, however many there are.

    Args:
        on_select: Called with the id of the span that was chosen.
    """

    def __init__(self, on_select: Callable[[str], Any]) -> None:
        super().__init__()
        self.on("select", lambda event: on_select(str(event.args)))

    def show(
        self,
        nodes: Sequence[Node],
        *,
        start_ns: int,
        end_ns: int,
        selected: str | None,
        matching: Collection[str] | None,
        filter_key: str,
    ) -> None:
        """Draw these spans.

        Args:
            nodes: Spans in drawing order.
            start_ns: The left edge of the time axis.
            end_ns: The right edge.
            selected: Id of the chosen span.
            matching: Ids that a filter found, the others being there for context; None without a filter.
            filter_key: Changes with the filter: what was folded under another filter is another matter.
        """
        length = max(1, end_ns - start_ns)
        self.props["rows"] = [_row(node, start_ns, end_ns, length, matching) for node in nodes]
        self.props["ticks"] = [{"at": at, "label": words.duration(at * length)} for at in TICKS]
        self.props["selected"] = selected
        self.props["filterKey"] = filter_key
        self.update()

    def select(self, span_id: str) -> None:
        """Choose a span and bring it into sight."""
        self.run_method("reveal", span_id)


def _row(
    node: Node, start_ns: int, end_ns: int, length: int, matching: Collection[str] | None
) -> dict[str, Any]:
    line = node.line
    end = end_ns if line.end_ns is None else line.end_ns
    return {
        "id": line.span_id,
        "depth": node.depth,
        "children": node.children,
        "name": line.name,
        "kind": "decision" if line.decision else line.type,
        "type": line.type,
        "agent": line.agent,
        "decision": line.decision,
        "about": words.brief(line.about, 80) if line.about else None,
        "level": line.level,
        "state": line.state,
        "orphan": node.orphan,
        "left": round(100 * (line.start_ns - start_ns) / length, 3),
        "width": round(100 * max(0, end - line.start_ns) / length, 3),
        "duration": "running" if line.end_ns is None else words.duration(line.end_ns - line.start_ns),
        "dim": matching is not None and line.span_id not in matching,
    }
