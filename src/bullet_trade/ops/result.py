"""What a run leaves for the person who reads it: days, trades, and the names of what was traded."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from bullet_trade.domain.money import Money, Price
from bullet_trade.domain.orders import Side
from bullet_trade.domain.securities import Code


class DayResult(msgspec.Struct, frozen=True):
    """The account after one close. Money in 1/10,000 yuan. `benchmark` is the index's close in yuan, NaN if unknown."""

    day: date
    cash: Money
    positions_value: Money
    fees: Money
    bought: Money
    sold: Money
    orders: int
    refused: int
    benchmark: float

    @property
    def total(self) -> Money:
        """Cash and positions."""
        return Money(self.cash + self.positions_value)


class TradeResult(msgspec.Struct, frozen=True):
    """One order's fills taken together. `profit` is the realised gain of a sale after fees; None for a purchase."""

    at: datetime
    code: Code
    name: str
    side: Side
    amount: int
    price: Price
    fees: Money
    profit: Money | None


class RunResult(msgspec.Struct, frozen=True):
    """A whole run. `records` are the strategy's `record()` curves: name -> [(day, value)], days ascending."""

    strategy: str
    broker: str
    data: str
    synthetic: bool
    starting_cash: Money
    benchmark: str
    days: list[DayResult]
    trades: list[TradeResult]
    records: dict[str, list[tuple[date, float]]]
