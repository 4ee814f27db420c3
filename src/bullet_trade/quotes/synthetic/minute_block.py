"""Minute bars of some consecutive sessions of one code, made together; one chunk is the unit of the cache.

A day's bars depend on its place in the daily path and on its own stream only, so the cut into chunks cannot show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Kind
from bullet_trade.ports.market_data import BARS_PER_DAY, MinuteBars
from bullet_trade.quotes.synthetic.daily_path import DailyPath
from bullet_trade.quotes.synthetic.intraday import DayShape, day_shape
from bullet_trade.quotes.synthetic.profiles import Profile
from bullet_trade.quotes.synthetic.streams import UintArray, lanes, mix
from bullet_trade.quotes.synthetic.tables import (
    LANE_SHIFT,
    folded_quantiles,
    lognormal_quantiles,
    student_quantiles,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHUNK_SESSIONS = 8
"""Long enough to spread the cost of calling numpy, short enough that one day alone is cheap."""

_WORDS_PER_BAR = 2
_LANES_PER_BAR = 8
_RETURN, _ACTIVITY, _UP, _DOWN, _GAP, _BURST = range(6)
"""What the lanes of a bar are used for."""
_BURST_BARS = 8
_STEP = 0x9E3779B97F4A7C15
_LAST_CONTINUOUS = 237
_PER_DAY = 1.0 / float(np.sqrt(BARS_PER_DAY))

# Fitted with benchmarks/calibrate_synthetic.py. Deviations of the logarithm of a bar's volume; wicks and gaps at the
# open in units of the bar's deviation.
_VOLUME_NOISE, _BURST_NOISE = 0.38, 0.46
_UNIT_NOISE = 0.91
"""Takes out what the bursts of activity add to the variance."""
_WICK, _OPEN_GAP = 0.25, 0.20
_OPEN_BOUNCE = 0.55
"""Ticks: trades jump between bid and ask."""
_SEALED_VOLUME = 0.15


@dataclass(frozen=True, slots=True)
class TickBars:
    """Minute bars in ticks and lots, shape (sessions, 240). `quarters` is lots times the sum of the four prices."""

    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    lots: IntArray
    quarters: IntArray


def priced(profile: Profile, bars: TickBars) -> MinuteBars:
    """The same bars in yuan and shares, read-only; arrays keep the shape (sessions, 240)."""
    unit = profile.ticks_per_yuan
    found = MinuteBars(
        open=bars.open / unit,
        high=bars.high / unit,
        low=bars.low / unit,
        close=bars.close / unit,
        volume=bars.lots * profile.lot,
        money=profile.money(bars.quarters),
    )
    for array in (found.open, found.high, found.low, found.close, found.volume, found.money):
        array.setflags(write=False)
    return found


def market_bridge(keys: UintArray) -> FloatArray:
    """The market's own path from open to close, from 0 to 0, in units of a day's deviation; shape (sessions, 240)."""
    shape = day_shape(closing_auction=True)
    step = student_quantiles(3)[lanes(_bar_words(keys))[:, :, 0, _RETURN] >> LANE_SHIFT] * shape.deviation
    return _bridge(step, shape)


def minute_chunk(profile: Profile, path: DailyPath, places: slice, market: FloatArray) -> TickBars:
    """The bars of the sessions in `places` of the half-year; `market` holds the same sessions' `market_bridge`."""
    shape = day_shape(profile.closing_auction)
    draws = lanes(_bar_words(path.minute_keys[places])) >> LANE_SHIFT
    draws = draws.reshape(-1, BARS_PER_DAY, _LANES_PER_BAR)
    activity = lognormal_quantiles(_VOLUME_NOISE / 2)[draws[:, :, _ACTIVITY]]
    burst = lognormal_quantiles(_BURST_NOISE / 2)[draws[:, ::_BURST_BARS, _BURST]]
    activity *= np.repeat(burst, _BURST_BARS, axis=1)
    noise = student_quantiles(3)[draws[:, :, _RETURN]]
    noise *= activity
    raw = _raw_path(path, places, shape, noise, market)
    low, high = path.chain.low[places, None], path.chain.high[places, None]
    close = np.rint(raw, out=raw).astype(np.int64)
    np.minimum(np.maximum(close, low, out=close), high, out=close)
    close[:, -1] = path.chain.close[places]
    sealed = None if profile.kind is Kind.INDEX else _sealed(close, low, high)
    lots = _spread_volume(path.lots[places], activity, shape, sealed)
    _carry_over(close, lots)
    return _bars(path, places, close, lots, draws=draws, shape=shape)


