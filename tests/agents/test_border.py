"""What no shop could do is refused at the border, on record, and the run goes on; `before` is the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from shops import BREAD, CHIPS, COLA, made_shop, made_situation, proposal
from worlds import small_world

from autoops.agents.book import Book
from autoops.agents.border import LEAST_LIMIT, MOST_DAYS, admitted
from autoops.agents.claims import Claim, ClaimKind
from autoops.agents.effects import Gauge, Measured
from autoops.agents.messages import Action, ConflictKind, Effect, Event, EventType, Line, Proposal
from autoops.agents.tracing import NoTracing
from autoops.simulation.days import run_days
from autoops.simulation.policies.agents import AgentsPolicy
from autoops.tracing import LangfuseConfig, LangfuseIntegrationService
from autoops.tracing.journal import reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoops.agents.agent import Situation
    from autoops.agents.shop import Observation

NAN, INF = float("nan"), float("inf")
ORDER = Line(COLA, 0, 0.0, 5.0, {})
PRICE = Line(COLA, None, 2.0, 1.9, {})
STICKER = Line(BREAD, 0, 0.0, 0.4, {})
DISPLAY = Line(CHIPS, 0, 0.0, 1.0, {}, counterpart=COLA)
NOTHING = Effect(0.0, 0.0, 0.0, "dollars", 1)
CLAIM = Claim("cola lasts", ClaimKind.NOT_SOLD_OUT, (COLA,), 0, 0, 3, 1)


def _but(one: Any, **changes: Any) -> Any:
    """Return a line, claim or effect with fields that no type checker would let pass."""
    return replace(one, **changes)


def _why(action: Action, line: Any, /, **changes: Any) -> str:
    """Return why a proposal is refused, nothing if it is admitted."""
    taken = admitted(replace(proposal(action, line), **changes), "test_agent", made_situation())
    return taken if isinstance(taken, str) else ""


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Action.ORDER, _but(ORDER, product=0)),
        (Action.ORDER, _but(ORDER, product=np.int64(1), after=np.float64(3.0))),
        (Action.PRICE, PRICE),
        (Action.MARKDOWN, STICKER),
        (Action.DISPLAY, DISPLAY),
    ],
)
def test_what_a_shop_can_do_is_admitted(action: Action, line: Line) -> None:
    """Of each kind one, also with numpy's numbers; it comes through as it is."""
    asked = proposal(action, line, claim=CLAIM, gauge=Gauge(Measured.SOLD, 1.0, products=(COLA,)))

    assert admitted(asked, "test_agent", made_situation()) is asked


