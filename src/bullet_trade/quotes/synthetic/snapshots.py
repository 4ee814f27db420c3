"""Three-second snapshots of one day with a five-level book, drawn inside the day's minute bars.

Each minute has 20 snapshots; the last one agrees with the minute bar: price, volume and money of the day, highest and
lowest. The first one of a traded minute shows its opening price, two others its extremes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Kind
from bullet_trade.ports.market_data import BARS_PER_DAY, Ticks
from bullet_trade.quotes.synthetic.daily_path import DailyPath
from bullet_trade.quotes.synthetic.minute_block import TickBars
from bullet_trade.quotes.synthetic.profiles import Profile
from bullet_trade.quotes.synthetic.streams import LANE_RANGE, Key, lanes, words
from bullet_trade.quotes.synthetic.tables import LANE_SHIFT, lognormal_quantiles

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

PER_MINUTE = 20
LEVELS = 5

_SNAPSHOT_STREAM = 8 << 44
_WORDS_PER_SNAPSHOT = 4
_PRICE, _VOLUME, _SIDE, _SPREAD = range(4)
_BOOK = slice(4, 4 + 2 * LEVELS)
"""What the 16 lanes of a snapshot are used for."""

_AUCTION_SHARE = 4
"""The opening auction takes the first bar's volume divided by this: little enough to keep the later prices in range."""
_WANDER = 0.6
_EARLIEST_EXTREME, _EXTREME_CHOICES = 1, 9
_BOOK_NOISE, _BOOK_SHARE = 1.1, 0.02
"""Deviation of the logarithm of a level's volume, and its median as a share of the day's mean minute."""
_STEP_PER_SPREAD = 0.25
_SEALING_VOLUME = 60
_AUCTION_CLOSE_BARS = 3
_AUCTION_END, _MORNING, _AFTERNOON = 9 * 3600 + 25 * 60, 9 * 3600 + 30 * 60, 13 * 3600


def snapshots(profile: Profile, path: DailyPath, bars: TickBars, *, row: int, place: int, day: np.datetime64) -> Ticks:
    """The snapshots of the session at `place` of the half-year, whose bars are `row` of `bars`."""
    count = BARS_PER_DAY * PER_MINUTE + 1
    key = Key(int(path.minute_keys[place]) ^ _SNAPSHOT_STREAM)
    counters = np.arange(count * _WORDS_PER_SNAPSHOT, dtype=np.uint64).reshape(count, _WORDS_PER_SNAPSHOT)
    draws = lanes(words(key, counters)).reshape(count, -1)
    last = _prices(profile, bars, row, draws)
    lots, quarters = _volumes(profile, bars, row, draws[1:, _VOLUME])
    unit = profile.ticks_per_yuan
    ask, bid, ask_lots, bid_lots = _book(profile, path, place, last, draws)
    found = Ticks(
        times=day.astype("datetime64[ms]") + _offsets(),
        last=_rows(last) / unit,
        open=np.full(count + 2, bars.open[row, 0] / unit),
        high=_rows(np.maximum.accumulate(last)) / unit,
        low=_rows(np.minimum.accumulate(last)) / unit,
        volume=_rows(lots) * profile.lot,
        money=profile.money(_rows(quarters)),
        ask_price=_rows(ask) / unit,
        ask_volume=_rows(ask_lots) * profile.lot,
        bid_price=_rows(bid) / unit,
        bid_volume=_rows(bid_lots) * profile.lot,
    )
    for array in (found.times, found.last, found.open, found.high, found.low, found.volume, found.money):
        array.setflags(write=False)
    for array in (found.ask_price, found.ask_volume, found.bid_price, found.bid_volume):
        array.setflags(write=False)
    return found


