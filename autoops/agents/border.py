"""What comes in from an agent: a proposal that no shop could carry out, or that cannot be weighed, is refused.

Agents of users run here too. Rules, book and memory rely on what is checked here, and on `before` and `agent` being the truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING

from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Gauge, Measured
from autoops.agents.figures import plain, text
from autoops.agents.messages import Action, Conflict, ConflictKind, Effect, Line, Proposal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.agents.agent import Situation
    from autoops.agents.messages import Event

MOST_DAYS = 365
"""Days; nobody orders for longer at once, or says what comes later."""

LEAST_LIMIT = 1000.0
"""Units; an order of so many is never refused, however little is expected to sell."""

EXCHANGE = 0.006
"""Displayed share; what an exchange of slots may differ from its rounded record."""


def admitted(proposal: object, agent: str, situation: Situation) -> Proposal | str:
    """Return a proposal with the truth in `before` and `agent`, or in words why it is refused.

    One line that makes no sense refuses all of it: claim and effect are about the whole.

    Args:
        proposal: What an agent has returned, whatever it is.
        agent: Who has returned it.
        situation: What it was asked about.
    """
    if not isinstance(proposal, Proposal):
        return f"{type(proposal).__name__} is no proposal"
    try:
        why = next(_wrong(proposal, situation), "")
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        why = f"it cannot be read: {error}"
    if why:
        return why
    lines = tuple(_truthful(proposal, line, situation) for line in proposal.lines)
    for line in lines:
        why = _half_exchanged(proposal, line, situation)
        if why:
            return why
    same = all(now is said for now, said in zip(lines, proposal.lines, strict=True))
    return proposal if same and proposal.agent == agent else replace(proposal, agent=agent, lines=lines)


def refused(proposal: object, agent: str, event: Event, number: int, why: str) -> Conflict:
    """Return the conflict that says that an agent's proposal, its `number` for an event, is refused and why."""
    name = str(getattr(proposal, "id", "")) or f"{event.id}/{agent}"
    return Conflict(
        id=f"{event.id}/{agent}/refused-{number}",
        kind=ConflictKind.REFUSED,
        product=None,
        cluster=None,
        agents=(agent, "orchestrator"),
        proposals=(name,),
        found=why,
        rule="a proposal is something that a shop can do, in finite numbers; any other is refused as a whole",
        resolution="nothing of it is done",
        figures={},
    )


