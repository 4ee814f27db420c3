"""The sessions that the terminal knows. Pure.

The vendor's own calendar function reads the machine's time zone, and gives Sundays for sessions on a machine that is
not in China. Here its two sources are put together again: the sessions so far, and the announced holidays for those to
come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bullet_trade.quotes.qmt.moments import moment, read_day

_NATIONAL_DAY_MONTH = 10
_SATURDAY = 5


def sessions(midnights: Sequence[int], holidays: Sequence[str]) -> list[date]:
    """Ascending; up to the end of the last year whose holidays are known.

    The list of a year is taken for complete once National Day is in it: a list may begin with New Year's Day alone.
    """
    known = sorted({moment(each).date() for each in midnights})
    closed = {day for text in holidays if (day := read_day(text)) is not None}
    years = [day.year for day in closed if day.month == _NATIONAL_DAY_MONTH]
    if not known or not years:
        return known
    day, last = known[-1] + timedelta(days=1), date(max(years), 12, 31)
    while day <= last:
        if day.weekday() < _SATURDAY and day not in closed:
            known.append(day)
        day += timedelta(days=1)
    return known
