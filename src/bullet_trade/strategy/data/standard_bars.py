"""The standard bars of `get_bars`: aligned to the day, week or month, without suspended days, never filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Security
from bullet_trade.strategy.data import larger_bars
from bullet_trade.strategy.data.axis import MINUTES, ended_minutes, opened
from bullet_trade.strategy.data.day_windows import day_so_far, last_days
from bullet_trade.strategy.data.fields import decimals
from bullet_trade.strategy.data.interval import DAY, MINUTE, Interval
from bullet_trade.strategy.data.minute_windows import last_minutes
from bullet_trade.strategy.data.price_windows import LONGEST, finished_periods
from bullet_trade.strategy.data.window import Window, Wish, joined
from bullet_trade.strategy.history import History


def standard_bars(
    history: History, security: Security, count: int, length: Interval, at: datetime, include_now: bool, wish: Wish
) -> Window:
    """The last `count` bars that had ended at `at`; with `include_now` the unfinished one counts as the last.

    A day ends at 15:00:00. An unfinished bar is made of the ended minutes; at 09:30, before one has ended, all its
    prices are the opening price and its volume is 0. Raises `StrategyError` for several days in one bar.
    """
    if length.unit == MINUTE:
        return _minute_bars(history, security, count, length, at, include_now, wish)
    if length.size != 1:
        raise StrategyError(f"get_bars 不支持周期 '{length.size}d'", "可用：'1m' 等任意分钟数、'1d'、'1w'、'1M'")
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    days = _days(history, security, (count + 1) * LONGEST[length.unit], at, include_now, inner)
    if length.unit == DAY:
        return Window(days.stamps, days.values[: len(wish.numbers)]).last(count)
    places = decimals(security)
    if not include_now:
        ended = history.axis.through(at.date()) if ended_minutes(at) == MINUTES else history.axis.before(at.date())
        to_come = history.axis.stamps[ended : ended + 1]
        return finished_periods(days, to_come, length, wish.numbers, places).last(count)
    starts = larger_bars.period_starts(days.stamps, length)
    return larger_bars.added_up(days, starts, wish.numbers, places).last(count)


def _days(history: History, security: Security, count: int, at: datetime, include_now: bool, wish: Wish) -> Window:
    stop = history.axis.before(at.date())
    rows = last_days(history, security, count, stop, wish)
    if not include_now and ended_minutes(at) < MINUTES:
        return rows
    if at.date() < history.today() and ended_minutes(at) == MINUTES:
        return last_days(history, security, count, history.axis.through(at.date()), wish)
    return joined([rows, day_so_far(history, security, at, wish)], wish) if opened(at) else rows


def _minute_bars(
    history: History, security: Security, count: int, length: Interval, at: datetime, include_now: bool, wish: Wish
) -> Window:
    size = length.size
    if size > MINUTES:
        raise StrategyError(f"get_bars 不支持周期 '{size}m'", f"分钟周期最长 {MINUTES}")
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    bars_a_day = -(-MINUTES // size)
    minutes = last_minutes(history, security, (count // bars_a_day + 2) * MINUTES if size > 1 else count, at, inner)
    begun = ended_minutes(at)
    if begun % size and begun < MINUTES and not include_now:  # the newest bar has not ended
        minutes = Window(*_without_last(minutes, begun % size, at))
    starts = larger_bars.minute_starts(minutes.stamps, size)
    bars = larger_bars.added_up(minutes, starts, wish.numbers, decimals(security))
    if begun == 0 and include_now and opened(at):
        bars = joined([bars, _opening_bar(history, security, at, wish)], wish)
    return bars.last(count)


def _without_last(minutes: Window, unfinished: int, at: datetime) -> tuple[np.ndarray, np.ndarray]:
    if not len(minutes) or minutes.stamps[-1].astype("datetime64[D]") != np.datetime64(at.date(), "D"):
        return minutes.stamps, minutes.values
    return minutes.stamps[:-unfinished], minutes.values[:, :-unfinished]


def _opening_bar(history: History, security: Security, at: datetime, wish: Wish) -> Window:
    row = day_so_far(history, security, at, wish)
    return Window(np.array([at.replace(second=0, microsecond=0)], dtype="datetime64[ns]")[: len(row)], row.values)
