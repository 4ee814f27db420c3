"""The simulated account as the broker keeps it: cash, holdings, what is frozen, the day's orders. Its own book, so that
comparing it with the engine's ledger means something."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from bullet_trade.brokers.simulator.orders import CounterOrder
from bullet_trade.domain.errors import StateError
from bullet_trade.domain.money import Money, Price, divide_half_up
from bullet_trade.domain.orders import Side
from bullet_trade.domain.reports import AccountSnapshot, HoldingRow, TradeRow
from bullet_trade.domain.securities import Code
from bullet_trade.market.dividend_tax import HeldLot

VERSION = 2
"""Of the saved form; grows when a field changes its meaning."""


class Payout(msgspec.Struct, frozen=True):
    """A dividend that was paid without tax; `per_share` is yuan before tax, as a decimal text."""

    record_day: date
    per_share: str


class Holding(msgspec.Struct):
    """Shares of one security: `free` may be sold, `fresh` were bought today under T+1, `offered` are in sell orders.

    `lots` are all of them by the day on which they were bought, oldest first; `payouts` the dividends for which a sale
    may still owe tax. `paid` is what the shares cost, less what was sold and paid out.
    """

    free: int = 0
    fresh: int = 0
    offered: int = 0
    paid: Money = Money(0)
    lots: list[HeldLot] = []
    payouts: list[Payout] = []

    @property
    def amount(self) -> int:
        """All shares."""
        return self.free + self.fresh + self.offered

    def add_lot(self, bought: date, amount: int) -> None:
        """Shares bought on `bought`, not earlier than any lot held."""
        if self.lots and self.lots[-1].bought == bought:
            amount += self.lots.pop().amount
        self.lots.append(HeldLot(bought, amount))

    def take_lots(self, amount: int) -> None:
        """Shares leave, first in, first out."""
        while amount:
            first = self.lots[0]
            if first.amount > amount:
                self.lots[0] = HeldLot(first.bought, first.amount - amount)
                return
            amount -= first.amount
            del self.lots[0]


class Account(msgspec.Struct):
    """Cash that is free, cash in working purchases, holdings by code. This is also the form in which it is saved."""

    cash: Money
    frozen: Money = Money(0)
    holdings: dict[str, Holding] = {}
    next_number: int = 1
    """The next order or trade number; numbers are never used twice in an account's life."""
    day: str = ""
    """The trading date that was opened last, ISO."""
    orders: dict[str, CounterOrder] = {}
    """The orders of that date, by tag."""
    trades: list[TradeRow] = []
    """The fills of that date, by hand or not."""
    version: int = VERSION

    def number(self) -> int:
        """A number that was never used before."""
        taken = self.next_number
        self.next_number = taken + 1
        return taken

    def sellable(self, code: Code) -> int:
        """Shares that a new sell order may offer."""
        holding = self.holdings.get(code)
        return holding.free if holding is not None else 0

    def reserve(self, side: Side, code: Code, amount: int, cash: Money) -> bool:
        """Set aside `cash` for a purchase or `amount` shares for a sale; False, with nothing changed, when short."""
        if side is Side.BUY:
            if cash > self.cash:
                return False
            self.cash = Money(self.cash - cash)
            self.frozen = Money(self.frozen + cash)
            return True
        holding = self.holdings.get(code)
        if holding is None or holding.free < amount:
            return False
        holding.free -= amount
        holding.offered += amount
        return True

    def unreserve(self, order: CounterOrder) -> None:
        """Give back what an order did not use."""
        if order.ticket.side is Side.BUY:
            self.frozen = Money(self.frozen - order.reserved)
            self.cash = Money(self.cash + order.reserved)
            order.reserved = Money(0)
        elif order.rest:
            holding = self.holdings[order.ticket.code]
            holding.offered -= order.rest
            holding.free += order.rest

    def buy(self, code: Code, amount: int, paid: Money, reserved: Money, day: date, t0: bool) -> None:
        """Pay `paid` (fees included) out of `reserved` cash that a purchase had set aside."""
        self.frozen = Money(self.frozen - reserved)
        self.cash = Money(self.cash + reserved - paid)
        holding = self.holdings.get(code)
        if holding is None:
            holding = self.holdings[code] = Holding()
        if t0:
            holding.free += amount
        else:
            holding.fresh += amount
        holding.paid = Money(holding.paid + paid)
        holding.add_lot(day, amount)

    def sell(self, code: Code, amount: int, received: Money) -> None:
        """Deliver `amount` offered shares and take `received` (after fees); usable at once."""
        holding = self.holdings[code]
        holding.paid = Money(holding.paid - divide_half_up(holding.paid * amount, holding.amount))
        holding.offered -= amount
        holding.take_lots(amount)
        self.cash = Money(self.cash + received)
        if holding.amount == 0:
            del self.holdings[code]

    def snapshot(self, at: datetime) -> AccountSnapshot:
        """The account as it is stated to the client, with all orders and trades of the day."""
        rows = tuple(
            HoldingRow(Code(code), h.amount, h.free, Price(divide_half_up(h.paid, h.amount)))
            for code, h in sorted(self.holdings.items())
        )
        orders = tuple(order.row() for order in self.orders.values())
        return AccountSnapshot(at, self.cash, self.frozen, rows, orders, tuple(self.trades), complete=True)


class Opening(msgspec.Struct, frozen=True):
    """A position that a new account starts with; `cost` per share, 0 where it is not known."""

    code: Code
    amount: int
    cost: Price


def open_account(cash: Money, positions: Sequence[Opening] = ()) -> Account:
    """A new account. Its positions count as held for so long that no dividend tax is due on them."""
    holdings = {
        str(one.code): Holding(
            free=one.amount, paid=Money(one.amount * one.cost), lots=[HeldLot(date(1990, 12, 19), one.amount)]
        )
        for one in positions
    }
    return Account(cash=cash, holdings=holdings)


def taken_over(snapshot: AccountSnapshot) -> Account:
    """A simulated account that begins where a real one stands: its cash with what open orders had frozen, its shares,
    of them free what may be sold. Its open orders stay behind."""
    day = snapshot.at.date()
    holdings = {
        str(row.code): Holding(
            free=row.closeable,
            fresh=row.amount - row.closeable,
            paid=Money(row.amount * row.cost),
            lots=[HeldLot(date(1990, 12, 19), row.amount)],
        )
        for row in snapshot.holdings
        if row.amount
    }
    return Account(cash=Money(snapshot.available + snapshot.frozen), holdings=holdings, day=day.isoformat())


def saved_form(account: Account) -> bytes:
    """The account as it is kept in a file (JSON)."""
    return msgspec.json.format(msgspec.json.encode(account), indent=1)


def read_account(content: bytes, name: str) -> Account:
    """The account out of its saved form; `name` of the file for messages. Raises `StateError`."""
    try:
        account = msgspec.json.decode(content, type=Account)
    except msgspec.DecodeError as error:
        raise StateError(f"模拟账户文件 {name} 无法读取：{error}", "从备份恢复，或改名后重新开户") from error
    if account.version != VERSION:
        raise StateError(
            f"模拟账户文件 {name} 的版本是 {account.version}，本程序只认识版本 {VERSION}",
            "用写出它的程序版本运行，或改名后重新开户",
        )
    return account