@cache
def _offsets() -> NDArray[np.timedelta64]:
    """Times of the rows since midnight: 09:25 (auction), 09:30, then every 3 s, again from 13:00."""
    step = np.arange(1, BARS_PER_DAY * PER_MINUTE // 2 + 1) * 3
    seconds = np.concatenate([[_AUCTION_END], [_MORNING], _MORNING + step, [_AFTERNOON], _AFTERNOON + step])
    return (seconds * 1000).astype("timedelta64[ms]")


def _rows(states: IntArray) -> IntArray:
    """States (the auction's, then one every 3 s) as rows: 09:30 repeats the auction's, 13:00 that of 11:30."""
    noon = BARS_PER_DAY * PER_MINUTE // 2 + 1
    return np.concatenate([states[:1], states[:noon], states[noon - 1 :]])


def _prices(profile: Profile, bars: TickBars, row: int, draws: NDArray[np.uint16]) -> IntArray:
    open_, high, low, close = (array[row][:, None] for array in (bars.open, bars.high, bars.low, bars.close))
    passed = np.arange(PER_MINUTE) / (PER_MINUTE - 1)
    wander = draws[1:, _PRICE].reshape(BARS_PER_DAY, PER_MINUTE) * (_WANDER / LANE_RANGE) - _WANDER / 2
    level = open_ + (close - open_) * passed + (high - low) * wander
    last = np.minimum(np.maximum(np.rint(level).astype(np.int64), low), high)
    last[:, 0], last[:, -1] = open_[:, 0], close[:, 0]
    _visit_extremes(last, bars, row, draws[1 : BARS_PER_DAY + 1, _SIDE])
    if profile.closing_auction:
        last[-_AUCTION_CLOSE_BARS:, :-1] = close[-_AUCTION_CLOSE_BARS - 1, 0]
    return np.concatenate([open_[0], last.ravel()])


def _visit_extremes(last: IntArray, bars: TickBars, row: int, draw: NDArray[np.uint16]) -> None:
    """A rising minute sees its low first, a falling one its high."""
    minute = np.arange(BARS_PER_DAY)
    rising = bars.close[row] >= bars.open[row]
    early = _EARLIEST_EXTREME + draw % _EXTREME_CHOICES
    late = early + _EXTREME_CHOICES
    last[minute, early] = np.where(rising, bars.low[row], bars.high[row])
    last[minute, late] = np.where(rising, bars.high[row], bars.low[row])


def _volumes(profile: Profile, bars: TickBars, row: int, draw: NDArray[np.uint16]) -> tuple[IntArray, IntArray]:
    """Lots and lots times four prices, both since the start of the day."""
    lots, quarters = bars.lots[row].copy(), bars.quarters[row].copy()
    auction = lots[0] // _AUCTION_SHARE
    auction_quarters = auction * 4 * bars.open[row, 0]
    lots[0] -= auction
    quarters[0] -= auction_quarters
    weight = draw.reshape(BARS_PER_DAY, PER_MINUTE) + float(LANE_RANGE // 4)
    filled = np.cumsum(weight, axis=1)
    filled /= filled[:, -1:]
    if profile.closing_auction:
        filled[-_AUCTION_CLOSE_BARS:, :-1] = 0.0
    within = np.rint(filled * lots[:, None])
    share = within / np.maximum(lots, 1)[:, None]
    money = np.rint(share * quarters[:, None]).astype(np.int64)
    return _since_open(auction, lots, within.astype(np.int64)), _since_open(auction_quarters, quarters, money)


def _since_open(auction: int, per_bar: IntArray, within: IntArray) -> IntArray:
    before = np.cumsum(per_bar) - per_bar + auction
    return np.concatenate([[auction], (before[:, None] + within).ravel()])


def _book(
    profile: Profile, path: DailyPath, place: int, last: IntArray, draws: NDArray[np.uint16]
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Ask and bid prices in ticks and volumes in lots, shape (n, 5); 0 where a level is empty."""
    low, high = int(path.chain.low[place]), int(path.chain.high[place])
    if profile.kind is Kind.INDEX:
        empty = np.zeros((len(last), LEVELS), dtype=np.int64)
        return empty, empty.copy(), empty.copy(), empty.copy()
    noise = lognormal_quantiles(0.9)[draws[:, _SPREAD] >> LANE_SHIFT]
    spread = np.maximum(np.rint(last * (2.0 * profile.half_spread) * noise), 1.0).astype(np.int64)
    step = 1 + np.rint(spread * (_STEP_PER_SPREAD * noise) - _STEP_PER_SPREAD).astype(np.int64)
    np.maximum(step, 1, out=step)
    bought = (draws[:, _SIDE] >> 15 == 1) & (last < high) | (last == low)
    best_ask = np.where(bought, last, last + spread)
    best_bid = np.where(bought, last - spread, last)
    depth = step[:, None] * np.arange(LEVELS)
    ask, bid = best_ask[:, None] + depth, best_bid[:, None] - depth
    ask[(ask > high) | (last == high)[:, None]] = 0
    bid[(bid < low) | (last == low)[:, None]] = 0
    usual = max(float(path.lots[place]) * (_BOOK_SHARE / BARS_PER_DAY), 1.0)
    volume = lognormal_quantiles(_BOOK_NOISE)[draws[:, _BOOK] >> LANE_SHIFT] * usual
    volume[last == high, LEVELS] *= _SEALING_VOLUME
    volume[last == low, 0] *= _SEALING_VOLUME
    lots = np.maximum(np.rint(volume), 1.0).astype(np.int64)
    ask_lots, bid_lots = lots[:, :LEVELS], lots[:, LEVELS:]
    return ask, bid, np.where(ask > 0, ask_lots, 0), np.where(bid > 0, bid_lots, 0)
