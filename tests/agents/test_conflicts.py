"""Each kind of conflict is found, and settled by its rule."""

from __future__ import annotations

from dataclasses import replace

from shops import BREAD, CHIPS, COLA, MILK, expiring, made_shop, made_situation, made_view, proposal

from autoops.agents.book import Book
from autoops.agents.conflicts import (
    one_hand,
    one_move,
    reorders_against_markdowns,
    uncovered_promotions,
)
from autoops.agents.messages import Action, ConflictKind, Effect, Line
from autoops.agents.rails import guard_rails


def _display(product: int, giver: int | None) -> Line:
    """Return a line that gives a product a whole display in cluster 1."""
    return Line(product, 0, 0.0, 1.0, {"gain": 5.0}, counterpart=giver)


def test_an_uncovered_display_stays_where_it_is() -> None:
    """Five chips against ten a day and more with a display: cola keeps its slot."""
    show = proposal(Action.DISPLAY, _display(CHIPS, COLA))

    (settled,), (conflict,) = uncovered_promotions([show], made_situation(made_view(stock=5.0)))

    assert (settled.lines[0].product, settled.lines[0].after) == (CHIPS, 0.0)
    assert settled.lines[0].conflict_id == conflict.id
    assert conflict.kind is ConflictKind.UNCOVERED_PROMOTION
    assert conflict.resolution == "the display stays as it is"


def test_the_plans_own_display_is_nobodys_to_cancel() -> None:
    """The retailer's plan stands, however little there is of it."""
    start = proposal(Action.DISPLAY, _display(CHIPS, None))

    assert uncovered_promotions([start], made_situation(made_view(stock=5.0)))[1] == []


def test_an_order_proposed_in_time_covers_a_later_display() -> None:
    """A display three days ahead counts what inventory orders today; the same without the order is uncovered."""
    show = proposal(Action.DISPLAY, _display(CHIPS, COLA), first_day=3, days=2)
    order = proposal(Action.ORDER, Line(CHIPS, 0, 0.0, 100.0, {}))
    situation = made_situation(made_view(stock=20.0))

    assert uncovered_promotions([order, show], situation)[1] == []
    assert len(uncovered_promotions([show], situation)[1]) == 1


def test_a_display_beyond_the_lead_time_is_left_to_inventory() -> None:
    """Next week's display is no conflict today, however little there is."""
    show = proposal(Action.DISPLAY, _display(CHIPS, COLA), first_day=7)

    assert uncovered_promotions([show], made_situation(made_view(stock=0.0)))[1] == []


def test_a_price_cut_that_stock_cannot_cover_is_withheld() -> None:
    """A cut makes demand too: with stock for a day in all clusters it waits."""
    cut = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.8, {}))

    (settled,), (conflict,) = uncovered_promotions([cut], made_situation(made_view(stock=10.0)))

    assert settled.lines[0].after == 2.0
    assert conflict.kind is ConflictKind.UNCOVERED_PROMOTION


def test_a_reorder_against_a_markdown_is_trimmed_to_the_reorder_point() -> None:
    """While bread is sold off, only what the reorder point asks for is ordered, and less is promised."""
    figures = {
        "position": 20.0,
        "reorder_point": 45.0,
        "order_up_to": 70.0,
        "expected_demand": 40.0,
        "deviation": 9.0,
    }
    order = proposal(Action.ORDER, Line(BREAD, 0, 0.0, 50.0, figures), confidence=0.99)
    sticker = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.4, {}))
    situation = made_situation(expiring(made_view(), BREAD, 0, 30.0))

    (trimmed, same), (conflict,) = reorders_against_markdowns([order, sticker], situation)

    assert trimmed.lines[0].after == 25.0
    assert trimmed.confidence < 0.99
    assert same == sticker
    assert conflict.kind is ConflictKind.REORDER_AGAINST_MARKDOWN
    assert conflict.proposals == (order.id, sticker.id)