@pytest.mark.parametrize(
    ("action", "line", "named"),
    [
        *((Action.ORDER, _but(ORDER, product=bad), "product") for bad in (-1, 4, "0", 1.0, True, None)),
        *((Action.ORDER, _but(ORDER, cluster=bad), "cluster") for bad in (None, -1, 2, "0")),
        *((Action.ORDER, _but(ORDER, after=bad), "units") for bad in (NAN, INF, -50.0, 2.5, 1e9, "5")),
        *((Action.PRICE, _but(PRICE, after=bad), "dollars") for bad in (NAN, INF, 0.0, -1.0, None)),
        (Action.PRICE, _but(PRICE, cluster=0), "all clusters"),
        *((Action.MARKDOWN, _but(STICKER, after=bad), "share") for bad in (NAN, -0.1, 5.0)),
        (Action.MARKDOWN, _but(STICKER, cluster=None), "cluster"),
        *((Action.DISPLAY, _but(DISPLAY, after=bad), "share") for bad in (NAN, -0.5, 1.5)),
        *((Action.DISPLAY, _but(DISPLAY, counterpart=bad), "display from") for bad in (CHIPS, 9)),
        (Action.DISPLAY, _but(DISPLAY, after=0.5), "exchange"),
        (Action.DISPLAY, Line(COLA, 0, 1.0, 0.0, {}), "given up"),
        (Action.ORDER, _but(ORDER, figures={"position": NAN}), "figures"),
        (Action.ORDER, _but(ORDER, gauge=Gauge(Measured.SERVED, NAN)), "gauge"),
    ],
)
def test_a_line_that_makes_no_sense_refuses_the_proposal(action: Action, line: Line, named: str) -> None:
    """Products and clusters that there are not, units, prices and shares that cannot be: refused, and told why."""
    assert named in _why(action, line)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        *(({"confidence": bad}, "confidence") for bad in (NAN, 7.0, -0.1, "high")),
        *(({"effect": _but(NOTHING, mean=bad)}, "effect") for bad in (NAN, INF)),
        *(({"effect": _but(NOTHING, horizon_days=bad)}, "days") for bad in (0, -1, 1.5, 10**9)),
        ({"effect": None}, "effect"),
        *(({"first_day": bad}, "day") for bad in (-3, 5, 0.5)),
        *(({"days": bad}, "days") for bad in (-1, 0.5, 10**6)),
        ({"lines": ()}, "no lines"),
        ({"lines": [ORDER]}, "no lines"),
        ({"lines": (ORDER, "another")}, "another"),
        ({"lines": (ORDER, ORDER)}, "two of its lines"),
        ({"action": "order"}, "action"),
        ({"inputs": None}, "inputs"),
        ({"reasoning": None}, "text"),
        ({"claim": None}, "claim"),
        ({"claim": _but(CLAIM, products=(9,))}, "claim"),
        ({"claim": _but(CLAIM, products=5)}, "cannot be read"),
        ({"claim": _but(CLAIM, cluster=7)}, "claim"),
        ({"claim": _but(CLAIM, last_day=-1)}, "claim"),
        ({"claim": _but(CLAIM, amount=NAN)}, "claim"),
        ({"gauge": Gauge(Measured.SOLD, 1.0, products=(9,))}, "gauge"),
    ],
)
def test_a_proposal_that_makes_no_sense_is_refused(changes: dict[str, Any], named: str) -> None:
    """What is said about the whole has to be readable too."""
    assert named in _why(Action.ORDER, ORDER, **changes)


@pytest.mark.parametrize(("first", "days"), [(-3, 5), (30, 5), (0, 0), (10, 5), (0, 15)])
def test_a_display_beyond_the_calendar_is_refused(first: int, days: int) -> None:
    """The plan is known for fourteen days from a Monday."""
    assert "the plan is known" in _why(Action.DISPLAY, DISPLAY, first_day=first, days=days)


def test_what_is_no_proposal_is_refused() -> None:
    """An agent may return anything."""
    assert admitted("order more", "test_agent", made_situation()) == "str is no proposal"


def test_an_order_is_no_larger_than_a_years_demand() -> None:
    """Ten a day are 3,650 a year; of what hardly sells a thousand may be ordered."""
    most = MOST_DAYS * 10.0
    rare = made_situation(daily=0.1)

    assert _why(Action.ORDER, replace(ORDER, after=most)) == ""
    assert _why(Action.ORDER, replace(ORDER, after=most + 1.0)) != ""
    assert isinstance(
        admitted(proposal(Action.ORDER, replace(ORDER, after=LEAST_LIMIT)), "test_agent", rare), Proposal
    )


@pytest.mark.parametrize(
    ("action", "line", "before"),
    [
        (Action.ORDER, replace(ORDER, before=-100.0), 3),
        (Action.PRICE, replace(PRICE, before=9e9), 1.96),
        (Action.MARKDOWN, replace(STICKER, before=NAN), 0.25),
        (Action.DISPLAY, replace(DISPLAY, before=0.7), 0),
    ],
)
def test_before_is_what_is_committed(action: Action, line: Line, before: float) -> None:
    """Whatever an agent says stood before, the truth goes on record and into the rules."""
    book = Book(made_shop())
    book.order(COLA, 0, 3.0)
    book.set_price(COLA, 0.98, 0)
    book.mark_down(BREAD, 0, 0.25)

    taken = admitted(proposal(action, line), "test_agent", made_situation(book=book))

    assert isinstance(taken, Proposal)
    assert taken.lines[0].before == before
    assert taken.lines[0].after == line.after


