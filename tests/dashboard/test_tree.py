"""Spans in drawing order."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from autoops.dashboard.records import SpanLine
from autoops.dashboard.tree import Node, arrange, reduced


def line(span_id: str, parent: str | None = None, start_ns: int = 0) -> SpanLine:
    """Make a span of no particular kind."""
    return SpanLine(
        span_id, parent, span_id, "span", None, None, None, "DEFAULT", start_ns, start_ns + 1, None, "ended"
    )


def shape(nodes: list[Node]) -> list[tuple[str, int]]:
    """Return ids and depths."""
    return [(node.line.span_id, node.depth) for node in nodes]


ids = st.sampled_from("abcdefghij")
forests = st.dictionaries(ids, st.none() | ids | st.just("elsewhere"), min_size=1).map(
    lambda parents: [line(span_id, parent, at) for at, (span_id, parent) in enumerate(parents.items())]
)
"""Any spans: trees, orphans, circles, spans that are their own parent."""


def test_children_stand_below_their_parent() -> None:
    """Parents first, siblings by their beginning, each a level deeper."""
    lines = [line("root"), line("a", "root"), line("b", "root"), line("a1", "a")]

    assert shape(arrange(lines)) == [("root", 0), ("a", 1), ("a1", 2), ("b", 1)]


def test_orphan_is_a_root_and_says_so() -> None:
    """A span whose parent is not in the journal is drawn all the same."""
    (node,) = arrange([line("a", "another process's")])

    assert (node.depth, node.orphan) == (0, True)


def test_depth_of_thousands() -> None:
    """No recursion: a trace may be deeper than Python's stack."""
    lines = [line("0"), *(line(str(number), str(number - 1)) for number in range(1, 5000))]

    assert arrange(lines)[-1].depth == 4999


@given(forests)
def test_every_span_is_drawn_once(lines: list[SpanLine]) -> None:
    """Also orphans and circles of parents."""
    nodes = arrange(lines)

    assert sorted(node.line.span_id for node in nodes) == sorted(each.span_id for each in lines)
    assert nodes[0].depth == 0
    assert all(after.depth <= before.depth + 1 for before, after in pairwise(nodes))


@given(forests, st.sets(ids))
def test_reduced_leaves_matches_and_what_is_above(lines: list[SpanLine], matching: set[str]) -> None:
    """Every match stays at its depth under all its ancestors, and no branch without a match stays."""
    nodes = arrange(lines)

    kept = reduced(nodes, matching)

    wanted = set()
    above: list[Node] = []
    for node in nodes:
        above = [*above[: node.depth], node]
        if node.line.span_id in matching:
            wanted |= {each.line.span_id for each in above}
    assert kept == [node for node in nodes if node.line.span_id in wanted]
