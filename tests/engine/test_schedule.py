"""JoinQuant's times and days. Expected days come from counting the sessions of 2025, not from the engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import StrategyError
from bullet_trade.engine.schedule import MINUTES, Anchor, due_in_period, moment, parse_time

DAY = date(2025, 6, 3)

# Days of 2025 on which both exchanges were closed besides weekends (SSE notice on the holidays of 2025).
CLOSED = {
    date(2025, 1, 1),
    *(date(2025, 1, 28) + timedelta(days=n) for n in range(8)),
    date(2025, 4, 4),
    *(date(2025, 5, 1) + timedelta(days=n) for n in range(5)),
    date(2025, 6, 2),
    *(date(2025, 10, 1) + timedelta(days=n) for n in range(8)),
}
SESSIONS = [
    day for day in (date(2025, 1, 1) + timedelta(days=n) for n in range(365)) if day.weekday() < 5 and day not in CLOSED
]


def week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def month(day: date) -> tuple[int, int]:
    return day.year, day.month


class TestTimeExpressions:
    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("9:30", "09:30:00"),
            ("09:30", "09:30:00"),
            ("9：30", "09:30:00"),
            (" 14:55 ", "14:55:00"),
            ("14:50:30", "14:50:30"),
            ("7:00", "07:00:00"),
            ("21:00", "21:00:00"),
            ("0:00", "00:00:00"),
            ("23:59:59", "23:59:59"),
            ("open", "09:30:00"),
            ("OPEN", "09:30:00"),
            ("close", "15:00:00"),
            ("open+5m", "09:35:00"),
            ("open-10m", "09:20:00"),
            ("open-30m", "09:00:00"),
            ("open+90s", "09:31:30"),
            ("close-5m", "14:55:00"),
            ("close+1h30m", "16:30:00"),
            ("close - 1h", "14:00:00"),
            ("before_open", "09:00:00"),
            ("after_close", "15:30:00"),
            ("morning", "08:00:00"),
            ("night", "20:00:00"),
            (time(10, 15), "10:15:00"),
            (time(10, 15, 20), "10:15:20"),
        ],
    )
    def test_a_moment_of_the_day(self, written: object, expected: str) -> None:
        assert moment(parse_time(written), DAY) == datetime.combine(DAY, time.fromisoformat(expected))

    @pytest.mark.parametrize("written", ["every_bar", "every_minute", "Every_Bar"])
    def test_every_minute(self, written: str) -> None:
        assert parse_time(written).anchor is Anchor.EVERY_MINUTE

    @pytest.mark.parametrize(
        "written",
        [
            "",
            "24:00",
            "9:60",
            "9:5",
            "9",
            "930",
            "noon",
            "open+",
            "open+5",
            "open+5d",
            "close5m",
            "9:30:60",
            "a:bc",
            "-9:30",
            None,
            930,
            9.5,
        ],
    )
    def test_anything_else_is_refused_with_the_value_and_the_forms_that_work(self, written: object) -> None:
        with pytest.raises(StrategyError) as caught:
            parse_time(written)
        assert repr(written) in caught.value.text
        assert "every_bar" in caught.value.remedy

    @given(st.times())
    def test_any_clock_time_reads_back(self, at: time) -> None:
        at = at.replace(microsecond=0)
        assert moment(parse_time(f"{at.hour}:{at.minute:02d}:{at.second:02d}"), DAY).time() == at

    def test_a_day_has_240_minutes_from_half_past_nine_without_the_lunch_break(self) -> None:
        starts = [(datetime.combine(DAY, time()) + minute).time() for minute in MINUTES]
        assert len(starts) == 240
        assert (starts[0], starts[119], starts[120], starts[-1]) == (time(9, 30), time(11, 29), time(13), time(14, 59))


def due_days(period: Callable[[date], tuple[int, int]], index: int, start: date, force: bool) -> list[date]:
    """What the engine says for every session of the year from `start` on."""
    groups = {key: list(days) for key, days in groupby(SESSIONS, period)}
    return [day for day in SESSIONS if day >= start and due_in_period(groups[period(day)], day, index, start, force)]


def nth_days(period: Callable[[date], tuple[int, int]], index: int, start: date, force: bool) -> list[date]:
    """The same by hand: pick from each week or month; with force count from the start and fall back to an end."""
    picked = []
    for _, group in groupby(SESSIONS, period):
        days = [day for day in group if day >= start or not force]
        if force and days:
            picked.append(days[min(index, len(days)) - 1] if index > 0 else days[max(index, -len(days))])
        elif abs(index) <= len(days):
            picked.append(days[index - 1 if index > 0 else index])
    return [day for day in picked if day >= start]


STARTS = [SESSIONS[0], date(2025, 1, 24), date(2025, 2, 5), date(2025, 5, 6), date(2025, 6, 5), date(2025, 9, 30)]


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("start", STARTS, ids=str)
class TestDays:
    @pytest.mark.parametrize("index", [1, 2, 3, 4, 5, 6, -1, -2, -3, -5, -9])
    def test_weekly_tasks_over_a_year_with_its_holidays(self, index: int, start: date, force: bool) -> None:
        assert due_days(week, index, start, force) == nth_days(week, index, start, force)

    @pytest.mark.parametrize("index", [1, 2, 10, 15, 18, 23, 31, -1, -2, -15, -31])
    def test_monthly_tasks_over_a_year_with_its_holidays(self, index: int, start: date, force: bool) -> None:
        assert due_days(month, index, start, force) == nth_days(month, index, start, force)


@pytest.mark.parametrize(
    ("first", "index", "force", "due"),
    [
        # The week before the Spring Festival of 2025 has the sessions Mo 27; the week after it We 5 to Fr 7.
        ("2025-01-02", 1, True, "2025-01-27"),
        ("2025-01-02", 1, True, "2025-02-05"),
        ("2025-01-02", 3, True, "2025-02-07"),
        ("2025-01-02", 5, True, "2025-02-07"),
        ("2025-01-02", -1, True, "2025-01-27"),
        # Started on a Wednesday: that day is the first of its week, for force only.
        ("2025-06-11", 1, True, "2025-06-11"),
        ("2025-06-11", 2, True, "2025-06-12"),
        ("2025-06-11", 3, False, "2025-06-11"),
    ],
)
def test_days_that_the_documentation_names(first: str, index: int, force: bool, due: str) -> None:
    assert date.fromisoformat(due) in due_days(week, index, date.fromisoformat(first), force)


def test_without_force_a_short_week_has_no_fifth_day() -> None:
    assert date(2025, 2, 7) not in due_days(week, 5, SESSIONS[0], force=False)
    assert date(2025, 1, 27) not in due_days(week, -2, SESSIONS[0], force=False)


def test_a_weekly_task_runs_once_a_week() -> None:
    days = due_days(week, 3, SESSIONS[0], force=True)
    assert len(days) == len({week(day) for day in days}) == len({week(day) for day in SESSIONS})
