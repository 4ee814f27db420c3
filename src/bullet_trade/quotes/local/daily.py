"""Daily bars of one code: stored rows, completed from minute bars where only those exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.ports.market_data import BoolArray, CorporateAction, DailyBars, DateArray, FloatArray
from bullet_trade.quotes.local.load import ParquetTables
from bullet_trade.quotes.local.minutes import FIELDS, MinuteRows, load_rows, usable
from bullet_trade.quotes.reference import reference_price

COLUMNS = (*FIELDS, "prev_close")


@dataclass(frozen=True, slots=True)
class DailyBlock:
    """All daily bars of one code. Read-only."""

    bars: DailyBars

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(getattr(self.bars, name).nbytes for name in ("days", *COLUMNS, "paused"))


def load_daily(tables: ParquetTables, security: Security, actions: Sequence[CorporateAction]) -> DailyBlock:
    """All days of one code, ascending. An index without volume is not suspended: some sources give none."""
    rows = _stored(tables, security.code)
    rows = rows.merged(_from_minutes(tables, security.code, rows.days))
    if security.kind is Kind.INDEX:
        rows.paused[:] = False
    rows = rows.where(rows.paused | usable(rows.fields))
    rows = rows.where(_flatten_suspended(rows))
    _complete_prev_close(security, rows, actions)
    fields = rows.fields
    volume = fields["volume"].astype(np.int64)
    for array in (rows.days, rows.paused, volume, *fields.values()):
        array.flags.writeable = False  # callers get views of the cache
    bars = DailyBars(
        days=rows.days,
        open=fields["open"],
        high=fields["high"],
        low=fields["low"],
        close=fields["close"],
        volume=volume,
        money=fields["money"],
        prev_close=fields["prev_close"],
        paused=rows.paused,
    )
    return DailyBlock(bars)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Days in the making: COLUMNS as float64, one row per day, ascending."""

    days: DateArray
    fields: dict[str, FloatArray]
    paused: BoolArray

    def where(self, keep: BoolArray) -> _Rows:
        fields = {name: values[keep] for name, values in self.fields.items()}
        return _Rows(self.days[keep], fields, self.paused[keep])

    def merged(self, other: _Rows) -> _Rows:
        days = np.concatenate([self.days, other.days])
        order = np.argsort(days)
        fields = {name: np.concatenate([self.fields[name], other.fields[name]])[order] for name in COLUMNS}
        return _Rows(days[order], fields, np.concatenate([self.paused, other.paused])[order])


def _stored(tables: ParquetTables, code: Code) -> _Rows:
    arrays = tables.arrays(
        """SELECT date, open, high, low, close, CAST(coalesce(volume, 0) AS DOUBLE) AS volume, money,
                  prev_close, coalesce(volume = 0, false) AS silent
           FROM bars_1d WHERE code = ? ORDER BY date, file_rank, file_row""",
        (code,),
    )
    days = arrays["date"].astype("datetime64[D]")
    fields = {name: arrays[name].astype(np.float64) for name in COLUMNS}
    distinct = np.ones(len(days), dtype=np.bool_)
    distinct[1:] = days[1:] != days[:-1]
    return _Rows(days, fields, arrays["silent"].astype(np.bool_)).where(distinct)


def _from_minutes(tables: ParquetTables, code: Code, known: DateArray) -> _Rows:
    arrays = tables.arrays("SELECT DISTINCT CAST(datetime AS DATE) AS day FROM bars_1m WHERE code = ?", (code,))
    missing = np.setdiff1d(arrays["day"].astype("datetime64[D]"), known)
    if len(missing) == 0:
        return _Rows(missing, {name: np.empty(0) for name in COLUMNS}, np.empty(0, dtype=np.bool_))
    first: date = missing[0].item()
    stop: date = (missing[-1] + np.timedelta64(1, "D")).item()
    bars = load_rows(tables, code, first, stop)
    return _aggregate(bars.where(np.isin(bars.days, missing) & (bars.fields["volume"] > 0)))


def _aggregate(bars: MinuteRows) -> _Rows:
    """One row per day, of bars that all traded; sums run in time order: the same bits in every run."""
    days, starts = np.unique(bars.days, return_index=True)
    field = bars.fields
    ends = np.append(starts[1:], len(bars.days)) - 1 if len(days) else starts
    fields = {
        "open": field["open"][starts],
        "high": np.maximum.reduceat(field["high"], starts),
        "low": np.minimum.reduceat(field["low"], starts),
        "close": field["close"][ends],
        "volume": np.add.reduceat(field["volume"], starts),
        "money": np.add.reduceat(field["money"], starts),
        "prev_close": np.full(len(days), np.nan),
    }
    return _Rows(days, fields, np.zeros(len(days), dtype=np.bool_))


def _flatten_suspended(rows: _Rows) -> BoolArray:
    """Sets the prices of suspended days to the last close; returns which rows have prices then."""
    fields = rows.fields
    close, known = fields["close"], np.ones(len(rows.days), dtype=np.bool_)
    for row in np.flatnonzero(rows.paused):
        last = close[row - 1] if row else fields["prev_close"][row]
        price = last if last > 0 else close[row]
        for name in ("open", "high", "low", "close"):
            fields[name][row] = price
        known[row] = price > 0
    return known


def _complete_prev_close(security: Security, rows: _Rows, actions: Sequence[CorporateAction]) -> None:
    prev_close, close = rows.fields["prev_close"], rows.fields["close"]
    for row in np.flatnonzero(~(prev_close > 0)):
        if row == 0:
            prev_close[row] = np.nan
            continue
        since, day = rows.days[row - 1].item(), rows.days[row].item()
        prev_close[row] = reference_price(security, float(close[row - 1]), since, day, actions)
