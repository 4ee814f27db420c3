"""What happened to the books of sub-accounts, one fact at a time, and the books that follow from them. Pure.

The facts stand in the account's submission file, each under a key that makes it count once. Whoever takes them in the
order of the file comes to the same books.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

import msgspec

from bullet_trade.domain.money import ZERO, Money, Price, divide_half_up
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import Entitlement
from bullet_trade.domain.securities import Code


class Allotted(msgspec.Struct, frozen=True, tag="allotted"):
    """From now on `cash` in all is allotted to the name; the first one opens its books."""

    cash: Money


class Fill(msgspec.Struct, frozen=True, tag="fill"):
    """A trade of the order `order` (see `order_key`). `day` is the trading date."""

    order: str
    trade_id: str
    code: Code
    side: Side
    amount: int
    price: Price
    fee: Money
    day: date


class Share(msgspec.Struct, frozen=True, tag="share"):
    """The name's part of a corporate action."""

    code: Code
    cash: Money
    shares: int
    text: str


class Correction(msgspec.Struct, frozen=True, tag="correction"):
    """Booked by the operator: `amount` shares of `code` at a cost of `price` each, and `cash`; both may be negative,
    and neither moves the other. `code` is None where only cash moves."""

    code: Code | None
    amount: int
    price: Price
    cash: Money
    reason: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The broker has said that nothing more will come of the order."""

    order: str


class Doubt(msgspec.Struct, frozen=True, tag="doubt"):
    """The day of the order is over, and what `amount` shares of it did is not known."""

    order: str
    code: Code
    side: Side
    amount: int


class Announced(msgspec.Struct, frozen=True, tag="announced"):
    """A corporate action of the whole account that has to be shared out to those who `held` the security at that
    moment; stands under no name."""

    entitlement: Entitlement
    held: dict[str, int]


class SharedOut(msgspec.Struct, frozen=True, tag="shared_out"):
    """What was announced under `key` is shared out."""

    key: str


Fact = Allotted | Fill | Share | Correction | Ended | Doubt | Announced | SharedOut


class Booking(NamedTuple):
    """A fact about the books of `sub` ('': of all), under a key that is unique there."""

    at: datetime
    sub: str
    key: str
    fact: Fact


def order_key(created_at: datetime, tag: str) -> str:
    """What names an order for good: tags are unique within a day."""
    return f"{created_at:%Y%m%d}/{tag}"


@dataclass(slots=True)
class Holding:
    """`cost` is what the shares held were bought for, fees included; `bought` of them came on `bought_on`."""

    amount: int = 0
    cost: Money = ZERO
    bought: int = 0
    bought_on: date = date.min

    def settled(self, today: date, t0: bool) -> int:
        """Shares that T+1 does not keep from sale."""
        return max(0, self.amount - (self.bought if self.bought_on == today and not t0 else 0))


@dataclass(slots=True)
class Traded:
    """What an order has traded so far."""

    amount: int = 0
    turnover: Money = ZERO
    fees: Money = ZERO
    trades: set[str] = field(default_factory=set)


@dataclass(slots=True)
class SubLedger:
    """The books of one sub-account. What its open orders hold is not in it: the orders themselves say that."""

    allotted: Money | None = None
    """None until the first `Allotted`."""
    opened_at: datetime | None = None
    cash: Money = ZERO
    holdings: dict[Code, Holding] = field(default_factory=dict)
    orders: dict[str, Traded] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    """Orders of which nothing more is expected."""
    doubts: dict[str, Doubt] = field(default_factory=dict)
    """By order; a correction of the same security settles them."""
    cleared: set[str] = field(default_factory=set)
    """Orders whose doubts a person has settled: what comes of them later is in the correction."""

    def take(self, booking: Booking) -> None:
        """Book a fact."""
        match booking.fact:
            case Allotted(cash):
                self.opened_at = self.opened_at or booking.at
                self.cash = Money(self.cash + cash - (self.allotted or ZERO))
                self.allotted = cash
            case Fill() as fill:
                self._fill(fill)
            case Share(code, cash, shares):
                self.cash = Money(self.cash + cash)
                self._add(code, shares, Money(-cash))
            case Correction(code, amount, price, cash):
                self.cash = Money(self.cash + cash)
                if code is not None:
                    self._move(code, amount, Money(price * amount))
                    self.cleared |= {order for order, one in self.doubts.items() if one.code == code}
                    self.doubts = {order: one for order, one in self.doubts.items() if one.code != code}
            case Ended(order):
                self.ended.add(order)
            case Doubt() as doubt:
                self.ended.add(doubt.order)
                self.doubts[doubt.order] = doubt
            case Announced() | SharedOut():
                pass  # they concern no name

    def traded(self, order: str) -> Traded:
        """What the order has traded; nothing for one that is not known."""
        return self.orders.get(order) or Traded()

    def _fill(self, fill: Fill) -> None:
        turnover = Money(fill.price * fill.amount)
        order = self.orders.setdefault(fill.order, Traded())
        order.trades.add(fill.trade_id)
        order.amount += fill.amount
        order.turnover = Money(order.turnover + turnover)
        order.fees = Money(order.fees + fill.fee)
        doubt = self.doubts.pop(fill.order, None)
        if doubt is not None and doubt.amount > fill.amount:
            self.doubts[fill.order] = msgspec.structs.replace(doubt, amount=doubt.amount - fill.amount)
        self.cash = Money(self.cash - fill.side * turnover - fill.fee)
        self._move(fill.code, fill.side * fill.amount, Money(turnover + fill.fee))
        holding = self.holdings.get(fill.code)
        if fill.side is Side.BUY and holding is not None:
            holding.bought = (holding.bought if holding.bought_on == fill.day else 0) + fill.amount
            holding.bought_on = fill.day

    def _move(self, code: Code, amount: int, paid: Money) -> None:
        """Shares come for `paid`, or go with their part of the cost."""
        held = self.holdings.get(code, Holding())
        if amount < 0 < held.amount:
            paid = Money(-divide_half_up(held.cost * min(-amount, held.amount), held.amount))
        self._add(code, amount, paid if held.amount + amount > 0 else Money(-held.cost))

    def _add(self, code: Code, amount: int, cost: Money) -> None:
        holding = self.holdings.setdefault(code, Holding())
        holding.amount += amount
        holding.cost = Money(holding.cost + cost)
        holding.bought = min(holding.bought, max(0, holding.amount))
        if holding.amount == 0:
            del self.holdings[code]
