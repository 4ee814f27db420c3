"""The phases of a trading day per board and date, and which orders and cancels the exchange takes in each.

Times are Beijing time. Phases are half-open: 09:20:00 belongs to the phase that starts then. Brokers
may queue what the exchange does not take yet; that is never relied upon.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time
from enum import StrEnum
from typing import NamedTuple

from bullet_trade.domain.orders import OrderType
from bullet_trade.domain.securities import Board, Exchange, Kind, Security
from bullet_trade.market.boards import rule_group
from bullet_trade.market.refusal import Refusal
from bullet_trade.market.sources import (
    BOND_RULES_2022,
    BOTH_RULES,
    BSE_RULES_2021,
    CHINEXT_RULES_2020,
    OLD_RULES,
    SSE_RULES,
    STAR_RULES_2019,
)
from bullet_trade.market.timeline import (
    BSE_OPENED,
    CHINEXT_REFORMED,
    STAR_OPENED,
    Since,
    Timeline,
    always,
    in_force,
)


class Phase(StrEnum):
    """Phases of a trading day, in the order in which they come."""

    PRE_OPEN = "pre_open"
    OPENING_CALL = "opening_call"
    OPENING_CALL_NO_CANCEL = "opening_call_no_cancel"
    PRE_CONTINUOUS_GAP = "pre_continuous_gap"
    CONTINUOUS = "continuous"
    LUNCH_BREAK = "lunch_break"
    CLOSING_CALL = "closing_call"
    CLOSED_AUCTION = "closed_auction"
    AFTER_HOURS_FIXED_PRICE = "after_hours_fixed_price"
    CLOSED = "closed"


PHASE_NAMES: dict[Phase, str] = {
    Phase.PRE_OPEN: "开盘前",
    Phase.OPENING_CALL: "开盘集合竞价",
    Phase.OPENING_CALL_NO_CANCEL: "开盘集合竞价（不可撤单）",
    Phase.PRE_CONTINUOUS_GAP: "连续竞价前的间隔",
    Phase.CONTINUOUS: "连续竞价",
    Phase.LUNCH_BREAK: "午间休市",
    Phase.CLOSING_CALL: "收盘集合竞价",
    Phase.CLOSED_AUCTION: "收盘后、盘后定价前",
    Phase.AFTER_HOURS_FIXED_PRICE: "盘后固定价格交易",
    Phase.CLOSED: "已收市",
}


class Window(NamedTuple):
    """`phase` lasts from `start` to the start of the next window."""

    start: time
    phase: Phase


class Features(NamedTuple):
    """What a day has besides the two continuous sessions, and when continuous trading ends."""

    closing_call: bool
    after_hours: bool
    end: time


_CLOSE, _REPO_CLOSE, _CALL = time(15, 0), time(15, 30), time(14, 57)
_MORNING = (
    Window(time(0, 0), Phase.PRE_OPEN),
    Window(time(9, 15), Phase.OPENING_CALL),
    Window(time(9, 20), Phase.OPENING_CALL_NO_CANCEL),
    Window(time(9, 25), Phase.PRE_CONTINUOUS_GAP),
    Window(time(9, 30), Phase.CONTINUOUS),
    Window(time(11, 30), Phase.LUNCH_BREAK),
    Window(time(13, 0), Phase.CONTINUOUS),
)
_AFTER_HOURS = (
    Window(_CLOSE, Phase.CLOSED_AUCTION),
    Window(time(15, 5), Phase.AFTER_HOURS_FIXED_PRICE),
    Window(time(15, 30), Phase.CLOSED),
)


def _day(features: Features) -> tuple[Window, ...]:
    call = (Window(_CALL, Phase.CLOSING_CALL),) if features.closing_call else ()
    close = _AFTER_HOURS if features.after_hours else (Window(features.end, Phase.CLOSED),)
    return (*_MORNING, *call, *close)


_PLAIN = _day(Features(closing_call=False, after_hours=False, end=_CLOSE))
_CALLED = _day(Features(closing_call=True, after_hours=False, end=_CLOSE))
_FULL = _day(Features(closing_call=True, after_hours=True, end=_CLOSE))
_REPO = _day(Features(closing_call=False, after_hours=False, end=_REPO_CLOSE))

_2026 = date(2026, 7, 6)
_SZSE_CALL = Since(date(2006, 7, 1), _CALLED, OLD_RULES)
_SSE_CALL = Since(date(2018, 8, 20), _CALLED, "上交所交易规则（2018 修订）")
_LONG_AGO = Since(date.min, _PLAIN, OLD_RULES)
_SSE_FUNDS: Timeline[tuple[Window, ...]] = (Since(_2026, _CALLED, SSE_RULES), _LONG_AGO)
_SZSE_OTHERS: Timeline[tuple[Window, ...]] = (_SZSE_CALL, _LONG_AGO)
_BONDS: Timeline[tuple[Window, ...]] = always(_PLAIN, BOND_RULES_2022)

Schedule = Timeline[tuple[Window, ...]]

# LOFs, REITs, B shares and bonds are not named among the products of the after-hours session; Beijing has
# adopted it without a starting day.
SCHEDULES: dict[tuple[Exchange, Board | Kind], Schedule] = {
    (Exchange.SSE, Board.SSE_MAIN): (Since(_2026, _FULL, BOTH_RULES), _SSE_CALL, _LONG_AGO),
    (Exchange.SSE, Board.STAR): always(_FULL, STAR_RULES_2019, STAR_OPENED),
    (Exchange.SSE, Board.SSE_B): (_SSE_CALL, _LONG_AGO),
    (Exchange.SSE, Kind.ETF): (Since(_2026, _FULL, BOTH_RULES), _LONG_AGO),
    (Exchange.SSE, Kind.LOF): _SSE_FUNDS,
    (Exchange.SSE, Kind.REIT): _SSE_FUNDS,
    (Exchange.SZSE, Board.SZSE_MAIN): (Since(_2026, _FULL, BOTH_RULES), _SZSE_CALL, _LONG_AGO),
    (Exchange.SZSE, Board.CHINEXT): (Since(CHINEXT_REFORMED, _FULL, CHINEXT_RULES_2020), _SZSE_CALL),
    (Exchange.SZSE, Kind.ETF): (Since(_2026, _FULL, BOTH_RULES), _SZSE_CALL, _LONG_AGO),
    (Exchange.SZSE, Board.SZSE_B): _SZSE_OTHERS,
    (Exchange.SZSE, Kind.LOF): _SZSE_OTHERS,
    (Exchange.SZSE, Kind.REIT): _SZSE_OTHERS,
    (Exchange.SZSE, Kind.CONVERTIBLE): _SZSE_OTHERS,
    (Exchange.SZSE, Kind.EXCHANGEABLE): _SZSE_OTHERS,
    (Exchange.SZSE, Kind.BOND): _SZSE_OTHERS,
    (Exchange.BSE, Board.BSE): always(_CALLED, BSE_RULES_2021, BSE_OPENED),
    (Exchange.SSE, Board.REPO): always(_REPO, BOND_RULES_2022),
    (Exchange.SZSE, Board.REPO): always(_REPO, BOND_RULES_2022),
}

_ORDERS = frozenset({Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL, Phase.CONTINUOUS, Phase.CLOSING_CALL})
_CANCELS = frozenset({Phase.OPENING_CALL, Phase.CONTINUOUS})

# After-hours orders may be handed in all day; Shanghai starts with continuous trading.
_AFTER_HOURS_ENTRY = frozenset(
    {Phase.CONTINUOUS, Phase.CLOSING_CALL, Phase.CLOSED_AUCTION, Phase.AFTER_HOURS_FIXED_PRICE}
)
_SZSE_EARLY_ENTRY = frozenset({Phase.OPENING_CALL, Phase.OPENING_CALL_NO_CANCEL, Phase.PRE_CONTINUOUS_GAP})
# Between the close and 15:05 sources disagree about cancels; the safe answer is no.
_AFTER_HOURS_NO_CANCEL = frozenset({Phase.CLOSED_AUCTION})


def schedules(security: Security) -> Schedule:
    """The dated day plans that apply to the security."""
    return SCHEDULES.get((security.exchange, rule_group(security)), _BONDS)


def schedule(security: Security, day: date) -> tuple[Window, ...]:
    """The phases of a trading day, ascending by start. Whether `day` is a trading day is the calendar's."""
    rows = schedules(security)
    return (in_force(rows, day) or rows[-1]).value


