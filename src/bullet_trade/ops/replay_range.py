"""The days that a replay covers, from the user's words and what the data hold."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.errors import UsageError
from bullet_trade.market.calendar import TradingCalendar
from bullet_trade.ports.market_data import MarketData

DEFAULT_SESSIONS = 60
"""How many recent sessions a replay without dates covers where the source has no bounds of its own."""


class ReplayRange(NamedTuple):
    """First and last session of a replay."""

    first: date
    last: date


def replay_range(wanted: str, data: MarketData, calendar: TradingCalendar, today: date) -> ReplayRange:
    """``FROM:TO``, ``FROM``, ``:TO`` or nothing, cut to sessions.

    Raises `UsageError` for a date that is none, an empty range, or days that the data do not hold.
    """
    start, end = _parse(wanted)
    covered = data.coverage()
    yesterday = calendar.previous_session(today)
    last_known = min(covered[1], yesterday) if covered else yesterday
    last = min(end or last_known, yesterday)
    first = start or (covered[0] if covered else calendar.sessions(calendar.first, last)[-DEFAULT_SESSIONS:][0])
    if first > last:
        raise UsageError(f"回放区间 {first} 到 {last} 没有交易日", "开始日期要早于结束日期，且只能回放过去的日子")
    if covered and (first < covered[0] or last > covered[1]):
        inside = (max(first, covered[0]), min(last, covered[1]))
        shown = inside if inside[0] <= inside[1] else covered
        raise UsageError(
            f"{data.label} 只有 {covered[0]} 到 {covered[1]} 的数据，不含 {first} 到 {last} 的全部日子",
            f"改用 --replay {shown[0]}:{shown[1]}，或导入缺少的数据",
        )
    sessions = calendar.sessions(first, last)
    if not sessions:
        raise UsageError(f"{first} 到 {last} 之间没有交易日", "换一个包含交易日的区间")
    return ReplayRange(sessions[0], sessions[-1])


def _parse(wanted: str) -> tuple[date | None, date | None]:
    if wanted == "auto":
        return None, None
    first, _, last = wanted.partition(":")
    return _date(first), _date(last)


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"日期 {text!r} 无法识别", "写成 2025-12-01，区间写成 2025-12-01:2026-01-30") from error
