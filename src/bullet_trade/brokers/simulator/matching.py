"""Matching against minute bars, without looking ahead: an order trades only against what came after it. Pure.

A market order, or the part of a limit order that reaches the market, trades at the first price of the minute in
progress, moved against it by the slippage, but never past a price that traded in that minute. A resting order trades
in a later minute if the price went *through* its limit: at the limit price itself others stood in the queue before it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from bullet_trade.domain.money import Price, price
from bullet_trade.domain.orders import Side
from bullet_trade.ports.exchange_feed import Bar


class Match(NamedTuple):
    """How much trades at which price; amount 0 with the reason when nothing does."""

    amount: int
    price: Price
    reason: str = ""


def share_of(volume: int, share: Fraction, used: int) -> int:
    """What one account may still take of a minute's volume."""
    return max(0, volume * share.numerator // share.denominator - used)


def take_at_once(side: Side, bar: Bar, worst: Price, slip: Price, tick: Price, high: Price, low: Price) -> Match:
    """The price of an order that trades on arrival, for any amount; amount 1 stands for yes, 0 for no.

    `worst` is the limit or protection price (0: none); `high` and `low` are the day's price limits (0: none).
    """
    first = price(bar.open)
    if side is Side.BUY and high and price(bar.low) >= high:
        return Match(0, Price(0), "涨停封板，没有卖盘")
    if side is Side.SELL and low and price(bar.high) <= low:
        return Match(0, Price(0), "跌停封板，没有买盘")
    moved = first + side * slip
    moved = -(-moved // tick) * tick if side is Side.BUY else moved // tick * tick
    reachable = min(moved, price(bar.high)) if side is Side.BUY else max(moved, price(bar.low))
    if worst and side * (reachable - worst) > 0:
        if side * (first - worst) > 0:
            return Match(0, Price(0), "价格超出保护价")
        reachable = worst
    return Match(1, Price(reachable))


def trade_through(side: Side, limit: Price, bar: Bar) -> Match:
    """Whether a minute traded through a resting order's limit, and at which price it would fill."""
    best = price(bar.low) if side is Side.BUY else price(bar.high)
    if side * (limit - best) <= 0 or bar.volume <= 0:
        return Match(0, Price(0))
    first = price(bar.open)
    better = min(limit, first) if side is Side.BUY else max(limit, first)
    return Match(1, Price(better))
