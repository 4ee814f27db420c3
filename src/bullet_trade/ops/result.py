"""What a run leaves for the person who reads it: days, trades, and the names of what was traded."""

from __future__ import annotations

import math
from datetime import date, datetime

import msgspec

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code


class DayResult(msgspec.Struct, frozen=True):
    """The account after one close. Money in 1/10,000 yuan. `benchmark` is the index's close, NaN: unknown."""

    day: date
    cash: Money
    positions_value: Money
    fees: Money
    bought: Money
    sold: Money
    orders: int
    refused: int
    benchmark: float
    refusals: tuple[tuple[str, int], ...] = ()
    """Orders and cancels that rules of ours kept back, by rule."""
    messages: int = 0
    """Orders and cancels sent."""
    peak: int = 0
    """The most of them within one second."""

    @property
    def total(self) -> Money:
        """Cash and positions."""
        return Money(self.cash + self.positions_value)


class TradeResult(msgspec.Struct, frozen=True):
    """One order's fills taken together. `profit`: realised gain of a sale after fees; None for a purchase."""

    at: datetime
    code: Code
    name: str
    side: Side
    amount: int
    price: Price
    fees: Money
    profit: Money | None


class RunResult(msgspec.Struct, frozen=True):
    """A whole run. `records` are the strategy's `record()` curves: name -> [(day, value)], days ascending.

    `days` ascend, one per session; `trades` ascend in time. `benchmark` names the index, "" for none.
    `benchmark_base` is its close on the session before the first day: without it (NaN) the index can only be
    followed from the first close on, a day less than the account.
    """

    strategy: str
    broker: str
    data: str
    synthetic: bool
    starting_cash: Money
    benchmark: str
    days: list[DayResult]
    trades: list[TradeResult]
    records: dict[str, list[tuple[date, float]]]
    benchmark_base: float = math.nan


class PositionLine(msgspec.Struct, frozen=True):
    """One position after a close. `cost` is the average cost per share, 0 where unknown."""

    code: Code
    name: str
    amount: int
    closeable: int
    cost: Price
    price: Price