def test_a_proposal_is_its_agents_own() -> None:
    """Whoever's name it bears, it is on record under the name of who made it."""
    taken = admitted(proposal(Action.ORDER, ORDER, agent="inventory_agent"), "newcomer", made_situation())

    assert isinstance(taken, Proposal)
    assert taken.agent == "newcomer"


class Newcomer:
    """An agent of a user that proposes what it was made with, every morning."""

    name = "newcomer"
    operations = {EventType.DAY_STARTED: "try"}  # noqa: RUF012 - read, never written

    def __init__(self, made: Callable[[Event, Situation], Any]) -> None:
        self._made = made

    def propose(self, event: Event, situation: Situation) -> Any:
        """Return whatever."""
        return self._made(event, situation)

    def learn(self, observation: Observation) -> None:
        """Learn nothing."""


class Forgetful(Newcomer):
    """One that cannot learn."""

    def learn(self, observation: Observation) -> None:
        """Fail."""
        raise ValueError(observation.day)


def _proposed(
    action: Action, *lines: Line, **changes: object
) -> Callable[[Event, Situation], list[Proposal]]:
    """Return what makes a proposal of these lines on every day."""

    def made(event: Event, _: Situation) -> list[Proposal]:
        asked = proposal(action, lines[0], id=f"{event.id}/new", agent="newcomer", first_day=event.day)
        return [replace(asked, lines=lines, **changes)]  # type: ignore[arg-type] # as the test says

    return made


def _raising(event: Event, _: Situation) -> list[Proposal]:
    """Fail."""
    raise ValueError(event.id)


def _played(agent: Newcomer, days: int = 3) -> tuple[AgentsPolicy, float]:
    """Return the policy after some days with a newcomer, and the objective."""
    world = small_world()
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=[agent])
    objective = run_days(world, policy, 1, days).figures.objective
    policy.close()
    return policy, objective


@pytest.mark.parametrize(
    "made",
    [
        _raising,
        lambda *_: None,
        _proposed(Action.PRICE, replace(PRICE, after=NAN), effect=Effect(1e9, 0.0, 1e9, "dollars", 1)),
        _proposed(Action.ORDER, replace(ORDER, product=999)),
        _proposed(Action.ORDER, replace(ORDER, after=NAN)),
    ],
    ids=["raises", "None", "price", "product", "units"],
)
def test_nonsense_changes_nothing_that_others_decide(made: Callable[..., Any]) -> None:
    """An agent that raises or returns nonsense leaves every dollar as it is without it."""
    policy, objective = _played(Newcomer(made))

    assert objective == _played(Newcomer(lambda *_: []))[1]
    failed = policy.orchestrator.failures["newcomer"]
    refused = [c for c in policy.orchestrator.conflicts if c.kind is ConflictKind.REFUSED]
    assert failed + len(refused) == 3
    assert not [d for d in policy.orchestrator.decisions if d.agent == "newcomer"]


def test_who_cannot_learn_is_counted_and_the_run_goes_on() -> None:
    """Every evening of three, once."""
    assert _played(Forgetful(lambda *_: []))[0].orchestrator.failures == {"newcomer": 3}


def test_our_own_agents_are_never_refused_and_never_fail() -> None:
    """Two weeks: the border is for others."""
    policy, _ = _played(Newcomer(lambda *_: []), days=14)

    assert policy.orchestrator.failures == {}
    assert ConflictKind.REFUSED not in {conflict.kind for conflict in policy.orchestrator.conflicts}


