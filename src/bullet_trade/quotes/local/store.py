"""`LocalStore`: a directory of Parquet files as the engine's market data. Format: docs/data-format.md."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from bullet_trade.domain.securities import Code, Kind, Security
from bullet_trade.ports.market_data import CorporateAction, DailyBars, MinuteBars, Ticks
from bullet_trade.quotes.daily import NO_DAYS, between
from bullet_trade.quotes.local import facts
from bullet_trade.quotes.local.cache import ByteCache
from bullet_trade.quotes.local.daily import DailyBlock, load_daily
from bullet_trade.quotes.local.load import ParquetTables
from bullet_trade.quotes.local.minutes import NO_MINUTES, MinuteBlock, coarse_day, full_days, load_rows
from bullet_trade.quotes.local.ticks import TickDay, load_ticks

MINUTE_CACHE_BYTES = 256 * 2**20
"""Full minute days of 350 codes over a quarter: a replay of a usual universe loads nothing twice."""

DAILY_CACHE_BYTES = 64 * 2**20
"""Daily bars of about 400 codes over ten years."""

TICK_CACHE_BYTES = 64 * 2**20
"""About 50 code-days of snapshots; a replay reads them day by day, so older ones are not needed again."""

_QUARTER_MONTHS = 3

Quarter: TypeAlias = tuple[Code, int, int]
"""Code, year, quarter 0..3: the unit in which minute bars are loaded, some 60 days and 0.7 MB."""


class LocalStore:
    """`MarketData` over a local directory; `minute_source` says which minute bars are made of daily ones.

    Arrays are read-only views of a bounded cache. Not safe for use by several threads.
    """

    def __init__(self, directory: Path) -> None:
        """Opens the files and checks their columns; raises UsageError when the directory cannot be used."""
        self._tables = ParquetTables(directory)
        self._actions: dict[Code, Sequence[CorporateAction]] = {}
        self._indices: dict[Code, list[tuple[date, list[Code]]]] = {}
        self._minutes = ByteCache[Quarter, MinuteBlock](self._load_minutes, MINUTE_CACHE_BYTES)
        self._daily = ByteCache[Code, DailyBlock](self._load_daily, DAILY_CACHE_BYTES)
        self._ticks = ByteCache[tuple[Code, date], TickDay](self._load_ticks, TICK_CACHE_BYTES)

    @property
    def label(self) -> str:
        """For people: what and where."""
        return f"本地数据 {self._tables.directory}"

    @property
    def synthetic(self) -> bool:
        """Never: what the files hold was imported."""
        return False

    def trading_days(self) -> Sequence[date] | None:
        """The days of `trading_days.parquet`; None without it: bars of a few codes prove no session."""
        return self._sessions

    def coverage(self) -> tuple[date, date] | None:
        """First and last day over bars_1m and bars_1d."""
        return self._coverage

    def security(self, code: Code) -> Security | None:
        """From the `securities` table, else from the code; None for a code without any row."""
        return self._securities.get(code)

    def securities(self) -> Sequence[Security]:
        """All securities that have bars or a row in the `securities` table, sorted by code."""
        return list(self._securities.values())

    def daily(self, code: Code, first: date, last: date) -> DailyBars:
        """Rows of bars_1d, and days that only bars_1m has; suspended days only where a row says so."""
        return between(self._daily.get(code).bars, first, last)

    def minutes(self, code: Code, day: date) -> MinuteBars | None:
        """The day of bars_1m with gaps filled; else a day made of the daily bar (`coarse_day`); else None.

        money is NaN where the file has none.
        """
        stored = self._minutes.get(_quarter(code, day)).day(day)
        if stored is not None:
            return stored
        row = self._tradable_row(code, day)
        return None if row is None else coarse_day(self._daily.get(code).bars, row)

    def minute_source(self, code: Code, day: date) -> Literal["minute", "daily"] | None:
        """What `minutes` is made of: stored minute bars, or only the daily bar; None when it is None."""
        if day in self._minutes.get(_quarter(code, day)).index:
            return "minute"
        return None if self._tradable_row(code, day) is None else "daily"

    def ticks(self, code: Code, day: date) -> Ticks | None:
        """The day's snapshots."""
        return self._ticks.get((code, day)).ticks

    def corporate_actions(self, code: Code) -> Sequence[CorporateAction]:
        """All recorded actions, ascending by ex-date."""
        if code not in self._actions:
            self._actions[code] = facts.load_actions(self._tables, code)
        return self._actions[code]

    def index_members(self, index: Code, day: date) -> Sequence[Code]:
        """Members by the latest recorded list on or before `day`."""
        if index not in self._indices:
            self._indices[index] = facts.load_index(self._tables, index)
        lists = self._indices[index]
        valid = bisect_right(lists, day, key=lambda entry: entry[0])
        return lists[valid - 1][1] if valid else []

    @cached_property
    def _sessions(self) -> Sequence[date] | None:
        return facts.known_sessions(self._tables)

    @cached_property
    def _coverage(self) -> tuple[date, date] | None:
        return facts.bar_range(self._tables)

    @cached_property
    def _securities(self) -> dict[Code, Security]:
        return facts.load_securities(self._tables)

    def _tradable_row(self, code: Code, day: date) -> int | None:
        bars = self._daily.get(code).bars
        row = int(np.searchsorted(bars.days, np.datetime64(day, "D")))
        if row == len(bars) or bars.days[row] != np.datetime64(day, "D") or bars.paused[row]:
            return None
        return row

    def _load_minutes(self, key: Quarter) -> MinuteBlock:
        code, year, quarter = key
        first = date(year, quarter * _QUARTER_MONTHS + 1, 1)
        stop = date(year + 1, 1, 1) if quarter == 3 else date(year, first.month + _QUARTER_MONTHS, 1)
        security = self._securities.get(code)
        if security is None:
            return NO_MINUTES
        rows = load_rows(self._tables, code, first, stop)
        return full_days(rows, self._daily.get(code).bars, need_volume=security.kind is not Kind.INDEX)

    def _load_daily(self, code: Code) -> DailyBlock:
        security = self._securities.get(code)
        if security is None:
            return DailyBlock(NO_DAYS)
        return load_daily(self._tables, security, self.corporate_actions(code))

    def _load_ticks(self, key: tuple[Code, date]) -> TickDay:
        return load_ticks(self._tables, *key)


def _quarter(code: Code, day: date) -> Quarter:
    return code, day.year, (day.month - 1) // _QUARTER_MONTHS