def _wrong(proposal: Proposal, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense; what comes later may rely on what came before."""
    if not isinstance(proposal.action, Action):
        yield f"action {proposal.action!r} is none"
    if not all(
        isinstance(words, str) for words in (proposal.id, proposal.type, proposal.unit, proposal.reasoning)
    ):
        yield "id, type, unit and reasoning are not all text"
    if not isinstance(proposal.inputs, Mapping):
        yield "inputs are no mapping of names"
    if not _within(proposal.confidence, 0.0, 1.0):
        yield f"confidence {proposal.confidence!r} is no probability"
    yield from _wrong_effect(proposal.effect)
    yield from _wrong_days(proposal, situation)
    yield from _wrong_claim(proposal.claim, situation)
    yield from _wrong_gauge(proposal.gauge, situation)
    if not isinstance(proposal.lines, tuple) or not proposal.lines:
        yield "it has no lines: lines are a tuple of one or more"
    for line in proposal.lines:
        yield from _wrong_line(proposal, line, situation)
    if len({(line.product, line.cluster) for line in proposal.lines}) < len(proposal.lines):
        yield "two of its lines are about one product in one cluster"


def _wrong_effect(effect: object) -> Iterator[str]:
    """Yield what makes no sense of an expected effect."""
    if not isinstance(effect, Effect):
        yield f"effect {effect!r} is none"
    elif not all(_finite(end) for end in (effect.mean, effect.low, effect.high)):
        yield f"effect {effect.mean!r}, {effect.low!r} to {effect.high!r}, is not finite"
    elif not _days(effect.horizon_days, 1):
        yield f"effect within {effect.horizon_days!r} days: whole days, 1 to {MOST_DAYS}"


def _wrong_days(proposal: Proposal, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense of the days on which a proposal holds."""
    today, seen = situation.view.day, len(situation.view.price)
    first, days = proposal.first_day, proposal.days
    if not (isinstance(first, Integral) and _days(days, 0)):
        yield f"{days!r} days from day {first!r}: whole days, 0 to {MOST_DAYS}"
    elif proposal.action is not Action.DISPLAY and first != today:
        yield f"it begins on day {first}: all but displays begin today, on day {today}"
    elif proposal.action is Action.DISPLAY and not (
        days >= 1 and today <= first <= first + days <= today + seen
    ):
        yield f"a display for {days} days from day {first}: the plan is known for {seen} days from day {today}"


def _wrong_claim(claim: object, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense of a claim."""
    if isinstance(claim, str):
        return
    if not isinstance(claim, Claim) or not isinstance(claim.kind, ClaimKind):
        yield f"claim {claim!r} is neither a claim nor a sentence"
    elif not claim.products or not all(
        _index(product, situation.shop.shape[0]) for product in claim.products
    ):
        yield f"claim about products {claim.products!r}: the shop has 0 to {situation.shop.shape[0] - 1}"
    elif claim.cluster is not None and not _index(claim.cluster, situation.shop.shape[1]):
        yield f"claim about cluster {claim.cluster!r}: the shop has 0 to {situation.shop.shape[1] - 1}"
    elif not (_days(claim.first_day - situation.view.day, 0) and _days(claim.last_day - claim.first_day, 0)):
        yield f"claim about days {claim.first_day!r} to {claim.last_day!r}: whole days from day {situation.view.day} on"
    elif not _finite(claim.amount):
        yield f"claim of {claim.amount!r}, which is not finite"


def _wrong_gauge(gauge: object, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense of how an effect is to be read off."""
    if gauge is None:
        return
    if not isinstance(gauge, Gauge) or not isinstance(gauge.what, Measured):
        yield f"gauge {gauge!r} is none"
    elif not all(_finite(number) for number in (gauge.baseline, gauge.worth, gauge.foregone)):
        yield "its gauge is not finite"
    elif not all(_index(product, situation.shop.shape[0]) for product in gauge.products):
        yield f"gauge of products {gauge.products!r}: the shop has 0 to {situation.shop.shape[0] - 1}"


def _wrong_line(proposal: Proposal, line: object, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense of a line."""
    products, clusters = situation.shop.shape
    if not isinstance(line, Line):
        yield f"line {line!r} is none"
        return
    if not _index(line.product, products):
        yield f"product {line.product!r}: the shop has 0 to {products - 1}"
    if proposal.action is Action.PRICE:
        if line.cluster is not None:
            yield f"a price in cluster {line.cluster!r}: prices hold in all clusters, the cluster is None"
    elif not _index(line.cluster, clusters):
        yield f"cluster {line.cluster!r}: the shop has 0 to {clusters - 1}"
    if not isinstance(line.figures, Mapping) or not all(map(_finite, line.figures.values())):
        yield "its figures are not finite numbers by name"
    yield from _wrong_gauge(line.gauge, situation)
    yield from _wrong_change(proposal, line, situation)
    if line.counterpart is not None and (
        not _index(line.counterpart, products) or line.counterpart == line.product
    ):
        yield f"display from product {line.counterpart!r}: another one of 0 to {products - 1}"


def _wrong_change(proposal: Proposal, line: Line, situation: Situation) -> Iterator[str]:
    """Yield what makes no sense of what a line sets its dial to."""
    after = line.after
    if proposal.action is Action.ORDER:
        most = max(MOST_DAYS * float(situation.forecast.usual[line.product, line.cluster]), LEAST_LIMIT)
        if not _whole(after, 0, most):
            yield f"order {after!r}: whole units, 0 to {text(plain(most, 0))}"
    elif proposal.action is Action.PRICE:
        if not _finite(after) or after <= 0.0:
            yield f"price {after!r}: dollars, more than 0"
    elif not _within(after, 0.0, 1.0):
        yield f"{proposal.action.value} {after!r}: a share, 0 to 1"


def _truthful(proposal: Proposal, line: Line, situation: Situation) -> Line:
    """Return a line whose `before` is what is committed, rounded for the record."""
    committed, product, cluster = situation.committed, line.product, line.cluster
    if proposal.action is Action.PRICE:
        before = plain(float(committed.price[0, product]))
    elif proposal.action is Action.ORDER:
        before = plain(float(committed.orders[product, cluster]))
    elif proposal.action is Action.MARKDOWN:
        before = plain(float(committed.markdown[product, cluster]))
    else:
        ahead = proposal.first_day - situation.view.day
        before = plain(float(committed.display[ahead, product, cluster]))
    return line if line.before == before else replace(line, before=before)


def _half_exchanged(proposal: Proposal, line: Line, situation: Situation) -> str:
    """Return why a display cannot be had, nothing if it can: two products exchange whole slots, and nothing else happens."""
    if proposal.action is not Action.DISPLAY:
        return ""
    if line.counterpart is None:
        return "a display is given up, and no product named that gets it" if line.after < line.before else ""
    ahead = proposal.first_day - situation.view.day
    given = float(situation.committed.display[ahead, line.counterpart, line.cluster])
    if line.after < given - EXCHANGE:
        return f"display {text(line.after)} of {text(given)}: two products exchange their slots whole"
    return ""


def _index(value: object, count: int) -> bool:
    """Return whether a value is one of so many indices: an integer."""
    if type(value) is int:
        return 0 <= value < count
    return isinstance(value, Integral) and _whole(value, 0, count - 1)


def _days(value: object, least: int) -> bool:
    """Return whether a value is so many whole days, `least` or more."""
    return isinstance(value, Integral) and _within(value, least, MOST_DAYS)


def _whole(value: object, least: float, most: float) -> bool:
    """Return whether a value is a whole number in a range; a float without a fraction is one."""
    return _within(value, least, most) and value == math.floor(value)  # type: ignore[call-overload] # a real number


def _within(value: object, least: float, most: float) -> bool:
    """Return whether a value is a finite number in a range."""
    return _finite(value) and least <= value <= most  # type: ignore[operator] # a real number


def _finite(value: object) -> bool:
    """Return whether a value is a finite real number."""
    # Nearly all are Python's own: asking for their type first halves the border's time.
    if type(value) is float or type(value) is int:
        return math.isfinite(value)
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
