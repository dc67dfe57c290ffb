"""What is looked at, as the URL holds it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from autoops.dashboard.views import SHOWN, Sight, View
from autoops.tracing.journal.reader import TraceFilter

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
filters = st.builds(
    TraceFilter,
    agent=st.none() | texts,
    level=st.none() | texts,
    text=st.none() | texts,
    session_id=st.none() | texts,
    rejected=st.booleans(),
)
cursors = st.tuples(st.integers(0, 2**63 - 1), st.text("0123456789abcdef", min_size=32, max_size=32))


def query(url: str) -> dict[str, str]:
    """Read the query as the server does."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


@given(st.builds(View, filters, st.lists(cursors, max_size=5).map(tuple)))
def test_address_of_a_view_gives_the_view(view: View) -> None:
    """A list can be bookmarked and shared: filters and page come back from its address."""
    assert View.from_query(query(view.url())) == view


def test_pages_are_walked_back_the_way_they_were_walked() -> None:
    """Two pages on and two back is the newest page again."""
    view = View(TraceFilter(agent="pricing")).older((20, "a")).older((10, "b"))

    assert view.after == (10, "b")
    assert view.newer().after == (20, "a")
    assert view.newer().newer() == View(TraceFilter(agent="pricing"))


def test_another_filter_begins_at_its_newest_page() -> None:
    """A page of one list means nothing in another."""
    view = View().older((20, "a")).filtered(level="ERROR")

    assert view == View(TraceFilter(level="ERROR"))


def test_nonsense_is_left_out() -> None:
    """A mistyped address shows a list, not a fault."""
    for after in ("x", "1", "1.", "-1.ab", "99999999999999999999.ab", "1.a'b", ".", ","):
        assert View.from_query({"after": after, "colour": "blue"}) == View()


@given(st.builds(Sight, st.none() | texts, st.just("") | texts, st.sampled_from(sorted(SHOWN))))
def test_address_of_a_sight_gives_the_sight(sight: Sight) -> None:
    """A span of a trace under a filter can be linked to."""
    assert Sight.from_query(query(sight.url("ab" * 16))) == sight
