"""The orchestrator: asks the agents, settles their conflicts by rule, commits, and records each step."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from autoops.agents.book import Book
from autoops.agents.border import admitted, refused
from autoops.agents.circle import Circle
from autoops.agents.conflicts import RULES
from autoops.agents.intervals import IntervalTally
from autoops.agents.mandate import USUAL, Mandate
from autoops.agents.messages import Action, Decision, EventType
from autoops.agents.record import (
    conflict_record,
    dated,
    decision_record,
    event_record,
    outcome_record,
    proposal_record,
)
from autoops.agents.trimming import as_trimmed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from autoops.agents.agent import Agent, Situation
    from autoops.agents.book import Commitments
    from autoops.agents.forecast import Forecaster
    from autoops.agents.memory import Memory
    from autoops.agents.messages import Conflict, Event, Line, Proposal
    from autoops.agents.settling import Rule
    from autoops.agents.shop import Observation, Shop, ShopView
    from autoops.agents.tracing import Tracing

NAME = "orchestrator"
"""As it stands in the record."""

URGENCY = (
    EventType.SUPPLY_DELAY,
    EventType.COMPETITOR_PRICE,
    EventType.DEMAND_SPIKE,
    EventType.SOCIAL_TREND,
    EventType.EXPIRY_NEAR,
    EventType.LOW_STOCK,
    EventType.DAY_STARTED,
)
"""Order of a morning: what happened comes first, and the day's routine sees what was committed for it."""


