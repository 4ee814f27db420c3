"""The price cage (价格笼子): how far a limit order in continuous trading may reach past the opposite side.

The bound is measured against the live book when the order arrives, so a price may become invalid within
milliseconds; `Cage.cautious` stays one rounding inside for brokers that round inward.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from bullet_trade.domain.money import Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Board, Security
from bullet_trade.market.price_limit import PriceLimits
from bullet_trade.market.refusal import Refusal, show_price
from bullet_trade.market.sources import (
    BSE_RULES_2021,
    CHINEXT_RULES_2020,
    SSE_RULES_2023,
    STAR_RULES_2019,
    SZSE_RULES_2023,
)
from bullet_trade.market.tick_size import ceil_to_tick, floor_to_tick, round_to_tick, tick_size
from bullet_trade.market.timeline import BSE_OPENED, CHINEXT_REFORMED, STAR_OPENED, Since, Timeline, in_force


class CageRule(NamedTuple):
    """`percent` of the base, or `ticks` steps where those reach further. `parks`: an order outside waits."""

    percent: int
    ticks: int
    parks: bool = False


class Book(NamedTuple):
    """What the market shows when the order arrives; 0 where there is no such price."""

    best_bid: Price = Price(0)
    best_ask: Price = Price(0)
    last: Price = Price(0)
    prev_close: Price = Price(0)


class Cage(NamedTuple):
    """The highest buying or lowest selling price, clipped to the daily limits, measured from `base`.

    `cautious` is the same bound rounded inward. `parks`: the exchange keeps an order outside until it fits.
    """

    base: Price
    bound: Price
    cautious: Price
    parks: bool


_2_OR_10, _2_ONLY = CageRule(2, 10), CageRule(2, 0)

# Funds, bonds, B shares and repo have no cage.
CAGES: dict[Board, Timeline[CageRule]] = {
    Board.SSE_MAIN: (Since(date(2023, 4, 10), _2_OR_10, f"{SSE_RULES_2023} 3.3.13"),),
    Board.SZSE_MAIN: (Since(date(2023, 4, 10), _2_OR_10, f"{SZSE_RULES_2023} 3.3.15"),),
    Board.CHINEXT: (
        Since(date(2023, 4, 10), _2_OR_10, f"{SZSE_RULES_2023} 3.3.15"),
        Since(CHINEXT_REFORMED, CageRule(2, 0, parks=True), CHINEXT_RULES_2020),
    ),
    Board.STAR: (Since(STAR_OPENED, _2_ONLY, STAR_RULES_2019),),
    Board.BSE: (Since(BSE_OPENED, CageRule(5, 10), BSE_RULES_2021),),
}


def price_cage(security: Security, side: Side, day: date, book: Book, limits: PriceLimits | None) -> Cage | None:
    """The bound for a limit order of `side` in continuous trading; None where no cage applies.

    Without any price in `book` there is nothing to measure from, and None is returned.
    """
    rows = CAGES.get(security.board)
    row = in_force(rows, day) if rows else None
    if row is None:
        return None
    buying = side is Side.BUY
    if buying:
        base = book.best_ask or book.best_bid or book.last or book.prev_close
    else:
        base = book.best_bid or book.best_ask or book.last or book.prev_close
    if not base:
        return None
    rule, tick = row.value, tick_size(security, day)
    # `scaled` is the percentage bound times 100, so that rounding sees the exact value.
    scaled = Price(base * (100 + rule.percent * side))
    steps = base + rule.ticks * tick * side
    rounded = round_to_tick(scaled, Price(tick * 100)) // 100
    if buying:
        inward = floor_to_tick(scaled, Price(tick * 100)) // 100
        ceiling = limits.high if limits else max(rounded, steps)
        bound, cautious = min(max(rounded, steps), ceiling), min(max(inward, steps), ceiling)
    else:
        inward = ceil_to_tick(scaled, Price(tick * 100)) // 100
        floor = limits.low if limits else min(rounded, steps)
        bound, cautious = max(min(rounded, steps), floor, tick), max(min(inward, steps), floor, tick)
    return Cage(base, Price(bound), Price(cautious), rule.parks)


def check_price_cage(security: Security, side: Side, price: Price, cage: Cage | None) -> Refusal | None:
    """No for a limit price past the cage, unless the exchange would only park the order."""
    if cage is None or cage.parks or (price <= cage.bound if side is Side.BUY else price >= cage.bound):
        return None
    verb, word = ("买入", "不高于") if side is Side.BUY else ("卖出", "不低于")
    return Refusal(
        "price_cage",
        f"{security.code} {verb}价 {show_price(price)}",
        f"按基准价 {show_price(cage.base)}，有效申报价须{word} {show_price(cage.bound)}",
        f"请改为 {show_price(cage.cautious)}，或用最新行情重新定价",
    )