def phase_at(security: Security, day: date, at: time) -> Phase:
    """The phase at `at` (Beijing time) on the trading day `day`."""
    windows = schedule(security, day)
    return windows[bisect_right(windows, at, key=_start) - 1].phase


def accepts_order(security: Security, day: date, at: time, order_type: OrderType, *, after_hours: bool = False) -> bool:
    """Whether the exchange takes a new order now. `after_hours`: a fixed-price order."""
    phase = phase_at(security, day, at)
    if after_hours:
        return _has_after_hours(security, day) and phase in _after_hours_entry(security)
    if order_type is OrderType.MARKET:
        return phase is Phase.CONTINUOUS
    return phase in _ORDERS


def accepts_cancel(security: Security, day: date, at: time, *, after_hours: bool = False) -> bool:
    """Whether the exchange takes a cancel now, of an auction order or of an after-hours order."""
    phase = phase_at(security, day, at)
    if after_hours:
        entry = _after_hours_entry(security) - _AFTER_HOURS_NO_CANCEL
        return _has_after_hours(security, day) and phase in entry
    return phase in _CANCELS


def check_session(
    security: Security, day: date, at: time, order_type: OrderType, *, after_hours: bool = False
) -> Refusal | None:
    """No for an order at a time when the exchange does not take it."""
    if accepts_order(security, day, at, order_type, after_hours=after_hours):
        return None
    phase = PHASE_NAMES[phase_at(security, day, at)]
    if after_hours:
        known = _has_after_hours(security, day)
        bound = "盘后定价委托不在申报时段内" if known else "该品种当日没有盘后固定价格交易"
        remedy = "请在 13:00 至 15:30 之间提交" if known else "请改用竞价委托"
    elif order_type is OrderType.MARKET:
        bound, remedy = "市价委托只在连续竞价时段接受", "请改用限价委托，或等到连续竞价"
    else:
        bound, remedy = "交易所此时不接受委托", "请等到下一个可申报的时段"
    return Refusal("session", f"{security.code} 在 {day} {at:%H:%M:%S}（{phase}）", bound, remedy)


