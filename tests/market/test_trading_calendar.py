"""Trading days and the bounds of what is known about them."""

from __future__ import annotations

from datetime import date, timedelta

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.errors import CalendarEndError, DataError, UsageError
from bullet_trade.market.calendar import TradingCalendar, exchange_calendar, extended
from bullet_trade.market.holiday_file import parse_holidays

ALL = exchange_calendar()
END = date(2026, 12, 31)
WEEK = TradingCalendar([date(2024, 1, 2 + number) for number in range(4)], "测试")
DAYS = st.dates(date(1991, 1, 7), date(2026, 12, 30))


def test_sessions_equal_those_of_the_packages_own_calendar_object() -> None:
    theirs = exchange_calendars.get_calendar("XSHG", start="1990-12-19").sessions
    assert list(ALL.sessions(ALL.first, ALL.last)) == [day.date() for day in theirs]


@given(DAYS)
def test_neighbours_of_any_day_agree_with_counting(day: date) -> None:
    after = day + timedelta(days=1)
    while not ALL.is_session(after):
        after += timedelta(days=1)
    before = day - timedelta(days=1)
    while not ALL.is_session(before):
        before -= timedelta(days=1)
    assert (ALL.next_session(day), ALL.previous_session(day)) == (after, before)
    assert ALL.session_on_or_after(day) == (day if ALL.is_session(day) else after)
    assert ALL.session_on_or_before(day) == (day if ALL.is_session(day) else before)


@given(DAYS)
def test_weeks_and_months_hold_the_sessions_around_a_day(day: date) -> None:
    week, month = ALL.sessions_of_week(day), ALL.sessions_of_month(day)
    assert (day in week) == (day in month) == ALL.is_session(day)
    assert all(other.isocalendar()[:2] == day.isocalendar()[:2] for other in week)
    assert all((other.year, other.month) == (day.year, day.month) for other in month)


def test_nothing_is_answered_past_the_end() -> None:
    unknown = date(2027, 1, 4)
    for ask in (
        ALL.is_session,
        ALL.next_session,
        ALL.session_on_or_after,
        ALL.sessions_of_week,
        ALL.session_index,
    ):
        with pytest.raises(CalendarEndError, match="2027-01-04") as caught:
            ask(unknown)
        assert "节假日文件" in caught.value.remedy
    with pytest.raises(CalendarEndError):
        ALL.next_session(END)
    with pytest.raises(CalendarEndError):
        ALL.sessions(date(2026, 12, 1), unknown)


def test_nothing_is_answered_before_the_beginning() -> None:
    with pytest.raises(CalendarEndError):
        ALL.is_session(date(1990, 12, 18))
    with pytest.raises(CalendarEndError):
        ALL.previous_session(date(1990, 12, 19))


def test_new_years_day_and_the_weekend_after_the_end_are_certainly_closed() -> None:
    assert not ALL.is_session(date(2027, 1, 1))
    assert not ALL.is_session(date(2027, 1, 3))
    assert ALL.sessions_of_week(END)[-1] == END
    assert not ALL.knows(date(2027, 1, 4))


def test_positions_count_from_the_first_session() -> None:
    assert WEEK.session_index(date(2024, 1, 4)) == 2
    with pytest.raises(DataError, match="不是交易日"):
        ALL.session_index(date(2024, 1, 6))


def test_an_empty_span_has_no_sessions() -> None:
    assert list(ALL.sessions(date(2024, 1, 5), date(2024, 1, 2))) == []


def test_a_calendar_needs_days_and_none_of_them_on_a_weekend() -> None:
    with pytest.raises(DataError, match="没有任何交易日"):
        TradingCalendar([], "测试")
    with pytest.raises(DataError, match="周末 2024-01-06"):
        TradingCalendar([date(2024, 1, 6)], "测试")


NEXT = [date(2027, 1, 4), date(2027, 1, 5), date(2027, 1, 6)]
FILE = "first = 2027-01-01\nlast = 2027-01-31\nclosed = [2027-01-01, 2027-01-08]"


def test_days_of_a_data_source_continue_the_calendar_and_are_named() -> None:
    longer = extended(ALL, [date(2026, 12, 30), *NEXT], "QMT")
    assert longer.next_session(END) == date(2027, 1, 4)
    assert longer.last == date(2027, 1, 6)
    assert "QMT（至 2027-01-06）" in longer.source


def test_the_holiday_file_continues_where_the_data_source_ends() -> None:
    longer = extended(ALL, NEXT, "QMT", parse_holidays(FILE))
    assert longer.next_session(date(2027, 1, 6)) == date(2027, 1, 7)
    assert longer.next_session(date(2027, 1, 7)) == date(2027, 1, 11)
    assert longer.last == date(2027, 1, 31)
    assert longer.source.endswith("节假日文件（至 2027-01-31）")
    assert len(longer.sessions_of_month(date(2027, 1, 4))) == 19


def test_known_days_stay_as_they_are() -> None:
    assert extended(ALL, [date(2026, 10, 1)], "错误来源") is ALL
    older = parse_holidays("first = 2026-12-01\nlast = 2026-12-31\nclosed = [2026-12-15]")
    assert extended(ALL, holidays=older) is ALL


def test_days_that_do_not_join_the_known_ones_are_left_out_and_said() -> None:
    same = extended(ALL, [date(2027, 3, 1)], "QMT")
    assert same.last == END
    assert "未采用" in same.source
    with pytest.raises(CalendarEndError):
        same.is_session(date(2027, 3, 1))


def test_a_holiday_file_that_leaves_a_gap_is_refused() -> None:
    late = parse_holidays("first = 2027-03-01\nlast = 2027-03-31\nclosed = []")
    with pytest.raises(UsageError, match="缺口"):
        extended(ALL, holidays=late)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("first = ", "TOML"),
        ("first = 2027-01-01\nlast = 2027-01-31\nclosed = [2027-01-01]\nopen = []", "open"),
        ("last = 2027-01-31\nclosed = []", "first"),
        ("first = 2027-01-01T00:00:00\nlast = 2027-01-31\nclosed = []", "first"),
        ("first = 2027-01-01\nlast = 2027-01-31\nclosed = 3", "closed"),
        ("first = 2027-01-01\nlast = 2027-01-31\nclosed = ['元旦']", "closed[0]"),
        ("first = 2027-01-31\nlast = 2027-01-01\nclosed = []", "早于"),
        ("first = 2027-01-01\nlast = 2027-01-31\nclosed = [2027-01-01, 2027-02-05]", "2027-02-05"),
        ("first = 2027-01-01\nlast = 2027-12-31\nclosed = [2027-01-01]", "2027-10-01"),
    ],
)
def test_a_wrong_holiday_file_is_refused_by_the_wrong_key(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_holidays(text)
    assert named in str(caught.value)