def test_an_agent_cannot_write_into_what_it_is_shown() -> None:
    """Shop, past, forecast and evening are read-only; trying is the agent's own failure."""
    world = small_world()
    cost = world.shop.cost.copy()

    def writing(_: Event, situation: Situation) -> list[Proposal]:
        situation.shop.cost[:] *= 0.5
        return []

    policy, objective = _played(Newcomer(writing))

    assert (world.shop.cost == cost).all()
    assert policy.orchestrator.failures == {"newcomer": 3}
    assert objective == _played(Newcomer(lambda *_: []))[1]
    shown = made_situation()
    for array in (
        world.history.units,
        world.shop.shelf_life,
        world.shop.perishable,
        world.shop.category,
        shown.shop.index_weight,
        shown.forecast.lift,
        shown.forecast.daily,
        shown.forecast.level_variance,
        shown.view.price,
        shown.committed.display,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_what_an_agent_does_to_an_event_is_its_own_affair() -> None:
    """It strikes out what expires; whoever is asked after it still hears of it."""
    heard = []

    class Eraser(Newcomer):
        operations = {EventType.EXPIRY_NEAR: "erase"}  # noqa: RUF012 - read, never written

    def erase(event: Event, _: Situation) -> list[Proposal]:
        heard.append(len(event.lines))
        event.lines.clear()  # type: ignore[attr-defined] # a mapping is not to be changed
        return []

    world = small_world()
    agents = [Eraser(erase), Eraser(erase)]
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=agents)
    run_days(world, policy, 1, 7)

    assert heard
    assert all(heard)


def test_a_lie_about_the_price_before_leaves_the_index_at_plan() -> None:
    """All prices raised by a tenth, said to be cuts: no raise stands beyond what cuts make room for."""

    def raised(event: Event, situation: Situation) -> list[Proposal]:
        prices = enumerate(situation.view.price[0].tolist())
        lines = [Line(product, None, 9e9, round(1.1 * price, 2), {}) for product, price in prices]
        gain = Effect(1e9, 1e9, 1e9, "dollars", 1)
        return _proposed(Action.PRICE, *lines, effect=gain, days=0)(event, situation)

    world = small_world()
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=[Newcomer(raised)])
    figures = run_days(world, policy, 1, 3).figures

    assert figures.guardrail_breaches == 0
    assert ConflictKind.PRICE_INDEX in {conflict.kind for conflict in policy.orchestrator.conflicts}


def test_stickers_of_others_leave_no_rail() -> None:
    """Nine tenths off everything, every day: the world counts no breach."""

    def stickered(event: Event, situation: Situation) -> list[Proposal]:
        lines = [Line(product, 0, 0.0, 0.9, {}) for product in range(len(situation.shop.products))]
        return _proposed(Action.MARKDOWN, *lines)(event, situation)

    world = small_world()
    policy = AgentsPolicy(world.shop, world.history, NoTracing(), also=[Newcomer(stickered)])
    figures = run_days(world, policy, 1, 7).figures
    stuck = [line for d in policy.orchestrator.decisions if d.agent == "newcomer" for line in d.lines]

    assert figures.guardrail_breaches == 0
    assert any(line.after > 0.0 for line in stuck)
    assert any(line.after == 0.0 for line in stuck)


def test_refusals_and_failures_stand_in_the_trace(tmp_path: Path) -> None:
    """A refused proposal is a warning and a conflict with its reason; who raised or could not learn has an error."""
    path = tmp_path / "journal.db"
    service = LangfuseIntegrationService(LangfuseConfig(journal=str(path)))
    bad = Newcomer(_proposed(Action.ORDER, replace(ORDER, after=-50.0)))
    broken = Forgetful(_raising)
    broken.name = "broken"
    world = small_world()
    try:
        policy = AgentsPolicy(world.shop, world.history, service, also=[bad, broken])
        run_days(world, policy, 1, 1)
        assert service.flush(30)
        store = reader.open_journal(str(path))
        pages = [reader.get_trace(store, each.trace_id) for each in reader.list_traces(store).traces]
        spans = [span for trace in pages if trace is not None for span in trace.spans]
    finally:
        service.shutdown()
    steps = {span.name: span for span in spans if span.agent in {"newcomer", "broken"}}

    assert steps["newcomer.try"].level == "WARNING"
    assert "-50" in str(steps["newcomer.try"].output)
    assert [steps[name].level for name in ("broken.try", "broken.learn")] == ["ERROR", "ERROR"]
    assert "ValueError" in str(steps["broken.try"].status_message)
    (conflict,) = (
        span for span in spans if span.name.endswith("resolve_conflict") and "refused" in str(span.input)
    )
    assert "whole units" in str(conflict.input)
    assert policy.orchestrator.failures == {"broken": 2}