def check_cancel(security: Security, day: date, at: time, *, after_hours: bool = False) -> Refusal | None:
    """No for a cancel at a time when the exchange does not take it."""
    if accepts_cancel(security, day, at, after_hours=after_hours):
        return None
    phase = PHASE_NAMES[phase_at(security, day, at)]
    return Refusal(
        "cancel_session",
        f"{security.code} 在 {day} {at:%H:%M:%S}（{phase}）撤单",
        "交易所此时不接受撤单",
        "请等到连续竞价时段，或等委托收盘后自动失效",
    )


def _start(window: Window) -> time:
    return window.start


def _has_after_hours(security: Security, day: date) -> bool:
    return schedule(security, day) is _FULL


def _after_hours_entry(security: Security) -> frozenset[Phase]:
    early = security.exchange is Exchange.SZSE
    return _AFTER_HOURS_ENTRY | _SZSE_EARLY_ENTRY if early else _AFTER_HOURS_ENTRY


def trading_half(at: datetime) -> datetime | None:
    """When the half of the session in which `at` lies began (09:30 or 13:00), None outside 09:30-11:30, 13:00-15:00."""
    minute = at.hour * 60 + at.minute
    if 570 <= minute < 690:
        return at.replace(hour=9, minute=30, second=0, microsecond=0)
    if 780 <= minute < 900:
        return at.replace(hour=13, minute=0, second=0, microsecond=0)
    return None
