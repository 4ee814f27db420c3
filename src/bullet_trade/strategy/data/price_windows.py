"""Windows of any length of bar, as `get_price`, `history` and `attribute_history` define them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from bullet_trade.domain.errors import StrategyError
from bullet_trade.domain.securities import Security
from bullet_trade.strategy.data import larger_bars
from bullet_trade.strategy.data.axis import TimeArray
from bullet_trade.strategy.data.day_windows import day_so_far, days_between, last_days
from bullet_trade.strategy.data.fields import decimals
from bullet_trade.strategy.data.interval import DAY, MINUTE, MONTH, Interval
from bullet_trade.strategy.data.minute_windows import last_minutes, minutes_between
from bullet_trade.strategy.data.window import Window, Wish, joined
from bullet_trade.strategy.history import History

LONGEST = {MINUTE: 1, DAY: 1, "w": 5, MONTH: 23}
"""The most sessions in one calendar bar."""


def past_window(history: History, security: Security, count: int, length: Interval, wish: Wish) -> Window:
    """`count` bars as `history` and `attribute_history` show them: ended minutes, or sessions before today.

    Several minutes or days in one bar are sliding windows that end with the newest minute or yesterday. Weeks and
    months are those of the calendar that are over, today not counted.
    """
    if count <= 0:
        raise StrategyError(f"count={count} 无效", "数量必须大于 0")
    now = history.now()
    stop = history.position(now.date())
    if length == (1, DAY):
        return last_days(history, security, count, stop, wish)
    if length.unit == MINUTE:
        return _ending(history, security, count, length, wish, now)
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    places = decimals(security)
    if length.unit == DAY:
        rows = last_days(history, security, count * length.size, stop, inner)
        return larger_bars.sliding(rows, length.size, wish.numbers, places)
    rows = last_days(history, security, (count + 1) * LONGEST[length.unit] + 1, stop, inner)
    return finished_periods(rows, history.axis.stamps[stop : stop + 1], length, wish.numbers, places).last(count)


def finished_periods(
    days: Window, to_come: TimeArray, length: Interval, numbers: tuple[int, ...], places: int
) -> Window:
    """Calendar weeks or months of daily rows, without the one that the next session `to_come` (if known) belongs to."""
    starts = larger_bars.period_starts(days.stamps, length)
    bars = larger_bars.added_up(days, starts, numbers, places)
    if not len(days) or not len(to_come):
        return bars
    last, following = larger_bars.period_numbers(np.append(days.stamps[-1], to_come[0]), length)
    return Window(bars.stamps[:-1], bars.values[:, :-1]) if last == following else bars


def price_window(
    history: History,
    security: Security,
    start: datetime | None,
    end: datetime,
    count: int | None,
    length: Interval,
    wish: Wish,
) -> Window:
    """Bars as `get_price` shows them: from `start`, or `count` of them, through `end`, which is not later than now.

    Daily rows include the day of `end`: whole when it is over, else as far as it has gone (`day_so_far`).
    """
    if length.unit == MINUTE:
        if count is not None:
            return _ending(history, security, count, length, wish, end)
        assert start is not None
        return _since(history, security, start, length, wish, end)
    if length.size == 1 and length.unit == DAY:
        return day_rows(history, security, start, end, count, wish)
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    size = length.size if length.unit == DAY else LONGEST[length.unit]
    wanted = None if count is None else (count + 1) * size
    rows = day_rows(history, security, start, end, wanted, inner)
    places = decimals(security)
    if length.unit == DAY:
        bars = larger_bars.sliding(rows, length.size, wish.numbers, places)
    else:
        starts = larger_bars.period_starts(rows.stamps, length)
        bars = larger_bars.added_up(rows, starts, wish.numbers, places)
    return bars if count is None else bars.last(count)


def day_rows(
    history: History,
    security: Security,
    start: datetime | None,
    end: datetime,
    count: int | None,
    wish: Wish,
) -> Window:
    """Daily rows through the day of `end`, the current day as far as it has gone."""
    axis, day = history.axis, end.date()
    last = axis.before(day)
    today = day_so_far(history, security, history.now(), wish) if day == history.today() else None
    stop = last if today is not None else axis.through(day)
    if count is not None:
        wanted = count - (len(today) if today is not None else 0)
        earlier = last_days(history, security, wanted, stop, wish) if wanted else None
    else:
        assert start is not None
        earlier = days_between(history, security, axis.before(start.date()), stop, wish)
        if today is not None and start.date() > day:
            today = None
    if earlier is None or today is None or not len(today):
        return earlier if earlier is not None else today if today is not None else joined((), wish)
    if not len(earlier):
        return today
    values = np.concatenate([earlier.values, today.values], axis=1)
    follows = earlier.places is not None and earlier.places[1] == last
    stamps = np.concatenate([earlier.stamps, today.stamps])
    return Window(stamps, values, (last + 1 - len(stamps), last + 1) if follows else None)


def _ending(history: History, security: Security, count: int, length: Interval, wish: Wish, at: datetime) -> Window:
    if length.size == 1:
        return last_minutes(history, security, count, at, wish)
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    rows = last_minutes(history, security, count * length.size, at, inner)
    return larger_bars.sliding(rows, length.size, wish.numbers, decimals(security))


def _since(history: History, security: Security, start: datetime, length: Interval, wish: Wish, at: datetime) -> Window:
    if length.size == 1:
        return minutes_between(history, security, start, at, wish)
    inner = replace(wish, numbers=larger_bars.with_ingredients(wish.numbers))
    rows = minutes_between(history, security, start, at, inner)
    return larger_bars.sliding(rows, length.size, wish.numbers, decimals(security))
