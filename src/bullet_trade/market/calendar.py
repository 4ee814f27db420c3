"""Trading days, with the bounds of what is known: past them every question is refused, never guessed.

No half days exist on the mainland exchanges, and weekends and New Year's Day are never sessions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache

from bullet_trade.domain.errors import CalendarEndError, DataError, UsageError
from bullet_trade.market.holiday_file import Holidays

_DAY = timedelta(days=1)
_REMEDY = "请用券商或数据源的交易日，或在节假日文件中补上该年的休市日（格式见 docs/rules.md）"


class TradingCalendar:
    """The sessions of the mainland exchanges from `first` to `last`.

    All methods raise `CalendarEndError` where the answer lies outside what is known. Days are `date`, not
    `datetime`.
    """

    def __init__(self, days: Sequence[date], source: str, known_until: date | None = None) -> None:
        """`days`: the sessions, in any order. `source`: a Chinese text that says where they come from.

        `known_until`: the last day about which something is known, where that is later than the last session.
        Raises `DataError` without days, or where a day is a weekend.
        """
        self._days = sorted(set(days))
        if not self._days:
            raise DataError(f"交易日历（{source}）没有任何交易日", "请检查数据源的交易日")
        weekend = next((day for day in self._days if day.weekday() > 4), None)
        if weekend is not None:
            raise DataError(f"交易日历（{source}）把周末 {weekend} 列为交易日", "周末从不开市，请检查数据源的交易日")
        self._index = {day: number for number, day in enumerate(self._days)}
        self.source = source
        self.first = self._days[0]
        self.last = max(self._days[-1], known_until or self._days[-1])
        self._known_until = _certainly_closed_after(self.last)
        self.doubts: dict[date, str] = {}
        """Days about which two sources disagree, with a Chinese text that names both."""
        self.version = 0
        """Counts the changes by `close`."""

    def copy(self) -> TradingCalendar:
        """The same days and source, to be changed apart."""
        return TradingCalendar(self._days, self.source, self.last)

    def close(self, days: Iterable[date]) -> list[date]:
        """Take sessions out, as the exchanges do at short notice; returns those that were sessions, ascending."""
        closed = sorted(set(days) & self._index.keys())
        if closed:
            gone = frozenset(closed)
            self._days = [day for day in self._days if day not in gone]
            self._index = {day: number for number, day in enumerate(self._days)}
            self.version += 1
        return closed

    def knows(self, day: date) -> bool:
        """Whether it is known if `day` is a session."""
        return self.first <= day <= self._known_until

    def joins(self, day: date) -> bool:
        """Whether knowledge that starts on `day` continues this calendar without a gap."""
        return day <= self._known_until + _DAY

    def is_session(self, day: date) -> bool:
        """Whether the exchanges trade on `day`."""
        if day in self._index:
            return True
        self._require(day)
        return False

    def next_session(self, day: date) -> date:
        """The first session strictly after `day`."""
        number = self._index.get(day)
        if number is None:
            self._require(day)
            number = bisect_right(self._days, day) - 1
        if number + 1 >= len(self._days):
            raise self._unknown(f"{day} 之后的日子")
        return self._days[number + 1]

    def previous_session(self, day: date) -> date:
        """The last session strictly before `day`."""
        number = self._index.get(day)
        if number is None:
            self._require(day)
            number = bisect_left(self._days, day)
        if number == 0:
            raise self._unknown(f"{day} 之前的日子")
        return self._days[number - 1]

    def session_on_or_after(self, day: date) -> date:
        """`day` itself where it is a session, else the next one."""
        return day if day in self._index else self.next_session(day)

    def session_on_or_before(self, day: date) -> date:
        """`day` itself where it is a session, else the previous one."""
        return day if day in self._index else self.previous_session(day)

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """All sessions with first <= day <= last, ascending."""
        if last < first:
            return ()
        self._require(first)
        self._require(last)
        return self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]

    def session_index(self, day: date) -> int:
        """The position of a session among all, from 0. Raises `DataError` where `day` is no session."""
        number = self._index.get(day)
        if number is None:
            self._require(day)
            raise DataError(f"{day} 不是交易日", "请改用交易日")
        return number

    def sessions_of_week(self, day: date) -> Sequence[date]:
        """The sessions of the week (Monday to Sunday) around `day`, future ones included."""
        monday = day - _DAY * day.weekday()
        return self.sessions(monday, monday + _DAY * 6)

    def sessions_of_month(self, day: date) -> Sequence[date]:
        """The sessions of the month around `day`, future ones included."""
        first = day.replace(day=1)
        following = (first + _DAY * 31).replace(day=1)
        return self.sessions(first, following - _DAY)

    def _require(self, day: date) -> None:
        if not self.first <= day <= self._known_until:
            raise self._unknown(f"{day}")

    def _unknown(self, what: str) -> CalendarEndError:
        return CalendarEndError(
            f"不知道 {what} 是否开市：交易日历只有 {self.first} 至 {self.last}（来源：{self.source}）",
            _REMEDY,
        )


def _certainly_closed_after(day: date) -> date:
    """The last day of the weekend or New Year's Day that follows `day` directly."""
    following = day + _DAY
    while following.weekday() > 4 or (following.month == 1 and following.day == 1):
        day, following = following, following + _DAY
    return day


