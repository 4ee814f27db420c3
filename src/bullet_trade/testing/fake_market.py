"""A market made of plain Python tables: what a test writes down is what trades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import isnan, nan
from typing import Unpack

import numpy as np

from bullet_trade.domain.securities import Code, Security
from bullet_trade.market.boards import Facts, describe
from bullet_trade.ports.market_data import (
    BARS_PER_DAY,
    CorporateAction,
    DailyBars,
    MinuteBars,
    Ticks,
)

Minute = float | tuple[float, float, float, float, int]
"""One minute: a price at which all of it trades (with `MINUTE_VOLUME`), or open, high, low, close, volume."""

Day = float | Sequence[Minute] | None
"""One day: a price all day long, 240 minutes in order, or None for a suspension."""

Snapshot = tuple[datetime, float, int]
"""One tick: its time, last price, and volume since the open. The book shows `BOOK_VOLUME` shares at that price."""

MINUTE_VOLUME = 1_000_000
BOOK_VOLUME = 10_000
LISTED = date(2000, 1, 4)


class FakeMarket:
    """`MarketData` over the tables given to `add`. Days that no table names are no days of that security."""

    label = "测试行情"
    synthetic = True

    def __init__(self) -> None:
        self._securities: dict[Code, Security] = {}
        self._minutes: dict[Code, dict[date, MinuteBars | None]] = {}
        self._references: dict[Code, dict[date, float]] = {}
        self._first_close: dict[Code, float] = {}
        self._actions: dict[Code, tuple[CorporateAction, ...]] = {}
        self._ticks: dict[Code, dict[date, Ticks]] = {}
        self._members: dict[Code, tuple[Code, ...]] = {}

    def add(
        self,
        code: str,
        days: Mapping[date, Day],
        *,
        prev_close: float = nan,
        references: Mapping[date, float] | None = None,
        actions: Sequence[CorporateAction] = (),
        ticks: Mapping[date, Sequence[Snapshot]] | None = None,
        name: str = "",
        **facts: Unpack[Facts],
    ) -> FakeMarket:
        """Add a security and return the market.

        `prev_close` is the close before its first day (left out: its first price, so that limits exist). `references`
        replaces the previous close on ex-days. `facts` are those of `market.boards.describe`.
        Raises `ValueError` for a day that has not 240 minutes.
        """
        key = Code(code)
        self._securities[key] = _described(key, name, facts)
        self._minutes[key] = {day: _minute_bars(rows) for day, rows in sorted(days.items())}
        self._references[key] = dict(references or {})
        self._first_close[key] = prev_close
        self._actions[key] = tuple(sorted(actions, key=lambda action: action.ex_date))
        self._ticks[key] = {day: _ticks(rows) for day, rows in (ticks or {}).items()}
        return self

    def add_index(self, code: str, members: Iterable[str]) -> FakeMarket:
        """Add an index without prices of its own and return the market."""
        key = Code(code)
        self._securities[key] = _described(key, "", {})
        self._members[key] = tuple(sorted(Code(member) for member in members))
        return self

    # -- the port --------------------------------------------------------------------------------------------------

    def trading_days(self) -> None:
        return None

    def coverage(self) -> tuple[date, date] | None:
        days = [day for table in self._minutes.values() for day in table]
        return (min(days), max(days)) if days else None

    def security(self, code: Code) -> Security | None:
        return self._securities.get(code)

    def securities(self) -> Sequence[Security]:
        return [self._securities[code] for code in sorted(self._securities)]

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        rows = [row for row in self._daily_rows(code) if first <= row[0] <= last]
        table = list(zip(*rows, strict=True)) if rows else [()] * 9
        days, opens, highs, lows, closes, volumes, amounts, references, paused = table
        return DailyBars(
            np.array(days, dtype="datetime64[D]"),
            np.array(opens, dtype=np.float64),
            np.array(highs, dtype=np.float64),
            np.array(lows, dtype=np.float64),
            np.array(closes, dtype=np.float64),
            np.array(volumes, dtype=np.int64),
            np.array(amounts, dtype=np.float64),
            np.array(references, dtype=np.float64),
            np.array(paused, dtype=np.bool_),
        )

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        return self._minutes.get(code, {}).get(day)

    def ticks(self, code: Code, day: date) -> Ticks | None:
        return self._ticks.get(code, {}).get(day)

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        return self._actions.get(code, ())

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        return self._members.get(index, ())

    # -- daily bars out of minutes ---------------------------------------------------------------------------------

    def _daily_rows(self, code: Code) -> list[tuple[date, float, float, float, float, int, float, float, bool]]:
        rows: list[tuple[date, float, float, float, float, int, float, float, bool]] = []
        previous = self._first_close.get(code, nan)
        for day, bars in self._minutes.get(code, {}).items():
            if isnan(previous) and bars is not None:
                previous = float(bars.open[0])
            reference = self._references[code].get(day, previous)
            if bars is None:
                rows.append((day, reference, reference, reference, reference, 0, 0.0, reference, True))
                previous = reference
                continue
            opened, closed = float(bars.open[0]), float(bars.close[-1])
            high, low = float(bars.high.max()), float(bars.low.min())
            volume, amount = int(bars.volume.sum()), float(bars.money.sum())
            rows.append((day, opened, high, low, closed, volume, amount, reference, False))
            previous = closed
        return rows


def _described(code: Code, name: str, facts: Facts) -> Security:
    complete: Facts = {"list_date": LISTED}
    complete.update(facts)
    return describe(code, name or code, **complete)


def _minute_bars(day: Day) -> MinuteBars | None:
    if day is None:
        return None
    minutes = [day] * BARS_PER_DAY if isinstance(day, float | int) else list(day)
    if len(minutes) != BARS_PER_DAY:
        raise ValueError(f"a day has {BARS_PER_DAY} minutes, got {len(minutes)}")
    rows = [m if isinstance(m, tuple) else (m, m, m, m, MINUTE_VOLUME) for m in minutes]
    table = np.array(rows, dtype=np.float64)
    volume = table[:, 4].astype(np.int64)
    return MinuteBars(table[:, 0], table[:, 1], table[:, 2], table[:, 3], volume, table[:, 3] * volume)


def _ticks(rows: Sequence[Snapshot]) -> Ticks:
    times = np.array([row[0] for row in rows], dtype="datetime64[ms]")
    last = np.array([row[1] for row in rows], dtype=np.float64)
    volume = np.array([row[2] for row in rows], dtype=np.int64)
    prices = np.zeros((len(rows), 5))
    prices[:, 0] = last
    volumes = np.zeros((len(rows), 5), dtype=np.int64)
    volumes[:, 0] = BOOK_VOLUME
    return Ticks(
        times,
        last,
        np.full(len(rows), last[0] if len(rows) else nan),
        np.maximum.accumulate(last),
        np.minimum.accumulate(last),
        volume,
        last * volume,
        prices,
        volumes,
        prices,
        volumes,
    )