class Orchestrator:
    """Runs a shop with its agents; each event is a trace of its own in the run's session.

    Args:
        shop: Whose.
        forecaster: What agents expect customers to buy.
        agents: Who is asked, in this order.
        tracing: Where each step is recorded.
        rules: What settles conflicts, in this order.
        apart: Whether each agent knows its own commitments alone, forecasts by them, and its proposals meet nobody
            else's.
        mandate: What the retailer gives weight to, and what he wants only proposed.
        session_id: Of the traces.
        tags: Of the traces.
    """

    def __init__(
        self,
        shop: Shop,
        forecaster: Forecaster,
        agents: Sequence[Agent],
        tracing: Tracing,
        *,
        rules: Sequence[Rule] = RULES,
        apart: bool = False,
        mandate: Mandate = USUAL,
        session_id: str | None = None,
        tags: Sequence[str] = (),
        memory: Memory | None = None,
    ) -> None:
        self._shop, self._rules = shop, tuple(rules)
        self._tracing, self._session_id, self._tags = tracing, session_id, tuple(tags)
        self._memory = memory
        self._mandate = mandate
        self._date: date | None = None
        parties = [[agent] for agent in agents] if apart else [agents]
        self._circles = [
            Circle(shop, copy.deepcopy(forecaster) if apart else forecaster, party, mandate.priorities)
            for party in parties
        ]
        self._book = Book(shop) if apart else self._circles[0].book
        """All that is committed."""
        self.decisions: list[Decision] = []
        """Every decision of the run, in order."""
        self.conflicts: list[Conflict] = []
        """Every conflict found, in order."""
        self.failures: Counter[str] = Counter()
        """How often each agent has raised, by its name; the run went on without what it would have said."""
        self.intervals = IntervalTally()
        """How often a day's demand fell into the intervals that the agents expected it in."""

    def morning(self, view: ShopView, events: Sequence[Event]) -> Commitments:
        """Handle a morning's events, the most urgent first, and return what is committed for today."""
        self._date = view.date
        self._book.open_day(view.day)
        for circle in self._circles:
            circle.begin(view.day, events)
        for event in sorted(events, key=lambda event: URGENCY.index(event.type)):
            self._handle(event, view)
        forecasts = [circle.end(view) for circle in self._circles]
        committed = self._book.page(view)
        # Of several forecasts that of who is asked first: it is what orders are made by.
        self.intervals.expect(forecasts[0], committed.markdown)
        return committed

    def evening(self, observation: Observation) -> None:
        """Take in what the day showed."""
        for circle in self._circles:
            for agent, error in circle.learn(observation):
                self._record_failure(agent, observation, error)
        self.intervals.learn(observation)
        if self._memory is not None:
            self._memory.observe(observation)

    def _record_failure(self, agent: Agent, observation: Observation, error: Exception) -> None:
        """Record that an agent failed in the evening, as a trace of its own in the run's session."""
        self.failures[agent.name] += 1
        what = {"type": "agent_failed", "agent": agent.name, "day": observation.day}
        when = None if self._date is None else dated(self._date)
        trace_id = self._tracing.create_simulation_trace(
            what, session_id=self._session_id, tags=self._tags, metadata=when
        )
        span_id = self._tracing.start_agent_span(
            agent.name, "learn", parent_trace_id=trace_id, input_data=what, metadata=when
        )
        self._tracing.end_agent_span(span_id, error=error, level="ERROR")
        self._tracing.finalize_trace(trace_id, error=error)

    def _handle(self, event: Event, view: ShopView) -> None:
        """Take one event from its trace's beginning to its end."""
        tracing = self._tracing
        trace_id = tracing.create_simulation_trace(
            event_record(event, self._shop),
            session_id=self._session_id,
            tags=self._tags,
            metadata=dated(event.date),
        )
        decisions, conflicts = [], []
        for circle in self._circles:
            settled, found = self._decide(circle, event, view, trace_id)
            decisions += settled
            conflicts += found
        self.decisions += decisions
        self.conflicts += conflicts
        tracing.finalize_trace(trace_id, outcome_record(decisions, conflicts))

    def _decide(
        self, circle: Circle, event: Event, view: ShopView, trace_id: str | None
    ) -> tuple[list[Decision], list[Conflict]]:
        """Return what a circle decides on an event; nobody in it is asked in vain."""
        asked = [agent for agent in circle.agents if event.type in agent.operations]
        if not asked and len(self._circles) > 1:
            return [], []
        decisions: list[Decision] = []
        conflicts: list[Conflict] = []
        for together in _rounds(asked):
            situation = circle.situation(view)
            proposals: list[Proposal] = []
            refusals: list[Conflict] = []
            for agent in together:
                proposed, wrong = self._ask(agent, event, situation, trace_id)
                proposals += proposed
                refusals += wrong
            settled, found = self._settle(event, proposals, refusals, circle, situation, trace_id)
            decisions += settled
            conflicts += found
        return decisions, conflicts

    def _ask(
        self, agent: Agent, event: Event, situation: Situation, trace_id: str | None
    ) -> tuple[list[Proposal], list[Conflict]]:
        """Return what an agent proposes that makes sense, and what of it is refused; its step is recorded.

        An agent that fails proposes nothing, and the others go on.
        """
        asked = {"event": event.type.value, "event_id": event.id}
        span_id = self._tracing.start_agent_span(
            agent.name,
            agent.operations[event.type],
            parent_trace_id=trace_id,
            input_data=asked,
            metadata=dated(event.date),
        )
        try:
            # A copy: what an agent does to the event's mappings is its own affair.
            told = replace(event, facts=dict(event.facts), lines=dict(event.lines))
            found: list[object] = list(agent.propose(told, situation))
        except Exception as error:
            self.failures[agent.name] += 1
            self._tracing.end_agent_span(span_id, {"proposals": []}, error=error, level="ERROR")
            return [], []
        proposals, refusals = [], []
        for number, proposal in enumerate(found):
            taken = admitted(proposal, agent.name, situation)
            if isinstance(taken, str):
                refusals.append(refused(proposal, agent.name, event, number, taken))
            else:
                proposals.append(taken)
        if span_id is not None:
            outcome: dict[str, object] = {
                "proposals": [proposal_record(proposal, self._shop) for proposal in proposals]
            }
            if refusals:
                outcome["refused"] = {refusal.id: refusal.found for refusal in refusals}
            self._tracing.end_agent_span(span_id, outcome, level="WARNING" if refusals else None)
        return proposals, refusals

    def _settle(
        self,
        event: Event,
        proposals: list[Proposal],
        refusals: list[Conflict],
        circle: Circle,
        situation: Situation,
        trace_id: str | None,
    ) -> tuple[list[Decision], list[Conflict]]:
        """Return the decisions that the proposals become, conflicts resolved, all committed and recorded."""
        told = {"event_id": event.id, "proposals": [proposal.id for proposal in proposals]}
        span_id = self._tracing.start_agent_span(
            NAME, "commit", parent_trace_id=trace_id, input_data=told, metadata=dated(event.date)
        )
        conflicts = list(refusals)
        for refusal in refusals:
            self._record_conflict(refusal, event, trace_id, span_id)
        # What is not going to happen is in nobody's way.
        held = [proposal for proposal in proposals if self._mandate.held(proposal)]
        proposals = [proposal for proposal in proposals if not self._mandate.held(proposal)]
        asked = proposals
        for rule in self._rules:
            proposals, found = rule(proposals, situation)
            for conflict in found:
                self._record_conflict(conflict, event, trace_id, span_id)
            conflicts += found
        proposals = [as_trimmed(said, left) for said, left in zip(asked, proposals, strict=True)]
        decisions = [
            Decision(
                proposal=proposal,
                lines=proposal.lines,
                trigger=event.id,
                date=event.date,
                confidence=proposal.confidence if self._memory is None else self._memory.confidence(proposal),
                conflict_ids=tuple(
                    dict.fromkeys(line.conflict_id for line in proposal.lines if line.conflict_id is not None)
                ),
                held=self._mandate.held(proposal),
            )
            for proposal in (*proposals, *held)
        ]
        for decision in decisions:
            for book in {self._book, circle.book} if not decision.held else ():
                _commit(decision.proposal, situation.view, book)
            self._record_decision(decision, trace_id, span_id)
        self._tracing.end_agent_span(span_id, outcome_record(decisions, conflicts))
        return decisions, conflicts

    def _record_decision(self, decision: Decision, trace_id: str | None, parent: str | None) -> None:
        """Record a decision, and remember it until it can be judged."""
        span_id = None
        if trace_id is not None:
            record = decision_record(decision, self._shop)
            span_id = self._tracing.log_agent_decision(
                decision.agent, record, trace_id=trace_id, parent_span_id=parent
            )
        if self._memory is not None:
            self._memory.remember(decision, trace_id, span_id)

    def _record_conflict(
        self, conflict: Conflict, event: Event, trace_id: str | None, parent: str | None
    ) -> None:
        """Record a conflict as an observation of its own."""
        if trace_id is None:
            return
        found, resolution = conflict_record(conflict, self._shop)
        span_id = self._tracing.start_agent_span(
            NAME,
            "resolve_conflict",
            parent_trace_id=trace_id,
            input_data=found,
            parent_span_id=parent,
            as_type="evaluator",
            metadata=dated(event.date),
        )
        self._tracing.end_agent_span(span_id, resolution)


