"""Where a code's price would stand on each session without ticks and limits: factors, own path, distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bullet_trade.quotes.synthetic.actions import bonus_factor, payout, suspension
from bullet_trade.quotes.synthetic.halfyears import HalfYear, SessionBlock
from bullet_trade.quotes.synthetic.paths import Walk, anchor, walk
from bullet_trade.quotes.synthetic.profiles import FACTOR_DEVIATION, Profile
from bullet_trade.quotes.synthetic.streams import Key, stream_key
from bullet_trade.quotes.synthetic.tables import exponential

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class Distribution(NamedTuple):
    """A distribution as it is announced: cash in ticks per share, new shares per share, first weekday it may go ex."""

    ex_weekday: int
    cash_ticks: int
    ratio: float
    yield_share: float


@dataclass(frozen=True, slots=True)
class Levels:
    """Arrays over the sessions of a half-year; prices in ticks.

    `before` is the close before the first session. `ex_position` is the ex-day's place among the sessions, -1 if
    none.
    """

    own: Walk
    before: int
    wanted: FloatArray
    paused: BoolArray
    ex_position: int
    distribution: Distribution | None


def factor_keys(seed: int) -> tuple[Key, ...]:
    """The keys of the factor walks, in the order of `Exposure`."""
    return tuple(stream_key(seed, "factor", name) for name in FACTOR_DEVIATION._fields)


def factor_walks(keys: tuple[Key, ...], block: SessionBlock) -> tuple[Walk, ...]:
    """The factors' walks through a half-year, in the order of `Exposure`."""
    return tuple(
        walk(key, block.half, block.first_weekday, block.weekday_count, deviation)
        for key, deviation in zip(keys, FACTOR_DEVIATION, strict=True)
    )


def distribution(profile: Profile, factors: tuple[Key, ...], half: HalfYear) -> Distribution | None:
    """The half-year's distribution; its cash is fixed from the price at the half-year's start."""
    found = payout(profile, half)
    if found is None:
        return None
    start = anchor(profile.path_key, half, profile.deviation)
    for key, loading, deviation in zip(factors, profile.exposure, FACTOR_DEVIATION, strict=True):
        start += loading * anchor(key, half, deviation)
    price = profile.price * bonus_factor(profile, half) * float(exponential(np.array([start]))[0])
    cash_ticks = int(price * found.yield_share * profile.ticks_per_yuan)
    if cash_ticks == 0 and found.ratio == 0.0:
        return None
    return Distribution(found.ex_weekday, cash_ticks, found.ratio, found.yield_share)


def levels_of(
    profile: Profile,
    block: SessionBlock,
    factors: tuple[Walk, ...],
    given: Distribution | None,
    calm: int,
) -> Levels:
    """The code's levels; `calm` halves every departure from the straight line that many times."""
    own = walk(profile.path_key, block.half, block.first_weekday, block.weekday_count, profile.deviation)
    start, level = own.start, own.level
    for loading, factor in zip(profile.exposure, factors, strict=True):
        start = start + loading * factor.start
        level = level + loading * factor.level
    # One more entry in front: the close before the half-year's first weekday.
    level = np.concatenate([np.array([start]), level])
    place = block.offset + 1
    if calm:
        _calm_down(level, place, 0.5**calm)
    price = exponential(level) * (profile.price * profile.ticks_per_yuan)
    price *= bonus_factor(profile, HalfYear(block.half + 1))
    if given is not None:
        _apply(price, given, block)
    wanted = price[place]
    wanted[-1] = price[-1]  # what the next half-year starts from, even if it ends in holidays
    return Levels(
        own=own,
        before=max(int(np.rint(price[0])), 1),
        wanted=wanted,
        paused=_paused(profile, block),
        ex_position=ex_position(given, block),
        distribution=given,
    )


def _calm_down(level: FloatArray, place: IntArray, share: float) -> None:
    """Leave only `share` of each session's departure from the straight line between the half-year's ends."""
    end = level[-1]
    line = level[0] + (end - level[0]) * (np.arange(1, len(place) + 1) / len(place))
    level[place] = line + (level[place] - line) * share
    level[-1] = end


def _apply(price: FloatArray, given: Distribution, block: SessionBlock) -> None:
    """Higher before a bonus issue; lower by the cash from the ex-day on, made good again by the half-year's end."""
    ex = given.ex_weekday - block.first_weekday + 1
    price[:ex] *= 1.0 + given.ratio
    left = len(price) - ex
    price[ex:] *= 1.0 - given.yield_share * (np.arange(left - 1, -1, -1) / (left - 1))


def ex_position(given: Distribution | None, block: SessionBlock) -> int:
    """Place among the sessions of the day that a distribution goes ex; -1 if the sessions do not show it."""
    if given is None:
        return -1
    offset = given.ex_weekday - block.first_weekday
    position = int(np.searchsorted(block.offset, offset))
    return position if position < len(block.offset) else -1


def _paused(profile: Profile, block: SessionBlock) -> BoolArray:
    halt = suspension(profile, block.half, block.first_weekday)
    if halt is None:
        return np.zeros(len(block.offset), dtype=np.bool_)
    weekday = block.offset + block.first_weekday
    paused = (weekday >= halt.first_weekday) & (weekday <= halt.last_weekday)
    paused[-1] = False
    return paused
