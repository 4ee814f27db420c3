"""The user's holiday file: the weekdays on which the exchanges stay closed, for a year nobody else knows yet.

TOML, written from the exchanges' notice at the end of December::

    first = 2027-01-01
    last = 2027-01-31
    closed = [2027-01-01]

Every weekday from `first` to `last` that `closed` does not list is a session.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from bullet_trade.domain.errors import UsageError

_STATUTORY = ((1, 1), (5, 1), (10, 1))
_FORM = "格式：first、last 为日期，closed 为休市日列表，例如 closed = [2027-01-01]"


class Holidays(msgspec.Struct, frozen=True):
    """What a holiday file says about the days from `first` to `last`, both included."""

    first: date
    last: date
    closed: frozenset[date]

    def sessions(self) -> Sequence[date]:
        """The weekdays of the range that are not closed, ascending."""
        days = (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))
        return [day for day in days if day.weekday() < 5 and day not in self.closed]


def parse_holidays(text: str) -> Holidays:
    """The content of a holiday file.

    Raises `UsageError`, naming the wrong key, for anything that is not as described above, for closed
    days outside the range, and where a statutory holiday on a weekday is missing.
    """
    try:
        content: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"节假日文件不是有效的 TOML：{error}", _FORM) from error
    unknown = sorted(content.keys() - {"first", "last", "closed"})
    if unknown:
        raise UsageError(f"节假日文件中有未知的键 {unknown[0]}", _FORM)
    first, last = _day(content.get("first"), "first"), _day(content.get("last"), "last")
    listed = content.get("closed")
    if not isinstance(listed, list):
        raise UsageError("节假日文件的 closed 不是列表", _FORM)
    closed = frozenset(_day(value, f"closed[{number}]") for number, value in enumerate(listed))
    _check(first, last, closed)
    return Holidays(first, last, closed)


def _day(value: object, key: str) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise UsageError(f"节假日文件的 {key} 不是日期", _FORM)
    return value


def _check(first: date, last: date, closed: frozenset[date]) -> None:
    if last < first:
        raise UsageError(f"节假日文件的 last（{last}）早于 first（{first}）", "请改正这两个日期")
    outside = sorted(day for day in closed if not first <= day <= last)
    if outside:
        raise UsageError(f"节假日文件的 closed 中 {outside[0]} 不在 {first} 至 {last} 之内", "请改正日期或范围")
    for year in range(first.year, last.year + 1):
        for month, number in _STATUTORY:
            day = date(year, month, number)
            if first <= day <= last and day.weekday() < 5 and day not in closed:
                raise UsageError(f"节假日文件没有列出法定节假日 {day}", "请按交易所休市公告补全 closed")
