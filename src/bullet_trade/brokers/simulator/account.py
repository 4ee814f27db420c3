"""The simulated account as the broker keeps it: cash, holdings, what is frozen. Its own book, so that comparing it with
the engine's ledger means something."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bullet_trade.domain.money import Money, Price, divide_half_up
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow
from bullet_trade.domain.securities import Code


class Holding(msgspec.Struct):
    """Shares of one security: `free` may be sold, `fresh` were bought today under T+1, `offered` are in sell orders."""

    free: int = 0
    fresh: int = 0
    offered: int = 0
    paid: Money = Money(0)

    @property
    def amount(self) -> int:
        """All shares."""
        return self.free + self.fresh + self.offered


class Account(msgspec.Struct):
    """Cash that is free, cash in working purchases, holdings by code. This is also the form in which it is saved."""

    cash: Money
    frozen: Money = Money(0)
    holdings: dict[str, Holding] = {}
    next_number: int = 1
    """The next order or trade number; numbers are never used twice in an account's life."""
    day: str = ""
    """The trading date that was opened last, ISO."""

    def reserve(self, side: Side, code: Code, amount: int, cash: Money) -> str:
        """Set aside `cash` for a purchase or `amount` shares for a sale; '' or the reason why it cannot be done."""
        if side is Side.BUY:
            if cash > self.cash:
                return f"资金不足：需要 {cash / 10_000:.2f} 元，可用 {self.cash / 10_000:.2f} 元"
            self.cash = Money(self.cash - cash)
            self.frozen = Money(self.frozen + cash)
            return ""
        holding = self.holdings.get(code)
        if holding is None or holding.free < amount:
            return f"可卖数量不足：需要 {amount} 股，可卖 {holding.free if holding else 0} 股"
        holding.free -= amount
        holding.offered += amount
        return ""

    def unreserve(self, side: Side, code: Code, amount: int, cash: Money) -> None:
        """Give back what an order did not use."""
        if side is Side.BUY:
            self.frozen = Money(self.frozen - cash)
            self.cash = Money(self.cash + cash)
        elif amount:
            holding = self.holdings[code]
            holding.offered -= amount
            holding.free += amount

    def buy(self, code: Code, amount: int, paid: Money, reserved: Money, t0: bool) -> None:
        """Pay `paid` (fees included) out of `reserved` cash that a purchase had set aside."""
        self.frozen = Money(self.frozen - reserved)
        self.cash = Money(self.cash + reserved - paid)
        holding = self.holdings.setdefault(code, Holding())
        if t0:
            holding.free += amount
        else:
            holding.fresh += amount
        holding.paid = Money(holding.paid + paid)

    def sell(self, code: Code, amount: int, received: Money) -> None:
        """Deliver `amount` offered shares and take `received` (after fees); usable at once."""
        holding = self.holdings[code]
        holding.paid = Money(holding.paid - divide_half_up(holding.paid * amount, holding.amount))
        holding.offered -= amount
        self.cash = Money(self.cash + received)
        if holding.amount == 0:
            del self.holdings[code]

    def settle(self) -> None:
        """A new day: what was bought yesterday may be sold."""
        for holding in self.holdings.values():
            holding.free += holding.fresh
            holding.fresh = 0

    def snapshot(self, at: datetime) -> AccountSnapshot:
        """The account as it is stated to the client."""
        rows = tuple(
            HoldingRow(Code(code), h.amount, h.free, Price(divide_half_up(h.paid, h.amount)))
            for code, h in sorted(self.holdings.items())
        )
        return AccountSnapshot(at, self.cash, self.frozen, rows)
