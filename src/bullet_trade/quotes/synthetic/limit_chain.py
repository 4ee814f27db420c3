"""Closes that respect the daily limits: each day's limits follow from the close before, so one clamp moves the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bullet_trade.domain.securities import Security
from bullet_trade.market.price_limit import Ratio, ratio_in_force
from bullet_trade.quotes.synthetic.halfyears import SessionBlock
from bullet_trade.quotes.synthetic.levels import Levels

IntArray = NDArray[np.int64]

UNLIMITED = 1 << 40
"""High limit in ticks of what has none (indices)."""

_NO_RULE = Ratio(200, 200)
"""Where a board had no limit yet: keeps invented prices near the reference."""


class Ratios(NamedTuple):
    """Limits of each session in thousandths of the reference price."""

    up: IntArray
    down: IntArray


class Chain(NamedTuple):
    """Per session, in ticks: the reference price, the limits around it, and the close."""

    reference: IntArray
    low: IntArray
    high: IntArray
    close: IntArray


def ratios_of(security: Security, block: SessionBlock) -> Ratios:
    """The limit ratios in force on each session; the first days of a new listing are treated like any other."""
    first, last = (ratio_in_force(security, day) for day in (block.dates[0], block.dates[-1]))
    if first == last:
        chosen = first or _NO_RULE
        count = len(block.dates)
        return Ratios(np.full(count, chosen.up), np.full(count, chosen.down))
    rows = [ratio_in_force(security, day) or _NO_RULE for day in block.dates]
    return Ratios(np.array([row.up for row in rows]), np.array([row.down for row in rows]))


def free_chain(levels: Levels) -> Chain:
    """The closes of an index: no limits, never suspended."""
    close = _whole(levels)
    reference = _previous(levels.before, close)
    return Chain(reference, np.ones_like(close), np.full_like(close, UNLIMITED), close)


def limited_chain(levels: Levels, ratios: Ratios) -> Chain:
    """The closes nearest to the wanted levels that the limits allow; a paused day keeps the close before."""
    wanted = _whole(levels)
    chain = _around(levels, ratios, wanted)
    doubtful = (wanted < chain.low) | (wanted > chain.high) | levels.paused
    places = np.flatnonzero(doubtful).tolist()
    if not places:
        return chain
    return _around(levels, ratios, np.array(_clamped(levels, ratios, wanted, places)))


def _clamped(levels: Levels, ratios: Ratios, wanted: IntArray, places: list[int]) -> list[int]:
    aim: list[int] = wanted.tolist()
    close = aim.copy()
    up, down = ratios.up.tolist(), ratios.down.tolist()
    done = 0
    for place in places:
        t = max(place, done)
        moved = True
        while moved and t < len(close):
            before = close[t - 1] if t else levels.before
            if levels.paused[t]:
                close[t] = before
            else:
                reference = _ex_reference(levels, before) if t == levels.ex_position else before
                low, high = _limits(reference, up[t], down[t])
                close[t] = min(max(aim[t], low), high)
            moved = close[t] != aim[t]
            t += 1
        done = t
    return close


def _around(levels: Levels, ratios: Ratios, close: IntArray) -> Chain:
    reference = _previous(levels.before, close)
    ex = levels.ex_position
    if ex >= 0:
        reference[ex] = _ex_reference(levels, int(reference[ex]))
    high = np.maximum((reference * (1000 + ratios.up) + 500) // 1000, reference + 1)
    low = np.minimum((reference * (1000 - ratios.down) + 500) // 1000, reference - 1)
    return Chain(reference, np.maximum(low, 1), high, close)


def _limits(reference: int, up: int, down: int) -> tuple[int, int]:
    low = min((reference * (1000 - down) + 500) // 1000, reference - 1)
    high = max((reference * (1000 + up) + 500) // 1000, reference + 1)
    return max(low, 1), high


def _ex_reference(levels: Levels, close: int) -> int:
    given = levels.distribution
    if given is None:
        return close
    return max(int((close - given.cash_ticks) / (1.0 + given.ratio) + 0.5), 1)


def _whole(levels: Levels) -> IntArray:
    return np.maximum(np.rint(levels.wanted), 1.0).astype(np.int64)


def _previous(before: int, close: IntArray) -> IntArray:
    return np.concatenate([np.array([before]), close[:-1]])