def _bar_words(keys: UintArray) -> UintArray:
    return mix(keys[:, None, None] + _counters())


@cache
def _counters() -> UintArray:
    count = np.arange(BARS_PER_DAY * _WORDS_PER_BAR, dtype=np.uint64).reshape(BARS_PER_DAY, _WORDS_PER_BAR)
    steps = (count + np.uint64(1)) * np.uint64(_STEP)
    steps.setflags(write=False)
    return steps


def _bridge(step: FloatArray, shape: DayShape) -> FloatArray:
    """Steps summed up and tied to 0 at the end; deviation 1 for steps of variance `shape.deviation`**2."""
    walked = np.cumsum(step, axis=1)
    walked -= walked[:, -1:] * shape.elapsed
    walked *= _PER_DAY
    return walked


def _raw_path(path: DailyPath, places: slice, shape: DayShape, noise: FloatArray, market: FloatArray) -> FloatArray:
    """The level at the end of each bar before ticks and limits."""
    noise *= shape.deviation
    raw = _bridge(noise, shape)
    raw *= float(np.sqrt(1.0 - path.tie * path.tie)) * _UNIT_NOISE
    raw += market * path.tie
    raw *= path.swing[places, None]
    opening = path.opening[places, None]
    raw += opening
    raw += (path.aim[places, None] - opening) * shape.elapsed
    return raw


def _sealed(close: IntArray, low: IntArray, high: IntArray) -> NDArray[np.bool_] | None:
    """Bars that end at a limit; None when there are none."""
    sealed = (close == high) | (close == low)
    return sealed if sealed.any() else None


def _spread_volume(lots: IntArray, activity: FloatArray, shape: DayShape, sealed: NDArray[np.bool_] | None) -> IntArray:
    """The days' lots over their bars; the first and the last bar have at least one."""
    weight = activity * activity
    weight *= shape.volume
    if sealed is not None:
        weight[sealed] *= _SEALED_VOLUME
    filled = np.cumsum(weight, axis=1)
    filled *= (lots - 2)[:, None] / filled[:, -1:]
    whole = np.rint(filled).astype(np.int64)
    whole[:, 1:] -= whole[:, :-1].copy()
    whole[:, 0] += 1
    whole[:, -1] += 1
    return whole


def _carry_over(close: IntArray, lots: IntArray) -> None:
    """A bar without a trade keeps the close before it."""
    idle = lots == 0
    if not idle[:, 1:_LAST_CONTINUOUS].any():
        return  # in the closing auction the path stands still anyway
    latest = np.maximum.accumulate(np.where(idle, 0, np.arange(BARS_PER_DAY)), axis=1)
    close[:] = np.take_along_axis(close, latest, axis=1)


def _bars(
    path: DailyPath, places: slice, close: IntArray, lots: IntArray, *, draws: NDArray[np.uint16], shape: DayShape
) -> TickBars:
    """Opens near the closes before, wicks on both sides, everything inside the limits."""
    low, high = path.chain.low[places, None], path.chain.high[places, None]
    step = path.swing[places, None] * (shape.deviation * _PER_DAY)
    traded = lots > 0
    step *= traded
    open_ = np.empty_like(close)
    gap = student_quantiles(3)[draws[:, 1:, _GAP]]
    gap *= step[:, 1:] * _OPEN_GAP + traded[:, 1:] * _OPEN_BOUNCE
    np.add(close[:, :-1], np.rint(gap).astype(np.int64), out=open_[:, 1:])
    open_[:, 0] = np.rint(path.opening[places])
    np.minimum(np.maximum(open_, low, out=open_), high, out=open_)
    step *= _WICK
    upper = np.rint(folded_quantiles()[draws[:, :, _UP]] * step).astype(np.int64)
    lower = np.rint(folded_quantiles()[draws[:, :, _DOWN]] * step).astype(np.int64)
    upper += np.maximum(open_, close)
    np.subtract(np.minimum(open_, close), lower, out=lower)
    np.minimum(upper, high, out=upper)
    np.maximum(lower, low, out=lower)
    if shape.volume[-2] == 0.0:  # the closing auction has one price
        for prices in (open_, upper, lower):
            prices[:, -1] = close[:, -1]
    total = open_ + close
    total += upper
    total += lower
    total *= lots
    return TickBars(open_, upper, lower, close, lots, total)
