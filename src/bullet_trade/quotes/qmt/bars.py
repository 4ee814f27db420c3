"""The terminal's tables of bars and snapshots as arrays in shares and yuan. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.errors import DataError
from bullet_trade.domain.securities import Kind, Security
from bullet_trade.ports.market_data import (
    CorporateAction,
    DailyBars,
    FloatArray,
    MinuteBars,
    Ticks,
)
from bullet_trade.quotes.qmt.moments import read_day
from bullet_trade.quotes.qmt.snapshots import LEVELS, number
from bullet_trade.quotes.qmt.terminal import BAR_FIELDS
from bullet_trade.quotes.qmt.units import ENOUGH, believed_lot, lot_of_day, lot_of_days
from bullet_trade.quotes.qmt.xtdata import Table
from bullet_trade.quotes.qmt_remote import bars as plain
from bullet_trade.quotes.qmt_remote.bars import Columns
from bullet_trade.quotes.reference import corporate_action, reference_price
from bullet_trade.strategy.data.axis import minute_stamps

_BEIJING_MS = 8 * 3_600_000
_OURS = {"amount": "money"}


def columns(table: Table) -> Columns:
    """The table's numbers by our names. Raises `DataError` where one is missing."""
    found: Columns = {}
    for name in BAR_FIELDS:
        if name not in table:
            raise DataError(f"QMT 的 K 线缺少字段 {name}", "升级 QMT 和 xtquant")
        found[_OURS.get(name, name)] = np.array(table[name], dtype=np.float64)  # a copy: the vendor's cannot be written
    return found


def daily_bars(security: Security, found: Columns) -> DailyBars:
    """Daily bars. Raises `DataError` where the unit of their volumes cannot be told."""
    raw = plain.daily_bars(found, 1)
    volume = raw.volume.astype(np.float64)
    lot = lot_of_days(security.code, security.kind, volume, raw.money, raw.low, raw.high)
    paused = (raw.volume == 0) & (security.kind is not Kind.INDEX)
    return replace(raw, volume=raw.volume * lot, paused=paused)


def minute_bars(security: Security, found: Columns, day: date) -> MinuteBars | None:
    """The day's 240 minutes; None is a day without any. Raises `DataError` as `daily_bars` does."""
    raw = plain.minute_bars(_one_a_minute(found, day), day)
    if raw is None:
        return None
    volume, money = float(raw.volume.sum()), float(raw.money.sum())
    low, high = float(raw.low.min()), float(raw.high.max())
    lot = lot_of_day(security.code, security.kind, volume, money, low, high)
    return replace(raw, volume=raw.volume * lot)


def _one_a_minute(found: Columns, day: date) -> Columns:
    """One row per minute of the session: terminals give the opening auction a bar of its own, labelled 09:30."""
    stamps = plain.times(found)
    slots = np.searchsorted(minute_stamps(day), stamps.astype("datetime64[ns]"))
    starts = np.flatnonzero(np.diff(slots, prepend=-1))
    if len(starts) == len(slots):
        return found
    ends = np.append(starts[1:], len(slots)) - 1
    row = {name: np.asarray(column, dtype=np.float64) for name, column in found.items()}
    merged: Columns = {name: column[ends] for name, column in row.items()}
    merged["open"] = row["open"][starts]
    merged["high"] = np.maximum.reduceat(row["high"], starts)
    merged["low"] = np.minimum.reduceat(row["low"], starts)
    merged["volume"] = np.add.reduceat(row["volume"], starts)
    merged["money"] = np.add.reduceat(row["money"], starts)
    return merged


def with_references(security: Security, found: DailyBars, actions: Sequence[CorporateAction]) -> DailyBars:
    """Reference prices of ex-days by the exchanges' formula, where the terminal only repeats the close before."""
    references: FloatArray = found.prev_close.copy()
    ex_days = np.array([action.ex_date for action in actions], dtype="datetime64[D]")
    for place in np.unique(np.searchsorted(found.days, ex_days)).tolist():
        if 0 < place < len(found):
            since, day, close = found.days[place - 1].item(), found.days[place].item(), float(found.close[place - 1])
            if not abs(references[place] - close) > 1e-6:
                references[place] = reference_price(security, close, since, day, actions)
    return replace(found, prev_close=references)


def ticks(security: Security, table: Table, day: date) -> Ticks | None:
    """The day's snapshots with a price; None without any. Raises `DataError` as `daily_bars` does."""
    times = (_floats(table, "time").astype(np.int64) + _BEIJING_MS).astype("datetime64[ms]")
    own = np.flatnonzero((times.astype("datetime64[D]") == np.datetime64(day, "D")) & (_floats(table, "lastPrice") > 0))
    if not len(own):
        return None
    own = own[np.argsort(times[own], kind="stable")]
    low, high, money = (_floats(table, name)[own] for name in ("low", "high", "amount"))
    lots, exact = _floats(table, "volume")[own], _floats(table, "pvolume")[own]
    lot = believed_lot(security.kind)
    if lots[-1] >= ENOUGH:
        day_range = float(low[-1]), float(high[-1])
        lot = lot_of_day(security.code, security.kind, float(lots[-1]), float(money[-1]), *day_range)
    volume = np.where(np.abs(exact - lots * lot) < lot, exact, lots * lot)
    return Ticks(
        times[own],
        _floats(table, "lastPrice")[own],
        _floats(table, "open")[own],
        high,
        low,
        np.rint(volume).astype(np.int64),
        money,
        _levels(table, "askPrice", own),
        np.rint(_levels(table, "askVol", own)).astype(np.int64) * lot,
        _levels(table, "bidPrice", own),
        np.rint(_levels(table, "bidVol", own)).astype(np.int64) * lot,
    )


def _floats(table: Table, name: str) -> FloatArray:
    if name not in table:
        raise DataError(f"QMT 的分笔缺少字段 {name}", "升级 QMT 和 xtquant")
    return np.array(table[name], dtype=np.float64)


def _levels(table: Table, name: str, rows: NDArray[np.int64]) -> FloatArray:
    cells = np.asarray(table[name], dtype=object)
    found: FloatArray = np.zeros((len(rows), LEVELS))
    for place, row in enumerate(rows.tolist()):
        values = list(cells[row])[:LEVELS]
        found[place, : len(values)] = values
    return found


def action_of(row: Mapping[str, object], ex_date: date) -> CorporateAction:
    """A dividend as holders receive it. Of a split that states only its factor the factor tells; rights that must be
    paid for (`allotNum`) are none of a holder's without an order."""
    cash, bonus, gift = (number(row.get(name, 0.0)) for name in ("interest", "stockBonus", "stockGift"))
    factor = number(row.get("dr", 0.0))
    if not cash and not bonus and not gift and not number(row.get("allotNum", 0.0)) and factor > 0:
        return corporate_action(ex_date, 0.0, factor - 1.0)
    return corporate_action(ex_date, cash, bonus + gift)


def ex_date_of(row: Mapping[str, object]) -> date | None:
    """The ex-day of a row of dividends."""
    milliseconds = row.get("time")
    if isinstance(milliseconds, int | float) and milliseconds > 0:
        day = np.datetime64(int(milliseconds) + _BEIJING_MS, "ms").astype("datetime64[D]").item()
        return day if isinstance(day, date) else None
    return read_day(row.get("date"))
