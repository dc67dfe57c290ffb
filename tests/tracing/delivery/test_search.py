"""The search for what a server refuses: all of it is found, and nothing is held against what a fault refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.tracing.delivery.rules import Outcome
from autoops.tracing.delivery.search import REFUSALS_WITHOUT_EVIDENCE, Found, find_refused

TAKEN = Outcome(200, "")
REFUSED = Outcome(400, "no")


class Server:
    """Refuses every part with a bad item in it; an answer of the test's choice comes after so many requests."""

    def __init__(self, bad: set[int], then: Outcome | None = None, after: int = 1_000_000) -> None:
        self.bad = bad
        self.then = then
        self.after = after
        self.taken: list[int] = []
        self.requests = 0

    def __call__(self, part: list[int]) -> Outcome:
        """Answer one request."""
        self.requests += 1
        if self.then is not None and self.requests > self.after:
            if self.then.is_success:
                self.taken += part
            return self.then
        if self.bad & set(part):
            return REFUSED
        self.taken += part
        return TAKEN

    def search(self, size: int) -> Found[int]:
        """Search a batch of so many items, after a first request that was refused."""
        return find_refused(list(range(size)), REFUSED, self)


@given(size=st.integers(2, 300), data=st.data())
def test_what_is_found_is_what_is_bad(size: int, data: st.DataObject) -> None:
    """Each good item is taken once, each bad one refused, unless not one good one was met: then nothing is known."""
    bad = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    server = Server(bad)
    found = server.search(size)

    assert found.failed is None
    if found.accepted:
        assert sorted(server.taken) == sorted(set(range(size)) - bad)
        assert {item for item, _ in found.refused} == bad
        assert found.accepted == size - len(bad)
    else:
        assert server.requests <= REFUSALS_WITHOUT_EVIDENCE


@pytest.mark.parametrize(
    "bad",
    [{511}, set(range(16)), set(range(0, 512, 12)), set(range(100, 300))],
    ids=["one", "first", "spread", "many in a row"],
)
def test_good_ones_are_met_wherever_they_are(bad: set[int]) -> None:
    """The ways are left to chance, and hardly one leads nowhere: of 200 searches not ten give up."""
    gave_up = sum(not Server(bad).search(512).accepted for _ in range(200))

    assert gave_up < 10


def test_one_alone_is_not_sent_again() -> None:
    """There is nothing to compare it with."""
    server = Server({0})
    found = server.search(1)

    assert (server.requests, found.accepted) == (0, 0)
    assert found.refused == [(0, REFUSED)]


@pytest.mark.parametrize("answer", [Outcome(503, "busy"), Outcome(None, "gone"), Outcome(401, "who?")])
def test_a_fault_of_the_server_ends_it(answer: Outcome) -> None:
    """What was refused so far stays known, and why it ended."""
    found = Server({0}, then=answer, after=3).search(64)

    assert found.failed is not None
    assert found.failed.reason == answer.reason
    assert found.last is answer


@given(size=st.integers(2, 100), after=st.integers(0, REFUSALS_WITHOUT_EVIDENCE - 1))
def test_a_server_that_heals_meanwhile_has_nothing_held_against_it(size: int, after: int) -> None:
    """It refused everything, then nothing: no item is to blame."""
    server = Server(set(range(size)), then=TAKEN, after=after)
    found = server.search(size)

    assert found.refused == [] or not found.accepted
    assert not found.accepted or sorted(server.taken) == list(range(size))
