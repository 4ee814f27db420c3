"""A stretch of one security's daily bars, aligned to the sessions and ready to be sliced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.money import price, yuan
from bullet_trade.domain.securities import Security
from bullet_trade.market.price_limit import LONGEST_LISTING_DAYS, price_limits
from bullet_trade.ports.market_data import BoolArray, DailyBars, FloatArray
from bullet_trade.strategy.data import fields
from bullet_trade.strategy.data.adjust import growth
from bullet_trade.strategy.data.axis import SessionAxis

Places = NDArray[np.int64]


class DailyBlock:
    """Raw rows of the sessions from `start` to before `stop` (positions on the axis), one row of `table` per field.

    A day without a bar while the security is listed is a suspended one: the last close, volume 0. Days before the
    listing, before the first known bar, and after the last trading day are NaN. `last_row` is the position of the
    newest bar that the source had, `start` - 1 where it had none. Price limits are computed when they are first asked
    for, by the security's latest state (its history of risk warnings is not known).
    """

    __slots__ = (
        "_axis", "_limited", "_security", "_traded_before",
        "asked_on", "factor", "last_row", "listed", "start", "stop", "table", "traded",
    )  # fmt: skip

    def __init__(self, security: Security, axis: SessionAxis, bars: DailyBars, start: int, stop: int) -> None:
        self._security = security
        self._axis = axis
        self.start, self.stop = start, stop
        self.asked_on: date = date.min
        size = stop - start
        days = axis.days64[start:stop]
        source: Places = np.searchsorted(bars.days, days, side="right") - 1
        self.listed: BoolArray = source >= 0
        self.listed[max(0, axis.through(security.end_date) - start) :] = False
        has_bar = self.listed.copy()
        has_bar[has_bar] = bars.days[source[has_bar]] == days[has_bar]
        own = np.flatnonzero(has_bar)
        self.last_row = start + int(own[-1]) if len(own) else start - 1
        self.table: FloatArray = np.full((fields.WIDTH, size), np.nan)
        self._fill(bars, source, has_bar)
        self.factor: FloatArray = self.table[fields.FACTOR]
        moving = self.table[fields.PAUSED] == 0.0
        self.traded: Places = np.flatnonzero(moving)
        self._traded_before: Places = np.concatenate(([0], np.cumsum(moving)))
        self._limited: BoolArray = np.zeros(size, dtype=np.bool_)

    def _fill(self, bars: DailyBars, source: Places, has_bar: BoolArray) -> None:
        # `source`: for each session the row of its bar, or of the last bar before it; -1 before the first bar.
        table, known = self.table, self.listed
        table[fields.CLOSE, known] = bars.close[source[known]]
        rows = source[has_bar]
        for number in (fields.OPEN, fields.HIGH, fields.LOW, fields.PRE_CLOSE):
            table[number, known] = table[fields.CLOSE, known]
        table[fields.VOLUME, known] = table[fields.MONEY, known] = 0.0
        table[fields.PAUSED, known] = 1.0
        table[fields.OPEN, has_bar] = bars.open[rows]
        table[fields.HIGH, has_bar] = bars.high[rows]
        table[fields.LOW, has_bar] = bars.low[rows]
        table[fields.VOLUME, has_bar] = bars.volume[rows]
        table[fields.MONEY, has_bar] = bars.money[rows]
        table[fields.PRE_CLOSE, has_bar] = bars.prev_close[rows]
        table[fields.PAUSED, has_bar] = bars.paused[rows]
        table[fields.FACTOR] = growth(table[fields.CLOSE], table[fields.PRE_CLOSE])
        volume, money = table[fields.VOLUME], table[fields.MONEY]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = money / volume
        table[fields.AVG] = np.where((volume > 0) & np.isfinite(mean), mean, table[fields.CLOSE])

    def rows(self, numbers: tuple[int, ...], first: int, stop: int) -> FloatArray:
        """A copy of the fields' raw values for first <= position < stop: one row per field."""
        if not fields.LIMITS.isdisjoint(numbers):
            self._limit(np.arange(first, stop))
        picked: FloatArray = self.table[np.array(numbers), first - self.start : stop - self.start]
        return picked

    def picked(self, numbers: tuple[int, ...], positions: Places) -> FloatArray:
        """The same for single positions, ascending."""
        if not fields.LIMITS.isdisjoint(numbers):
            self._limit(positions)
        chosen: FloatArray = self.table[np.ix_(np.array(numbers), positions - self.start)]
        return chosen

    def last_traded(self, count: int, stop: int) -> Places:
        """Positions of the last `count` days with trade before position `stop`, ascending."""
        known = int(self._traded_before[stop - self.start])
        return self.traded[max(0, known - count) : known] + self.start

    def traded_between(self, first: int, stop: int) -> Places:
        """Positions of the days with trade in first <= position < stop."""
        low, high = self._traded_before[first - self.start], self._traded_before[stop - self.start]
        return self.traded[int(low) : int(high)] + self.start

    def reference(self, position: int) -> float:
        """The exchange's reference price of that session, NaN where it is not known."""
        return float(self.table[fields.PRE_CLOSE, position - self.start])

    def growth_at(self, position: int) -> float:
        """Growth of the unit up to and including that session, 1.0 at the start of the block."""
        place = min(max(position, self.start), self.stop - 1) - self.start
        return float(self.factor[place])

    def _limit(self, positions: Places) -> None:
        places = positions - self.start
        for place in places[~self._limited[places]].tolist():
            self._limited[place] = True
            position = self.start + place
            low, high = day_limits(self._security, self._axis, position, self.reference(position))
            self.table[fields.LOW_LIMIT, place], self.table[fields.HIGH_LIMIT, place] = low, high