def test_a_markdown_committed_earlier_counts_too() -> None:
    """The day's routine order meets the sticker of an event handled before it."""
    book = Book(made_shop())
    book.mark_down(BREAD, 0, 0.4)
    figures = {"position": 20.0, "reorder_point": 45.0, "expected_demand": 40.0, "deviation": 9.0}
    order = proposal(Action.ORDER, Line(BREAD, 0, 0.0, 50.0, figures))

    _, conflicts = reorders_against_markdowns([order], made_situation(book=book))

    assert len(conflicts) == 1


def test_a_reorder_without_economy_is_no_conflict() -> None:
    """An order that only reaches the reorder point stands beside a markdown."""
    figures = {"position": 20.0, "reorder_point": 45.0, "expected_demand": 40.0, "deviation": 9.0}
    order = proposal(Action.ORDER, Line(BREAD, 0, 0.0, 25.0, figures))
    sticker = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.4, {}))

    assert reorders_against_markdowns([order, sticker], made_situation())[1] == []


def test_a_slot_is_moved_once_a_morning() -> None:
    """Of two moves of one slot the first stands; a move for other days is none of its business."""
    first = proposal(Action.DISPLAY, _display(CHIPS, COLA))
    second = proposal(Action.DISPLAY, _display(MILK, COLA))
    next_week = replace(second, first_day=7)

    settled, (conflict,) = one_move([first, second], made_situation())
    _, later = one_move([first, next_week], made_situation())

    assert settled[0].lines[0].after == 1.0
    assert settled[1].lines[0].after == 0.0
    assert conflict.kind is ConflictKind.SAME_THING
    assert later == []


def test_one_hand_turns_a_dial() -> None:
    """Of two prices for cola the one expected to bring more stands; prices of other products are left alone."""
    small = proposal(Action.PRICE, Line(COLA, None, 2.0, 1.9, {}), id="small")
    large = proposal(
        Action.PRICE, Line(COLA, None, 2.0, 1.8, {}), id="large", effect=Effect(9.0, 8.0, 10.0, "dollars", 7)
    )
    other = proposal(Action.PRICE, Line(CHIPS, None, 2.0, 1.9, {}), id="other")

    settled, (conflict,) = one_hand([small, large, other], made_situation())

    assert [p.lines[0].after for p in settled] == [2.0, 1.8, 1.9]
    assert conflict.kind is ConflictKind.SAME_THING
    assert conflict.proposals == ("small", "large")


def test_a_withheld_sticker_is_in_nobodys_way() -> None:
    """What guard rails have left nothing of trims no order and beats no rival."""
    gain = Effect(99.0, 99.0, 99.0, "dollars", 1)
    situation = made_situation()
    sticker = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.4, {}), effect=gain)
    order = proposal(Action.ORDER, Line(BREAD, 0, 0.0, 50.0, {"position": 20.0, "reorder_point": 45.0}))

    settled, _ = guard_rails([sticker, order], situation)
    rival = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.25, {}), id="rival")

    assert reorders_against_markdowns(settled, situation) == (settled, [])
    assert one_hand([settled[0], rival], situation) == ([settled[0], rival], [])


def test_an_order_that_says_nothing_of_its_reorder_point_is_trimmed_to_what_sells_until_the_next() -> None:
    """Sixty on hand against four days of twenty: at most twenty more while bread is sold off."""
    situation = made_situation(expiring(made_view(stock=30.0), BREAD, 0, 30.0), daily=20.0)
    order = proposal(Action.ORDER, Line(BREAD, 0, 0.0, 50.0, {}))
    sticker = proposal(Action.MARKDOWN, Line(BREAD, 0, 0.0, 0.4, {}))

    (trimmed, _), (conflict,) = reorders_against_markdowns([order, sticker], situation)

    assert trimmed.lines[0].after == 20.0
    assert conflict.figures["reorder_point"] == 80.0


def test_a_display_that_names_no_gain_can_be_withheld() -> None:
    """Of two moves of one slot the second is withheld whatever figures it has."""
    first = proposal(Action.DISPLAY, _display(CHIPS, COLA))
    second = proposal(Action.DISPLAY, replace(_display(MILK, COLA), figures={}))

    settled, (conflict,) = one_move([first, second], made_situation())

    assert settled[1].lines[0].after == 0.0
    assert conflict.figures == {}
