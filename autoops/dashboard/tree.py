"""Spans of a trace in the order they are drawn: parents before children, siblings by their beginning. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from autoops.dashboard.records import SpanLine


@dataclass(frozen=True, slots=True)
class Node:
    """A span and its place in the tree.

    Attributes:
        line: The span.
        depth: 0 for a root.
        children: Spans directly under it.
        orphan: It names a parent that was not read: another process's, lost, or beyond the limit.
    """

    line: SpanLine
    depth: int
    children: int
    orphan: bool


def arrange(lines: Sequence[SpanLine]) -> list[Node]:
    """Put spans in drawing order; every span comes out once, also orphans and circles of parents."""
    known = {line.span_id for line in lines}
    under: defaultdict[str | None, list[SpanLine]] = defaultdict(list)
    for line in lines:
        under[line.parent_span_id if line.parent_span_id in known else None].append(line)
    drawn: list[Node] = []
    placed: set[str] = set()
    _place(under[None], under, known, placed, drawn)
    for line in lines:
        if line.span_id not in placed:
            # Only a circle of parents is left over: it is cut open where it began.
            _place([line], under, known, placed, drawn)
    return drawn


def reduced(nodes: Sequence[Node], matching: Collection[str]) -> list[Node]:
    """Leave only the spans that match and the spans above them."""
    kept: list[Node] = []
    wanted_depth = -1
    for node in reversed(nodes):
        if node.line.span_id in matching or node.depth < wanted_depth:
            wanted_depth = node.depth
            kept.append(node)
        if node.depth == 0:
            wanted_depth = -1
    return kept[::-1]


def _place(
    roots: Iterable[SpanLine],
    under: defaultdict[str | None, list[SpanLine]],
    known: Collection[str],
    placed: set[str],
    drawn: list[Node],
) -> None:
    # A stack, not recursion: a trace may be thousands of levels deep.
    waiting = [(line, 0) for line in reversed(list(roots))]
    while waiting:
        line, depth = waiting.pop()
        if line.span_id in placed:
            continue
        placed.add(line.span_id)
        below = under.get(line.span_id, [])
        orphan = line.parent_span_id is not None and line.parent_span_id not in known
        drawn.append(Node(line, depth, len(below), orphan))
        waiting.extend((child, depth + 1) for child in reversed(below))
