"""The plan tells this week and the next, on the dates of 2017."""

from __future__ import annotations

from worlds import small_panel

from autoops.simulation.calendar import planned_calendar


def test_the_calendar_tells_this_week_and_the_next() -> None:
    """Fourteen days on a Monday, eight on a Sunday; dates are those of 2017."""
    calendar = planned_calendar(small_panel(), 0.6)

    assert len(calendar.weeks_ahead(0)) == 14
    assert len(calendar.weeks_ahead(6)) == 8
    assert calendar.date(0).isoformat() == "2017-06-26"
    assert calendar.date(0).weekday() == 0
    assert (calendar.funding >= 0.0).all()
