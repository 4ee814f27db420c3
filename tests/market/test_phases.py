"""The phases of a day per board and date: what the exchange takes, and in which words it says no."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullet_trade.domain.orders import OrderType
from bullet_trade.domain.securities import Code
from bullet_trade.market.boards import describe
from bullet_trade.market.sessions import (
    Phase,
    accepts_cancel,
    accepts_order,
    check_cancel,
    check_session,
    phase_at,
)

DAY = date(2026, 11, 20)
STOCK, FUND, LOF = (describe(Code(code)) for code in ("600000.XSHG", "510300.XSHG", "501018.XSHG"))
SSE_BOND, SZSE_BOND = describe(Code("113050.XSHG")), describe(Code("123107.XSHE"))
SZSE_STOCK, STAR, REPO = (describe(Code(code)) for code in ("000001.XSHE", "688981.XSHG", "131810.XSHE"))


@pytest.mark.parametrize(
    ("security", "day", "phase"),
    [
        (STOCK, date(2018, 8, 17), Phase.CONTINUOUS),
        (STOCK, date(2018, 8, 20), Phase.CLOSING_CALL),
        (SZSE_STOCK, date(2018, 8, 17), Phase.CLOSING_CALL),
        (FUND, date(2026, 7, 3), Phase.CONTINUOUS),
        (FUND, date(2026, 7, 6), Phase.CLOSING_CALL),
        (LOF, date(2026, 7, 3), Phase.CONTINUOUS),
        (LOF, date(2026, 7, 6), Phase.CLOSING_CALL),
        (SSE_BOND, DAY, Phase.CONTINUOUS),
        (SZSE_BOND, DAY, Phase.CLOSING_CALL),
        (REPO, DAY, Phase.CONTINUOUS),
    ],
)
def test_who_closes_by_call_auction_since_when(security, day, phase) -> None:
    assert phase_at(security, day, time(14, 58)) is phase


@pytest.mark.parametrize(
    ("at", "before", "phase"),
    [
        ("09:15", Phase.PRE_OPEN, Phase.OPENING_CALL),
        ("09:20", Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL),
        ("09:25", Phase.OPENING_CALL_NO_CANCEL, Phase.PRE_CONTINUOUS_GAP),
        ("09:30", Phase.PRE_CONTINUOUS_GAP, Phase.CONTINUOUS),
        ("11:30", Phase.CONTINUOUS, Phase.LUNCH_BREAK),
        ("13:00", Phase.LUNCH_BREAK, Phase.CONTINUOUS),
        ("14:57", Phase.CONTINUOUS, Phase.CLOSING_CALL),
        ("15:00", Phase.CLOSING_CALL, Phase.CLOSED_AUCTION),
        ("15:05", Phase.CLOSED_AUCTION, Phase.AFTER_HOURS_FIXED_PRICE),
        ("15:30", Phase.AFTER_HOURS_FIXED_PRICE, Phase.CLOSED),
    ],
)
def test_a_phase_begins_on_its_second(at: str, before: Phase, phase: Phase) -> None:
    start = time.fromisoformat(at)
    last = (datetime.combine(DAY, start) - timedelta(microseconds=1)).time()
    assert (phase_at(STOCK, DAY, last), phase_at(STOCK, DAY, start)) == (before, phase)


@pytest.mark.parametrize(
    ("security", "day", "known"),
    [
        (STAR, date(2019, 7, 22), True),
        (STOCK, date(2026, 7, 3), False),
        (STOCK, date(2026, 7, 6), True),
        (describe(Code("300750.XSHE")), date(2020, 8, 21), False),
        (describe(Code("300750.XSHE")), date(2020, 8, 24), True),
        (LOF, DAY, False),
        (describe(Code("508000.XSHG")), DAY, False),
        (describe(Code("900905.XSHG")), DAY, False),
        (describe(Code("920002.XBSE")), DAY, False),
        (SSE_BOND, DAY, False),
    ],
)
def test_who_trades_after_hours_since_when(security, day, known) -> None:
    at = time(15, 10)
    assert accepts_order(security, day, at, OrderType.LIMIT, after_hours=True) is known
    assert (check_session(security, day, at, OrderType.LIMIT, after_hours=True) is None) is known
    assert not accepts_order(security, day, at, OrderType.LIMIT)


@pytest.mark.parametrize(
    ("security", "at", "taken"),
    [(STOCK, "09:16", False), (SZSE_STOCK, "09:16", True), (STOCK, "11:45", False), (STOCK, "15:01", True)],
)
def test_after_hours_orders_are_taken_all_day_and_in_shenzhen_from_the_opening_call(security, at, taken) -> None:
    assert accepts_order(security, DAY, time.fromisoformat(at), OrderType.LIMIT, after_hours=True) is taken


def test_after_hours_orders_can_be_cancelled_except_between_the_close_and_the_session() -> None:
    assert accepts_cancel(STOCK, DAY, time(14, 0), after_hours=True)
    assert not accepts_cancel(STOCK, DAY, time(15, 2), after_hours=True)
    assert accepts_cancel(STOCK, DAY, time(15, 6), after_hours=True)


@given(st.sampled_from([STOCK, FUND, LOF, SSE_BOND, SZSE_BOND, STAR, REPO]), st.times(), st.dates())
def test_what_may_be_cancelled_may_be_ordered_and_a_refusal_agrees(security, at, day) -> None:
    takes = accepts_order(security, day, at, OrderType.LIMIT)
    assert takes or not accepts_cancel(security, day, at)
    assert takes or not accepts_order(security, day, at, OrderType.MARKET)
    assert (check_session(security, day, at, OrderType.LIMIT) is None) is takes
    assert (check_cancel(security, day, at) is None) is accepts_cancel(security, day, at)


def test_a_refusal_says_time_and_phase() -> None:
    lunch = check_session(STOCK, DAY, time(12, 0), OrderType.LIMIT)
    market = check_session(STOCK, DAY, time(14, 58), OrderType.MARKET)
    cancel = check_cancel(STOCK, DAY, time(9, 21))
    assert lunch is not None
    assert market is not None
    assert cancel is not None
    assert "12:00:00（午间休市）" in lunch.value
    assert "市价委托只在连续竞价时段接受" in market.text()
    assert "开盘集合竞价（不可撤单）" in cancel.value
