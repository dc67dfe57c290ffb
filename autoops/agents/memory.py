"""Remembers decisions until their days have passed, then puts on record what they were worth."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoops.agents.calibration import Calibration, Reliability
from autoops.agents.claims import Claim, Finding, Verdict, judge
from autoops.agents.effects import realised
from autoops.agents.recalibration import Recalibrator

if TYPE_CHECKING:
    from autoops.agents.messages import Decision, Proposal
    from autoops.agents.shop import Observation
    from autoops.agents.tracing import Tracing

VERDICT = "verdict"
"""Name of the score that says whether the claim came true."""

REALISED = "realised_effect"
"""Name of the score that has what was realised, in the effect's unit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a decision."""

    decision: Decision
    finding: Finding
    realised: float | None
    """In the unit of the expected effect; None if a shop cannot see it."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A decision and where it stands in the journal."""

    decision: Decision
    trace_id: str | None
    span_id: str | None

    @property
    def horizon(self) -> range:
        """Return the days over which the effect is expected."""
        first = self.decision.proposal.first_day
        return range(first, first + self.decision.effect.horizon_days)

    @property
    def days(self) -> range:
        """Return the days whose evenings it waits for."""
        claim, horizon = self.decision.claim, self.horizon
        if not isinstance(claim, Claim):
            return range(horizon.start, max(horizon.stop, horizon.start + 1))
        first = min(horizon.start, claim.days.start)
        return range(first, max(horizon.stop, claim.days.stop, first + 1))


@dataclass(slots=True)
class _Words:
    """What one agent said about one kind of decision, and what came of it."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    stated: list[float] = field(default_factory=list)
    model: list[float] = field(default_factory=list)
    outcome: list[bool] = field(default_factory=list)
    recalibrator: Recalibrator = field(default_factory=Recalibrator)


class Memory:
    """One per run; it sees what a shop can see, and never what another decision would have brought.

    Scores go on the decisions' spans. Nothing here changes what is decided.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._due: defaultdict[int, list[_Remembered]] = defaultdict(list)
        """Day on whose evening they are judged → what is remembered."""
        self._evenings: dict[int, Observation] = {}
        self._words: defaultdict[tuple[str, str], _Words] = defaultdict(_Words)
        self.outcomes: list[Outcome] = []
        """What became of every decision so far, in the order in which it was known."""

    def confidence(self, proposal: Proposal) -> float:
        """Return a proposal's confidence, corrected by what became of the agent's decisions of this kind so far."""
        words = self._words.get((proposal.agent, proposal.type))
        return proposal.confidence if words is None else words.recalibrator.corrected(proposal.confidence)

    def remember(self, decision: Decision, trace_id: str | None = None, span_id: str | None = None) -> None:
        """Keep a decision until its days have passed; `span_id` is where its scores go."""
        remembered = _Remembered(decision, trace_id, span_id)
        self._due[remembered.days[-1]].append(remembered)

    def observe(self, observation: Observation) -> None:
        """Take in an evening, and judge what is due."""
        self._evenings[observation.day] = observation
        due = [day for day in self._due if day <= observation.day]
        for remembered in (each for day in sorted(due) for each in self._due.pop(day)):
            self._settle(remembered)
        for words in self._words.values():
            words.recalibrator.fit()
        first = min((each.days.start for later in self._due.values() for each in later), default=None)
        self._evenings = {
            day: seen for day, seen in self._evenings.items() if first is not None and day >= first
        }

    def close(self) -> tuple[Calibration, ...]:
        """End the run: what is not decided stays open. Return what each agent's words were worth."""
        for day in sorted(self._due):
            for remembered in self._due.pop(day):
                self._settle(remembered)
        return tuple(
            Calibration(
                agent,
                kind,
                dict(words.verdicts),
                Reliability.of(words.stated, words.outcome),
                Reliability.of(words.model, words.outcome),
            )
            for (agent, kind), words in self._words.items()
        )

    def _settle(self, remembered: _Remembered) -> None:
        """Judge one decision and put it on record."""
        decision = remembered.decision
        finding = self._finding(decision)
        found = None if decision.held else realised(decision, self._evenings, remembered.horizon)
        words = self._words[decision.agent, decision.type]
        words.verdicts[finding.verdict] += 1
        if finding.verdict in {Verdict.BORNE_OUT, Verdict.NOT_BORNE_OUT}:
            true = finding.verdict is Verdict.BORNE_OUT
            words.stated.append(decision.confidence)
            words.model.append(decision.model_confidence)
            words.outcome.append(true)
            words.recalibrator.take_in(decision.model_confidence, outcome=true)
        self.outcomes.append(Outcome(decision, finding, None if found is None else found[0]))
        if remembered.span_id is None:
            return
        where = remembered.trace_id, remembered.span_id
        self._score(where, VERDICT, finding.verdict.value, finding.seen)
        if found is not None:
            self._score(where, REALISED, found[0], found[1].value)

    def _finding(self, decision: Decision) -> Finding:
        """Return the verdict on a decision's claim."""
        claim = decision.claim
        if not isinstance(claim, Claim):
            return Finding(Verdict.NOT_OBSERVABLE, "the claim is a plain sentence")
        if decision.is_withheld or not {line.product for line in decision.lines} <= set(claim.products):
            return Finding(Verdict.NOT_OBSERVABLE, "the orchestrator did not commit what was claimed about")
        return judge(claim, self._evenings)

    def _score(self, where: tuple[str | None, str], name: str, value: float | str, comment: str) -> None:
        """Put a score on a decision's span."""
        trace_id, span_id = where
        self._tracing.score(trace_id, name, value, span_id=span_id, comment=comment)