def _rounds(agents: Sequence[Agent]) -> list[list[Agent]]:
    """Return who is asked together: whoever decides after others is asked when theirs is committed.

    Nobody being asked is a round too: what happened is on record, and that nobody answered it.
    """
    rounds: list[list[Agent]] = []
    waiting = list(agents)
    while waiting:
        names = {agent.name for agent in waiting}
        ready = [agent for agent in waiting if not names & set(getattr(agent, "after", ()))]
        rounds.append(ready or waiting)
        waiting = [agent for agent in waiting if agent not in rounds[-1]]
    return rounds or [[]]


def _commit(proposal: Proposal, view: ShopView, book: Book) -> None:
    """Write a proposal into a book."""
    for line in proposal.lines:
        if line.after != line.before:
            _commit_line(proposal, line, view, book)


def _commit_line(proposal: Proposal, line: Line, view: ShopView, book: Book) -> None:
    """Write one line into a book."""
    first, days = proposal.first_day, proposal.days
    if proposal.action is Action.PRICE:
        factor = line.after / float(view.price[0, line.product])
        book.set_price(line.product, factor, days)
        return
    assert line.cluster is not None  # noqa: S101 - all but prices stand in a cluster
    if proposal.action is Action.ORDER:
        book.order(line.product, line.cluster, line.after - line.before)
    elif proposal.action is Action.MARKDOWN:
        book.mark_down(line.product, line.cluster, line.after)
    elif line.counterpart is not None:
        book.swap_displays(line.counterpart, line.product, line.cluster, first, days)
