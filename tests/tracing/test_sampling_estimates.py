"""Counts weighted back: each root that was sent stands for 1 / its probability, and the sum estimates how many there were.

Horvitz and Thompson's estimator and its variance, reckoned from nothing but what a reader of Langfuse has: the roots that
were sent, and what stands on them. Below the service, for its journal can take a hundred thousand traces in seconds; the
same from a server's point of view: ``tests/contract/test_contract_sampling.py``.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pytest
from desk import KEYS, Desk

from autoops.tracing import attributes as keys
from autoops.tracing.journal import figures, outbox
from autoops.tracing.journal.opening import open_store
from autoops.tracing.otlp import observation_attributes

if TYPE_CHECKING:
    from autoops.tracing.journal.store import Store
    from autoops.tracing.span import Span

TRACES = 25_000
"""Of each seed: a hundred thousand in all."""
SEEDS = (1, 2, 3, 4)
AT_ONCE = 1000
"""Traces of one commit, during which the throttle stays as it is."""
RATE = 0.3
RULES = (("rare", 0.02), ("price.*", 0.1), ("every", 1.0), ("never", 0.0))
NAMES = {"event": 0.4, "rare": 0.1, "price.up": 0.2, "price.down": 0.1, "every": 0.1, "never": 0.1}
"""How often each name comes."""
THROTTLE = (1.0, 1.0, 0.5, 0.05, 0.2, 0.7, 1.0)
"""What the throttle allows, one step after the other."""
WIDE = 3.29
"""Standard errors that one estimate of a thousand exceeds by chance."""
BASE_NS = 1_700_000_000_000_000_000


class Estimate(NamedTuple):
    """How many there were, as told by what arrived."""

    number: float
    standard_error: float
    arrived: int

    @classmethod
    def of(cls, chances: list[float]) -> Estimate:
        """From the probabilities on the roots that arrived."""
        variance = sum((1.0 - chance) / chance**2 for chance in chances)
        return cls(sum(1.0 / chance for chance in chances), math.sqrt(variance), len(chances))

    def is_off_by(self, truth: int) -> float:
        """Standard errors between the estimate and the truth; an estimate that is certain must be exact."""
        miss = abs(self.number - truth)
        return miss / self.standard_error if self.standard_error else miss * math.inf if miss else 0.0


class Root(NamedTuple):
    """A root as it arrives."""

    trace_id: str
    name: str
    reason: str
    probability: float


class Shop:
    """Three processes on one journal: one begins traces, the others join them with settings of their own."""

    def __init__(self, seed: int, store: Store) -> None:
        self.draw = random.Random(seed)
        self.first = Desk(store, sample_rate=RATE, sample_rules=RULES, **KEYS)
        self.joining = Desk(store, sample_rate=1.0, **KEYS)
        self.truth: Counter[str] = Counter()
        self.failed: set[str] = set()
        """Traces with an error."""
        self.clock_ns = BASE_NS
        self.roots: list[Root] = []
        """Those that are sent, in the end."""

    def run(self) -> None:
        """Record all traces; what the throttle allows changes all the time."""
        for number in range(TRACES // AT_ONCE):
            self.first.provider.throttle = THROTTLE[number % len(THROTTLE)]
            late = [root for root in (self.trace() for _ in range(AT_ONCE)) if self.draw.random() < 0.02]
            # Of some traces the other process is the first to commit, of others it is late.
            self.joining.commit()
            self.first.commit()
            for root in late:
                self.step(self.joining, root, fails=self.draw.random() < 0.5)
            self.joining.commit()
        self.roots = sent_roots(self.first.store)

    def trace(self) -> Span:
        """One trace; about one of thirty is worth sending by itself."""
        (name,) = self.draw.choices(list(NAMES), list(NAMES.values()))
        self.truth[name] += 1
        self.clock_ns += 1_000_000
        root = self.first.provider.begin(name, parent=None, start_ns=self.clock_ns, type="span")
        fate = self.draw.random()
        if fate < 0.01:
            root.level = "ERROR"
            self.failed.add(root.trace_id)
        elif fate < 0.02:
            root.decision, root.confidence = "reorder", 0.1
        elif fate < 0.3:
            self.step(self.joining, root, fails=False)
        # Some take longer than usual: the slowest of those are worth sending too.
        root.end(end_time=self.clock_ns + int(self.draw.lognormvariate(0, 1) * 1e6))
        return root

    def step(self, desk: Desk, root: Span, *, fails: bool) -> None:
        """Something that another process adds: it has the parent's ids and its flag, as over HTTP, or its id alone."""
        trace = root.trace
        parent = (
            root.get_span_context()
            if self.draw.random() < 0.5 or trace.sample_rate == 0.0
            else desk.provider.remote(trace.trace_id, root.span_id)
        )
        span = desk.begin("step", parent)
        if fails:
            span.level = "ERROR"
            self.failed.add(root.trace_id)
        span.end()


