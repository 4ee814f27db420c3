"""Daily bars of one code: the sums and extremes of its minute bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from bullet_trade.ports.market_data import DailyBars
from bullet_trade.quotes.daily import NO_DAYS, between
from bullet_trade.quotes.synthetic.daily_path import DailyPath
from bullet_trade.quotes.synthetic.halfyears import SessionBlock
from bullet_trade.quotes.synthetic.minute_block import CHUNK_SESSIONS, FloatArray, minute_chunk
from bullet_trade.quotes.synthetic.profiles import Profile

_COLUMNS = ("days", "open", "high", "low", "close", "volume", "money", "prev_close", "paused")


def daily_rows(profile: Profile, block: SessionBlock, path: DailyPath, market: FloatArray) -> DailyBars:
    """One row for each session of the half-year; `market` is its `market_bridge`."""
    count = len(block.dates)
    open_, high, low, lots, quarters = (np.empty(count, dtype=np.int64) for _ in range(5))
    for first in range(0, count, CHUNK_SESSIONS):
        places = slice(first, first + CHUNK_SESSIONS)
        bars = minute_chunk(profile, path, places, market[places])
        open_[places] = bars.open[:, 0]
        high[places] = bars.high.max(axis=1)
        low[places] = bars.low.min(axis=1)
        lots[places] = bars.lots.sum(axis=1)
        quarters[places] = bars.quarters.sum(axis=1)
    idle = path.paused
    for prices in (open_, high, low):
        prices[idle] = path.chain.close[idle]
    lots[idle] = 0
    quarters[idle] = 0
    unit = profile.ticks_per_yuan
    rows = DailyBars(
        days=block.days,
        open=open_ / unit,
        high=high / unit,
        low=low / unit,
        close=path.chain.close / unit,
        volume=lots * profile.lot,
        money=profile.money(quarters),
        prev_close=path.chain.reference / unit,
        paused=idle,
    )
    for name in _COLUMNS:
        getattr(rows, name).setflags(write=False)
    return rows


def joined(parts: Sequence[DailyBars], first: date, last: date) -> DailyBars:
    """The rows of consecutive `parts` with first <= day <= last."""
    cut = [between(part, first, last) for part in parts]
    if len(cut) <= 1:
        return cut[0] if cut else NO_DAYS
    return DailyBars(**{name: np.concatenate([getattr(one, name) for one in cut]) for name in _COLUMNS})
