"""The server's tables of bars as arrays. Pure.

Servers differ in how they send them: with an index, without one (then the terminal's `time` column tells), one code or
several, volumes of daily bars in lots or in shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Code
from bullet_trade.ports.market_data import (
    BARS_PER_DAY,
    BoolArray,
    DailyBars,
    DateArray,
    FloatArray,
    IntArray,
    MinuteBars,
)
from bullet_trade.remote.tables import Column, Label, Table
from bullet_trade.strategy.data.axis import minute_stamps

FIELDS = ("time", "open", "high", "low", "close", "volume", "money", "preClose", "suspendFlag")
MINUTE_FIELDS = FIELDS[:7]

TimeArray = NDArray[np.datetime64]
Columns = dict[str, Column]

_BEIJING = np.timedelta64(8, "h")


def by_code(table: Table, codes: Sequence[Code]) -> dict[Code, Columns]:
    """The columns of each code by field; a code that the table lacks is left out."""
    if not table.two_level:
        return {codes[0]: _one_level(table)} if len(codes) == 1 and len(table) else {}
    found: dict[Code, Columns] = {}
    wanted = {str(code): code for code in codes}
    for label, column in zip(table.labels, table.columns, strict=True):
        field, name = _pair(label)
        if name in wanted:
            found.setdefault(wanted[name], {})[field] = column
    if table.index is not None:
        for columns in found.values():
            columns["index"] = table.index
    return found


def _pair(label: Label) -> tuple[str, str]:
    return label if isinstance(label, tuple) else (label, "")


def _one_level(table: Table) -> Columns:
    columns: Columns = {str(label): column for label, column in zip(table.labels, table.columns, strict=True)}
    if table.index is not None:
        columns["index"] = table.index
    return columns


def times(columns: Columns) -> TimeArray:
    """When each bar ended, naive Beijing time. Raises `ValueError` where the table does not say."""
    index = columns.get("index")
    if index is not None and isinstance(index, np.ndarray) and index.dtype.kind == "M":
        return index.astype("datetime64[s]")
    if isinstance(index, list):
        return np.array(index, dtype="datetime64[s]")
    milliseconds = columns.get("time")
    if milliseconds is None:
        raise ValueError("表格里没有时间")
    numbers = np.asarray(milliseconds, dtype=np.float64)
    stamps: TimeArray = np.full(len(numbers), np.datetime64("NaT", "s"), dtype="datetime64[s]")
    known = np.isfinite(numbers)
    stamps[known] = numbers[known].astype(np.int64).astype("datetime64[ms]").astype("datetime64[s]") + _BEIJING
    return stamps


def daily_bars(columns: Columns, shares_per_unit: int) -> DailyBars:
    """Daily bars, ascending; rows without a price are left out. `shares_per_unit` is what one of `volume` means."""
    stamps = times(columns)
    close = _floats(columns, "close")
    known = np.isfinite(close) & (close > 0) & ~np.isnat(stamps)
    days: DateArray = stamps[known].astype("datetime64[D]")
    volume = _whole(_floats(columns, "volume")[known]) * shares_per_unit
    flags = _floats(columns, "suspendFlag")[known] if "suspendFlag" in columns else np.zeros(len(days))
    prev_close = _floats(columns, "preClose")[known] if "preClose" in columns else np.full(len(days), np.nan)
    prev_close[~(prev_close > 0)] = np.nan
    paused: BoolArray = (flags == 1.0) & (volume == 0)
    return DailyBars(
        days,
        _floats(columns, "open")[known],
        _floats(columns, "high")[known],
        _floats(columns, "low")[known],
        close[known],
        volume,
        _floats(columns, "money")[known],
        prev_close,
        paused,
    )


def minute_bars(columns: Columns, day: date) -> MinuteBars | None:
    """The day's 240 minutes; a minute without a bar keeps the price before it, and None is a day without any."""
    stamps = times(columns)
    close = _floats(columns, "close")
    slots = np.searchsorted(minute_stamps(day), stamps.astype("datetime64[ns]"))
    own = np.isfinite(close) & (close > 0) & (stamps.astype("datetime64[D]") == np.datetime64(day, "D"))
    own &= slots < BARS_PER_DAY
    if not own.any():
        return None
    places = slots[own]
    last: FloatArray = np.full(BARS_PER_DAY, np.nan)
    last[places] = close[own]
    filled = _carried(last, float(_floats(columns, "open")[own][0]))
    prices = {name: filled.copy() for name in ("open", "high", "low")}
    for name, column in prices.items():
        column[places] = _floats(columns, name)[own]
    volume: IntArray = np.zeros(BARS_PER_DAY, dtype=np.int64)
    volume[places] = _whole(_floats(columns, "volume")[own])
    money: FloatArray = np.zeros(BARS_PER_DAY)
    money[places] = _floats(columns, "money")[own]
    return MinuteBars(prices["open"], prices["high"], prices["low"], filled, volume, money)


def last_minute(columns: Columns, day: date) -> int:
    """How many minutes of `day` the newest bar closes."""
    stamps = times(columns)
    own = stamps[stamps.astype("datetime64[D]") == np.datetime64(day, "D")]
    return int(np.searchsorted(minute_stamps(day), own.max().astype("datetime64[ns]"))) + 1 if len(own) else 0


def _carried(values: FloatArray, first: float) -> FloatArray:
    known = np.where(np.isfinite(values), np.arange(len(values)), -1)
    source = np.maximum.accumulate(known)
    return np.where(source >= 0, values[np.maximum(source, 0)], first)


def _floats(columns: Columns, name: str) -> FloatArray:
    column = columns.get(name)
    if column is None:
        raise ValueError(f"表格里没有 {name} 列")
    return np.array(column, dtype=np.float64)


def _whole(values: FloatArray) -> IntArray:
    return np.where(np.isfinite(values), values, 0.0).astype(np.int64)
