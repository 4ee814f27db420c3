"""Minute bars of one security across days, ended ones only."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from bullet_trade.domain.securities import Security
from bullet_trade.ports.market_data import FloatArray, MinuteBars
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.axis import MINUTES, ended_minutes, minute_stamps
from bullet_trade.strategy.data.daily_block import day_limits
from bullet_trade.strategy.data.window import Window, Wish, blank, joined, nothing
from bullet_trade.strategy.history import History

LONGEST_SILENCE = 60
"""Sessions without a minute bar after which the search for earlier ones ends."""


def last_minutes(history: History, security: Security, count: int, at: datetime, wish: Wish) -> Window:
    """The last `count` minute bars that had ended at `at`; with `skip_paused` those of days with trade."""
    axis = history.axis
    listing, position = axis.before(security.list_date), axis.through(at.date()) - 1
    parts: list[Window] = []
    missing, silent = count, 0
    while missing > 0 and position >= listing and silent < LONGEST_SILENCE:
        part = _minutes_of(history, security, position, at, missing, wish)
        silent = 0 if len(part) else silent + 1
        missing -= len(part)
        parts.append(part)
        position -= 1
    return joined(parts[::-1], wish)


def minutes_between(history: History, security: Security, first: datetime, at: datetime, wish: Wish) -> Window:
    """The minute bars with first <= label that had ended at `at`."""
    axis = history.axis
    start = max(axis.before(first.date()), axis.before(security.list_date))
    positions = range(start, axis.through(at.date()))
    window = joined([_minutes_of(history, security, p, at, MINUTES, wish) for p in positions], wish)
    return window.last(len(window) - int(np.searchsorted(window.stamps, np.datetime64(first, "ns"))))


def _minutes_of(history: History, security: Security, position: int, at: datetime, most: int, wish: Wish) -> Window:
    day = history.axis.days[position]
    ended = ended_minutes(at) if at.date() == day else MINUTES
    first = max(0, ended - most)
    if ended == 0 or not security.listed_on(day):
        return nothing(wish)
    bars = history.data.minutes(security.code, day)
    if bars is None and wish.skip_paused:
        return nothing(wish)
    block = history.block(security, position)
    reference = block.reference(position)
    limits = None
    values: FloatArray = np.empty((len(wish.numbers), ended - first))
    for row, number in enumerate(wish.numbers):
        if number in fields.LIMITS:
            limits = limits or day_limits(security, history.axis, position, reference)
            values[row] = limits[number == fields.HIGH_LIMIT]
        else:
            values[row] = _column(bars, number, first, ended, reference)
    if bars is None and not wish.fill_paused:
        blank(values, wish.numbers, np.ones(ended - first, dtype=np.bool_))
    growth = np.full(ended - first, block.growth_at(position))
    history.adjust(security, block, values, growth, wish)
    return Window(minute_stamps(day)[first:ended], values)


_COLUMNS = {
    fields.OPEN: "open",
    fields.CLOSE: "close",
    fields.HIGH: "high",
    fields.LOW: "low",
    fields.VOLUME: "volume",
    fields.MONEY: "money",
}


def _column(bars: MinuteBars | None, number: int, first: int, ended: int, reference: float) -> FloatArray | float:
    if number in _ALL_DAY:
        return float(bars is None) if number == fields.PAUSED else 1.0
    if bars is None:
        return 0.0 if number in _AMOUNTS else reference
    if number == fields.PRE_CLOSE:
        before: FloatArray = np.append(reference, bars.close)[first:ended]
        return before
    if number == fields.AVG:
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = bars.money[first:ended] / bars.volume[first:ended]
        return np.where(np.isfinite(mean), mean, bars.close[first:ended])
    column: FloatArray = getattr(bars, _COLUMNS[number])[first:ended]
    return column


_ALL_DAY = frozenset({fields.PAUSED, fields.FACTOR})
_AMOUNTS = frozenset({fields.VOLUME, fields.MONEY})
