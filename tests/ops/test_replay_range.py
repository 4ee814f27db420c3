"""The days of a replay."""

from __future__ import annotations

from datetime import date

import pytest

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.calendar import exchange_calendar
from bullet_trade.ops.replay_range import DEFAULT_SESSIONS, replay_range
from bullet_trade.quotes.synthetic import SyntheticMarket
from bullet_trade.testing.fake_market import FakeMarket

CALENDAR = exchange_calendar()
TODAY = date(2025, 6, 18)
RECORDED = FakeMarket().add("600000.XSHG", {date(2025, 5, 26): 10.0, date(2025, 6, 13): 10.0})
ENDLESS = SyntheticMarket(1, sessions=CALENDAR.sessions(date(2024, 1, 1), CALENDAR.last))


def days(wanted: str, data: FakeMarket | SyntheticMarket = RECORDED) -> tuple[str, str]:
    found = replay_range(wanted, data, CALENDAR, TODAY)
    return found.first.isoformat(), found.last.isoformat()


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("auto", "2025-05-26", "2025-06-13"),
        ("2025-06-03", "2025-06-03", "2025-06-13"),
        ("2025-06-03:2025-06-05", "2025-06-03", "2025-06-05"),
        (":2025-06-05", "2025-05-26", "2025-06-05"),
        ("20250603:20250605", "2025-06-03", "2025-06-05"),
        ("2025-06-03:2025-06-03", "2025-06-03", "2025-06-03"),
        ("2025-05-31:2025-06-08", "2025-06-03", "2025-06-06"),  # ends that are no sessions move inwards
    ],
)
def test_recorded_days(wanted: str, first: str, last: str) -> None:
    assert days(wanted) == (first, last)


def test_without_bounds_the_last_sixty_sessions_before_today_are_taken() -> None:
    first, last = days("auto", ENDLESS)
    assert last == "2025-06-17"
    assert len(CALENDAR.sessions(date.fromisoformat(first), date.fromisoformat(last))) == DEFAULT_SESSIONS == 60


def test_an_open_end_is_yesterday() -> None:
    assert days("2025-06-10", ENDLESS) == ("2025-06-10", "2025-06-17")


@pytest.mark.parametrize("word", ["2025-13-01", "gestern", "2025-06-03:2025-06-31", "2025/06/03", "2025-06-03:x"])
def test_what_is_no_date_is_named(word: str) -> None:
    with pytest.raises(UsageError, match=r"日期 '.*' 无法识别.*2025-12-01"):
        days(word)


@pytest.mark.parametrize("wanted", ["2025-06-05:2025-06-03", "2025-07-01"])
def test_an_end_before_the_start_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError, match="没有交易日"):
        days(wanted, ENDLESS)


def test_days_without_a_session_are_refused() -> None:
    with pytest.raises(UsageError, match="2025-05-31 到 2025-06-02 之间没有交易日"):
        days("2025-05-31:2025-06-02")


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ("2025-05-01", "2025-05-26:2025-06-13"),
        ("2025-05-01:2025-06-03", "2025-05-26:2025-06-03"),
        ("2025-06-03:2025-06-17", "2025-06-03:2025-06-13"),
    ],
)
def test_days_that_the_data_do_not_hold_are_refused_with_those_that_they_do(wanted: str, remedy: str) -> None:
    with pytest.raises(UsageError, match="只有 2025-05-26 到 2025-06-13 的数据") as caught:
        days(wanted)
    assert f"--replay {remedy}" in caught.value.remedy
