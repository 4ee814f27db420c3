"""The sessions as one axis: every daily array of this package is aligned to it, so a window is a slice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bullet_trade.market.calendar import TradingCalendar

MINUTES = 240
TimeArray = NDArray[np.datetime64]

MINUTE_OFFSETS = np.concatenate([np.arange(571, 691), np.arange(781, 901)]).astype("timedelta64[m]")
"""The ends of a day's 240 minutes, after midnight."""

_OPEN, _NOON, _AFTERNOON, _CLOSE = 570, 690, 780, 900


class SessionAxis:
    """All sessions of a calendar by position. `stamps` are datetime64[ns], midnights."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self.days = calendar.sessions(calendar.first, calendar.last)
        self.days64 = np.array(self.days, dtype="datetime64[D]")
        self.stamps = self.days64.astype("datetime64[ns]")
        self.index = pd.DatetimeIndex(self.stamps)

    def before(self, day: date) -> int:
        """How many sessions lie before `day`: its own position where it is one."""
        return bisect_left(self.days, day)

    def through(self, day: date) -> int:
        """How many sessions lie before or on `day`."""
        return bisect_right(self.days, day)

    def is_session(self, day: date) -> bool:
        """Whether `day` is on the axis."""
        place = bisect_left(self.days, day)
        return place < len(self.days) and self.days[place] == day


def ended_minutes(now: datetime) -> int:
    """How many of the 240 minute bars of its day have ended at `now`: 30 at 10:00:00, the last one labelled 10:00."""
    minute = now.hour * 60 + now.minute
    return min(120, max(0, minute - _OPEN)) + min(120, max(0, minute - _AFTERNOON))


def opened(now: datetime) -> bool:
    """Whether the day's opening price is known: from 09:30:00."""
    return now.hour * 60 + now.minute >= _OPEN


def minute_stamps(day: date) -> TimeArray:
    """The ends of the day's 240 minutes, datetime64[ns]."""
    stamps: TimeArray = np.datetime64(day, "ns") + MINUTE_OFFSETS
    return stamps