def sent_roots(store: Store) -> list[Root]:
    """All roots that are to be sent."""
    due = outbox.due_spans(store, 1, 10 * TRACES, 1 << 40, newest_first=False)
    return [
        Root(
            each.span.trace_id, each.span.name, found[keys.SAMPLING_REASON], found[keys.SAMPLING_PROBABILITY]
        )
        for each in due
        if each.span.parent_span_id is None
        for found in [observation_attributes(each)]
    ]


@cache
def recorded(seed: int) -> Shop:
    """All traces of one seed."""
    shop = Shop(seed, open_store("off"))
    with pytest.MonkeyPatch.context() as patch:
        # Ids come from the operating system: chance would keep others each time, and now and then too many of them.
        patch.setattr("autoops.tracing.provider.new_trace_id", lambda: shop.draw.getrandbits(128) | 1)
        shop.run()
    return shop


@pytest.fixture(params=SEEDS)
def shop(request: pytest.FixtureRequest) -> Shop:
    """All traces of one seed after the other."""
    return recorded(request.param)


def chances(shop: Shop) -> dict[str, list[float]]:
    """Probabilities on the roots that are sent, by their name."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for root in shop.roots:
        found[root.name].append(root.probability)
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if name != "never"])
def test_weighted_counts_estimate_the_truth(name: str) -> None:
    """Whatever the rule, the throttle and the worth of a trace, and whichever process told of it first."""
    shops = [recorded(seed) for seed in SEEDS]
    found = Estimate.of([chance for shop in shops for chance in chances(shop)[name]])
    truth = sum(shop.truth[name] for shop in shops)

    assert found.is_off_by(truth) <= WIDE, (found, truth)
    # Unweighted the count is far off, so the weights do it.
    assert found.arrived < 0.8 * truth


def test_the_intervals_are_about_as_wide_as_they_say() -> None:
    """Of the 95 % intervals of all names and seeds, most hold the truth.

    A little less than 95 %, for the few traces of small probability weigh much: 92 % over many more seeds.
    """
    off = [
        Estimate.of(chances(shop)[name]).is_off_by(shop.truth[name])
        for shop in (recorded(seed) for seed in SEEDS)
        for name in NAMES
        if name != "never"
    ]

    assert len(off) == 20
    assert sum(each <= 1.96 for each in off) >= 16


def test_every_trace_with_an_error_is_sent_and_counts_once(shop: Shop) -> None:
    """Also with an error that another process adds after the verdict; so they are counted exactly."""
    sent = {root.trace_id: root.probability for root in shop.roots}

    assert shop.failed
    assert {sent.get(trace_id) for trace_id in shop.failed} == {1.0}


def test_a_rule_of_zero_leaves_what_is_worth_sending(shop: Shop) -> None:
    """Of such a name nothing is known but that: each stands for itself, and of the others none is told."""
    reasons = {root.reason for root in shop.roots if root.name == "never"}

    assert reasons == {"error", "low_confidence", "slow"}
    assert set(chances(shop)["never"]) == {1.0}
    assert len(chances(shop)["never"]) < 0.1 * shop.truth["never"]


def test_the_books_balance(shop: Shop) -> None:
    """All that ended is on its way or was left out, and what the throttle left out is part of that."""
    held = figures.read(shop.first.store)

    assert held.ended == held.pending + held.sampled_out
    assert 0 < held.throttled < held.sampled_out
