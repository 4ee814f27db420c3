"""The indices of the synthetic market: how each one moves with the factors and whom it counts as members."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import NamedTuple

from bullet_trade.domain.securities import Code
from bullet_trade.quotes.synthetic.halfyears import HalfYear, half_year_of
from bullet_trade.quotes.synthetic.stocks import STEADY, Listing, stock_listings
from bullet_trade.quotes.synthetic.streams import Key, bell, stream_key


class Index(NamedTuple):
    """One index. `level` is its middle level in points, `billion_shares` its usual daily volume.

    `market`, `growth` and `small` are its exposures to the factors. Members are the ranks from `first_rank` to
    `last_rank` by size among the stocks whose codes begin with one of `prefixes`.
    """

    name: str
    level: float
    billion_shares: float
    market: float
    growth: float
    small: float
    prefixes: tuple[str, ...]
    first_rank: int
    last_rank: int


_SHANGHAI = ("60", "68")
_SHENZHEN = ("000", "001", "002", "300", "301")
_CHINEXT = ("300", "301")
_STAR = ("688", "689")
_SMALL_BOARD = ("002",)
_ALL = _SHANGHAI + _SHENZHEN

# Sizes are the published ones where the universe is large enough; the wide ones (500 to 2,000 members) are scaled to
# it.
INDICES: dict[str, Index] = {
    "000001.XSHG": Index("上证指数", 3200, 40.0, 0.92, 0.05, 0.05, _SHANGHAI, 1, 9999),
    "000002.XSHG": Index("上证A指", 3350, 40.0, 0.92, 0.05, 0.05, _SHANGHAI, 1, 9999),
    "000010.XSHG": Index("上证180", 8600, 12.0, 0.97, 0.05, -0.20, _SHANGHAI, 1, 180),
    "000015.XSHG": Index("上证红利", 2900, 4.0, 0.75, -0.35, 0.05, _SHANGHAI, 20, 69),
    "000016.XSHG": Index("上证50", 2700, 4.5, 0.98, 0.00, -0.35, _SHANGHAI, 1, 50),
    "000300.XSHG": Index("沪深300", 3900, 17.0, 1.00, 0.12, -0.20, _ALL, 1, 300),
    "000510.XSHG": Index("中证A500", 4600, 25.0, 1.00, 0.20, 0.00, _ALL, 1, 500),
    "000688.XSHG": Index("科创50", 1050, 0.9, 1.08, 1.30, 0.00, _STAR, 1, 50),
    "000698.XSHG": Index("科创100", 980, 0.7, 1.10, 1.35, 0.30, _STAR, 51, 150),
    "000852.XSHG": Index("中证1000", 6300, 22.0, 1.10, 0.45, 1.00, _ALL, 551, 9999),
    "000903.XSHG": Index("中证100", 3700, 6.0, 0.99, 0.05, -0.30, _ALL, 1, 100),
    "000905.XSHG": Index("中证500", 5900, 18.0, 1.05, 0.35, 0.65, _ALL, 301, 550),
    "000906.XSHG": Index("中证800", 4200, 30.0, 1.01, 0.18, 0.00, _ALL, 1, 550),
    "000922.XSHG": Index("中证红利", 5200, 8.0, 0.78, -0.35, 0.15, _ALL, 40, 139),
    "000932.XSHG": Index("中证消费", 16000, 2.0, 0.90, 0.00, -0.25, _ALL, 30, 69),
    "000985.XSHG": Index("中证全指", 4800, 60.0, 1.02, 0.28, 0.30, _ALL, 1, 9999),
    "399001.XSHE": Index("深证成指", 10500, 25.0, 1.05, 0.50, 0.15, _SHENZHEN, 1, 250),
    "399005.XSHE": Index("中小100", 6600, 6.0, 1.05, 0.40, 0.10, _SMALL_BOARD, 1, 100),
    "399006.XSHE": Index("创业板指", 2200, 8.0, 1.12, 1.10, 0.05, _CHINEXT, 1, 100),
    "399101.XSHE": Index("中小综指", 11500, 15.0, 1.06, 0.42, 0.55, _SMALL_BOARD, 1, 9999),
    "399102.XSHE": Index("创业板综", 2800, 16.0, 1.12, 1.00, 0.50, _CHINEXT, 1, 9999),
    "399106.XSHE": Index("深证综指", 2000, 45.0, 1.06, 0.50, 0.45, _SHENZHEN, 1, 9999),
    "399303.XSHE": Index("国证2000", 7600, 20.0, 1.10, 0.45, 1.15, _ALL, 551, 9999),
    "399330.XSHE": Index("深证100", 5200, 7.0, 1.05, 0.50, -0.15, _SHENZHEN, 1, 100),
    "399673.XSHE": Index("创业板50", 2100, 5.0, 1.13, 1.20, -0.05, _CHINEXT, 1, 50),
}

_SIZE_KEY = stream_key(0, "size")
_RANK_DRIFT = 0.12
"""Deviation of a stock's size score from one half-year to the next: some 5 % of an index's members change."""


@cache
def members(index: Code, half: HalfYear) -> tuple[Code, ...]:
    """Members in that half-year, sorted by code; empty for an unknown index."""
    chosen = INDICES.get(index)
    if chosen is None:
        return ()
    ranked = [listing.code for listing in _by_size(half) if listing.code.startswith(chosen.prefixes)]
    return tuple(sorted(ranked[chosen.first_rank - 1 : chosen.last_rank]))


def members_on(index: Code, day: date) -> tuple[Code, ...]:
    """Members on `day`; they change when a half-year begins."""
    return members(index, half_year_of(day))


def size_score(code: Code) -> float:
    """How large the company is: about normal, 0 the middle one."""
    known = 1.4 if code in STEADY else 0.0
    return bell(_SIZE_KEY, int(code[:6])) + (0.6 if code.startswith("601") else 0.0) + known


@cache
def _by_size(half: HalfYear) -> tuple[Listing, ...]:
    drift = stream_key(0, "size", str(half))
    listed = [one for one in stock_listings() if one.trades_in(half) and not one.st]
    return tuple(sorted(listed, key=lambda one: -size_score(one.code) - _drift(drift, one.code)))


def _drift(key: Key, code: Code) -> float:
    return _RANK_DRIFT * bell(key, int(code[:6]))
