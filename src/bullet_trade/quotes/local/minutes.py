"""Minute bars of one code: from stored rows to full 240-bar days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import (
    BARS_PER_DAY,
    DailyBars,
    DateArray,
    FloatArray,
    IntArray,
    MinuteBars,
)
from bullet_trade.quotes.local.load import ParquetTables

FIELDS = ("open", "high", "low", "close", "volume", "money")

_MORNING_FIRST = 9 * 60 + 31
_AFTERNOON_FIRST = 13 * 60 + 1
_HALF_DAY = BARS_PER_DAY // 2


@dataclass(frozen=True, slots=True)
class MinuteRows:
    """Stored bars of one code, ascending, one per minute, inside the sessions, with four positive prices."""

    days: DateArray  # datetime64[D]
    slots: IntArray  # 0..239
    fields: dict[str, FloatArray]  # FIELDS; money NaN where the source has none

    def where(self, keep: NDArray[np.bool_]) -> MinuteRows:
        """The rows under the mask."""
        return MinuteRows(
            self.days[keep], self.slots[keep], {name: values[keep] for name, values in self.fields.items()}
        )


def slots_of(times: NDArray[np.datetime64]) -> IntArray:
    """Which of the day's 240 bars ends at each time; -1 for a time that ends no minute of the sessions."""
    seconds = (times.astype("datetime64[s]") - times.astype("datetime64[D]")).astype(np.int64)
    minute = np.where(seconds % 60 == 0, seconds // 60, -1)
    morning, afternoon = minute - _MORNING_FIRST, minute - _AFTERNOON_FIRST
    found = np.where((morning >= 0) & (morning < _HALF_DAY), morning, -1)
    return np.where((afternoon >= 0) & (afternoon < _HALF_DAY), afternoon + _HALF_DAY, found)


def load_rows(tables: ParquetTables, code: Code, first: date, stop: date) -> MinuteRows:
    """The stored minute bars with first <= day < stop; of duplicates the first by file name order."""
    arrays = tables.arrays(
        """SELECT datetime, open, high, low, close, CAST(coalesce(volume, 0) AS DOUBLE) AS volume, money
           FROM bars_1m WHERE code = ? AND datetime >= ? AND datetime < ?
           ORDER BY datetime, file_rank, file_row""",
        (code, first, stop),
    )
    times = arrays["datetime"].astype("datetime64[s]")
    fields = {name: arrays[name].astype(np.float64) for name in FIELDS}
    slots = slots_of(times)
    rows = MinuteRows(times.astype("datetime64[D]"), slots, fields)
    distinct = np.ones(len(times), dtype=np.bool_)
    distinct[1:] = times[1:] != times[:-1]
    return rows.where(distinct & (slots >= 0) & usable(fields))


def usable(fields: dict[str, FloatArray]) -> NDArray[np.bool_]:
    """Which rows carry four real prices (some files write 0 or NaN where nothing was traded)."""
    prices = np.stack([fields[name] for name in ("open", "high", "low", "close")])
    return np.asarray((np.isfinite(prices) & (prices > 0)).all(axis=0))


@dataclass(frozen=True, slots=True)
class MinuteBlock:
    """Full days of one code: row i of each (n, 240) array is the day `index` maps to i. Read-only."""

    index: dict[date, int]
    fields: dict[str, FloatArray]
    volume: IntArray

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(values.nbytes for values in self.fields.values()) + self.volume.nbytes

    def day(self, day: date) -> MinuteBars | None:
        """The day's bars as views; None when the block has no trade on it."""
        row = self.index.get(day)
        if row is None:
            return None
        field = self.fields
        return MinuteBars(
            open=field["open"][row],
            high=field["high"][row],
            low=field["low"][row],
            close=field["close"][row],
            volume=self.volume[row],
            money=field["money"][row],
        )


NO_MINUTES = MinuteBlock({}, {}, np.empty((0, BARS_PER_DAY), dtype=np.int64))
"""The block of a code that the store does not know."""


def full_days(rows: MinuteRows, daily: DailyBars, *, need_volume: bool) -> MinuteBlock:
    """Every day with a trade as 240 bars: a missing bar repeats the last close, with volume and money 0.

    Before the day's first bar that is the day's reference price from `daily`; only where nobody knows it, the
    first open (nothing trades at it: the volume is 0). `need_volume` False keeps days without any (indices).
    """
    traded = rows.fields["volume"] > 0 if need_volume else np.ones(len(rows.days), dtype=np.bool_)
    days = np.unique(rows.days[traded])
    rows = rows.where(np.isin(rows.days, days))
    at = (np.searchsorted(days, rows.days), rows.slots)
    shape = (len(days), BARS_PER_DAY)
    grid = {name: np.zeros(shape) for name in FIELDS}
    for name, values in rows.fields.items():
        grid[name][at] = values
    present = np.zeros(shape, dtype=np.bool_)
    present[at] = True
    carried = _carried_close(grid, present, _reference_prices(days, daily))
    for name in ("open", "high", "low", "close"):
        grid[name] = np.where(present, grid[name], carried)
    volume = grid.pop("volume").astype(np.int64)
    for array in (*grid.values(), volume):
        array.flags.writeable = False  # callers get views of the cache
    index = {day: row for row, day in enumerate(days.astype(object).tolist())}
    return MinuteBlock(index, grid, volume)


def _reference_prices(days: DateArray, daily: DailyBars) -> FloatArray:
    found = np.full(len(days), np.nan)
    known = np.isin(days, daily.days)
    found[known] = daily.prev_close[np.searchsorted(daily.days, days[known])]
    return found


def _carried_close(grid: dict[str, FloatArray], present: NDArray[np.bool_], reference: FloatArray) -> FloatArray:
    last = np.maximum.accumulate(np.where(present, np.arange(BARS_PER_DAY), -1), axis=1)
    first_open = np.take_along_axis(grid["open"], present.argmax(axis=1)[:, None], axis=1)
    start = np.where(np.isnan(reference), first_open[:, 0], reference)[:, None]
    return np.where(last >= 0, np.take_along_axis(grid["close"], np.maximum(last, 0), axis=1), start)


def coarse_day(day: DailyBars, row: int) -> MinuteBars:
    """A day of which only the daily bar is known: it trades at its two known moments, open and close.

    The first bar is the open with half of the volume, the last one the close with the rest; between them the
    price stands at the open and nothing trades. The day's high and low are in no bar: nobody knows when they
    were reached, and a limit order could be filled at a price that had passed before it was placed.
    """
    opening, closing, volume = float(day.open[row]), float(day.close[row]), int(day.volume[row])
    price = np.full(BARS_PER_DAY, opening)
    price[-1] = closing
    shares = np.zeros(BARS_PER_DAY, dtype=np.int64)
    shares[0] = volume // 2
    shares[-1] = volume - volume // 2
    price.flags.writeable = False  # one array stands for all four prices
    return MinuteBars(
        open=price, high=price, low=price, close=price, volume=shares, money=price * shares.astype(np.float64)
    )
