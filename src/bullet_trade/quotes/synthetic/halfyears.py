"""The calendar cut into half-years (March to August, September to February), the blocks in which paths are made.

Paths run over weekdays, so that the level of a day depends on its date alone and not on the list of sessions;
sessions pick their days out of the path. The cuts lie where no exchange holiday falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NewType

import numpy as np
from numpy.typing import NDArray

HalfYear = NewType("HalfYear", int)
"""Twice the year, plus 1 for September to February."""

IntArray = NDArray[np.int64]
DateArray = NDArray[np.datetime64]

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def half_year_of(day: date) -> HalfYear:
    """The half-year that `day` belongs to; January and February belong to the one begun in September."""
    if day.month < 3:
        return HalfYear(2 * day.year - 1)
    return HalfYear(2 * day.year + (day.month > 8))


def first_day(half: HalfYear) -> date:
    """The half-year's first calendar day."""
    return date(half // 2, 9 if half % 2 else 3, 1)


def weekday_number(day: date) -> int:
    """Number of weekdays (Monday to Friday) before `day` since the year 1; the path's clock."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)
    return weeks * 5 + min(weekday, 5)


def weekday_date(number: int) -> date:
    """The weekday with that number."""
    weeks, weekday = divmod(number, 5)
    return date.fromordinal(weeks * 7 + weekday + 1)


@dataclass(frozen=True, slots=True)
class SessionBlock:
    """The sessions of one half-year.

    Where the list of sessions begins or ends inside the half-year, weekdays stand in for the sessions that it leaves
    out, so that paths are the same for a longer list. `offset` gives each session's number among the half-year's
    weekdays; `places` its number among the sessions, for those on the list only.
    """

    half: HalfYear
    first_weekday: int
    weekday_count: int
    dates: tuple[date, ...]
    days: DateArray  # datetime64[D]
    offset: IntArray
    places: dict[date, int]


def session_blocks(sessions: Sequence[date]) -> dict[HalfYear, SessionBlock]:
    """The half-years of ascending `sessions`."""
    if not sessions:
        return {}
    earliest, latest = half_year_of(sessions[0]), half_year_of(sessions[-1])
    begin, end = weekday_number(first_day(earliest)), weekday_number(first_day(HalfYear(latest + 1)))
    before = [weekday_date(number) for number in range(begin, weekday_number(sessions[0]))]
    after = [weekday_date(number) for number in range(weekday_number(sessions[-1]) + 1, end)]
    grouped: dict[HalfYear, list[date]] = {}
    for day in (*before, *sessions, *after):
        grouped.setdefault(half_year_of(day), []).append(day)
    return {half: _block(half, days, (sessions[0], sessions[-1])) for half, days in grouped.items()}


def _block(half: HalfYear, dates: list[date], listed: tuple[date, date]) -> SessionBlock:
    first = weekday_number(first_day(half))
    count = weekday_number(first_day(HalfYear(half + 1))) - first
    days = np.array(dates, dtype="datetime64[D]")
    weeks, weekday = np.divmod(days.astype(np.int64) + (_EPOCH_ORDINAL - 1), 7)
    return SessionBlock(
        half=half,
        first_weekday=first,
        weekday_count=count,
        dates=tuple(dates),
        days=days,
        offset=np.minimum(weeks * 5 + np.minimum(weekday, 4) - first, count - 1),
        places={day: place for place, day in enumerate(dates) if listed[0] <= day <= listed[1]},
    )