def extended(
    base: TradingCalendar,
    extra_days: Sequence[date] | None = None,
    extra_source: str = "数据源",
    holidays: Holidays | None = None,
) -> TradingCalendar:
    """`base`, continued past its end by the sessions of a data source or broker, then by the holiday file.

    Days that `base` knows stay as they are. The result's `source` says what was used up to which day,
    and what was left out because it does not join the known days. Raises `UsageError` where the holiday
    file leaves a gap, and `DataError` where an extra day is a weekend.
    """
    calendar = base
    if extra_days and max(extra_days) > base.last:
        calendar = _continued(base, extra_days, extra_source, max(extra_days))
    if holidays is not None and holidays.last > calendar.last:
        if not calendar.joins(holidays.first):
            raise UsageError(
                f"节假日文件从 {holidays.first} 开始，而交易日历只知道到 {calendar.last}，中间有缺口",
                f"请把 first 改为 {calendar.last + _DAY} 或更早，并补上其间的休市日",
            )
        calendar = _continued(calendar, holidays.sessions(), "节假日文件", holidays.last)
    return calendar


def compared(calendar: TradingCalendar, theirs: Sequence[date] | None, source: str, *, refuse: bool) -> TradingCalendar:
    """A copy of `calendar` that notes where the sessions of another source differ, within the days both know.

    `refuse` closes the days in doubt; otherwise `calendar` is followed.
    """
    own = calendar.copy()
    if not theirs:
        return own
    first, last = max(calendar.first, min(theirs)), min(calendar.last, max(theirs))
    ours = set(calendar.sessions(first, last))
    rule = "按休市处理" if refuse else f"按{calendar.source}处理"
    for day in sorted(ours ^ {day for day in theirs if first <= day <= last}):
        here, there = ("开市", "休市") if day in ours else ("休市", "开市")
        own.doubts[day] = f"{day} 是否开市说法不一：{calendar.source}为{here}，{source}为{there}；{rule}"
    if refuse:
        own.close(own.doubts)
    return own


def _continued(base: TradingCalendar, days: Sequence[date], source: str, last: date) -> TradingCalendar:
    known = base.sessions(base.first, base.last)
    later = [day for day in days if day > base.last]
    if later and not base.joins(min(days)):
        unused = f"{base.source}；{source}自 {min(days)} 起，与已知日期不相接，未采用"
        return TradingCalendar(known, unused, base.last)
    return TradingCalendar([*known, *later], f"{base.source}；{source}（至 {last}）", last)


@lru_cache(maxsize=1)
def exchange_calendar() -> TradingCalendar:
    """All sessions since 1990-12-19 that `exchange_calendars` knows (version 4.13: up to 2026-12-31)."""
    # Imported here because it loads pandas. The table of closed weekdays gives the same sessions as the
    # package's calendar object, which takes a quarter of a second to build.
    from exchange_calendars import __version__
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    closed = frozenset(day.date() for day in XSHGExchangeCalendar.precomputed_holidays())
    known = Holidays(date(1990, 12, 19), XSHGExchangeCalendar.bound_max().date(), closed)
    return TradingCalendar(known.sessions(), f"exchange_calendars {__version__}（至 {known.last}）", known.last)
