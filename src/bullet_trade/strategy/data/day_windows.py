"""Daily bars of one security: windows of whole sessions, and the current one as far as it has gone."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from bullet_trade.domain.securities import Security
from bullet_trade.ports.market_data import FloatArray, MinuteBars
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.axis import ended_minutes, opened
from bullet_trade.strategy.data.daily_block import DailyBlock, Places, day_limits
from bullet_trade.strategy.data.window import Window, Wish, blank, nothing
from bullet_trade.strategy.history import History


def last_days(history: History, security: Security, count: int, stop: int, wish: Wish) -> Window:
    """The last `count` sessions before position `stop`, which is at most today's; with `skip_paused` those with trade.

    Days with trade are looked for back to the listing; fewer rows come only where there are no more.
    """
    first = stop - count
    block = history.block(security, first)
    if not wish.skip_paused:
        return _sessions(history, security, block, max(0, first), stop, wish)
    chosen = block.last_traded(count, stop)
    listing = history.axis.before(security.list_date)
    while len(chosen) < count and block.start > listing:
        block = history.block(security, max(listing, block.start - count))
        chosen = block.last_traded(count, stop)
    return _chosen(history, security, block, chosen, wish)


def days_between(history: History, security: Security, first: int, stop: int, wish: Wish) -> Window:
    """The sessions first <= position < stop, `stop` at most today's; with `skip_paused` those with trade."""
    block = history.block(security, first)
    stop = max(first, stop)
    if not wish.skip_paused:
        return _sessions(history, security, block, first, stop, wish)
    return _chosen(history, security, block, block.traded_between(first, stop), wish)


def day_so_far(history: History, security: Security, at: datetime, wish: Wish) -> Window:
    """The session of `at` as far as it had gone then: no row, or one.

    From 09:30:00 on it has all fields: before the first minute has ended, all prices are the opening price. Before
    that there is a row only when nothing but the reference price, limits, suspension and factor is asked for.
    """
    axis, day = history.axis, at.date()
    if not axis.is_session(day) or not (opened(at) or fields.KNOWN_BEFORE_OPEN.issuperset(wish.numbers)):
        return nothing(wish)
    position = axis.before(day)
    block = history.block(security, position)
    row = _row_so_far(history, security, block, position, at)
    if wish.skip_paused and row[fields.PAUSED] != 0.0:
        return nothing(wish)
    values: FloatArray = row[list(wish.numbers)].reshape(-1, 1)
    if not wish.fill_paused:
        blank(values, wish.numbers, np.array([row[fields.PAUSED] == 1.0]))
    place = position - block.start
    history.adjust(security, block, values, block.factor[place : place + 1], wish)
    return Window(axis.stamps[position : position + 1], values, (position, position + 1))


def _sessions(history: History, security: Security, block: DailyBlock, first: int, stop: int, wish: Wish) -> Window:
    values = block.rows(wish.numbers, first, stop)
    cut = slice(first - block.start, stop - block.start)
    if not wish.fill_paused:
        blank(values, wish.numbers, block.table[fields.PAUSED, cut] == 1.0)
    history.adjust(security, block, values, block.factor[cut], wish)
    return Window(history.axis.stamps[first:stop], values, (first, stop))


def _chosen(history: History, security: Security, block: DailyBlock, chosen: Places, wish: Wish) -> Window:
    if len(chosen) and int(chosen[-1]) - int(chosen[0]) + 1 == len(chosen):
        return _sessions(history, security, block, int(chosen[0]), int(chosen[-1]) + 1, wish)
    values = block.picked(wish.numbers, chosen)
    history.adjust(security, block, values, block.factor[chosen - block.start], wish)
    return Window(history.axis.stamps[chosen], values)


def _row_so_far(history: History, security: Security, block: DailyBlock, position: int, at: datetime) -> FloatArray:
    row: FloatArray = np.full(fields.WIDTH, np.nan)
    row[fields.FACTOR] = block.growth_at(position)
    if not security.listed_on(at.date()):
        return row
    reference, bars = block.reference(position), history.data.minutes(security.code, at.date())
    row[fields.PRE_CLOSE] = reference
    row[fields.PAUSED] = bars is None
    row[fields.LOW_LIMIT], row[fields.HIGH_LIMIT] = day_limits(security, history.axis, position, reference)
    row[fields.VOLUME] = row[fields.MONEY] = 0.0
    ended = ended_minutes(at)
    if bars is not None and ended:
        _add_up(row, bars, ended)
    else:
        row[_PRICES] = reference if bars is None else bars.open[0]
    return row


_PRICES = [fields.OPEN, fields.HIGH, fields.LOW, fields.CLOSE, fields.AVG]


def _add_up(row: FloatArray, bars: MinuteBars, ended: int) -> None:
    volume, money = float(bars.volume[:ended].sum()), float(bars.money[:ended].sum())
    row[fields.OPEN] = bars.open[0]
    row[fields.HIGH] = bars.high[:ended].max()
    row[fields.LOW] = bars.low[:ended].min()
    row[fields.CLOSE] = bars.close[ended - 1]
    row[fields.VOLUME], row[fields.MONEY] = volume, money
    row[fields.AVG] = money / volume if volume > 0 and np.isfinite(money) else row[fields.CLOSE]
