"""Matching without looking ahead: an order trades only against what came after it. Pure.

Against a minute bar, a market order, or the part of a limit order that reaches the market, trades at the first price of
the minute in progress, moved against it by the slippage, but never past a price that traded in that minute. A resting
order trades in a later minute if the price went *through* its limit: at the limit price itself others stood in the
queue before it. Against a snapshot, an order that comes in takes the five levels of the other side; a resting one
trades at its limit when the other side's best price reaches it, or when trades went through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Side
from bullet_trade.ports.exchange_feed import Bar
from bullet_trade.ports.quotes import Tick


class Match(NamedTuple):
    """The price at which an order trades, whatever its amount; 0 with the reason when it does not."""

    price: Price
    reason: str = ""


class Take(NamedTuple):
    """So many shares at this price."""

    price: Price
    amount: int


NOTHING = Match(Price(0))
SEALED_UP = Match(Price(0), "涨停封板，没有卖盘")
SEALED_DOWN = Match(Price(0), "跌停封板，没有买盘")
PROTECTED = Match(Price(0), "价格超出保护价")


def share_of(volume: int, share: Fraction, used: int) -> int:
    """What one account may still take of a traded volume."""
    return max(0, volume * share.numerator // share.denominator - used)


# -- minute bars -------------------------------------------------------------------------------------------------------


def take_at_once(side: Side, bar: Bar, worst: Price, slip: Price, tick: Price, high: Price, low: Price) -> Match:
    """The price of an order that trades on arrival.

    `worst` is the limit or protection price (0: none); `high` and `low` are the day's price limits (0: none). While
    the price stands at a limit nobody takes the other side, even if the limit breaks later in that minute.
    """
    first = price(bar.open)
    if side is Side.BUY:
        if high and first >= high:
            return SEALED_UP
        reachable = min(-(-(first + slip) // tick) * tick, price(bar.high))
    else:
        if low and first <= low:
            return SEALED_DOWN
        reachable = max((first - slip) // tick * tick, price(bar.low))
    if worst and side * (reachable - worst) > 0:
        return PROTECTED if side * (first - worst) > 0 else Match(worst)
    return Match(Price(reachable))


def trade_through(side: Side, limit: Price, bar: Bar) -> Match:
    """Whether a minute traded through a resting order's limit, and at which price it fills: at the limit, or at the
    first price of the minute where that is better."""
    best = price(bar.low) if side is Side.BUY else price(bar.high)
    if side * (limit - best) <= 0 or bar.volume <= 0:
        return NOTHING
    first = price(bar.open)
    return Match(min(limit, first) if side is Side.BUY else max(limit, first))


def uncross(side: Side, limit: Price, auction: Price) -> bool:
    """Whether an order trades in a call auction at the price `auction`: all orders with a better limit do. At the
    price itself only one side fills in full, so nothing is promised there."""
    return side * (limit - auction) > 0


# -- snapshots ---------------------------------------------------------------------------------------------------------


def has_book(tick: Tick) -> bool:
    """Whether the snapshot shows any level."""
    return any(tick.ask_prices) or any(tick.bid_prices)


def opposite(side: Side, tick: Tick) -> list[Take]:
    """The levels that an order of `side` meets, best first; empty ones are left out."""
    prices, amounts = (tick.ask_prices, tick.ask_volumes) if side is Side.BUY else (tick.bid_prices, tick.bid_volumes)
    return [Take(price(p), v) for p, v in zip(prices, amounts, strict=True) if p > 0 and v > 0]


def take_levels(
    side: Side, levels: list[Take], worst: Price, wanted: int, taken: Mapping[tuple[Side, Price], int]
) -> list[Take]:
    """What an incoming order takes out of `levels`, up to `worst` (0: none). `taken` own orders took before."""
    found: list[Take] = []
    for level in levels:
        if wanted <= 0 or (worst and side * (level.price - worst) > 0):
            break
        amount = min(wanted, level.amount - taken.get((side, level.price), 0))
        if amount > 0:
            found.append(Take(level.price, amount))
            wanted -= amount
    return found


def volume_through(side: Side, limit: Price, before: Tick, now: Tick) -> int:
    """Shares that traded between two snapshots if some of them went through `limit`, else 0.

    Of the prices between, the last one is known, and a new extreme of the day.
    """
    volume = now.volume - before.volume
    if volume <= 0:
        return 0
    if side is Side.BUY:
        best = min(now.current, now.low) if 0 < now.low < before.low else now.current
    else:
        best = max(now.current, now.high) if now.high > before.high > 0 else now.current
    return volume if side * (limit - price(best)) > 0 else 0


def as_bar(before: Tick, now: Tick) -> Bar:
    """What traded between two snapshots of a source without a book, as a bar."""
    low, high = sorted((before.current, now.current))
    return Bar(before.datetime, now.datetime, now.current, high, low, now.current, max(0, now.volume - before.volume))
