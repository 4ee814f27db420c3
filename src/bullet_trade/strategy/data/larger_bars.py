"""Bars added up to larger ones: sliding windows that end now, and the standard bars of the calendar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bullet_trade.ports.market_data import FloatArray
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.axis import MINUTE_OFFSETS, TimeArray
from bullet_trade.strategy.data.interval import MONTH, WEEK, Interval
from bullet_trade.strategy.data.window import Window

Starts = NDArray[np.intp]

_FIRST = frozenset({fields.OPEN, fields.PRE_CLOSE})
_SUMS = frozenset({fields.VOLUME, fields.MONEY})
_EXTRA_FOR_AVG = (fields.MONEY, fields.VOLUME, fields.CLOSE)


def with_ingredients(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """The fields needed to add up `numbers`: these first, then what an average price is made of."""
    extra = [number for number in _EXTRA_FOR_AVG if number not in numbers] if fields.AVG in numbers else []
    return (*numbers, *extra)


def sliding(window: Window, size: int, numbers: tuple[int, ...], places: int) -> Window:
    """Windows of `size` rows, the last one ending with the last row; an incomplete first one is left out."""
    whole = window.last(len(window) // size * size)
    starts = np.arange(0, len(whole), size)
    return added_up(whole, starts, numbers, places)


def added_up(window: Window, starts: Starts, numbers: tuple[int, ...], places: int) -> Window:
    """One bar for each stretch of rows that begins at `starts`, labelled by its last row.

    `window` has the fields of `with_ingredients(numbers)`. Suspension is that of the last row.
    """
    ends = np.append(starts[1:], len(window)) - 1 if len(starts) else starts
    everything = with_ingredients(numbers)
    values: FloatArray = np.empty((len(numbers), len(starts)))
    for row, number in enumerate(numbers):
        values[row] = _column(window.values, everything, number, starts, ends, places)
    return Window(window.stamps[ends], values)


def _column(
    values: FloatArray, numbers: tuple[int, ...], number: int, starts: Starts, ends: Starts, places: int
) -> FloatArray:
    if not len(starts):
        return np.empty(0)
    column: FloatArray = values[numbers.index(number)]
    if number == fields.HIGH:
        return np.fmax.reduceat(column, starts)
    if number == fields.LOW:
        return np.fmin.reduceat(column, starts)
    if number in _SUMS:
        return np.add.reduceat(np.nan_to_num(column), starts)
    if number in _FIRST:
        return column[starts]
    if number == fields.AVG:
        money, volume, close = (_column(values, numbers, n, starts, ends, places) for n in _EXTRA_FOR_AVG)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = money / volume
        average: FloatArray = np.where(np.isfinite(mean), mean, close)
        return average.round(places)
    return column[ends]


def minute_starts(stamps: TimeArray, size: int) -> Starts:
    """Where standard bars of `size` minutes begin: a day's 240 minutes are cut from 09:31 on, the last may be short."""
    days = stamps.astype("datetime64[D]")
    number = np.searchsorted(MINUTE_OFFSETS, (stamps - days).astype("timedelta64[m]")) // size
    return _changes(days.astype(np.int64) * 1000 + number)


def period_starts(stamps: TimeArray, length: Interval) -> Starts:
    """Where calendar weeks (Monday to Sunday) or months begin."""
    return _changes(period_numbers(stamps, length))


def period_numbers(stamps: TimeArray, length: Interval) -> NDArray[np.int64]:
    """The number of the calendar week or month of each day."""
    if length.unit == MONTH:
        return stamps.astype("datetime64[M]").astype(np.int64)
    assert length.unit == WEEK
    return (stamps.astype("datetime64[D]").astype(np.int64) + 3) // 7  # day 0 was a Thursday


def _changes(numbers: NDArray[np.int64]) -> Starts:
    return np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])) if len(numbers) else np.empty(0, np.intp)
