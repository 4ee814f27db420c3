"""The days of one code in one half-year: closes inside the limits, and what each day's minutes start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.errors import InvariantError
from bullet_trade.domain.securities import Kind, Security
from bullet_trade.quotes.synthetic.halfyears import SessionBlock
from bullet_trade.quotes.synthetic.levels import Levels, distribution, levels_of
from bullet_trade.quotes.synthetic.limit_chain import Chain, free_chain, limited_chain, ratios_of
from bullet_trade.quotes.synthetic.paths import Walk, wave
from bullet_trade.quotes.synthetic.profiles import FACTOR_DEVIATION, Profile, total_deviation
from bullet_trade.quotes.synthetic.streams import Key, UintArray, words
from bullet_trade.quotes.synthetic.tables import (
    LANE_SHIFT,
    exponential,
    lognormal_quantiles,
    student_quantiles,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_CALMEST = 10
_MINUTE_KEYS = np.uint64(6 << 44)
_BUSY = 7 << 44

# Sizes are a day's move in units of its usual deviation. Figures fitted with benchmarks/calibrate_synthetic.py.
_LARGEST_SIZE, _MEAN_SIZE = 4.0, 0.75
_SWING_BASE, _SWING_PER_SIZE = 0.70, 0.35
_BUSY_KNOT, _BUSY_DEVIATION = 20, 0.46
_VOLUME_NOISE, _VOLUME_PER_SIZE = 0.12, 0.34
_ASYNCHRONY = 0.62
_JUMP_SHARE = 1.2
_JUMP_OVERNIGHT = 0.93
"""Of a move beyond the limit this share shows at the open already: most such days open at the limit."""
_JUMP_VOLUME = 0.4
_FEWEST_LOTS = 4


@dataclass(frozen=True, slots=True)
class DailyPath:
    """Arrays over the sessions of the half-year; prices in ticks.

    `aim` is the level that the day's path runs to and `opening` the one it starts from, before ticks and limits.
    `swing` is the deviation of the intraday path, `lots` the day's volume, `minute_keys` the day's streams. `tie` is
    the correlation of the minutes with the market's. `ex_position` is the ex-day's place, -1 without one.
    """

    chain: Chain
    aim: FloatArray
    opening: FloatArray
    swing: FloatArray
    lots: IntArray
    paused: BoolArray
    ex_position: int
    cash_ticks: int
    ratio: float
    minute_keys: UintArray
    tie: float


def build_daily_path(
    profile: Profile,
    security: Security,
    block: SessionBlock,
    keys: tuple[Key, ...],
    factors: tuple[Walk, ...],
) -> DailyPath:
    """The path of one code through one half-year; it depends on nothing but the arguments."""
    given = distribution(profile, keys, block.half)
    if profile.kind is Kind.INDEX:
        levels = levels_of(profile, block, factors, given, 0)
        return _finish(profile, block, levels, free_chain(levels), factors)
    ratios = ratios_of(security, block)
    for calm in range(_CALMEST):
        levels = levels_of(profile, block, factors, given, calm)
        chain = limited_chain(levels, ratios)
        if chain.close[-1] == max(int(np.rint(levels.wanted[-1])), 1):
            return _finish(profile, block, levels, chain, factors)
    raise InvariantError(f"合成行情: {profile.code} 在 {block.dates[0]} 开始的半年内不能满足涨跌停限制")


def day_keys(key: Key, block: SessionBlock) -> UintArray:
    """The streams of each session's minutes."""
    return words(key, (block.offset + block.first_weekday).astype(np.uint64) + _MINUTE_KEYS)


def _finish(
    profile: Profile, block: SessionBlock, levels: Levels, chain: Chain, factors: tuple[Walk, ...]
) -> DailyPath:
    reference = chain.reference.astype(np.float64)
    usual = _local_deviation(profile, block, levels.own, factors)
    move = (levels.wanted - reference) / reference
    size = np.minimum(np.abs(move) / usual, _LARGEST_SIZE)
    jumped = np.abs(move) > _JUMP_SHARE * (chain.high - chain.reference) / reference
    share = profile.overnight
    draws = levels.own.draws[block.offset]
    surprise = student_quantiles(2)[draws[:, 1] >> LANE_SHIFT] * usual
    overnight = np.where(
        jumped, _JUMP_OVERNIGHT * move, share * move + float(np.sqrt(share * (1.0 - share))) * surprise
    )
    swing = reference * usual * (float(np.sqrt(1.0 - share)) * (_SWING_BASE + _SWING_PER_SIZE * size))
    margin = 0.02 * reference
    given = levels.distribution
    return DailyPath(
        chain=chain,
        aim=np.minimum(np.maximum(levels.wanted, chain.low - margin), chain.high + margin),
        opening=reference * (1.0 + overnight),
        swing=swing,
        lots=_lots(profile, block, move, draws[:, 2], jumped),
        paused=levels.paused,
        ex_position=levels.ex_position,
        cash_ticks=given.cash_ticks if given else 0,
        ratio=given.ratio if given else 0.0,
        minute_keys=day_keys(profile.path_key, block),
        tie=_tie(profile),
    )


def _local_deviation(profile: Profile, block: SessionBlock, own: Walk, factors: tuple[Walk, ...]) -> FloatArray:
    """Each session's usual deviation of the return, from the volatility of own part and factors."""
    scaled = own.calm * profile.deviation
    variance = scaled * scaled
    for loading, deviation, factor in zip(profile.exposure, FACTOR_DEVIATION, factors, strict=True):
        scaled = factor.calm * (loading * deviation)
        variance = variance + scaled * scaled
    return np.sqrt(variance[block.offset])


def _lots(
    profile: Profile, block: SessionBlock, move: FloatArray, draw: NDArray[np.uint16], jumped: BoolArray
) -> IntArray:
    weekday = np.arange(block.first_weekday, block.first_weekday + block.weekday_count)
    busy = wave(Key(profile.own_key ^ _BUSY), weekday, _BUSY_KNOT, _BUSY_DEVIATION)[block.offset]
    size = np.minimum(np.abs(move) / total_deviation(profile.exposure, profile.deviation), _LARGEST_SIZE)
    noise = lognormal_quantiles(_VOLUME_NOISE)[draw >> LANE_SHIFT]
    lots = busy * noise * exponential(_VOLUME_PER_SIZE * (size - _MEAN_SIZE)) * profile.lots_per_day
    lots = np.where(jumped, lots * _JUMP_VOLUME, lots)
    whole: IntArray = np.maximum(np.rint(lots), _FEWEST_LOTS).astype(np.int64)
    return whole


def _tie(profile: Profile) -> float:
    """Correlation of the code's minute returns with the market's: less than that of daily ones."""
    market = profile.exposure.market * FACTOR_DEVIATION.market
    correlation = market / total_deviation(profile.exposure, profile.deviation)
    return min(max(correlation, -1.0), 1.0) * (1.0 if profile.kind is Kind.INDEX else _ASYNCHRONY)
