"""Volatility halts (盘中临时停牌): shares without a daily limit, convertible bonds on their first day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from bullet_trade.domain.money import Price
from bullet_trade.domain.securities import Kind, Security
from bullet_trade.market.price_limit import ratio_in_force


class HaltLevel(NamedTuple):
    """A first move of `permille` from the base halts for `minutes`; None: until 14:57."""

    permille: int
    minutes: int | None


class Halt(NamedTuple):
    """A halt: what caused it, its nominal length (None: until `resume`), and when trading resumes."""

    level: HaltLevel
    minutes: int | None
    resume: time


# Source: 沪深交易所交易规则 (base: the day's open) and 可转债交易实施细则 (base: the issue price).
STOCK_LEVELS = (HaltLevel(300, 10), HaltLevel(600, 10))
CONVERTIBLE_LEVELS = (HaltLevel(200, 30), HaltLevel(300, None))
CONVERTIBLE_HALTS_SINCE = date(2022, 8, 1)

LAST_RESUME = time(14, 57)
_LUNCH, _AFTERNOON = time(11, 30), time(13, 0)
_NOON_BREAK = timedelta(hours=1, minutes=30)

_SHARES = frozenset({Kind.STOCK, Kind.CDR})
_CONVERTIBLES = frozenset({Kind.CONVERTIBLE, Kind.EXCHANGEABLE})


def halt_levels(
    security: Security, day: date, listed_days: int | None = None, delisting_days: int | None = None
) -> tuple[HaltLevel, ...]:
    """The moves that halt the security on `day`; empty where none do. Day counts as for `price_limits`."""
    if security.kind in _CONVERTIBLES:
        return CONVERTIBLE_LEVELS if listed_days == 1 and day >= CONVERTIBLE_HALTS_SINCE else ()
    free = ratio_in_force(security, day, listed_days, delisting_days) is None
    return STOCK_LEVELS if free and security.kind in _SHARES else ()


def halt_after(levels: tuple[HaltLevel, ...], base: Price, traded: Price, at: time, reached: int = 0) -> Halt | None:
    """The halt that a trade at `traded` causes at `at`, or None.

    `base` is the day's open (shares) or the issue price (bonds). `reached` is the permille of the
    highest level that halted before today: each level halts once, and a jump past several gives one
    halt.
    """
    moved = abs(traded - base) * 1000
    crossed = [level for level in levels if level.permille > reached and moved >= level.permille * base]
    if not crossed or at >= LAST_RESUME:
        return None
    level = crossed[-1]
    if level.minutes is None:
        return Halt(level, None, LAST_RESUME)
    return Halt(level, level.minutes, _resume(at, level.minutes))


def _resume(at: time, minutes: int) -> time:
    # Minutes of trading time: a halt that is running at 11:30 goes on at 13:00.
    today = datetime.combine(date.min, at)
    until = today + timedelta(minutes=minutes)
    if at < _LUNCH < until.time():
        until += _NOON_BREAK
    return min(until.time(), LAST_RESUME)
