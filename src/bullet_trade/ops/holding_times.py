"""How long shares were held: each sale against the earliest purchases that it may have come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code
from bullet_trade.ops.result import TradeResult


class HoldingTimes(msgspec.Struct, frozen=True):
    """Trading days from purchase to sale, weighted by shares sold; None without such a sale.

    `unmatched` shares were sold that had not been bought within the range.
    """

    mean: float | None
    shortest: int | None
    longest: int | None
    shares: int
    unmatched: int


def holding_times(trades: Iterable[TradeResult], sessions: Callable[[date, date], int]) -> HoldingTimes:
    """First in, first out. `trades` ascend in time; `sessions` counts the trading days from one date to another."""
    lots: dict[Code, deque[tuple[date, int]]] = {}
    weighed: list[tuple[int, int]] = []
    unmatched = 0
    for trade in trades:
        held = lots.setdefault(trade.code, deque())
        if trade.side is Side.BUY:
            held.append((trade.at.date(), trade.amount))
            continue
        left = trade.amount
        while left and held:
            bought, amount = held.popleft()
            sold = min(left, amount)
            weighed.append((sessions(bought, trade.at.date()), sold))
            left -= sold
            if amount > sold:
                held.appendleft((bought, amount - sold))
        unmatched += left
    shares = sum(sold for _, sold in weighed)
    days = [count for count, _ in weighed]
    mean = sum(count * sold for count, sold in weighed) / shares if shares else None
    return HoldingTimes(mean, min(days, default=None), max(days, default=None), shares, unmatched)