def day_limits(security: Security, axis: SessionAxis, position: int, reference: float) -> tuple[float, float]:
    """Lowest and highest price of a session by its reference price, yuan; NaN where there is none."""
    if not reference > 0:
        return np.nan, np.nan
    session = position - axis.before(security.list_date) + 1
    listed_days = session if session <= LONGEST_LISTING_DAYS else None
    limits = price_limits(security, axis.days[position], price(reference), listed_days)
    return (yuan(limits.low), yuan(limits.high)) if limits is not None else (np.nan, np.nan)


class DailyBlocks:
    """Blocks by code, each long enough that a forward-moving run loads it once in some two hundred sessions.

    A block reaches into the future where the source knows it (a replay); readers cut at the current session. A block
    whose source had no bar of the present session is asked for again once per day, as a live source needs it; one
    without any bar each time, because the data may only be on their way.
    """

    MAX_ROWS = 2_500_000
    """About 240 MB, when a strategy asks for the whole market; the blocks loaded longest ago go first."""
    BACK, AHEAD, MORE = 260, 120, 120
    """Sessions loaded before and after the present one, and beyond a wish that goes further back."""

    def __init__(self, axis: SessionAxis, load: Callable[[Security, date, date], DailyBars]) -> None:
        self._axis = axis
        self._load = load
        self._held: dict[str, DailyBlock] = {}
        self._rows = 0

    def get(self, security: Security, first: int, today: date, position: int) -> DailyBlock:
        """The block with the sessions from `first` (or the listing) through `position`, which is `today`'s."""
        block = self._held.get(security.code)
        if (
            block is not None
            and block.start <= first
            and position < block.stop
            and (block.last_row >= position or (block.asked_on == today and block.last_row >= block.start))
        ):
            return block
        return self._renew(security, block, first, today, position)

    def _renew(self, security: Security, old: DailyBlock | None, first: int, today: date, position: int) -> DailyBlock:
        axis = self._axis
        start = max(0, min(position - self.BACK, first - self.MORE))
        stop = min(len(axis.days), position + self.AHEAD + 1)
        bars = self._load(security, axis.days[start], axis.days[stop - 1])
        block = DailyBlock(security, axis, bars, start, stop)
        block.asked_on = today
        if old is not None:
            self._rows -= old.stop - old.start
            del self._held[security.code]
        self._held[security.code] = block
        self._rows += stop - start
        while self._rows > self.MAX_ROWS and len(self._held) > 1:
            oldest = next(iter(self._held))
            gone = self._held.pop(oldest)
            self._rows -= gone.stop - gone.start
        return block
