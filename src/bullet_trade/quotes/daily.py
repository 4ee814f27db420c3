"""Daily bars as every source needs them: none, a range of them, one more. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from bullet_trade.ports.market_data import DailyBars, FloatArray

_NOTHING: FloatArray = np.empty(0)
NO_DAYS = DailyBars(
    days=np.empty(0, dtype="datetime64[D]"),
    open=_NOTHING,
    high=_NOTHING,
    low=_NOTHING,
    close=_NOTHING,
    volume=np.empty(0, dtype=np.int64),
    money=_NOTHING,
    prev_close=_NOTHING,
    paused=np.empty(0, dtype=np.bool_),
)


def between(bars: DailyBars, first: date, last: date) -> DailyBars:
    """The rows with first <= day <= last, as views."""
    start = int(np.searchsorted(bars.days, np.datetime64(first, "D"), side="left"))
    cut = slice(start, int(np.searchsorted(bars.days, np.datetime64(last, "D"), side="right")))
    return DailyBars(
        days=bars.days[cut],
        open=bars.open[cut],
        high=bars.high[cut],
        low=bars.low[cut],
        close=bars.close[cut],
        volume=bars.volume[cut],
        money=bars.money[cut],
        prev_close=bars.prev_close[cut],
        paused=bars.paused[cut],
    )


def with_today(bars: DailyBars, today: date, at: float, paused: bool = False) -> DailyBars:
    """A row for the running day that says what it is measured against; its prices come from minutes and snapshots."""
    return replace(
        bars,
        days=np.append(bars.days, np.datetime64(today, "D")),
        open=np.append(bars.open, at),
        high=np.append(bars.high, at),
        low=np.append(bars.low, at),
        close=np.append(bars.close, at),
        volume=np.append(bars.volume, 0),
        money=np.append(bars.money, 0.0),
        prev_close=np.append(bars.prev_close, at),
        paused=np.append(bars.paused, paused),
    )
