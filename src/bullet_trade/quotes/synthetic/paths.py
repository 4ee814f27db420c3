"""Log-price paths over the weekdays of a half-year: a random walk tied down at both ends.

The ends (anchors) are numbers that depend on the key and the half-year alone, drawn around a slow wave, so that any
day is reached without walking from the beginning and no price wanders away for good. Between them runs a walk with
heavy-tailed steps whose volatility comes in clusters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bullet_trade.quotes.synthetic.halfyears import HalfYear
from bullet_trade.quotes.synthetic.streams import Key, bell, lanes, words
from bullet_trade.quotes.synthetic.tables import LANE_SHIFT, lognormal_quantiles, student_quantiles

FloatArray = NDArray[np.float64]

# Anchors, in daily deviations. 125 sessions of a free walk would spread by 11.2 deviations; so do two anchors.
_ANCHOR_SPREAD = 7.0
_WAVE_SPREAD = 9.0
_WAVE_HALF_YEARS = 7
_CALM_KNOT, _SLOW_KNOT = 12, 55
_VOLATILITY_FAST, _VOLATILITY_SLOW = 0.38, 0.34
_LARGEST_STEP = 6.0
_DAY_LANES, _WAVE, _FAST, _SLOW = 1 << 44, 2 << 44, 3 << 44, 4 << 44


class Walk(NamedTuple):
    """`level` is the log level at the end of each weekday, around 0; `calm` the day's volatility, 1 the usual.

    `draws` are 16-bit numbers, four a weekday, of which the first made the step; the others are free to use.
    """

    start: float
    level: FloatArray
    calm: FloatArray
    draws: NDArray[np.uint16]


def anchor(key: Key, half: HalfYear, deviation: float) -> float:
    """The log level before the half-year's first weekday, which is that at the end of the one before."""
    wave, place = divmod(half, _WAVE_HALF_YEARS)
    left, right = bell(key, _WAVE + wave), bell(key, _WAVE + wave + 1)
    slow = left + (right - left) * (place / _WAVE_HALF_YEARS)
    return deviation * (_WAVE_SPREAD * slow + _ANCHOR_SPREAD * bell(key, half))


def walk(key: Key, half: HalfYear, first_weekday: int, count: int, deviation: float) -> Walk:
    """The path of `count` weekdays from `first_weekday` on; `deviation` is that of one day's step."""
    weekday = np.arange(first_weekday, first_weekday + count)
    draws = lanes(words(key, weekday.astype(np.uint64) + np.uint64(_DAY_LANES)))
    calm = _volatility(key, weekday)
    step = student_quantiles(2)[draws[:, 0] >> LANE_SHIFT] * calm
    np.minimum(np.maximum(step, -_LARGEST_STEP, out=step), _LARGEST_STEP, out=step)
    start, end = anchor(key, half, deviation), anchor(key, HalfYear(half + 1), deviation)
    level = np.cumsum(step * deviation)
    level += (end - start - level[-1]) * (np.arange(1, count + 1) / count)
    level += start
    level[-1] = end  # to the last bit what the next half-year starts from
    return Walk(start, level, calm, draws)


def _volatility(key: Key, weekday: NDArray[np.int64]) -> FloatArray:
    fast = wave(Key(key ^ _FAST), weekday, _CALM_KNOT, _VOLATILITY_FAST)
    slow = wave(Key(key ^ _SLOW), weekday, _SLOW_KNOT, _VOLATILITY_SLOW)
    return fast * slow * 0.95


def wave(key: Key, weekday: NDArray[np.int64], spacing: int, log_deviation: float) -> FloatArray:
    """Positive numbers that change slowly: knots every `spacing` weekdays, joined by straight lines."""
    place = weekday / spacing
    knot = np.floor(place)
    first = int(knot[0])
    knots = np.arange(first, int(knot[-1]) + 2).astype(np.uint64)
    heights = lognormal_quantiles(log_deviation)[lanes(words(key, knots))[:, 0] >> LANE_SHIFT]
    index = knot.astype(np.int64) - first
    left = heights[index]
    joined: FloatArray = left + (heights[index + 1] - left) * (place - knot)
    return joined
